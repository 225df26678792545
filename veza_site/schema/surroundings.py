"""
What is around V1 in its database, and changes what V1 does or who may do what with it.

None of it is part of the contract: it belongs to each server. It is compared all the same, since
nobody can migrate a table that another role owns, and a setting can switch triggers off.
"""

from dataclasses import dataclass, field
from typing import Any

from veza_site.postgresql import session
from veza_site.schema.catalog_sql import not_part_of
from veza_site.schema.reader import PINNED

# The settings of a role or a database that change what V1 does, and those that are only worth a
# note: this project's sessions set their own, and a service may want them that way.
SWITCHES = ["default_transaction_read_only", "search_path", "session_replication_role"]
REMARKABLE = [*session.TEXT, *session.LIMITS, "default_transaction_isolation", "row_security"]


@dataclass(frozen=True)
class Owned:
    """An object with its owner: `name` for people, `sql` as ALTER … OWNER TO takes it."""

    name: str
    sql: str
    owner: str


@dataclass(frozen=True)
class Setting:
    """
    A setting of the database, of a role, or of a role in the database.

    `whose` is for people, `sql` is what ALTER takes. `everyones` is whether it applies to the owner
    of V1, or to everyone in this database.
    """

    whose: str
    sql: str
    name: str
    value: str
    everyones: bool


@dataclass(frozen=True)
class Surroundings:
    """
    What is around the schemas `public` and `django`; apart from rights, it should be empty.

    `owner` is the role that should own all of V1: the database's owner, or the role that owns the
    schema and most of its tables. `foreign` are the objects that others own. `casts` and
    `event_triggers` are definitions by name, `heirs` are tables elsewhere, each with the table here
    that it inherits from, `publications` are the tables of V1 that each lacks. `rights` are
    privileges, by the object and the role as GRANT takes them, without the owners'.
    """

    owner: str = ""
    foreign: tuple[Owned, ...] = ()
    casts: dict[str, str] = field(default_factory=dict)
    event_triggers: dict[str, str] = field(default_factory=dict)
    heirs: dict[str, str] = field(default_factory=dict)
    publications: dict[str, tuple[str, ...]] = field(default_factory=dict)
    settings: tuple[Setting, ...] = ()
    rights: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


def read_surroundings(cursor: Any, *, rights: bool = False) -> Surroundings:
    """
    Read what is around V1 through any DB-API cursor; `rights` are read only if asked for.

    It needs no right beyond reading pg_catalog.
    """

    def rows(query: str) -> list[tuple[Any, ...]]:
        cursor.execute(query, {"settings": [*SWITCHES, *REMARKABLE]})
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    with session.settings(cursor, PINNED):
        return Surroundings(
            owner=rows(OWNER)[0][0],
            foreign=tuple(Owned(*row) for row in rows(FOREIGN)),
            casts=dict(rows(CASTS)),
            event_triggers=dict(rows(EVENT_TRIGGERS)),
            heirs=dict(rows(HEIRS)),
            publications={name: tuple(lacks) for name, lacks in rows(PUBLICATIONS)},
            settings=tuple(Setting(*row) for row in rows(SETTINGS)),
            rights={(on, to): tuple(what) for on, to, what in rows(RIGHTS)} if rights else {},
        )


# From PostgreSQL 15 on, `public` belongs to pg_database_owner, whose one member is the owner.
_OWNER = f"""(
    SELECT CASE nspowner
        WHEN 'pg_database_owner'::regrole THEN datdba
        WHEN (
            SELECT mode() WITHIN GROUP (ORDER BY relowner)
            FROM pg_class
            WHERE relnamespace = public.oid AND relkind IN ('r', 'p')
              AND {not_part_of("pg_class", "pg_class.oid", "'e', 'i'")}
        ) THEN nspowner
        ELSE datdba
    END AS oid
    FROM pg_database LEFT JOIN pg_namespace AS public ON nspname = 'public'
    WHERE datname = current_database()
) AS owner"""

OWNER = f"SELECT rolname::text FROM {_OWNER} JOIN pg_roles USING (oid)"

