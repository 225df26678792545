"""What has to be right before `migrate` begins: an error is one line, with nothing changed."""

import re
from collections.abc import Iterable, Iterator

from django.core.management import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.operations import AddIndex, CreateModel, RunSQL, SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation
from django.db.models import CheckConstraint

from veza_site.postgresql.sql_text import split_statements, strip_literals
from veza_site.schema import contract
from veza_site.schema.plan import is_ours
from veza_site.schema.reader import EXTENSIONS

CHAT = re.compile(
    r"""\bchat"?\s*\.\s*["\w]
      | \bSCHEMA\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:\w+\s*,\s*)*"?chat\b
      | \bsearch_path\b[^;]*\bchat\b""",
    re.IGNORECASE | re.VERBOSE,
)

# Tables and types that a statement makes, without IF NOT EXISTS.
MADE_BY_SQL = re.compile(
    r"""\bCREATE\s+(?:UNLOGGED\s+)?(?:TABLE|TYPE|DOMAIN|VIEW)\s+(?!IF\b)([\w".]+)""", re.IGNORECASE
)

# A statement may call one of our tables by that name.
ALIAS = re.compile(
    r"""(?:\b(?:FROM|JOIN|UPDATE|USING|INTO)|,)\s+[\w".]+\s+AS\s+"?chat\b""", re.IGNORECASE
)

# The role, and what it lacks, if anything.
RIGHTS = """
SELECT current_user, CASE
    WHEN pg_is_in_recovery() THEN 'may change nothing here, on a standby'
    WHEN current_setting('transaction_read_only')::boolean
        THEN 'has only read-only transactions here'
    WHEN current_setting('session_replication_role') <> 'origin'
        THEN 'works as a replica here (session_replication_role), without triggers and foreign keys'
    WHEN to_regnamespace('public') IS NULL THEN 'finds no schema public'
    WHEN to_regnamespace('django') IS NULL
     AND NOT has_database_privilege(current_database(), 'CREATE')
        THEN 'may not create the schema django (CREATE on the database)'
    WHEN NOT has_schema_privilege(public.oid, 'CREATE') THEN 'may not create in the schema public'
    WHEN NOT pg_has_role(public.nspowner, 'USAGE')
        THEN 'does not own the schema public, whose comment holds the contract'
    WHEN NOT has_schema_privilege(to_regnamespace('django'), 'CREATE')
        THEN 'may not create in the schema django'
    WHEN cardinality(of_others) > 0
        THEN 'does not own ' || array_to_string(of_others[:3], ', ')
            || CASE WHEN cardinality(of_others) > 3 THEN ' …' ELSE '' END
END
FROM (
    SELECT ARRAY(
        SELECT pg_class.oid::regclass::text
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE (nspname = 'django' OR (nspname = 'public' AND relname = ANY (%(tables)s)))
          AND relkind = 'r' AND NOT pg_has_role(relowner, 'USAGE')
        UNION ALL
        SELECT pg_type.oid::regtype::text
        FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace
        WHERE nspname = 'public' AND typname = ANY (%(enums)s) AND typtype = 'e'
          AND NOT pg_has_role(typowner, 'USAGE')
        UNION ALL
        SELECT pg_proc.oid::regprocedure::text
        FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE nspname = 'public' AND proname = ANY (%(functions)s)
          AND NOT pg_has_role(proowner, 'USAGE')
        ORDER BY 1
    )
) AS objects (of_others)
LEFT JOIN pg_namespace AS public ON public.nspname = 'public'
"""

FUNCTIONS = """
SELECT signature FROM unnest(%s::text[]) AS signature
WHERE to_regprocedure(signature) IS NOT NULL
"""

OWNER_MIGRATES = (
    "V1 is migrated by the role that owns the database; see docs/operating.md, “A real server”."
)

# What to do if it is not a right that the role lacks.
NEXT_STEPS = {
    "may change nothing here, on a standby": "Migrate on the primary.",
    "has only read-only transactions here": (
        "See default_transaction_read_only of the role and the database."
    ),
    "works as a replica here (session_replication_role), without triggers and foreign keys": (
        "Undo it with ALTER ROLE … RESET session_replication_role, or ALTER DATABASE."
    ),
}

INVALID = """
SELECT indexrelid::regclass::text,
       EXISTS (SELECT FROM pg_stat_progress_create_index WHERE index_relid = indexrelid)
FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname IN ('public', 'django') AND NOT (indisvalid AND indisready)
ORDER BY 1
"""

