"""
The Standard: the rules that every V1 table keeps, each written once, here.

A rule judges a catalog: that of a database, as `schema.reader` reads it, so that it works on any,
or that of the models, as `schema.models_as_catalog` derives it, before there is a migration. It
covers a table on the day it is added.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from veza_site.schema.catalog import Catalog, Column, Constraint, Index, Table
from veza_site.schema.ddl import drop_index, make_beside, quote, take_place
from veza_site.schema.names import (
    foreign_key_name,
    index_name,
    is_foreign_key_name,
    is_index_name,
    trigger_definition,
    trigger_name,
)

# An object, what is found there, what the Standard wants, and the SQL that mends it.
Breach = tuple[str, str, str, str]


@dataclass(frozen=True)
class Finding:
    """
    A breach of a rule: in which object, what is there, what the Standard wants, the SQL that mends.

    `exception` is the reason for which it may stay, from EXCEPTIONS, or None.
    """

    rule: str
    object: str
    found: str
    wanted: str
    mend: str
    exception: str | None


@dataclass(frozen=True)
class Rule:
    """
    A rule of the Standard.

    Its id is the name of the function that judges a catalog by it, and the reason for it that
    function's docstring.
    """

    id: str
    reason: str
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


def judge(catalog: Catalog) -> list[Finding]:
    """Return every breach of the Standard in `catalog`, the excepted ones too."""
    return [
        Finding(rule.id, *breach, EXCEPTIONS.get((rule.id, breach[0])))
        for rule in RULES
        for breach in rule.judge(catalog)
    ]


def findings(catalog: Catalog) -> list[Finding]:
    """Return every breach of the Standard in `catalog` for which there is no exception."""
    return [finding for finding in judge(catalog) if finding.exception is None]


def _rule(judge: Callable[[Table, str], Iterator[Breach]]) -> Callable:
    """Register a rule that judges one table at a time; it is given the schema's name too."""

    def judge_each(catalog: Catalog) -> Iterator[Breach]:
        for table in catalog.tables.values():
            yield from judge(table, catalog.schema)

    return _schema_rule(judge_each, named=judge)


def _schema_rule(judge: Callable, named: Callable | None = None) -> Callable:
    """Register a rule that judges the schema as a whole."""
    named = named or judge
    RULES.append(Rule(named.__name__.replace("_", "-"), " ".join(named.__doc__.split()), judge))
    return named


# Identity


@_rule
def primary_key(table: Table, schema: str) -> Iterator[Breach]:
    """A key that the database makes is the same for all services, and tells nobody a count."""
    wanted = "primary key (id), id uuid DEFAULT gen_random_uuid()"
    keys = [key for key in table.constraints.values() if key.kind == "primary key"]
    id = table.columns.get("id")
    alter = f"ALTER TABLE {quote(schema, table.name)}"
    if id is None and not keys:
        mend = f"{alter} ADD COLUMN id uuid DEFAULT gen_random_uuid() PRIMARY KEY;"
        yield table.name, "no primary key", wanted, mend
    elif [key.columns for key in keys] != [("id",)]:
        found = ", ".join(key.definition for key in keys) or "no primary key"
        mend = _by_hand("rows that refer to this table have to follow its new key")
        yield table.name, found, wanted, mend
    elif id.type != "uuid":
        mend = _by_hand("rows that refer to this table have to follow its new key")
        yield f"{table.name}.id", _described(id), wanted, mend
    elif id.default != "gen_random_uuid()":
        mend = f"{alter} ALTER COLUMN id SET DEFAULT gen_random_uuid();"
        yield f"{table.name}.id", _described(id), wanted, mend


@_rule
def no_identity(table: Table, schema: str) -> Iterator[Breach]:
    """Numbers from a sequence give away how many rows there are, and clash when data is merged."""
    for column in table.columns.values():
        if column.identity:
            mend = _only_if(
                "nothing relies on its numbers: who inserts has to give one from then on",
                f"{_alter_column(schema, table, column)} DROP IDENTITY;",
            )
            yield f"{table.name}.{column.name}", "an identity column", "a UUID", mend


@_schema_rule
def no_sequence(catalog: Catalog) -> Iterator[Breach]:
    """As for identity columns; a serial column is a sequence and a default."""
    for name, other in catalog.others.items():
        if other.kind == "sequence":
            mend = _only_if(
                "nothing relies on its numbers: the defaults that take them go with it",
                f"DROP SEQUENCE {name} CASCADE;",
            )
            yield name, "a sequence", "none: keys are UUIDs", mend


# Time


