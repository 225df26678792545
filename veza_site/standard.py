"""
The Standard: the rules that every V1 table keeps, each written once, here.

A rule judges a catalog as `veza_site.catalog` reads it, so it works on any database, and covers a
table on the day it is added.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from veza_site.catalog import Catalog, Column, Constraint, Table

# An object, what is found there, and what the Standard wants.
Breach = tuple[str, str, str]


@dataclass(frozen=True)
class Finding:
    """A breach of a rule: in which object, what is there and what the Standard wants."""

    rule: str
    object: str
    found: str
    wanted: str


@dataclass(frozen=True)
class Rule:
    """A rule of the Standard, named after the function that judges a catalog by it."""

    id: str
    judge: Callable[[Catalog], Iterator[Breach]]


RULES: list[Rule] = []

# What breaks a rule for a reason: (rule, object): reason.
EXCEPTIONS = {
    ("unique-handles", "federated_identities.email"): (
        "the address at the provider, as the provider gave it; several identities may share one"
    ),
    ("unique-handles", "email_verification_tokens.email"): (
        "the address being verified; each try has a token of its own"
    ),
}


def findings(catalog: Catalog) -> list[Finding]:
    """Return every breach of the Standard in `catalog`, but for the EXCEPTIONS."""
    return [
        Finding(rule.id, *breach)
        for rule in RULES
        for breach in rule.judge(catalog)
        if (rule.id, breach[0]) not in EXCEPTIONS
    ]


def trigger_name(table: str) -> str:
    """Return the name of the trigger that keeps `updated_at` of `table`."""
    return f"update_{table}_updated_at"


def foreign_key_name(table: str, column: str) -> str:
    """Return the name of the foreign key of `column`."""
    return f"{table}_{column}_fkey"


def index_name(table: str, *columns: str) -> str:
    """Return the name of the index on `columns`, to which a partial index may add one word."""
    return "_".join(["idx", table, *columns])


def _rule(judge: Callable[[Catalog], Iterator[Breach]]) -> Callable:
    RULES.append(Rule(judge.__name__.replace("_", "-"), judge))
    return judge


def _table_rule(judge: Callable[[Table], Iterator[Breach]]) -> Callable:
    """Register a rule that judges one table at a time."""

    def judge_each(catalog: Catalog) -> Iterator[Breach]:
        for table in catalog.tables.values():
            yield from judge(table)

    RULES.append(Rule(judge.__name__.replace("_", "-"), judge_each))
    return judge


# Identity


@_table_rule
def primary_key(table: Table) -> Iterator[Breach]:
    wanted = "primary key (id), id uuid DEFAULT gen_random_uuid()"
    keys = [key for key in table.constraints.values() if key.kind == "primary key"]
    if [key.columns for key in keys] != [("id",)]:
        yield table.name, ", ".join(key.definition for key in keys) or "no primary key", wanted
        return
    id = table.columns["id"]
    if (id.type, id.default) != ("uuid", "gen_random_uuid()"):
        yield f"{table.name}.id", _described(id), wanted


@_rule
def no_sequence(catalog: Catalog) -> Iterator[Breach]:
    for name, kind in catalog.others.items():
        if kind == "sequence":
            yield name, "a sequence", "none: keys are UUIDs"
    for table in catalog.tables.values():
        for column in table.columns.values():
            if column.identity:
                yield f"{table.name}.{column.name}", "an identity column", "a UUID"


# Time


@_table_rule
def timestamps(table: Table) -> Iterator[Breach]:
    wanted = "timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP"
    required = {"created_at"} | ({"updated_at"} if "deleted_at" in table.columns else set())
    for name in ("created_at", "updated_at"):
        column = table.columns.get(name)
        if column is not None and _described(column) != wanted:
            yield f"{table.name}.{name}", _described(column), wanted
        elif column is None and name in required:
            yield f"{table.name}.{name}", "no such column", wanted
    deleted_at = table.columns.get("deleted_at")
    if deleted_at is not None and _described(deleted_at) != "timestamp with time zone":
        yield f"{table.name}.deleted_at", _described(deleted_at), "timestamp with time zone"


@_table_rule
def time_zone(table: Table) -> Iterator[Breach]:
    for column in table.columns.values():
        if "without time zone" in column.type:
            yield f"{table.name}.{column.name}", column.type, "with time zone"


@_rule
def updated_at_trigger(catalog: Catalog) -> Iterator[Breach]:
    for table in catalog.tables.values():
        name = trigger_name(table.name)
        trigger = table.triggers.get(name)
        wanted = (
            f"CREATE TRIGGER {name} BEFORE UPDATE ON {catalog.schema}.{table.name} FOR EACH ROW "
            f"EXECUTE FUNCTION {catalog.schema}.update_updated_at_column()"
        )
        if "updated_at" not in table.columns:
            if trigger is not None:
                yield name, "a trigger", "none: the table has no updated_at"
        elif trigger is None:
            yield name, "no such trigger", wanted
        elif trigger.definition != wanted:
            yield name, trigger.definition, wanted
        elif not trigger.enabled:
            yield name, "disabled", "enabled"


# Integrity


@_table_rule
def foreign_key(table: Table) -> Iterator[Breach]:
    for key in _foreign_keys(table):
        if len(key.columns) > 1:
            yield key.name, key.definition, "a foreign key of one column"
            continue
        column = table.columns[key.columns[0]]
        if column.type != "uuid":
            yield f"{table.name}.{column.name}", column.type, "uuid"
        if key.name != foreign_key_name(table.name, column.name):
            yield key.name, key.name, foreign_key_name(table.name, column.name)
        if key.deferrable:
            yield key.name, "DEFERRABLE", "NOT DEFERRABLE"
        if not key.validated:
            yield key.name, "NOT VALID", "validated"
        if key.on_delete not in ("CASCADE", "SET NULL"):
            yield key.name, f"ON DELETE {key.on_delete}", "ON DELETE CASCADE or SET NULL"
        elif key.on_delete == "SET NULL" and not column.nullable:
            yield key.name, "ON DELETE SET NULL of a NOT NULL column", "ON DELETE CASCADE"


# Indexes


@_table_rule
def foreign_key_index(table: Table) -> Iterator[Breach]:
    for key in _foreign_keys(table):
        column = key.columns[0]
        if not any(
            index.valid
            and index.columns[0] == column
            and index.predicate in (None, f"({column} IS NOT NULL)")
            for index in table.indexes.values()
        ):
            yield f"{table.name}.{column}", "no index that it leads", "one over all non-null rows"


@_table_rule
def name_of_index(table: Table) -> Iterator[Breach]:
    whole = [index.columns for index in table.indexes.values() if index.predicate is None]
    for index in table.indexes.values():
        name = index_name(table.name, *index.columns)
        if index.primary or index.name == name:
            continue
        # Another index begins with the columns of this partial one: a word tells them apart.
        shared = index.predicate and any(
            columns[: len(index.columns)] == index.columns for columns in whole
        )
        if not (shared and re.fullmatch(re.escape(name) + "_[a-z]+", index.name)):
            yield index.name, index.name, name + (" and one word" if shared else "")


@_table_rule
def unique_handles(table: Table) -> Iterator[Breach]:
    predicate = "(deleted_at IS NULL)" if "deleted_at" in table.columns else None
    wanted = "a UNIQUE index" + (" WHERE deleted_at IS NULL" if predicate else "")
    for name in ("email", "username", "slug"):
        if name in table.columns and not any(
            index.unique and index.columns == (name,) and index.predicate == predicate
            for index in table.indexes.values()
        ):
            yield f"{table.name}.{name}", "no such index", wanted


@_table_rule
def feeds_descending(table: Table) -> Iterator[Breach]:
    for index in table.indexes.values():
        if "created_at" in index.columns and "created_at" not in index.descending:
            yield index.name, "created_at ASC", "created_at DESC"


@_table_rule
def sound_indexes(table: Table) -> Iterator[Breach]:
    seen: dict[str, str] = {}
    for index in table.indexes.values():
        if not index.valid:
            yield index.name, "invalid", "valid: drop it and create it again"
        what = index.definition.partition(" USING ")[2]
        if what in seen:
            yield index.name, f"the same as {seen[what]}", "one of the two"
        seen[what] = index.name


# Checks


@_table_rule
def name_of_check(table: Table) -> Iterator[Breach]:
    for check in table.constraints.values():
        if check.kind == "check" and not check.name.startswith(f"chk_{table.name}_"):
            yield check.name, check.name, f"chk_{table.name}_<what>"


# Text

PROSE = re.compile(r"(^|_)(description|bio|content|notes|message|url|path|user_agent)$")


@_table_rule
def text(table: Table) -> Iterator[Breach]:
    for column in table.columns.values():
        if PROSE.search(column.name) and column.type != "text":
            yield f"{table.name}.{column.name}", column.type, "text: prose, a path or a URL"
        elif column.type.removesuffix("[]") == "character varying":
            yield f"{table.name}.{column.name}", column.type, "character varying(n), or text"
        elif column.type.startswith("character("):
            yield f"{table.name}.{column.name}", column.type, "character varying(n)"


@_table_rule
def jsonb(table: Table) -> Iterator[Breach]:
    for column in table.columns.values():
        if column.type.removesuffix("[]") == "json":
            yield f"{table.name}.{column.name}", column.type, "jsonb"


def _foreign_keys(table: Table) -> list[Constraint]:
    return [key for key in table.constraints.values() if key.kind == "foreign key"]


def _described(column: Column) -> str:
    parts = [column.type]
    if not column.nullable:
        parts.append("NOT NULL")
    if column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    return " ".join(parts)
