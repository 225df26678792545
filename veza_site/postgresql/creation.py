"""Test databases, made by one run at a time, on another server than the data of `make run`."""

# The stubs leave out Django's private methods, which are the hooks that this overrides.
# mypy: disable-error-code="attr-defined, misc, no-any-return"

import contextlib
import weakref
from typing import TYPE_CHECKING, Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql import creation

from veza_site.postgresql.session import lift_limits

if TYPE_CHECKING:
    from veza_site.postgresql.base import DatabaseWrapper

# What lets data survive a crash of the machine. Tests need none of it, and it costs them time.
NOT_DURABLE = ["fsync", "full_page_writes", "synchronous_commit"]

Turn = tuple[str, str, str]  # host, port, name of the test database


class DatabaseCreation(creation.DatabaseCreation):
    """Makes test databases for one test run at a time on a server: other runs wait."""

    connection: "DatabaseWrapper"

    # Who has which turn in this process: a test may make a database as its run did.
    _holders: weakref.WeakValueDictionary[Turn, "DatabaseCreation"] = weakref.WeakValueDictionary()

    def __init__(self, connection: "DatabaseWrapper") -> None:
        super().__init__(connection)
        self._turns: dict[Turn, contextlib.ExitStack] = {}

    def use_server_of_tests(self) -> None:
        """
        Use the embedded server that the settings name for tests, not that of the developer's data.

        It does not wait for its disk, and may lose everything when the machine goes down.
        """
        given = self.connection.settings_dict
        if data_directory := given["TEST"].get("EMBEDDED"):
            given["EMBEDDED"] = data_directory
            self.connection.start_embedded_server()

    # Not create_test_db, whose warnings name the caller: that would be this file.
    def _create_test_db(self, *arguments: Any, **options: Any) -> str:
        check_deferred_constraints_after_tests()
        self.use_server_of_tests()
        name = self._get_test_db_name()
        turn = self._turn(name)
        if turn in self._holders:
            return super()._create_test_db(*arguments, **options)
        with contextlib.ExitStack() as stack:
            cursor = stack.enter_context(self.connection._nodb_cursor())
            if self.connection.settings_dict["TEST"].get("EMBEDDED"):
                for setting in NOT_DURABLE:
                    cursor.execute(f"ALTER SYSTEM SET {setting} = off")
                cursor.execute("SELECT pg_reload_conf()")
            cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name])
            if not cursor.fetchone()[0]:
                lift_limits(cursor)
                self.log(f"Waiting for another test run, which has {name!r}.")
                cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
            # Closing the connection would release the lock too, but only some time later.
            stack.callback(cursor.execute, "SELECT pg_advisory_unlock(hashtext(%s))", [name])
            made = super()._create_test_db(*arguments, **options)
            self._turns[turn] = stack.pop_all()
            self._holders[turn] = self
        return made

    def destroy_test_db(
        self,
        old_database_name: str | None = None,
        verbosity: int = 1,
        keepdb: bool = False,
        suffix: str | None = None,
    ) -> None:
        turn = self._turn(self.connection.settings_dict["NAME"])
        super().destroy_test_db(old_database_name, verbosity, keepdb, suffix)
        # A parallel run's clones are destroyed first. Another one's turn is not ours to give back.
        if suffix is None and turn in self._turns:
            del self._holders[turn]
            self._turns.pop(turn).close()

    def setup_worker_connection(self, _worker_id: int) -> None:
        check_deferred_constraints_after_tests()
        super().setup_worker_connection(_worker_id)

    def _turn(self, name: str) -> Turn:
        self.connection.start_embedded_server()  # from then on the settings have its host
        given = self.connection.settings_dict
        return str(given["HOST"]), str(given["PORT"]), name


def check_deferred_constraints_after_tests() -> None:
    """
    Make Django's TestCase check deferred constraints at the end of a test, as it usually does.

    It asks the backend whether foreign keys can be deferred. Here they can't, but a UNIQUE can, and
    a test that breaks one has to fail. Every test run makes its database through the class above,
    or is a worker of one that did.
    """
    from django.test import TestCase  # not needed in production

    def should_check(_test: TestCase, connection: BaseDatabaseWrapper) -> bool:
        features = connection.features
        can_be_deferred = (
            features.can_defer_constraint_checks or features.supports_deferrable_unique_constraints
        )
        return can_be_deferred and not connection.needs_rollback and connection.is_usable()

    TestCase._should_check_constraints = should_check