# Which of these names are taken already, by whatever kind of relation or type.
THERE = """
SELECT DISTINCT name
FROM unnest(%s::text[]) AS name
JOIN pg_namespace ON nspname = split_part(name, '.', 1)
WHERE EXISTS (
        SELECT FROM pg_class
        WHERE relnamespace = pg_namespace.oid AND relname = split_part(name, '.', 2)
    )
   OR EXISTS (
        SELECT FROM pg_type
        WHERE typnamespace = pg_namespace.oid AND typname = split_part(name, '.', 2)
    )
ORDER BY name
"""


def check_connection(connection: BaseDatabaseWrapper) -> None:
    """
    Refuse a connection that `migrate` can't work through.

    That is one through a pooler, or of a role that doesn't see Django's own tables and would make
    them again. Raises CommandError.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_backend_pid(), current_user,"
            " has_schema_privilege(to_regnamespace('django'), 'USAGE')"
        )
        pid, role, may_use = cursor.fetchone()
    # At the start of a session the server sends the number of its process. A pooler sends one of
    # its own, since it gives a client many server sessions, one after the other.
    if pid != connection.connection.info.backend_pid:
        raise CommandError(
            "There is a connection pooler between here and the server, in which a session's lock "
            "could be left behind. Migrate over a direct connection. Nothing was changed."
        )
    if may_use is False:
        raise CommandError(
            f"The role {role} may not use the schema django, where the applied migrations are "
            "recorded. Migrate with the role that owns it. Nothing was changed."
        )


def check_plan(connection: BaseDatabaseWrapper, plan: list[Migration]) -> None:
    """
    Refuse to begin what could not be finished, or should not be.

    So it does if the role lacks a right, something that a migration makes is there already, an
    index is invalid, or a migration touches the schema `chat`. Raises CommandError.
    """
    if not plan:
        return
    check_rights(connection, plan)
    _check_names(connection, plan)
    with connection.cursor() as cursor:
        cursor.execute(INVALID)
        invalid = cursor.fetchall()
    ours = {
        index
        for schema in contract.CATALOGS
        for table in contract.load_catalog(schema).tables.values()
        for index in table.indexes
    }
    operations = [operation for migration in plan for operation in migration.operations]
    for index, is_being_built in invalid:
        if is_being_built:
            raise CommandError(
                f"The index {index} is being built right now; migrate when that has ended. Nothing "
                "was changed."
            )
        # Rebuild ours. One that a migration is about to make would be in its way, and one that is
        # not ours (a failed REINDEX CONCURRENTLY leaves duplicates behind) serves no query.
        to_come = any(_makes_index(operation, index) for operation in operations)
        belongs_to_v1 = index.rpartition(".")[2] in ours and not to_come
        remedy = "REINDEX INDEX CONCURRENTLY" if belongs_to_v1 else "DROP INDEX CONCURRENTLY"
        raise CommandError(
            f"The index {index} is invalid: building it was never finished. Run {remedy} {index}; "
            "and migrate again. Nothing was changed."
        )
    for migration in plan:
        if any(_touches_chat(operation) for operation in migration.operations):
            raise CommandError(
                f"{migration} touches the schema chat, which belongs to the chat server. Nothing "
                "was changed."
            )


def check_forward_only(plan: list[tuple[Migration, bool]]) -> None:
    """
    Refuse to unapply a migration of V1.

    `plan` is Django's: each migration, and whether it is to be unapplied. Raises CommandError.
    """
    for migration, backwards in plan:
        if backwards and is_ours(migration.app_label):
            raise CommandError(
                f"V1's migrations are forward-only: {migration} is not unapplied, and nothing was "
                "changed. To go back, restore a backup; in development, `manage.py reset_db` "
                "builds the schema again."
            )


def missing_extensions(connection: BaseDatabaseWrapper, plan: list[Migration]) -> list[str]:
    """Return the extensions that the plan would create but the server does not offer."""
    if not _begins_v1(plan):
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) AS wanted (name) "
            "WHERE name NOT IN (SELECT name FROM pg_available_extensions)",
            [EXTENSIONS],
        )
        return [name for (name,) in cursor.fetchall()]


def _begins_v1(plan: list[Migration]) -> bool:
    first = ("veza_site", "0001_extensions_and_types")
    return first in [(migration.app_label, migration.name) for migration in plan]


def _check_names(connection: BaseDatabaseWrapper, plan: list[Migration]) -> None:
    """Refuse a database that already has what a migration would make. Raises CommandError."""
    names = [
        f"{schema}.{name}"
        for migration in plan
        for operation in migration.operations
        for schema, name in _list_made(migration, operation)
    ]
    with connection.cursor() as cursor:
        cursor.execute(THERE, [names])
        there = [name for (name,) in cursor.fetchall()]
        if _begins_v1(plan):  # later ones may replace a function
            cursor.execute(FUNCTIONS, [list(contract.load_catalog().functions)])
            there += [name for (name,) in cursor.fetchall()]
    if not there:
        return
    if {f"public.{table}" for table in contract.load_catalog().tables} <= set(there):
        if any(name.startswith("django.") for name in there):
            raise CommandError(
                "This database has V1 and Django's tables already, and records no migration: "
                "`manage.py schema diff` gives the SQL that records them. Nothing was changed."
            )
        raise CommandError(
            "This database has V1 already, built from SQL files and not by migrate: `manage.py "
            "schema adopt` takes it over. Nothing was changed."
        )
    shown = ", ".join(there[:3]) + (f" and {len(there) - 3} more" if len(there) > 3 else "")
    raise CommandError(
        f"The database has something by a name that migrate needs: {shown}. `manage.py schema "
        "diff` shows what it is; rename or drop what is not V1's. Nothing was changed."
    )


def _list_made(migration: Migration, operation: Operation) -> Iterator[tuple[str, str]]:
    """Yield the schema and the name of each table and type that an operation makes."""
    if isinstance(operation, CreateModel):
        if not operation.options.get("managed", True) or operation.options.get("proxy"):
            return
        table = operation.options.get("db_table", f"{migration.app_label}_{operation.name_lower}")
        yield "public", table
        for item in [
            *operation.options.get("indexes", []),
            *operation.options.get("constraints", []),
        ]:
            if not isinstance(item, CheckConstraint):
                yield "public", item.name
        if not is_ours(migration.app_label):  # V1's last migration moves Django's own
            yield "django", table
    elif isinstance(operation, RunSQL):
        for name in MADE_BY_SQL.findall(strip_literals(_sql(operation))):
            schema, _, name = name.replace('"', "").rpartition(".")
            yield schema or "public", name
    elif isinstance(operation, SeparateDatabaseAndState):
        for inner in operation.database_operations:
            yield from _list_made(migration, inner)


def check_rights(connection: BaseDatabaseWrapper, plan: Iterable[Migration] = ()) -> None:
    """
    Refuse a role that could not finish.

    It has to own V1's tables, and the types and functions that the SQL of the plan names. Raises
    CommandError.
    """
    words = {
        word
        for migration in plan
        for operation in migration.operations
        if isinstance(operation, RunSQL)
        for word in re.findall(r"\w+", _sql(operation))
    }
    expected = contract.load_catalog()
    names = {
        "tables": list(expected.tables),
        "enums": sorted(words & expected.enums.keys()),
        "functions": sorted(
            words & {re.split(r"[.(]", signature)[1] for signature in expected.functions}
        ),
    }
    with connection.cursor() as cursor:
        cursor.execute(RIGHTS, names)
        role, lacks = cursor.fetchone()
    if lacks:
        raise CommandError(
            f"The role {role} {lacks}. {NEXT_STEPS.get(lacks, OWNER_MIGRATES)} Nothing was changed."
        )


def _makes_index(operation: Operation, index: str) -> bool:
    if isinstance(operation, AddIndex):
        return operation.index.name == index
    return isinstance(operation, RunSQL) and index in _sql(operation)


def _sql(operation: RunSQL) -> str:
    """Return the SQL of an operation: a script, or a list of statements, with parameters or not."""
    if isinstance(operation.sql, str):
        return operation.sql
    return ";\n".join(item if isinstance(item, str) else item[0] for item in operation.sql)


def _touches_chat(operation: Operation) -> bool:
    if isinstance(operation, RunSQL):
        each = map(strip_literals, split_statements(_sql(operation)))
        return any(CHAT.search(sql) and not ALIAS.search(sql) for sql in each)
    if isinstance(operation, CreateModel):
        return CHAT.search(operation.options.get("db_table", "")) is not None
    if isinstance(operation, SeparateDatabaseAndState):
        return any(_touches_chat(inner) for inner in operation.database_operations)
    return False
