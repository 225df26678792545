"""The reader of pg_catalog."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from veza_site.catalog.objects import Catalog, Column, Constraint, Index, Other, Table, Trigger
from veza_site.extensions import EXTENSIONS


def read_catalog(cursor: Any, schema: str = "public") -> Catalog:
    """
    Return the catalog of `schema`, read through any DB-API cursor on the database.

    A schema that does not exist has an empty catalog.
    """
    with _nothing_visible(cursor):
        tables = {
            name: Table(name, {}, {}, {}, {}, owner, tuple(properties))
            for name, owner, properties in _rows(cursor, TABLES, schema)
        }

        def of_tables(query: str) -> list[tuple[Any, ...]]:
            # Not of a table that was made since.
            return [row for row in _rows(cursor, query, schema) if row[0] in tables]

        for table, *values, properties in of_tables(COLUMNS):
            column = Column(*values, tuple(properties))
            tables[table].columns[column.name] = column
        for table, name, kind, columns, *values in of_tables(CONSTRAINTS):
            tables[table].constraints[name] = Constraint(name, kind, tuple(columns), *values)
        for table, name, method, columns, descending, *values in of_tables(INDEXES):
            tables[table].indexes[name] = Index(
                name, method, tuple(columns), tuple(descending), *values
            )
        for table, *values in of_tables(TRIGGERS):
            trigger = Trigger(*values)
            tables[table].triggers[trigger.name] = trigger
        uses = {name: tuple(used) for name, used in _rows(cursor, USES, schema)}
        return Catalog(
            schema=schema,
            tables=tables,
            enums={name: tuple(labels) for name, labels in _rows(cursor, ENUMS, schema)},
            functions=dict(_rows(cursor, FUNCTIONS, schema)),
            others={
                name: Other(*values, uses.get(name, ()))
                for name, *values in _rows(cursor, OTHERS, schema)
            },
            extensions=tuple(name for (name,) in _rows(cursor, INSTALLED, schema)),
            comments=dict(_rows(cursor, COMMENTS, schema)),
            owner=next((owner for (owner,) in _rows(cursor, OWNER, schema)), None),
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
    cursor.execute(query, {"schema": schema, "extensions": EXTENSIONS})
    return cursor.fetchall()


def _not_part_of(catalog: str, oid: str, kinds: str = "'e'") -> str:
    """Leave out the objects of extensions, or those of other `kinds` of pg_depend too."""
    return f"""NOT EXISTS (
        SELECT FROM pg_depend
        WHERE classid = '{catalog}'::regclass AND objid = {oid} AND deptype IN ({kinds})
    )"""


# The tables that the other queries read of.
_TABLES = f"""(
    SELECT pg_class.*, relname::text AS name
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = %(schema)s
      AND relkind IN ('r', 'p')
      AND {_not_part_of("pg_class", "pg_class.oid")}
) AS tables"""

_OWNER_OF_MOST = f"SELECT mode() WITHIN GROUP (ORDER BY relowner) FROM {_TABLES}"

TABLES = f"""
SELECT
    name,
    NULLIF(relowner, ({_OWNER_OF_MOST}))::regrole::text,
    array_remove(
        ARRAY[
            CASE relpersistence WHEN 'u' THEN 'UNLOGGED' END,
            'PARTITION BY ' || pg_get_partkeydef(tables.oid),
            (
                SELECT 'INHERITS ' || string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno)
                FROM pg_inherits WHERE inhrelid = tables.oid
            ),
            CASE WHEN relrowsecurity THEN 'ROW LEVEL SECURITY' END,
            CASE WHEN relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END,
            CASE relreplident
                WHEN 'n' THEN 'REPLICA IDENTITY NOTHING'
                WHEN 'f' THEN 'REPLICA IDENTITY FULL'
                WHEN 'i' THEN 'REPLICA IDENTITY USING INDEX'
            END,
            (
                SELECT 'CLUSTER ON ' || quote_ident(relname)
                FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
                WHERE indrelid = tables.oid AND indisclustered
            ),
            (
                SELECT 'DISABLE TRIGGER ALL'
                FROM pg_trigger
                WHERE tgrelid = tables.oid AND tgisinternal AND tgenabled <> 'O'
                LIMIT 1
            )
        ] || ARRAY(
            SELECT unnest(reloptions)
            UNION ALL
            SELECT 'toast.' || unnest(reloptions) FROM pg_class WHERE oid = tables.reltoastrelid
            ORDER BY 1
        ),
        NULL
    )