# A role that has the owner's rights may own objects too. A superuser has everybody's rights, but
# the owner would have none on its objects.
FOREIGN = f"""
WITH objects (name, sql, owner) AS (
    SELECT 'schema ' || nspname, 'SCHEMA ' || quote_ident(nspname), nspowner
    FROM pg_namespace
    WHERE nspname IN ('public', 'django') AND nspowner <> 'pg_database_owner'::regrole
    UNION ALL
    SELECT
        CASE nspname
            WHEN 'public' THEN 'table ' || relname
            ELSE 'table ' || relname || ' (schema django)'
        END,
        'TABLE ' || pg_class.oid::regclass,
        relowner
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname IN ('public', 'django') AND relkind IN ('r', 'p')
      AND {not_part_of("pg_class", "pg_class.oid", "'e', 'i'")}
    UNION ALL
    SELECT
        'function ' || pg_proc.oid::regprocedure,
        'ROUTINE ' || pg_proc.oid::regprocedure,
        proowner
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE nspname IN ('public', 'django') AND {not_part_of("pg_proc", "pg_proc.oid", "'e', 'i'")}
    UNION ALL
    SELECT
        CASE typtype WHEN 'e' THEN 'enum ' ELSE 'type ' END || typname,
        'TYPE ' || pg_type.oid::regtype,
        typowner
    FROM pg_type
    LEFT JOIN pg_class ON pg_class.oid = typrelid
    JOIN pg_namespace ON pg_namespace.oid = typnamespace
    WHERE nspname IN ('public', 'django') AND (typtype IN ('e', 'd', 'r') OR relkind = 'c')
      AND {not_part_of("pg_type", "pg_type.oid", "'e', 'i'")}
)
SELECT name, sql, rolname::text
FROM objects
JOIN pg_roles ON pg_roles.oid = objects.owner, {_OWNER}
WHERE objects.owner <> owner.oid
  AND (rolsuper OR NOT pg_has_role(objects.owner, owner.oid, 'USAGE'))
ORDER BY sql
"""

CASTS = f"""
SELECT
    format('(%%s AS %%s)', castsource::regtype, casttarget::regtype),
    CASE castmethod
        WHEN 'f' THEN 'with ' || castfunc::regprocedure
        WHEN 'i' THEN 'with INOUT'
        ELSE 'without a function'
    END || CASE castcontext
        WHEN 'i' THEN ', by itself'
        WHEN 'a' THEN ', in assignments'
        ELSE ''
    END
FROM pg_cast
WHERE 'public'::regnamespace IN (
        (SELECT typnamespace FROM pg_type WHERE oid = castsource),
        (SELECT typnamespace FROM pg_type WHERE oid = casttarget),
        (SELECT pronamespace FROM pg_proc WHERE oid = castfunc)
    )
  AND {not_part_of("pg_cast", "pg_cast.oid", "'e', 'i'")}
ORDER BY 1
"""

EVENT_TRIGGERS = f"""
SELECT
    quote_ident(evtname),
    'ON ' || evtevent
        || COALESCE(' WHEN TAG IN (' || array_to_string(evttags, ', ') || ')', '')
        || ' EXECUTE FUNCTION ' || evtfoid::regprocedure
        || CASE evtenabled WHEN 'O' THEN '' WHEN 'D' THEN ' (disabled)' ELSE ' (for replicas)' END
FROM pg_event_trigger
WHERE {not_part_of("pg_event_trigger", "pg_event_trigger.oid", "'e', 'i'")}
ORDER BY 1
"""

HEIRS = """
SELECT inhrelid::regclass::text, inhparent::regclass::text
FROM pg_inherits
JOIN pg_class AS parent ON parent.oid = inhparent
JOIN pg_namespace AS of_parent ON of_parent.oid = parent.relnamespace
JOIN pg_class AS child ON child.oid = inhrelid
JOIN pg_namespace AS of_child ON of_child.oid = child.relnamespace
WHERE of_parent.nspname IN ('public', 'django') AND of_child.nspname <> of_parent.nspname
  AND child.relkind IN ('r', 'p', 'f') AND NOT child.relispartition
ORDER BY 1
"""

# What a publication with any of the tables leaves out: other tables, columns, rows.
PUBLICATIONS = f"""
WITH v1 AS (
    SELECT pg_class.oid, relname::text AS name
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'public' AND relkind IN ('r', 'p')
      AND {not_part_of("pg_class", "pg_class.oid", "'e', 'i'")}
),
parts AS (
    SELECT pubname, v1.oid, name, rel.oid IS NOT NULL AS is_in,
           prattrs IS NOT NULL OR prqual IS NOT NULL AS in_part
    FROM pg_publication
    CROSS JOIN v1
    LEFT JOIN pg_publication_rel AS rel ON prpubid = pg_publication.oid AND prrelid = v1.oid
    WHERE NOT puballtables
      AND NOT EXISTS (
          SELECT FROM pg_publication_namespace
          WHERE pnpubid = pg_publication.oid AND pnnspid = 'public'::regnamespace
      )
)
SELECT
    quote_ident(pubname),
    array_agg(
        oid::regclass || CASE WHEN is_in THEN ' (only some columns or rows)' ELSE '' END
        ORDER BY name
    ) FILTER (WHERE in_part OR NOT is_in)
FROM parts
GROUP BY pubname
HAVING bool_or(is_in) AND bool_or(in_part OR NOT is_in)
ORDER BY pubname
"""

