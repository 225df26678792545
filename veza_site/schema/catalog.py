"""What a schema holds, as plain values that can be compared and written down."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Column:
    """
    A column of a table. `type` and `default` are written as PostgreSQL writes them.

    `default` is the expression of a generated column too; `properties` is what was set otherwise
    than a new column has it ("STATISTICS 500", "STORAGE EXTERNAL").
    """

    name: str
    type: str
    nullable: bool
    default: str | None
    identity: bool
    generated: bool
    properties: tuple[str, ...] = ()


@dataclass(frozen=True)
class Constraint:
    """
    A constraint other than UNIQUE, which is among the indexes.

    `kind` is "primary key", "foreign key", "check" or "exclusion"; `references` (a table) and
    `on_delete` ("CASCADE", "SET NULL"…) are a foreign key's.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    definition: str
    references: str | None
    on_delete: str | None
    deferrable: bool
    validated: bool

    @property
    def enforced(self) -> bool:
        """Whether the database keeps it; PostgreSQL 18 knows NOT ENFORCED."""
        return not self.definition.endswith(" NOT ENFORCED")


@dataclass(frozen=True)
class Index:
    """
    An index; a UNIQUE constraint counts as the index that PostgreSQL makes for it.

    `columns` are the key's columns or expressions, in order; `descending` are those among them
    that are indexed so; `predicate` is that of a partial index; `deferred` is an INITIALLY DEFERRED
    constraint's. `definition` is without what tunes the index, which is in `properties`
    ("fillfactor=70", "COLUMN 1 STATISTICS 500").
    """

    name: str
    method: str
    columns: tuple[str, ...]
    descending: tuple[str, ...]
    predicate: str | None
    unique: bool
    primary: bool
    deferrable: bool
    deferred: bool
    valid: bool
    definition: str
    properties: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trigger:
    """A trigger; `state` is "ENABLE", "DISABLE", "ENABLE REPLICA" or "ENABLE ALWAYS"."""

    name: str
    definition: str
    state: str

    @property
    def enabled(self) -> bool:
        """Whether it fires for what the services write."""
        return self.state in ("ENABLE", "ENABLE ALWAYS")


@dataclass(frozen=True)
class Table:
    """
    A table and what belongs to it, each by its name.

    `properties` is what was set otherwise than a new table has it ("UNLOGGED", "fillfactor=70").
    """

    name: str
    columns: dict[str, Column]
    constraints: dict[str, Constraint]
    indexes: dict[str, Index]
    triggers: dict[str, Trigger]
    properties: tuple[str, ...] = ()


@dataclass(frozen=True)
class Other:
    """
    What has no class of its own: `kind` is "view", "sequence", "policy" and the like.

    It is known by what DROP takes: "public.names", "own_rows ON public.tracks"; where another kind
    may have the same name, after the kind ("collation public.german"). `uses` are the views that it
    reads, or that a rule or a policy is written with.
    """

    kind: str
    definition: str
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """
    What the schema `schema` holds, each by its name.

    `enums` are the labels in order, `functions` are definitions by signature, `others` is the
    rest: views, sequences, domains, policies and the like. `extensions` are those in the schema;
    one that V1 creates where the server offers it is among them where it does not, too.
    `comments` are by the object as COMMENT ON takes it, without that on the schema, which tells the
    contract. `dependents` is what other schemas have that depends on a table, a type or a function
    of this one, and casts and event triggers, by its name; `keys_to_here` are the foreign keys of
    other schemas by the table here: their table, their name, their definition. These two are read
    apart.
    """

    schema: str
    tables: dict[str, Table]
    enums: dict[str, tuple[str, ...]]
    functions: dict[str, str]
    others: dict[str, Other]
    extensions: tuple[str, ...] = ()
    comments: dict[str, str] = field(default_factory=dict)
    dependents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    keys_to_here: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)

    def as_json(self) -> str:
        """Return the catalog as JSON that is the same to the byte for the same catalog."""
        return json.dumps(self.contents(), indent=2, sort_keys=True) + "\n"

    def contents(self) -> dict[str, Any]:
        """Return what the schema holds, as plain values, without what depends on it elsewhere."""
        contents = dataclasses.asdict(self)
        del contents["dependents"], contents["keys_to_here"]
        return contents

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the catalog of which `text` is the JSON."""
        values = json.loads(text)
        values["tables"] = {
            name: _made(
                Table,
                table
                | {
                    part: {name: _made(kind, item) for name, item in table[part].items()}
                    for part, kind in _PARTS.items()
                },
            )
            for name, table in values["tables"].items()
        }
        values["others"] = {name: _made(Other, other) for name, other in values["others"].items()}
        values["enums"] = {name: tuple(labels) for name, labels in values["enums"].items()}
        return _made(cls, values)


_PARTS = {"columns": Column, "constraints": Constraint, "indexes": Index, "triggers": Trigger}


def _made[T](kind: type[T], values: dict[str, Any]) -> T:
    """Return an object of values from JSON, which has lists for tuples."""
    return kind(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
    )