FROM {_TABLES}
ORDER BY name
"""

COLUMNS = f"""
SELECT
    tables.name,
    attname::text,
    format_type(atttypid, atttypmod) || COALESCE(
        (
            SELECT ' COLLATE ' || attcollation::regcollation
            WHERE attcollation <> typcollation
        ),
        ''
    ),
    NOT attnotnull OR EXISTS (
        SELECT FROM pg_constraint
        WHERE conrelid = attrelid AND contype = 'n' AND conkey[1] = attnum AND NOT convalidated
    ),
    pg_get_expr(adbin, adrelid),
    attidentity <> '',
    attgenerated <> '',
    array_remove(
        ARRAY[
            CASE attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END,
            CASE attgenerated WHEN 's' THEN 'STORED' WHEN 'v' THEN 'VIRTUAL' END,
            'STATISTICS ' || NULLIF(attstattarget, -1),
            CASE
                WHEN attstorage <> typstorage THEN 'STORAGE ' || CASE attstorage
                    WHEN 'p' THEN 'PLAIN'
                    WHEN 'e' THEN 'EXTERNAL'
                    WHEN 'm' THEN 'MAIN'
                    WHEN 'x' THEN 'EXTENDED'
                END
            END,
            CASE attcompression
                WHEN 'p' THEN 'COMPRESSION pglz'
                WHEN 'l' THEN 'COMPRESSION lz4'
            END
        ] || attoptions,
        NULL
    )
FROM {_TABLES}
JOIN pg_attribute ON attrelid = tables.oid AND attnum > 0 AND NOT attisdropped
JOIN pg_type ON pg_type.oid = atttypid
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
    EXISTS (
        SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype = 'u' AND condeferred
    ),
    indisvalid AND indisready,
    pg_get_indexdef(indexrelid)
FROM {_TABLES}
JOIN pg_index ON indrelid = tables.oid
JOIN pg_class AS index_relation ON index_relation.oid = indexrelid
JOIN pg_am ON pg_am.oid = index_relation.relam
ORDER BY tables.name, index_relation.relname
"""

TRIGGERS = f"""
SELECT
    tables.name,
    tgname::text,
    pg_get_triggerdef(pg_trigger.oid),
    CASE tgenabled
        WHEN 'O' THEN 'ENABLE'
        WHEN 'D' THEN 'DISABLE'
        WHEN 'R' THEN 'ENABLE REPLICA'
        WHEN 'A' THEN 'ENABLE ALWAYS'
    END
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
  AND {_not_part_of("pg_proc", "pg_proc.oid", "'e', 'i'")}
ORDER BY 1
"""

# An identity column's sequence is a part of it.
OTHERS = f"""
SELECT
    pg_class.oid::regclass::text,
    CASE relkind
        WHEN 'S' THEN 'sequence'
        WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view'
        WHEN 'f' THEN 'foreign table'
    END,
    CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(pg_class.oid) ELSE '' END
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = %(schema)s
  AND relkind IN ('S', 'v', 'm', 'f')
  AND {_not_part_of("pg_class", "pg_class.oid", "'e', 'i'")}
UNION ALL
SELECT
    pg_type.oid::regtype::text,
    CASE typtype WHEN 'd' THEN 'domain' ELSE 'type' END,
    CASE typtype
        WHEN 'd' THEN format_type(typbasetype, typtypmod)
        WHEN 'r' THEN 'range'
        ELSE 'composite'
    END
FROM pg_type
LEFT JOIN pg_class ON pg_class.oid = typrelid
JOIN pg_namespace ON pg_namespace.oid = typnamespace
WHERE nspname = %(schema)s
  AND (typtype IN ('d', 'r') OR relkind = 'c')
  AND {_not_part_of("pg_type", "pg_type.oid")}
UNION ALL
SELECT pg_proc.oid::regprocedure::text, 'aggregate', ''
FROM pg_proc
JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = %(schema)s AND prokind = 'a' AND {_not_part_of("pg_proc", "pg_proc.oid")}
UNION ALL
SELECT
    quote_ident(rulename) || ' ON ' || tables.oid::regclass,
    'rule',
    pg_get_ruledef(pg_rewrite.oid)
