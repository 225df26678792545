"""The queries that read a schema from pg_catalog; the reader knows the columns of each."""

# The options that people can set on a column, and on tables and indexes of PostgreSQL's own kinds
# (apart from autovacuum_…). The server may have keys of its own there: Debian's 15.20 has one.
COLUMN_OPTIONS = ["n_distinct", "n_distinct_inherited"]
OPTIONS = [
    "autosummarize",
    "buffering",
    "deduplicate_items",
    "fastupdate",
    "fillfactor",
    "gin_pending_list_limit",
    "log_autovacuum_min_duration",
    "pages_per_range",
    "parallel_workers",
    "toast_tuple_target",
    "user_catalog_table",
    "vacuum_index_cleanup",
    "vacuum_max_eager_freeze_failure_rate",
    "vacuum_truncate",
]


def _array(texts: list[str]) -> str:
    return "ARRAY[" + ", ".join(f"'{text}'" for text in texts) + "]"


def _options(array: str, known: list[str] = OPTIONS) -> str:
    """Return the SQL that selects from `array` the options, as name=value, that people can set."""
    return f"""(
        SELECT option FROM unnest({array}) AS option
        WHERE split_part(option, '=', 1) = ANY ({_array(known)})
           OR option LIKE 'autovacuum\\_%%'
    ) AS options"""


def _strip_options(definition: str, options: str) -> str:
    """
    Return the SQL of an index's or a constraint's definition without its options.

    They are tuning, and are among the properties. PostgreSQL writes them the way it is done here.
    """
    return f"""replace({definition}, COALESCE(
        (
            SELECT ' WITH (' || string_agg(
                quote_ident(item[1]) || '='
                || CASE quote_ident(item[2])
                    WHEN item[2] THEN item[2]
                    ELSE quote_literal(item[2])
                END,
                ', ' ORDER BY place
            ) || ')'
            FROM unnest({options}) WITH ORDINALITY AS option (text, place),
                 regexp_match(text, '^(.*?)=(.*)$') AS item
        ),
        ''
    ), '')"""


def not_part_of(catalog: str, oid: str, kinds: str = "'e'") -> str:
    """Return the condition that leaves out the objects of extensions, or of other `kinds` too."""
    return f"""NOT EXISTS (
        SELECT FROM pg_depend
        WHERE classid = '{catalog}'::regclass AND objid = {oid} AND deptype IN ({kinds})
    )"""


# The tables about which the other queries read.
_TABLES = f"""(
    SELECT pg_class.*, relname::text AS name
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = %(schema)s
      AND relkind IN ('r', 'p')
      AND {not_part_of("pg_class", "pg_class.oid")}
) AS tables"""

TABLES = f"""
SELECT
    name,
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
            SELECT option FROM {_options("reloptions")}
            UNION ALL
            SELECT 'toast.' || option
            FROM pg_class AS toast, LATERAL {_options("toast.reloptions")}
            WHERE toast.oid = tables.reltoastrelid
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
            END,
            (
                SELECT 'CONSTRAINT ' || quote_ident(conname) || ' NO INHERIT'
                FROM pg_constraint
                WHERE conrelid = attrelid AND contype = 'n' AND conkey[1] = attnum AND connoinherit
            )
        ] || ARRAY(SELECT option FROM {_options("attoptions", COLUMN_OPTIONS)} ORDER BY 1),
        NULL
    )
FROM {_TABLES}
JOIN pg_attribute ON attrelid = tables.oid AND attnum > 0 AND NOT attisdropped
JOIN pg_type ON pg_type.oid = atttypid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
ORDER BY tables.name, attname
"""

# UNIQUE is among the indexes, NOT NULL (a constraint from PostgreSQL 18 on) among the columns.
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
    {_strip_options("pg_get_constraintdef(pg_constraint.oid)", "index_relation.reloptions")},
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
LEFT JOIN pg_class AS index_relation ON index_relation.oid = conindid AND contype IN ('p', 'x')
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
    {_strip_options("pg_get_indexdef(indexrelid)", "index_relation.reloptions")},
    ARRAY(
        SELECT option FROM {_options("index_relation.reloptions")}
        UNION ALL
        SELECT 'COLUMN ' || attnum || ' STATISTICS ' || attstattarget
        FROM pg_attribute
        WHERE attrelid = indexrelid AND attstattarget <> -1
        ORDER BY 1
    )
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
WHERE nspname = %(schema)s AND typtype = 'e' AND {not_part_of("pg_type", "pg_type.oid")}
ORDER BY typname
"""

FUNCTIONS = f"""
SELECT pg_proc.oid::regprocedure::text, pg_get_functiondef(pg_proc.oid)
FROM pg_proc
JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = %(schema)s
  AND prokind IN ('f', 'p', 'w')
  AND {not_part_of("pg_proc", "pg_proc.oid", "'e', 'i'")}
