"""`manage.py reset_db`, for development."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

# Everything outside the two schemas that a reset drops and builds again.
OBJECTS_OF_OTHERS = """
WITH objects (catalog, oid, part, schema) AS (
    SELECT 'pg_class'::regclass, oid, 0, relnamespace FROM pg_class
    UNION ALL
    SELECT 'pg_class'::regclass, attrelid, attnum, relnamespace
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT 'pg_attrdef'::regclass, pg_attrdef.oid, 0, relnamespace
    FROM pg_attrdef JOIN pg_class ON pg_class.oid = adrelid
    UNION ALL
    SELECT 'pg_constraint'::regclass, oid, 0, connamespace FROM pg_constraint
    UNION ALL
    SELECT 'pg_trigger'::regclass, pg_trigger.oid, 0, relnamespace
    FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE NOT tgisinternal
    UNION ALL
    SELECT 'pg_policy'::regclass, pg_policy.oid, 0, relnamespace
    FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid
    UNION ALL
    SELECT 'pg_rewrite'::regclass, pg_rewrite.oid, 0, relnamespace
    FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class
    UNION ALL
    SELECT 'pg_proc'::regclass, oid, 0, pronamespace FROM pg_proc
    UNION ALL
    SELECT 'pg_type'::regclass, oid, 0, typnamespace FROM pg_type
    UNION ALL
    SELECT 'pg_operator'::regclass, oid, 0, oprnamespace FROM pg_operator
    UNION ALL
    SELECT 'pg_opclass'::regclass, oid, 0, opcnamespace FROM pg_opclass
    UNION ALL
    SELECT 'pg_ts_config'::regclass, oid, 0, cfgnamespace FROM pg_ts_config
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, oid, 0, dictnamespace FROM pg_ts_dict
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, oid, 0, stxnamespace FROM pg_statistic_ext
)
SELECT pg_describe_object(catalog, objects.oid, part)
FROM objects JOIN pg_namespace ON pg_namespace.oid = schema
WHERE nspname NOT IN ('public', 'django', 'information_schema') AND nspname NOT LIKE 'pg\\_%'
"""


class Command(BaseCommand):
    """
    Replaces django-extensions' command of this name, which drops the whole database.

    It leaves the schema `chat` alone, as every schema except our two.
    """

    help = "Development only: drop the schemas public and django, with all data, and migrate again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--noinput", "--no-input", action="store_false", dest="interactive", help="Do not ask."
        )
        parser.add_argument(
            "--database", default=DEFAULT_DB_ALIAS, choices=tuple(connections), help="The database."
        )

    def handle(self, *, interactive: bool, database: str, verbosity: int, **options: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError(
                "reset_db drops all data, so it runs only in development, that is, if DATABASE_URL "
                "is not set. Nothing was changed."
            )
        connection = connections[database]
        if interactive and not self._confirm(connection):
            raise CommandError("Not confirmed. Nothing was changed.")
        try:
            self._drop(connection)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != "55P03":  # lock_not_available
                raise
            raise CommandError(
                "Another session is using these tables: end it (a shell, a running server) and try "
                "again. Nothing was changed."
            ) from error
        call_command("migrate", database=database, verbosity=verbosity)

    def _confirm(self, connection: BaseDatabaseWrapper) -> bool:
        name = str(connection.settings_dict["NAME"])
        try:
            answer = input(
                f"This drops the schemas public and django of the database {name}, with ALL THEIR "
                "DATA, and builds V1 again, empty.\nType the database's name to go on: "
            )
        except EOFError:
            self.stdout.write("")
            return False
        return answer.strip() == name

    def _drop(self, connection: BaseDatabaseWrapper) -> None:
        """Drop both schemas and make an empty `public`, in one transaction."""
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '5s'")
            before = self._list_objects_of_others(cursor)
            cursor.execute("DROP SCHEMA IF EXISTS public, django CASCADE")
            if taken := before - self._list_objects_of_others(cursor):
                raise CommandError(
                    "Other schemas depend on V1, and a reset would also drop there: "
                    f"{'; '.join(sorted(taken))}. Nothing was changed."
                )
            # Open to other roles, as in a new database.
            cursor.execute("CREATE SCHEMA public")
            cursor.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")

    def _list_objects_of_others(self, cursor: Any) -> set[str]:
        cursor.execute(OBJECTS_OF_OTHERS)
        return {description for (description,) in cursor.fetchall()}