FROM {_TABLES}
JOIN pg_rewrite ON ev_class = tables.oid
UNION ALL
SELECT
    quote_ident(polname) || ' ON ' || tables.oid::regclass,
    'policy',
    concat_ws(' ', polcmd, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
FROM {_TABLES}
JOIN pg_policy ON polrelid = tables.oid
UNION ALL
SELECT
    format('%%I.%%I', %(schema)s::text, stxname),
    'statistics',
    pg_get_statisticsobjdef(pg_statistic_ext.oid)
FROM {_TABLES}
JOIN pg_statistic_ext ON stxrelid = tables.oid
UNION ALL
SELECT pg_operator.oid::regoperator::text, 'operator', oprcode::text
FROM pg_operator
JOIN pg_namespace ON pg_namespace.oid = oprnamespace
WHERE nspname = %(schema)s AND {_not_part_of("pg_operator", "pg_operator.oid")}
ORDER BY 1
"""

USES = """
SELECT name, array_agg(DISTINCT refobjid::regclass::text ORDER BY refobjid::regclass::text)
FROM (
    SELECT 'pg_rewrite'::regclass, pg_rewrite.oid, relation, CASE
        WHEN relkind IN ('v', 'm') THEN relation::text
        ELSE quote_ident(rulename) || ' ON ' || relation
    END
    FROM pg_rewrite
    JOIN pg_class ON pg_class.oid = ev_class, CAST(ev_class AS regclass) AS relation
    UNION ALL
    SELECT
        'pg_policy'::regclass,
        oid,
        polrelid::regclass,
        quote_ident(polname) || ' ON ' || polrelid::regclass
    FROM pg_policy
) AS users (class, id, relation, name)
JOIN pg_depend ON classid = class AND objid = id AND refclassid = 'pg_class'::regclass
JOIN pg_class ON pg_class.oid = refobjid AND relkind IN ('v', 'm', 'f') AND refobjid <> relation
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = %(schema)s
GROUP BY name
"""

INSTALLED = """
SELECT extname::text AS name
FROM pg_extension
JOIN pg_namespace ON pg_namespace.oid = extnamespace
WHERE nspname = %(schema)s OR extname = ANY (%(extensions)s)
UNION
SELECT name
FROM unnest(%(extensions)s::text[]) AS wanted (name)
WHERE name NOT IN (SELECT name FROM pg_available_extensions)
ORDER BY name
"""

COMMENTS = f"""
WITH tables AS (SELECT oid FROM {_TABLES})
SELECT
    upper(regexp_replace(type, '^table ', '')) || ' '
        || CASE classoid WHEN 'pg_proc'::regclass THEN objoid::regprocedure::text ELSE identity END,
    description
FROM pg_description, pg_identify_object(classoid, objoid, objsubid)
WHERE (classoid = 'pg_class'::regclass AND objoid IN (SELECT oid FROM tables))
   OR (
        classoid = 'pg_class'::regclass
        AND objoid IN (SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT oid FROM tables))
   )
   OR (
        classoid = 'pg_constraint'::regclass
        AND objoid IN (SELECT oid FROM pg_constraint WHERE conrelid IN (SELECT oid FROM tables))
   )
   OR (
        classoid = 'pg_trigger'::regclass
        AND objoid IN (SELECT oid FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM tables))
   )
   OR (
        classoid = 'pg_type'::regclass
        AND objoid IN (
            SELECT pg_type.oid
            FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace
            WHERE nspname = %(schema)s AND {_not_part_of("pg_type", "pg_type.oid")}
        )
   )
   OR (
        classoid = 'pg_proc'::regclass
        AND objoid IN (
            SELECT pg_proc.oid
            FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
            WHERE nspname = %(schema)s AND {_not_part_of("pg_proc", "pg_proc.oid")}
        )
   )
ORDER BY 1
"""

# From PostgreSQL 15 on, `public` belongs to the role pg_database_owner, whose member is the owner.
OWNER = f"""
SELECT nspowner::regrole::text
FROM pg_namespace
WHERE nspname = %(schema)s
  AND nspowner <> 'pg_database_owner'::regrole
  AND nspowner <> (SELECT datdba FROM pg_database WHERE datname = current_database())
  AND nspowner IS DISTINCT FROM ({_OWNER_OF_MOST})
"""