ORDER BY 1
"""

# An identity column's sequence is part of the column. Of the last kinds, which V1 never has, only
# the kind and the name are read: whatever they hold, all that is done with them is to DROP them.
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
  AND {not_part_of("pg_class", "pg_class.oid", "'e', 'i'")}
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
  AND {not_part_of("pg_type", "pg_type.oid")}
UNION ALL
SELECT pg_proc.oid::regprocedure::text, 'aggregate', ''
FROM pg_proc
JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = %(schema)s AND prokind = 'a' AND {not_part_of("pg_proc", "pg_proc.oid")}
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
SELECT type || ' ' || replace(identity, 'pg_catalog.', ''), type, ''
FROM (
    SELECT 'pg_collation'::regclass, oid, collnamespace FROM pg_collation
    UNION ALL
    SELECT 'pg_conversion'::regclass, oid, connamespace FROM pg_conversion
    UNION ALL
    SELECT 'pg_opclass'::regclass, oid, opcnamespace FROM pg_opclass
    UNION ALL
    SELECT 'pg_operator'::regclass, oid, oprnamespace FROM pg_operator
    UNION ALL
    SELECT 'pg_opfamily'::regclass, oid, opfnamespace FROM pg_opfamily
    UNION ALL
    SELECT 'pg_ts_config'::regclass, oid, cfgnamespace FROM pg_ts_config
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, oid, dictnamespace FROM pg_ts_dict
    UNION ALL
    SELECT 'pg_ts_parser'::regclass, oid, prsnamespace FROM pg_ts_parser
    UNION ALL
    SELECT 'pg_ts_template'::regclass, oid, tmplnamespace FROM pg_ts_template
) AS objects (catalog, id, namespace)
JOIN pg_namespace ON pg_namespace.oid = namespace,
pg_identify_object(catalog, id, 0)
WHERE nspname = %(schema)s
  AND NOT EXISTS (
      SELECT FROM pg_depend WHERE classid = catalog AND objid = id AND deptype = 'e'
  )
ORDER BY 1
"""

KEYS_TO_HERE = """
SELECT
    confrelid::regclass::text,
    conrelid::regclass::text,
    quote_ident(conname),
    pg_get_constraintdef(pg_constraint.oid)
FROM pg_constraint
JOIN pg_class ON pg_class.oid = confrelid
JOIN pg_namespace AS here ON here.oid = relnamespace
WHERE contype = 'f' AND here.nspname = %(schema)s AND connamespace <> here.oid
ORDER BY 1, 2, 3
"""

# The objects of other schemas, or of none, that depend on a table, a type or a function here. A
# view depends through its rule: the view is named instead.
DEPENDENTS = """
WITH used (catalog, oid, name) AS (
    SELECT 'pg_class'::regclass, pg_class.oid, pg_class.oid::regclass::text
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = %(schema)s AND relkind NOT IN ('i', 'I')
    UNION ALL
    SELECT 'pg_proc'::regclass, pg_proc.oid, pg_proc.oid::regprocedure::text
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE nspname = %(schema)s
    UNION ALL
    SELECT 'pg_type'::regclass, pg_type.oid, pg_type.oid::regtype::text
    FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace
    WHERE nspname = %(schema)s
)
SELECT used.name, array_agg(DISTINCT dependent ORDER BY dependent)
FROM used
JOIN pg_depend AS depends ON refclassid = catalog AND refobjid = used.oid AND deptype IN ('n', 'a')
LEFT JOIN pg_constraint ON classid = 'pg_constraint'::regclass AND pg_constraint.oid = objid
LEFT JOIN pg_proc ON classid = 'pg_proc'::regclass AND pg_proc.oid = objid
LEFT JOIN pg_type ON classid = 'pg_type'::regclass AND pg_type.oid = objid
LEFT JOIN pg_rewrite ON classid = 'pg_rewrite'::regclass AND pg_rewrite.oid = objid
LEFT JOIN pg_trigger ON classid = 'pg_trigger'::regclass AND pg_trigger.oid = objid
LEFT JOIN pg_attrdef ON classid = 'pg_attrdef'::regclass AND pg_attrdef.oid = objid
LEFT JOIN pg_policy ON classid = 'pg_policy'::regclass AND pg_policy.oid = objid
LEFT JOIN pg_class ON pg_class.oid = COALESCE(
    ev_class, tgrelid, adrelid, polrelid, CASE classid WHEN 'pg_class'::regclass THEN objid END
)
LEFT JOIN pg_namespace
    ON pg_namespace.oid = COALESCE(relnamespace, connamespace, pronamespace, typnamespace)
CROSS JOIN LATERAL (
    SELECT COALESCE('view ' || ev_class::regclass, pg_describe_object(classid, objid, objsubid))
) AS described (dependent)
WHERE nspname NOT IN ('public', 'django', 'information_schema', 'pg_catalog', 'pg_toast')
   OR classid IN ('pg_cast'::regclass, 'pg_event_trigger'::regclass)
GROUP BY used.name
ORDER BY used.name
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
            WHERE nspname = %(schema)s AND {not_part_of("pg_type", "pg_type.oid")}
        )
   )
   OR (
        classoid = 'pg_proc'::regclass
        AND objoid IN (
            SELECT pg_proc.oid
            FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
            WHERE nspname = %(schema)s AND {not_part_of("pg_proc", "pg_proc.oid")}
        )
   )
ORDER BY 1
"""
