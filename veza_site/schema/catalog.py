"""What a schema holds, as plain values that can be compared and written down."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Column:
    """
    A column of a table; `type` and `default` are written as PostgreSQL writes them.

    `default` is also the expression of a generated column. `properties` are the settings that
    differ from a new column's defaults ("STATISTICS 500", "STORAGE EXTERNAL").
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
        """Whether the database enforces it: PostgreSQL 18 has NOT ENFORCED."""
        return not self.definition.endswith(" NOT ENFORCED")


@dataclass(frozen=True)
class Index:
    """
    An index; a UNIQUE constraint counts as the index that PostgreSQL makes for it.

    `columns` are the key's columns or expressions, in order, and `descending` those of them that
    are in descending order. `predicate` is a partial index's; `deferred` says that a constraint is
    INITIALLY DEFERRED. `definition` leaves out the tuning, which is in `properties`
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
        """Whether it fires when the services write."""
        return self.state in ("ENABLE", "ENABLE ALWAYS")


@dataclass(frozen=True)
class Table:
    """
    A table and what belongs to it, each by its name.

    `properties` are the settings that differ from a new table's ("UNLOGGED", "fillfactor=70").
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
    An object without a class of its own: `kind` is "view", "sequence", "policy" and the like.

    Its name is what DROP takes: "public.names", "own_rows ON public.tracks". Where another kind may
    have the same name, the kind comes first ("collation public.german"). `uses` are the views that
    it reads, or that a rule or a policy refers to.
    """

    kind: str
    definition: str
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """
    What the schema `schema` holds, each object by its name.

    `enums` are labels in order, `functions` definitions by signature, `others` the rest: views,
    sequences, domains, policies and the like. `extensions` are those in the schema; one that V1
    creates if the server offers it is always among them. `comments` are by the object as COMMENT ON
    takes it, without the schema's own, which is the contract.

    Two are read separately, by `reader.add_dependents`. `dependents` are, by a table, type or
    function here, the objects of other schemas that depend on it, and casts and event triggers.
    `keys_to_here` are, by a table here, the foreign keys of other schemas: table, name, definition.
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
        """Return the catalog as JSON: the same catalog gives the same bytes."""
        return json.dumps(self.contents(), indent=2, sort_keys=True) + "\n"

    def contents(self) -> dict[str, Any]:
        """Return what the schema holds as plain values, without what depends on it elsewhere."""
        contents = dataclasses.asdict(self)
        del contents["dependents"], contents["keys_to_here"]
        return contents

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the catalog from its JSON."""
        values = json.loads(text)
        values["tables"] = {
            name: _make(
                Table,
                table
                | {
                    part: {name: _make(kind, item) for name, item in table[part].items()}
                    for part, kind in _PARTS.items()
                },
            )
            for name, table in values["tables"].items()
        }
        values["others"] = {name: _make(Other, other) for name, other in values["others"].items()}
        values["enums"] = {name: tuple(labels) for name, labels in values["enums"].items()}
        return _make(cls, values)


_PARTS = {"columns": Column, "constraints": Constraint, "indexes": Index, "triggers": Trigger}


def _make[T](kind: type[T], values: dict[str, Any]) -> T:
    """Return an object made of values from JSON, which has lists instead of tuples."""
    return kind(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
    )
