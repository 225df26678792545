"""How services are tested: at once, interrupted at every statement, and with their SQL read."""

import contextlib
import importlib
import importlib.util
import inspect
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction
from django.test import TransactionTestCase

from rbac.system_roles import create_missing
from tests.support.databases import connect, v1_models
from tests.support.invariants import find_unsound
from tests.support.rows import Rows, rows

PATIENCE = 60  # seconds until a test that waits for other sessions gives up

SAVEPOINTS = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")

Prepare = Callable[[Rows, int], dict[str, Any]]


class Interrupted(Exception):
    """The error that is injected."""


def services() -> dict[str, FunctionType]:
    """Return the public service functions of every domain, by "<app>.<function>"."""
    found = {}
    for app in settings.V1_APPS:
        if importlib.util.find_spec(f"{app}.services") is None:
            continue
        module = importlib.import_module(f"{app}.services")
        for name in module.__all__:
            if inspect.isfunction(service := getattr(module, name)):
                found[f"{app}.{name}"] = service
    return found


def promised_statements(service: FunctionType) -> str | None:
    """Return how many statements the service's docstring says that it takes, in its words."""
    promise = re.search(r"^Statements: ([^.]+)\.", inspect.getdoc(service) or "", re.MULTILINE)
    return " ".join(promise[1].split()) if promise else None


def examples_of(name: str) -> dict[str, Prepare]:
    """
    Return the examples of the service "<app>.<function>", the plain one first.

    They are the functions of the module tests.support.examples.<app> that have the service's name,
    or that name, two underscores and the case. Each makes the rows that its call needs, with `size`
    of what there can be any number of, and returns the call's arguments.
    """
    app, service = name.split(".")
    if importlib.util.find_spec(f"tests.support.examples.{app}") is None:
        return {}
    module = importlib.import_module(f"tests.support.examples.{app}")
    return {
        example: prepare
        for example, prepare in inspect.getmembers(module, inspect.isfunction)
        if example == service or example.startswith(f"{service}__")
    }


def all_examples() -> Iterator[tuple[str, FunctionType, Prepare]]:
    """Yield "<app>.<example>", the service and what prepares the call, for every example."""
    for name, service in services().items():
        app, _ = name.split(".")
        for example, prepare in examples_of(name).items():
            yield f"{app}.{example}", service, prepare


@dataclass(frozen=True)
class Sent:
    """
    A statement, with `%(name)s` or `%s` in place of values.

    `sender` is the function of a domain that sent it, the innermost one; None if a test did.
    """

    sql: str
    sender: FunctionType | None


def capture(run: Callable[[], object]) -> list[Sent]:
    """
    Run it and return the statements that it sent.

    Savepoints are left out: they depend on the caller. So are BEGIN and COMMIT, which psycopg sends
    by itself.
    """
    sent = []

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        if not sql.startswith(SAVEPOINTS):
            sent.append(Sent(sql, _sender()))
        return execute(sql, *arguments)

    with connection.execute_wrapper(note):
        run()
    return sent


def statements(run: Callable[[], object]) -> list[str]:
    """Run it and return the SQL of the statements that capture() returns."""
    return [statement.sql for statement in capture(run)]


def _sender() -> FunctionType | None:
    """Return the function of a domain that is sending a statement now."""
    frame = inspect.currentframe()
    while frame is not None:
        module, name = frame.f_globals["__name__"], frame.f_code.co_name
        if module.partition(".")[0] in settings.V1_APPS and not name.startswith("<"):
            return getattr(importlib.import_module(module), name, None)
        frame = frame.f_back
    return None


def v1_tables() -> list[str]:
    """Return the names of the V1 tables."""
    return [model._meta.db_table for model in v1_models()]


