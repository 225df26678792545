"""What has to be right before `migrate` begins; each error is one line, with nothing changed."""

import re

from django.core.management import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.operations import AddIndex, CreateModel, RunSQL, SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation

from veza_site import contract
from veza_site.sql_text import bare

CHAT = re.compile(
    r"""\bchat"?\s*\.\s*["\w]
      | \bSCHEMA\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:\w+\s*,\s*)*"?chat\b
      | \bsearch_path\b[^;]*\bchat\b""",
    re.IGNORECASE | re.VERBOSE,
)

# A table of ours may go by that name in a query.
ALIAS = re.compile(r"""\bAS\s+"?chat\b""", re.IGNORECASE)

# The role, and what it lacks, or NULL.
RIGHTS = """
SELECT current_user, CASE
    WHEN pg_is_in_recovery() THEN 'may change nothing here, on a standby'
    WHEN current_setting('transaction_read_only')::boolean
        THEN 'has only read-only transactions here'
    WHEN to_regnamespace('public') IS NULL THEN 'finds no schema public'
    WHEN to_regnamespace('django') IS NULL
     AND NOT has_database_privilege(current_database(), 'CREATE')
        THEN 'may not create the schema django (CREATE on the database)'
    WHEN NOT has_schema_privilege(public.oid, 'CREATE') THEN 'may not create in the schema public'
    WHEN NOT pg_has_role(public.nspowner, 'USAGE')
        THEN 'does not own the schema public, whose comment tells the contract'
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
        WHERE (nspname = 'django' OR (nspname = 'public' AND relname = ANY (%s)))
          AND relkind = 'r' AND NOT pg_has_role(relowner, 'USAGE')
        ORDER BY 1
    )
) AS tables (of_others)
LEFT JOIN pg_namespace AS public ON public.nspname = 'public'
"""

INVALID = """
SELECT indexrelid::regclass::text,
       EXISTS (SELECT FROM pg_stat_progress_create_index WHERE index_relid = indexrelid)
FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'public' AND NOT (indisvalid AND indisready)
ORDER BY 1
"""


def check_connection(connection: BaseDatabaseWrapper) -> None:
    """
    Refuse a connection that `migrate` can't work through.

    That is one through a pooler, and that of a role which would not see Django's own tables, and
    would make them once more. Raises CommandError.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_backend_pid(), current_user,"
            " has_schema_privilege(to_regnamespace('django'), 'USAGE')"
        )
        pid, role, may_use = cursor.fetchone()
    # The server tells its process's number at the start of a session; a pooler tells one of its
    # own, since a client has many server sessions with it, one after the other.
    if pid != connection.connection.info.backend_pid:
        raise CommandError(
            "A connection pooler stands between here and the server: a session's lock could be "
            "left behind in it. Migrate over a direct connection. Nothing was changed."
        )
    if may_use is False:
        raise CommandError(
            f"The role {role} may not use the schema django, where the applied migrations are "
            "recorded. Migrate with the role that owns it. Nothing was changed."
        )


def check_plan(connection: BaseDatabaseWrapper, plan: list[Migration]) -> None:
    """
    Refuse to begin what could not be finished, or should not be.

    That is: the role lacks a right, an index is invalid, a migration touches the schema `chat`.
    Raises CommandError.
    """
    if not plan:
        return
    check_rights(connection)
    with connection.cursor() as cursor:
        cursor.execute(INVALID)
        invalid = cursor.fetchall()
    operations = [operation for migration in plan for operation in migration.operations]
    for index, is_being_built in invalid:
        if is_being_built:
            raise CommandError(
                f"The index {index} is being built just now; migrate when that has ended. Nothing "
                "was changed."
            )
        to_come = any(_makes_index(operation, index) for operation in operations)
        remedy = "DROP INDEX CONCURRENTLY" if to_come else "REINDEX INDEX CONCURRENTLY"
        raise CommandError(
            f"The index {index} is invalid: it was not built to its end. Run {remedy} {index}; and "
            "then migrate again. Nothing was changed."
        )
    for migration in plan:
        if any(_touches_chat(operation) for operation in migration.operations):
            raise CommandError(
                f"{migration} touches the schema chat, which belongs to the chat server. Nothing "
                "was changed."
            )


def check_rights(connection: BaseDatabaseWrapper) -> None:
    """Refuse a role that could not finish. Raises CommandError."""
    with connection.cursor() as cursor:
        cursor.execute(RIGHTS, [list(contract.expected_catalog().tables)])
        role, lacks = cursor.fetchone()
    if lacks:
        raise CommandError(
            f"The role {role} {lacks}. V1 is migrated by the role that owns the database; see "
            "README, “A real server”. Nothing was changed."
        )


def _makes_index(operation: Operation, index: str) -> bool:
    if isinstance(operation, AddIndex):
        return operation.index.name == index
    return isinstance(operation, RunSQL) and index in str(operation.sql)


def _touches_chat(operation: Operation) -> bool:
    if isinstance(operation, RunSQL):
        sql = bare(str(operation.sql))
        return CHAT.search(sql) is not None and ALIAS.search(sql) is None
    if isinstance(operation, CreateModel):
        return CHAT.search(operation.options.get("db_table", "")) is not None
    if isinstance(operation, SeparateDatabaseAndState):
        return any(_touches_chat(inner) for inner in operation.database_operations)
    return False
