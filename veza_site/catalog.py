"""
Read what a schema holds from pg_catalog, as plain values that can be compared and written down.

This is the project's one reader of the catalog. It needs no Django models and no right beyond
reading pg_catalog, and gives the same answer on PostgreSQL 15 to 18. What an extension brought
along is left out; so is the order of a table's columns.
"""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """A column of a table. `type` and `default` are written as PostgreSQL writes them."""

    name: str
    type: str
    nullable: bool
    default: str | None
    identity: bool
    generated: bool


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


@dataclass(frozen=True)
class Index:
    """
    An index; a UNIQUE constraint counts as the index that PostgreSQL makes for it.

    `columns` are the key's columns or expressions, in order; `descending` are those among them
    that are indexed so; `predicate` is that of a partial index.
    """

    name: str
    method: str
    columns: tuple[str, ...]
    descending: tuple[str, ...]
    predicate: str | None
    unique: bool
    primary: bool
    deferrable: bool
    valid: bool
    definition: str


@dataclass(frozen=True)
class Trigger:
    """A trigger; `enabled` is false where it is switched off or fires only for replication."""

    name: str
    definition: str
    enabled: bool


@dataclass(frozen=True)
class Table:
    """A table and what belongs to it, each by its name."""

    name: str
    columns: dict[str, Column]
    constraints: dict[str, Constraint]
    indexes: dict[str, Index]
    triggers: dict[str, Trigger]


@dataclass(frozen=True)
class Catalog:
    """
    What the schema `schema` holds, each by its name.

    `enums` are the labels in order, `functions` are definitions by signature, `others` are the
    rest with its kind: views, sequences, domains, aggregates and the like.
    """

    schema: str
    tables: dict[str, Table]
    enums: dict[str, tuple[str, ...]]
    functions: dict[str, str]
    others: dict[str, str]

    def as_json(self) -> str:
        """Return the catalog as JSON that is the same to the byte for the same catalog."""
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True) + "\n"


def read_catalog(cursor: Any, schema: str = "public") -> Catalog:
    """
    Return the catalog of `schema`, read through any DB-API cursor on the database.

    A schema that does not exist has an empty catalog.
    """
    with _nothing_visible(cursor):
        tables = {
            name: Table(name, columns={}, constraints={}, indexes={}, triggers={})
            for (name,) in _rows(cursor, TABLES, schema)
        }
        for table, *values in _rows(cursor, COLUMNS, schema):
            column = Column(*values)
            tables[table].columns[column.name] = column
        for table, name, kind, columns, *values in _rows(cursor, CONSTRAINTS, schema):
            tables[table].constraints[name] = Constraint(name, kind, tuple(columns), *values)
        for table, name, method, columns, descending, *values in _rows(cursor, INDEXES, schema):
            tables[table].indexes[name] = Index(
                name, method, tuple(columns), tuple(descending), *values
            )
        for table, *values in _rows(cursor, TRIGGERS, schema):
            trigger = Trigger(*values)
            tables[table].triggers[trigger.name] = trigger
        return Catalog(
            schema=schema,
            tables=tables,
            enums={name: tuple(labels) for name, labels in _rows(cursor, ENUMS, schema)},
            functions=dict(_rows(cursor, FUNCTIONS, schema)),
            others=dict(_rows(cursor, OTHERS, schema)),
        )


@contextmanager
def _nothing_visible(cursor: Any) -> Iterator[None]:
    """
    Empty the search_path, so that PostgreSQL writes every name with its schema.

    Otherwise it would depend on the connection how a type or a table is written.
    """
    cursor.execute("SELECT current_setting('search_path')")
    (before,) = cursor.fetchone()
    cursor.execute("SELECT set_config('search_path', '', false)")
    try:
        yield
    except BaseException:
        with suppress(Exception):  # in a transaction that failed, its end brings it back
            cursor.execute("SELECT set_config('search_path', %s, false)", [before])
        raise
    cursor.execute("SELECT set_config('search_path', %s, false)", [before])


def _rows(cursor: Any, query: str, schema: str) -> list[tuple[Any, ...]]:
    cursor.execute(query, {"schema": schema})
    return cursor.fetchall()


def _not_part_of(catalog: str, oid: str, kinds: str = "'e'") -> str:
    """Leave out the objects of extensions, or those of other `kinds` of pg_depend too."""
    return f"""NOT EXISTS (
        SELECT FROM pg_depend
        WHERE classid = '{catalog}'::regclass AND objid = {oid} AND deptype IN ({kinds})
    )"""


# The tables that the other queries read of.
_TABLES = f"""(
    SELECT pg_class.oid, relname::text AS name
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = %(schema)s
      AND relkind IN ('r', 'p')
      AND {_not_part_of("pg_class", "pg_class.oid")}
) AS tables"""

TABLES = f"SELECT name FROM {_TABLES} ORDER BY name"