@_rule
def timestamps(table: Table, schema: str) -> Iterator[Breach]:
    """Support, caches and replication ask of any row when it was made and when it changed."""
    wanted = "timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP"
    required = {"created_at"} | ({"updated_at"} if "deleted_at" in table.columns else set())
    for name in ("created_at", "updated_at"):
        column = table.columns.get(name)
        if column is None and name in required:
            mend = f"ALTER TABLE {quote(schema, table.name)} ADD COLUMN {name} {wanted};"
            yield f"{table.name}.{name}", "no such column", wanted, mend
        elif column is not None and _described(column) != wanted:
            alter = _alter_column(schema, table, column)
            mend = f"{alter} SET DEFAULT CURRENT_TIMESTAMP;"
            if column.nullable:
                mend += f" UPDATE {quote(schema, table.name)} SET {name} = DEFAULT"
                mend += f" WHERE {name} IS NULL; {alter} SET NOT NULL;"
            yield f"{table.name}.{name}", _described(column), wanted, mend
    deleted_at = table.columns.get("deleted_at")
    if deleted_at is not None and _described(deleted_at) != "timestamp with time zone":
        alter = _alter_column(schema, table, deleted_at)
        mend = f"{alter} DROP DEFAULT; {alter} DROP NOT NULL;"
        yield f"{table.name}.deleted_at", _described(deleted_at), "timestamp with time zone", mend


@_rule
def time_zone(table: Table, schema: str) -> Iterator[Breach]:
    """A time without a zone means another moment to each client that reads it."""
    for column in table.columns.values():
        if column.type.startswith("timestamp") and "without time zone" in column.type:
            alter = _alter_column(schema, table, column)
            mend = f"{alter} TYPE timestamptz USING {quote(column.name)} AT TIME ZONE 'UTC';"
            yield f"{table.name}.{column.name}", column.type, "with time zone", mend


@_rule
def updated_at_trigger(table: Table, schema: str) -> Iterator[Breach]:
    """Only a trigger sees the writes of every service."""
    name = trigger_name(table.name)
    trigger = table.triggers.get(name)
    wanted = trigger_definition(schema, table.name)
    create = wanted.replace("CREATE", "CREATE OR REPLACE", 1) + ";"
    on_table = quote(schema, table.name)
    if not {"updated_at", "deleted_at"} & set(table.columns):
        if trigger is not None:
            mend = f"DROP TRIGGER {name} ON {on_table};"
            yield name, "a trigger", "none: the table is append-only", mend
    elif trigger is None:
        yield name, "no such trigger", wanted, create
    elif trigger.definition.replace('"', "") != wanted:
        yield name, trigger.definition, wanted, create
    elif not trigger.enabled:
        yield name, "disabled", "enabled", f"ALTER TABLE {on_table} ENABLE TRIGGER {name};"


# Integrity


@_rule
def foreign_key(table: Table, schema: str) -> Iterator[Breach]:
    """The database keeps references whole, and says what a deletion does, for all services."""
    alter = f"ALTER TABLE {quote(schema, table.name)}"
    for key in _foreign_keys(table):
        if len(key.columns) > 1:
            mend = _by_hand("one column has to refer to the other table's id")
            yield key.name, key.definition, "a foreign key of one column", mend
            continue
        column = table.columns[key.columns[0]]
        name = foreign_key_name(table.name, column.name)
        if column.type != "uuid":
            mend = _by_hand("the column has to take the other table's id")
            yield f"{table.name}.{column.name}", column.type, "uuid", mend
        if not is_foreign_key_name(key.name, table.name, column.name):
            mend = f"{alter} RENAME CONSTRAINT {quote(key.name)} TO {quote(name)};"
            yield key.name, key.name, name, mend
        if key.deferrable:
            mend = f"{alter} ALTER CONSTRAINT {quote(key.name)} NOT DEFERRABLE;"
            yield key.name, "DEFERRABLE", "NOT DEFERRABLE", mend
        right = "ON DELETE SET NULL" if column.nullable else "ON DELETE CASCADE"
        again = (
            f"{alter} DROP CONSTRAINT {quote(key.name)}, ADD CONSTRAINT {quote(key.name)} "
            f"FOREIGN KEY ({quote(column.name)}) REFERENCES {key.references} {right} NOT VALID; "
            f"{alter} VALIDATE CONSTRAINT {quote(key.name)};"
        )
        if key.on_delete not in ("CASCADE", "SET NULL"):
            wanted = "ON DELETE CASCADE or SET NULL"
            yield key.name, f"ON DELETE {key.on_delete}", wanted, again
        elif key.on_delete == "SET NULL" and not column.nullable:
            found = "ON DELETE SET NULL of a NOT NULL column"
            yield key.name, found, "ON DELETE CASCADE", again