SETTINGS = f"""
SELECT
    CASE
        WHEN setrole = 0 AND setdatabase = 0 THEN 'all roles'
        WHEN setrole = 0 THEN 'the database'
        ELSE 'role ' || rolname || CASE setdatabase WHEN 0 THEN '' ELSE ' in the database' END
    END,
    CASE
        WHEN setrole = 0 AND setdatabase = 0 THEN 'ROLE ALL'
        WHEN setrole = 0 THEN 'DATABASE ' || quote_ident(datname)
        ELSE 'ROLE ' || quote_ident(rolname)
            || COALESCE(' IN DATABASE ' || quote_ident(datname), '')
    END,
    lower(item[1]),
    CASE lower(item[1])
        WHEN 'default_transaction_read_only' THEN
            CASE WHEN item[2]::boolean THEN 'on' ELSE 'off' END
        WHEN 'session_replication_role' THEN lower(item[2])
        ELSE item[2]
    END,
    setrole IN (0, owner.oid)
FROM {_OWNER}, pg_db_role_setting
LEFT JOIN pg_roles ON pg_roles.oid = setrole
LEFT JOIN pg_database ON pg_database.oid = setdatabase
CROSS JOIN unnest(setconfig) AS config
CROSS JOIN regexp_match(config, '^(.*?)=(.*)$') AS item
WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
  AND lower(item[1]) = ANY (%(settings)s)
ORDER BY 1, 3
"""

RIGHTS = f"""
WITH objects (on_what, kind, acl, owner, extra) AS (
    SELECT 'SCHEMA ' || quote_ident(nspname), 'n', nspacl, nspowner, ''
    FROM pg_namespace WHERE nspname = 'public'
    UNION ALL
    SELECT
        CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || pg_class.oid::regclass,
        CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END,
        relacl, relowner, ''
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'public' AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND {not_part_of("pg_class", "pg_class.oid", "'e', 'i'")}
    UNION ALL
    SELECT 'TABLE ' || pg_class.oid::regclass, 'c', attacl, relowner, quote_ident(attname)
    FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'public' AND attacl IS NOT NULL AND NOT attisdropped
    UNION ALL
    SELECT 'ROUTINE ' || pg_proc.oid::regprocedure, 'f', proacl, proowner, ''
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE nspname = 'public' AND {not_part_of("pg_proc", "pg_proc.oid", "'e', 'i'")}
    UNION ALL
    SELECT 'TYPE ' || pg_type.oid::regtype, 'T', typacl, typowner, ''
    FROM pg_type
    LEFT JOIN pg_class ON pg_class.oid = typrelid
    JOIN pg_namespace ON pg_namespace.oid = typnamespace
    WHERE nspname = 'public' AND (typtype IN ('e', 'd', 'r') OR relkind = 'c')
      AND {not_part_of("pg_type", "pg_type.oid", "'e', 'i'")}
    UNION ALL
    SELECT
        'DEFAULT PRIVILEGES FOR ROLE ' || defaclrole::regrole
            || COALESCE(' IN SCHEMA ' || quote_ident(nspname), '')
            || ' ON ' || CASE defaclobjtype
                WHEN 'r' THEN 'TABLES'
                WHEN 'S' THEN 'SEQUENCES'
                WHEN 'f' THEN 'ROUTINES'
                WHEN 'T' THEN 'TYPES'
                WHEN 'n' THEN 'SCHEMAS'
                ELSE 'LARGE OBJECTS'
            END,
        defaclobjtype, defaclacl, defaclrole, ''
    FROM pg_default_acl LEFT JOIN pg_namespace ON pg_namespace.oid = defaclnamespace
    WHERE defaclnamespace = 0 OR nspname = 'public'
)
SELECT
    on_what,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
    array_agg(
        privilege_type
            || CASE extra WHEN '' THEN '' ELSE ' (' || extra || ')' END
            || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        ORDER BY privilege_type, extra
    )
FROM objects, aclexplode(
    CASE kind WHEN 'c' THEN acl ELSE COALESCE(acl, acldefault(kind, owner)) END
) AS privileges (grantor, grantee, privilege_type, is_grantable)
WHERE grantee <> owner
GROUP BY 1, 2
ORDER BY 1, 2
"""