COLUMNS = f"""
SELECT
    tables.name,
    attname::text,
    format_type(atttypid, atttypmod) || COALESCE(
        (
            SELECT ' COLLATE ' || quote_ident(collname)
            FROM pg_collation JOIN pg_type ON pg_type.oid = atttypid
            WHERE pg_collation.oid = attcollation AND attcollation <> typcollation
        ),
        ''
    ),
    NOT attnotnull,
    pg_get_expr(adbin, adrelid),
    attidentity <> '',
    attgenerated <> ''
FROM {_TABLES}
JOIN pg_attribute ON attrelid = tables.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
ORDER BY tables.name, attname
"""

# UNIQUE is left to the indexes, NOT NULL (a constraint from PostgreSQL 18 on) to the columns.
CONSTRAINTS = f"""
SELECT
    tables.name,
    conname::text,
    CASE contype
        WHEN 'p' THEN 'primary key'
        WHEN 'f' THEN 'foreign key'
        WHEN 'c' THEN 'check'
        WHEN 'x' THEN 'exclusion'
    END,
    ARRAY(
        SELECT attname::text
        FROM unnest(conkey) WITH ORDINALITY AS key (attnum, place)
        JOIN pg_attribute USING (attnum)
        WHERE attrelid = conrelid
        ORDER BY place
    ),
    pg_get_constraintdef(pg_constraint.oid),
    NULLIF(confrelid, 0)::regclass::text,
    CASE confdeltype
        WHEN 'a' THEN 'NO ACTION'
        WHEN 'r' THEN 'RESTRICT'
        WHEN 'c' THEN 'CASCADE'
        WHEN 'n' THEN 'SET NULL'
        WHEN 'd' THEN 'SET DEFAULT'
    END,
    condeferrable,
    convalidated
FROM {_TABLES}
JOIN pg_constraint ON conrelid = tables.oid AND contype IN ('p', 'f', 'c', 'x')
ORDER BY tables.name, conname
"""

# An indkey of 0 is an expression; the first bit of an indoption is DESC.
INDEXES = f"""
SELECT
    tables.name,
    index_relation.relname::text,
    amname::text,
    ARRAY(
        SELECT COALESCE(attname::text, pg_get_indexdef(indexrelid, place, true))
        FROM generate_series(1, indnkeyatts) AS place
        LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = NULLIF(indkey[place - 1], 0)
        ORDER BY place
    ),
    ARRAY(
        SELECT COALESCE(attname::text, pg_get_indexdef(indexrelid, place, true))
        FROM generate_series(1, indnkeyatts) AS place
        LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = NULLIF(indkey[place - 1], 0)
        WHERE indoption[place - 1] & 1 = 1
        ORDER BY place
    ),
    pg_get_expr(indpred, indrelid),
    indisunique,
    indisprimary,
    NOT indimmediate,
    indisvalid AND indisready,
    pg_get_indexdef(indexrelid)
FROM {_TABLES}
JOIN pg_index ON indrelid = tables.oid
JOIN pg_class AS index_relation ON index_relation.oid = indexrelid
JOIN pg_am ON pg_am.oid = index_relation.relam
ORDER BY tables.name, index_relation.relname
"""

TRIGGERS = f"""
SELECT tables.name, tgname::text, pg_get_triggerdef(pg_trigger.oid), tgenabled IN ('O', 'A')
FROM {_TABLES}
JOIN pg_trigger ON tgrelid = tables.oid AND NOT tgisinternal
ORDER BY tables.name, tgname
"""

ENUMS = f"""
SELECT
    typname::text,
    ARRAY(
        SELECT enumlabel::text FROM pg_enum WHERE enumtypid = pg_type.oid ORDER BY enumsortorder
    )
FROM pg_type
JOIN pg_namespace ON pg_namespace.oid = typnamespace
WHERE nspname = %(schema)s AND typtype = 'e' AND {_not_part_of("pg_type", "pg_type.oid")}
ORDER BY typname
"""

FUNCTIONS = f"""
SELECT pg_proc.oid::regprocedure::text, pg_get_functiondef(pg_proc.oid)
FROM pg_proc
JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = %(schema)s
  AND prokind IN ('f', 'p', 'w')
  AND {_not_part_of("pg_proc", "pg_proc.oid")}
ORDER BY 1
"""

# An identity column's sequence is a part of it.
OTHERS = f"""
SELECT
    relname::text,
    CASE relkind
        WHEN 'S' THEN 'sequence'
        WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view'
        WHEN 'f' THEN 'foreign table'
        WHEN 'c' THEN 'composite type'
    END
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = %(schema)s
  AND relkind IN ('S', 'v', 'm', 'f', 'c')
  AND {_not_part_of("pg_class", "pg_class.oid", "'e', 'i'")}
UNION ALL
SELECT typname::text, 'domain'
FROM pg_type
JOIN pg_namespace ON pg_namespace.oid = typnamespace
WHERE nspname = %(schema)s AND typtype = 'd' AND {_not_part_of("pg_type", "pg_type.oid")}
UNION ALL
SELECT pg_proc.oid::regprocedure::text, 'aggregate'
FROM pg_proc
JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = %(schema)s AND prokind = 'a' AND {_not_part_of("pg_proc", "pg_proc.oid")}
ORDER BY 1
"""