class ServiceTests(TransactionTestCase):
    """
    Tests of services in transactions that really commit, on tables that are empty at first.

    The system roles, which `migrate` creates, are not there either. `few_rows` is False for a class
    that makes more rows than are quickly deleted.
    """

    few_rows = True

    @classmethod
    def _fixture_setup(cls) -> None:
        super()._fixture_setup()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM roles WHERE is_system; DELETE FROM permissions")
            some = " OR ".join(f"EXISTS (SELECT FROM {table})" for table in v1_tables())
            cursor.execute(f"SELECT {some}")
            (cls._has_rows,) = cursor.fetchone()

    def _fixture_teardown(self) -> None:
        # A DELETE of a few rows takes a fraction of the time of Django's TRUNCATE of every table.
        if self._has_rows or not self.few_rows:
            super()._fixture_teardown()
        else:
            with connection.cursor() as cursor:
                cursor.execute(";".join(f"DELETE FROM {table}" for table in reversed(v1_tables())))
            create_missing()

    def setUp(self) -> None:
        self.rows = rows()

    def assert_sound(self) -> None:
        """Assert that every invariant holds."""
        self.assertEqual(find_unsound(), {})

    def at_once(self, *runs: Callable[[], Any], patience: float = PATIENCE) -> list[Any]:
        """
        Run each in a thread with a connection of its own, all starting together.

        Returns what each returned or raised, in their order. Fails where that takes longer than
        `patience`, in seconds.
        """
        barrier = threading.Barrier(len(runs))
        outcomes: list[Any] = [None] * len(runs)

        def start(number: int, run: Callable[[], Any]) -> None:
            try:
                connection.ensure_connection()
                barrier.wait(patience)
                outcomes[number] = run()
            except BaseException as error:
                outcomes[number] = error
            finally:
                connections.close_all()

        threads = [
            threading.Thread(target=start, args=[number, run], daemon=True)
            for number, run in enumerate(runs)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(patience)
            self.assertFalse(thread.is_alive(), f"it takes longer than {patience} s")
        return outcomes

    def behind(self, first: Callable[[], object], second: Callable[[], Any]) -> Any:
        """
        Run `first`, and before its COMMIT `second` in another session, which has to wait for it.

        Returns what `second` returned or raised.
        """
        outcomes: list[Any] = []
        waiting = threading.Thread(
            target=lambda: outcomes.extend(self.at_once(second)), daemon=True
        )
        with transaction.atomic():
            first()
            waiting.start()
            self.until_waiting()
        waiting.join(PATIENCE)
        return outcomes[0]

    def until_waiting(self, sessions: int = 1) -> None:
        """Return when so many sessions of the test database wait for a lock."""
        deadline = time.monotonic() + PATIENCE
        with connect(connection.settings_dict["NAME"]) as server:
            while time.monotonic() < deadline:
                (waiting,) = server.execute(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND backend_type = 'client backend'"
                    " AND wait_event_type = 'Lock'"
                ).fetchone()
                if waiting >= sessions:
                    return
        self.fail(f"{sessions} sessions don't come to wait for a lock in {PATIENCE} s")

    def interrupt_everywhere(self, run: Callable[[], object]) -> None:
        """
        Assert that it does all or nothing, wherever it is interrupted.

        It is run with an error before its first statement, before its second, and so on, each time
        in a transaction of its own and in one of a caller who catches the error and commits; then
        with its session killed before COMMIT. After each there is what there was. At last it is
        left to run, and has to change something.
        """
        before = self.content()
        with transaction.atomic():
            count = len(statements(run))
            transaction.set_rollback(True)
        for number in range(count):
            self._interrupt(run, number)
            self.assertEqual(self.content(), before, f"interrupted before statement {number}")
            with transaction.atomic():
                self._interrupt(run, number)
            self.assertEqual(self.content(), before, f"before {number}, and the caller commits")
        if self._kill_before_commit(run, count):
            self.assertEqual(self.content(), before, "killed before COMMIT")
        run()
        self.assertNotEqual(self.content(), before, "it changes nothing")

    def _interrupt(self, run: Callable[[], object], number: int) -> None:
        sent = 0

        def interrupt(execute: Any, sql: str, *arguments: Any) -> Any:
            nonlocal sent
            if not sql.startswith(SAVEPOINTS):
                if sent == number:
                    raise Interrupted
                sent += 1
            return execute(sql, *arguments)

        with self.assertRaises(Interrupted), connection.execute_wrapper(interrupt):
            run()

    def _kill_before_commit(self, run: Callable[[], object], count: int) -> bool:
        """Run it, killing its session before COMMIT, and return whether there is one to kill."""
        sent = 0
        killed = False

        def kill(execute: Any, sql: str, *arguments: Any) -> Any:
            nonlocal sent, killed
            result = execute(sql, *arguments)
            sent += 1
            if sent == count and connection.in_atomic_block:
                self._terminate(connection.connection.info.backend_pid)
                killed = True
            return result

        with contextlib.suppress(DatabaseError), connection.execute_wrapper(kill):
            run()
        if killed:
            connection.close()
        return killed

    def _terminate(self, session: int) -> None:
        """End a session of the server, and return when it has ended."""
        deadline = time.monotonic() + PATIENCE
        with connect(connection.settings_dict["NAME"]) as server:
            server.execute("SELECT pg_terminate_backend(%s)", [session])
            while server.execute(
                "SELECT pid FROM pg_stat_activity WHERE pid = %s", [session]
            ).fetchone():
                self.assertLess(time.monotonic(), deadline, "the session does not end")

    def content(self) -> dict[str, str | None]:
        """Return a hash of the rows of each V1 table."""
        with connection.cursor() as cursor:
            cursor.execute(
                " UNION ALL ".join(
                    f"SELECT '{table}', md5(string_agg({table}::text, '' ORDER BY id)) FROM {table}"
                    for table in v1_tables()
                )
            )
            return dict(cursor.fetchall())
