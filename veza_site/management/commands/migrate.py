import contextlib
from collections.abc import Iterator
from typing import Any

from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from veza_site import contract

# The key of the advisory lock: “veza” in ASCII.
LOCK = 0x76657A61


class Command(migrate.Command):
    """Django's `migrate`, one at a time on a database, from whichever machine it is started."""

    def handle(self, *arguments: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with self._alone(connection):
            self._check_rights(connection)
            super().handle(*arguments, **options)
            if not (options["plan"] or options["check_unapplied"]):
                contract.write(connection)

    @contextlib.contextmanager
    def _alone(self, connection: BaseDatabaseWrapper) -> Iterator[None]:
        """Hold the lock of this database; it ends with the session, however that ends."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            if not cursor.fetchone()[0]:
                self.stdout.write("Waiting for another migrate of this database to end.")
                self.stdout.flush()
                cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            yield
        finally:
            # After an error in a caller's transaction there is no unlocking before its end.
            with contextlib.suppress(DatabaseError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])

    def _check_rights(self, connection: BaseDatabaseWrapper) -> None:
        """Refuse a role that would not see Django's own tables, and would make them once more."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_user, has_schema_privilege('django', 'USAGE')"
                " WHERE to_regnamespace('django') IS NOT NULL"
            )
            for role, may_use in cursor.fetchall():
                if not may_use:
                    raise CommandError(
                        f"The role {role} may not use the schema django, where the applied "
                        "migrations are recorded. Migrate with the role that owns it. Nothing was "
                        "changed."
                    )