@_rule
def enforced(table: Table, schema: str) -> Iterator[Breach]:
    """A constraint that not every row was checked by promises to readers what is not so."""
    alter = f"ALTER TABLE {quote(schema, table.name)}"
    for item in table.constraints.values():
        validate = f"{alter} VALIDATE CONSTRAINT {quote(item.name)};"
        if not item.enforced:
            # PostgreSQL 18 lets a foreign key be enforced again, and a CHECK only be made anew.
            mend = f"{alter} ALTER CONSTRAINT {quote(item.name)} ENFORCED;"
            if item.kind == "check":
                definition = item.definition.removesuffix(" NOT ENFORCED")
                mend = (
                    f"{alter} DROP CONSTRAINT {quote(item.name)}, "
                    f"ADD CONSTRAINT {quote(item.name)} {definition} NOT VALID; {validate}"
                )
            yield item.name, "NOT ENFORCED", "enforced", mend
        elif not item.validated:
            yield item.name, "NOT VALID", "validated", validate
    if "DISABLE TRIGGER ALL" in table.properties:
        mend = f"-- As a superuser; the owner may not.\n{alter} ENABLE TRIGGER ALL;"
        yield table.name, "foreign keys are switched off", "enforced", mend


# Indexes


@_rule
def foreign_key_index(table: Table, schema: str) -> Iterator[Breach]:
    """Without it, deleting one row of the other table reads the whole of this one."""
    for key in _foreign_keys(table):
        column = key.columns[0]
        if not any(
            index.valid
            and index.method == "btree"
            and index.columns[0] == column
            and index.predicate in (None, f"({column} IS NOT NULL)")
            for index in table.indexes.values()
        ):
            name = index_name(table.name, column)
            mend = _set_index(
                schema,
                table,
                name,
                f"CREATE INDEX CONCURRENTLY … ON {quote(schema, table.name)} ({quote(column)});",
            )
            wanted = "an index over all non-null rows"
            yield f"{table.name}.{column}", "no index that it leads", wanted, mend


@_rule
def name_of_index(table: Table, schema: str) -> Iterator[Breach]:
    """An error or a plan that names an index tells the table and the columns."""
    for index in table.indexes.values():
        name = index_name(table.name, *index.columns)
        if index.primary or is_index_name(index.name, table.name, *index.columns):
            continue
        # Another index begins with the columns of this partial one: a word tells them apart.
        shared = index.predicate and any(
            other.columns[: len(index.columns)] == index.columns
            for other in table.indexes.values()
            if other is not index
        )
        if not (shared and re.fullmatch(re.escape(name) + "_[a-z]+", index.name)):
            right = index_name(table.name, *index.columns, "partial") if shared else name
            if shared and is_index_name(index.name, table.name, *index.columns, "partial"):
                continue
            mend = f"ALTER INDEX {quote(schema, index.name)} RENAME TO {quote(right)};"
            if right in table.indexes:
                mend = _by_hand(f"there is another index {right}")
            yield index.name, index.name, name + (" and one word" if shared else ""), mend


@_rule
def unique_handles(table: Table, schema: str) -> Iterator[Breach]:
    """People and pages are found by these: two live rows with the same one can't be told apart."""
    predicate = "(deleted_at IS NULL)" if "deleted_at" in table.columns else None
    where = " WHERE deleted_at IS NULL" if predicate else ""
    for name in ("email", "username", "slug"):
        if name in table.columns and not any(
            index.unique and index.columns == (name,) and index.predicate == predicate
            for index in table.indexes.values()
        ):
            mend = _set_index(
                schema,
                table,
                index_name(table.name, name),
                f"CREATE UNIQUE INDEX CONCURRENTLY … "
                f"ON {quote(schema, table.name)} ({name}){where};",
            )
            yield f"{table.name}.{name}", "no such index", f"a UNIQUE index{where}", mend


@_rule
def feeds_descending(table: Table, schema: str) -> Iterator[Breach]:
    """Feeds are read from the newest row on."""
    for index in table.indexes.values():
        if "created_at" in index.columns and "created_at" not in index.descending:
            create = re.sub(r"\bcreated_at(?=[,)])", "created_at DESC", index.definition)
            create = create.replace(f"INDEX {quote(index.name)} ON", "INDEX CONCURRENTLY … ON", 1)
            mend = _set_index(schema, table, index.name, f"{create};")
            yield index.name, "created_at ASC", "created_at DESC", mend


