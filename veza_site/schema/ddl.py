"""The SQL that makes the objects of a catalog, with every name in its schema."""

import re
from collections.abc import Callable, Iterable
from graphlib import TopologicalSorter

from veza_site.postgresql.names import temporary_name
from veza_site.schema.catalog import Catalog, Column, Constraint, Index, Table, Trigger

# The words that can be names only in quotes on PostgreSQL 15 to 18 (pg_get_keywords(), R and T).
_WORDS = """
all analyse analyze and any array as asc asymmetric authorization binary both case cast check
collate collation column concurrently constraint create cross current_catalog current_date
current_role current_schema current_time current_timestamp current_user default deferrable desc
distinct do else end except false fetch for foreign freeze from full grant group having ilike in
initially inner intersect into is isnull join lateral leading left like limit localtime
localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
references returning right select session_user similar some symmetric system_user table tablesample
then to trailing true union unique user using variadic verbose when where window with
"""
RESERVED = frozenset(_WORDS.split())


def quote(*parts: str) -> str:
    """Return a name, qualified by the parts before it, in quotes if it needs them."""
    return ".".join(
        part
        if re.fullmatch(r"[a-z_][a-z0-9_]*", part) and part not in RESERVED
        else '"' + part.replace('"', '""') + '"'
        for part in parts
    )


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def column_definition(column: Column) -> str:
    """Return a column as CREATE TABLE and ADD COLUMN take it."""
    parts = [quote(column.name), column.type]
    if not column.nullable:
        parts.append("NOT NULL")
    if column.identity:
        parts.append(f"GENERATED {_first(column, ('ALWAYS', 'BY DEFAULT'))} AS IDENTITY")
    elif column.generated:
        stored = _first(column, ("STORED", "VIRTUAL"))
        parts.append(f"GENERATED ALWAYS AS ({column.default}) {stored}")
    elif column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    return " ".join(parts)


def _first(column: Column, properties: tuple[str, ...]) -> str:
    return next(item for item in column.properties if item in properties)


def create_enum(schema: str, enum: str, labels: tuple[str, ...]) -> str:
    """Return the statement that makes an enum."""
    return f"CREATE TYPE {quote(schema, enum)} AS ENUM ({', '.join(map(literal, labels))});"


def create_table(catalog: Catalog, table: Table) -> list[str]:
    """Return the statements that make a table and everything that belongs to it."""
    lines = [column_definition(column) for column in table.columns.values()]
    lines += [constraint_definition(item) for item in table.constraints.values()]
    body = ",\n    ".join(lines) + "\n)" + tuning(table.properties)
    return [
        f"CREATE TABLE {quote(catalog.schema, table.name)} (\n    {body};",
        *(
            create_index(catalog, table, index)
            for index in table.indexes.values()
            if not index.primary
        ),
        *(
            statement
            for trigger in table.triggers.values()
            for statement in create_trigger(catalog, table, trigger)
        ),
    ]


def tuning(properties: Iterable[str]) -> str:
    """Return what follows the columns of a new table or index: its fillfactor and the like."""
    options = [item for item in properties if re.match(r"[\w.]+=", item)]
    return f" WITH ({', '.join(options)})" if options else ""


def sort_tables(catalog: Catalog) -> list[Table]:
    """Return the tables of a catalog, each after those that its foreign keys refer to."""
    names = {quote(catalog.schema, table.name): table.name for table in catalog.tables.values()}
    graph = {
        table.name: sorted(
            {
                names[key.references]
                for key in table.constraints.values()
                if key.references in names and names[key.references] != table.name
            }
        )
        for table in catalog.tables.values()
    }
    return [catalog.tables[name] for name in TopologicalSorter(graph).static_order()]


def constraint_definition(constraint: Constraint) -> str:
    """Return a constraint as CREATE TABLE takes it."""
    return f"CONSTRAINT {quote(constraint.name)} {constraint.definition}"


def create_index(catalog: Catalog, table: Table, index: Index, how: str = "") -> str:
    """Return the statement that makes an index; `how` is CONCURRENTLY or IF NOT EXISTS."""
    if index.deferrable:
        return f"ALTER TABLE {quote(catalog.schema, table.name)} ADD {unique_constraint(index)};"
    create, _, what = index.definition.partition("INDEX ")
    what, where, predicate = what.partition(" WHERE ")
    what += tuning(index.properties) + where + predicate
    return f"{create}INDEX {how} {what};".replace("  ", " ", 1)


def make_beside(schema: str, index: str, create: Callable[[str], str]) -> str:
    """
    Return the statements that build an index beside another one of its name, under another name.

    `create` gets that name and returns the statement that makes the index CONCURRENTLY.
    """
    new = temporary_name(index)
    return f"DROP INDEX CONCURRENTLY IF EXISTS {quote(schema, new)}; {create(new)}"


def take_place(schema: str, table: str, index: str, constraint: str | None = None) -> str:
    """
    Return the statements that put the index of `make_beside` in the other one's place.

    They are one short transaction, so that what is unique stays unique. If the index is to be a
    constraint's, `constraint` is what ADD CONSTRAINT takes after the name, with … for the index:
    "UNIQUE USING INDEX … DEFERRABLE".
    """
    new = temporary_name(index)
    alter = f"ALTER TABLE {quote(schema, table)}"
    take_name = f"ALTER INDEX {quote(schema, new)} RENAME TO {quote(index)};"
    if constraint is not None:
        take_name = f"{alter} ADD CONSTRAINT {quote(index)} {constraint.replace('…', quote(new))};"
    return " ".join(
        [
            "BEGIN; SET LOCAL lock_timeout = '2s';",
            f"{alter} DROP CONSTRAINT IF EXISTS {quote(index)};",
            f"DROP INDEX IF EXISTS {quote(schema, index)};",
            take_name,
            "COMMIT;",
        ]
    )


def drop_index(schema: str, table: str, index: Index) -> str:
    """Return the statements that drop an index, which may be a UNIQUE constraint's."""
    drop = f"DROP INDEX CONCURRENTLY IF EXISTS {quote(schema, index.name)};"
    if index.unique and index.valid:
        alter = f"ALTER TABLE {quote(schema, table)}"
        return f"{alter} DROP CONSTRAINT IF EXISTS {quote(index.name)}; {drop}"
    return drop


def unique_constraint(index: Index) -> str:
    """Return the constraint of a deferrable index, as CREATE TABLE takes it."""
    deferred = "DEFERRED" if index.deferred else "IMMEDIATE"
    return (
        f"CONSTRAINT {quote(index.name)} UNIQUE ({', '.join(map(quote, index.columns))}) "
        f"DEFERRABLE INITIALLY {deferred}"
    )


def create_trigger(catalog: Catalog, table: Table, trigger: Trigger) -> list[str]:
    """Return the statements that make a trigger, or change it to what it should be."""
    statements = [f"{trigger.definition.replace('CREATE', 'CREATE OR REPLACE', 1)};"]
    if trigger.state != "ENABLE":
        statements.append(set_trigger(catalog, table, trigger))
    return statements


def set_trigger(catalog: Catalog, table: Table, trigger: Trigger) -> str:
    """Return the statement that sets the state of a trigger."""
    on_table = quote(catalog.schema, table.name)
    return f"ALTER TABLE {on_table} {trigger.state} TRIGGER {quote(trigger.name)};"