@_rule
def sound_indexes(table: Table, schema: str) -> Iterator[Breach]:
    """An invalid or a double index costs every write and serves no query."""
    seen: dict[str, Index] = {}
    for index in sorted(table.indexes.values(), key=_worth, reverse=True):
        if not index.valid:
            mend = f"REINDEX INDEX CONCURRENTLY {quote(schema, index.name)};"
            if re.search(r"_cc(new|old)\d*$", index.name):  # a REINDEX CONCURRENTLY that failed
                mend = drop_index(schema, table.name, index)
            yield index.name, "invalid", "valid", mend
        what = index.definition.partition(" USING ")[2]
        if what in seen and not index.primary:
            mend = drop_index(schema, table.name, index)
            yield index.name, f"the same as {seen[what].name}", "one of the two", mend
        seen.setdefault(what, index)


def _worth(index: Index) -> tuple[bool, ...]:
    """Return what tells which of two doubles stays: the one that keeps more."""
    return index.primary, index.valid and index.unique, index.valid


# Checks


@_rule
def name_of_check(table: Table, schema: str) -> Iterator[Breach]:
    """An error that names a check tells the table and what it refuses."""
    for check in table.constraints.values():
        if check.kind == "check" and not check.name.startswith(f"chk_{table.name}_"):
            what = check.name.removeprefix(f"{table.name}_").removesuffix("_check")
            mend = (
                f"ALTER TABLE {quote(schema, table.name)} RENAME CONSTRAINT {quote(check.name)} "
                f"TO {quote(f'chk_{table.name}_{what}')};"
            )
            yield check.name, check.name, f"chk_{table.name}_<what>", mend


# Text

PROSE = re.compile(r"(^|_)(description|bio|content|notes|message|url|path|user_agent)$")


@_rule
def text(table: Table, schema: str) -> Iterator[Breach]:
    """Prose has no length that the schema could know; identifiers and codes have one."""
    for column in table.columns.values():
        alter = _alter_column(schema, table, column)
        if PROSE.search(column.name) and column.type.startswith("character"):
            wanted, mend = "text: prose, a path or a URL", f"{alter} TYPE text;"
        elif column.type.removesuffix("[]") == "character varying":
            wanted, mend = "character varying(n), or text", f"{alter} TYPE text;"
        elif column.type.startswith("character("):
            right = column.type.replace("character(", "character varying(")
            wanted, mend = right, f"{alter} TYPE {right};"
        else:
            continue
        yield f"{table.name}.{column.name}", column.type, wanted, mend


NAMES = re.compile(r"(^|_)(name|username|slug|email|title|code|token|hash|mime_type)$")


@_rule
def names(table: Table, schema: str) -> Iterator[Breach]:
    """A name, a code or a token without a length lets anyone store a book in it."""
    for column in table.columns.values():
        if NAMES.search(column.name) and column.type == "text":
            mend = f"{_alter_column(schema, table, column)} TYPE character varying(255);"
            yield f"{table.name}.{column.name}", "text", "character varying(n)", mend


SECRETS = re.compile(r"(^|_)(password|passwd|secret_key|api_key|access_key|private_key|token)$")


@_rule
def secrets(table: Table, schema: str) -> Iterator[Breach]:
    """Who reads a backup or a log must not find anything to log in with."""
    for column in table.columns.values():
        if SECRETS.search(column.name):
            mend = _by_hand("the secrets have to be replaced by their hashes")
            wanted = f"a hash, in {column.name}_hash"
            yield f"{table.name}.{column.name}", "a secret as it is", wanted, mend


@_rule
def jsonb(table: Table, schema: str) -> Iterator[Breach]:
    """JSON keeps the text as it came; JSONB can be compared and indexed."""
    for column in table.columns.values():
        if column.type.removesuffix("[]") == "json":
            right = column.type.replace("json", "jsonb")
            alter = _alter_column(schema, table, column)
            mend = f"{alter} TYPE {right} USING {quote(column.name)}::text::{right};"
            yield f"{table.name}.{column.name}", column.type, right, mend


def _foreign_keys(table: Table) -> list[Constraint]:
    return [key for key in table.constraints.values() if key.kind == "foreign key"]


def _described(column: Column) -> str:
    parts = [column.type]
    if not column.nullable:
        parts.append("NOT NULL")
    if column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    return " ".join(parts)


def _alter_column(schema: str, table: Table, column: Column) -> str:
    return f"ALTER TABLE {quote(schema, table.name)} ALTER COLUMN {quote(column.name)}"


def _set_index(schema: str, table: Table, name: str, create: str) -> str:
    """Return the SQL that makes an index, named … in `create`, in place of one of its name."""

    def named(name: str) -> str:
        return create.replace("…", quote(name), 1)

    if name not in table.indexes:
        return named(name)
    return f"{make_beside(schema, name, named)} {take_place(schema, table.name, name)}"


def _only_if(condition: str, mend: str) -> str:
    return f"-- Only if {condition}.\n{mend}"


def _by_hand(why: str) -> str:
    return f"-- No single statement: {why}. Write a migration."
