"""GET /livez and /healthz, for probes: does this process answer, and can it do its work?"""

import contextlib
import functools
import logging
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import Error, ProgrammingError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.utils.deprecation import MiddlewareMixin

from veza_site.errors import one_line
from veza_site.schema import contract

METHODS = ["GET", "HEAD"]

# For all that is asked of the server; to connect it has the setting's connect_timeout.
SECONDS = 3

logger = logging.getLogger(__name__)


class Probes(MiddlewareMixin):
    """
    Answers the probes before any other middleware sees the request.

    They come by an address that is not among ALLOWED_HOSTS, and without TLS. Every other request
    goes the usual way.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if request.path_info not in ("/livez", "/healthz"):
            return None
        if request.method not in METHODS:
            response = HttpResponseNotAllowed(METHODS)
        else:
            state = State() if request.path_info == "/livez" else examine()
            response = JsonResponse(state.as_json(), status=503 if state.failing else 200)
        response["Cache-Control"] = "no-store"
        return response


@dataclass(frozen=True)
class State:
    """Which checks fail, and which give a warning, by their names."""

    failing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what a probe is told."""
        if self.failing:
            return {"status": "failing", "failing": self.failing}
        return {"status": "ok"} | ({"warnings": self.warnings} if self.warnings else {})


def examine() -> State:
    """
    Return the state of what this process needs to do its work.

    "database": it answers. "migrations": it has all of this code's. "fingerprint": it carries the
    contract that this code expects; a newer one adds to it, and is a warning. "tables": those of
    the models are there, with their columns, as all of this says. Statements: 2, neither of them on
    rows of V1.
    """
    carried, found = None, {"migration": set(), "column": set()}
    try:
        connection.ensure_connection()
        # Without the table of migrations, or the right to read it, none is known to be applied.
        with contextlib.suppress(ProgrammingError), _cut_off(), _transaction() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '2s'")
            carried = contract.read(cursor)
            cursor.execute(MIGRATIONS_AND_COLUMNS)
            for kind, *names in cursor.fetchall():
                found[kind].add(tuple(names))
    except Error as error:
        logger.warning("The database does not answer: %s", one_line(error))
        return State(failing=("database",))
    expected = _expected()
    newer = carried is not None and carried.version > expected.version
    checks = {
        "migrations": _migrations() <= found["migration"],
        "fingerprint": newer
        or (carried is not None and carried.fingerprint == expected.fingerprint),
    }
    if all(checks.values()):  # else there is no wonder
        checks["tables"] = _columns() <= found["column"]
    if newer:
        logger.warning(
            "The database carries contract %d, newer than %d, which this code knows.",
            carried.version,
            expected.version,
        )
    return State(
        failing=tuple(name for name, passes in checks.items() if not passes),
        warnings=("newer contract",) if newer else (),
    )


@functools.cache
def _expected() -> contract.Contract:
    """Return the contract that this code expects; it is as the process began."""
    return contract.expected()


# The applied migrations, and the columns of the tables that this connection finds.
MIGRATIONS_AND_COLUMNS = """\
SELECT 'migration', app, name FROM django_migrations
UNION ALL
SELECT 'column', relname, attname
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relkind IN ('r', 'p') AND pg_table_is_visible(pg_class.oid)
  AND attnum > 0 AND NOT attisdropped AND relnamespace <> 'pg_catalog'::regnamespace
"""


@functools.cache
def _columns() -> frozenset[tuple[str, str]]:
    """Return the columns of all models, each with its table."""
    return frozenset(
        (model._meta.db_table, field.column)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
        for field in model._meta.local_concrete_fields
    )


@functools.cache
def _migrations() -> frozenset[tuple[str, str]]:
    """Return this code's migrations, those of Django's apps too; they are as the process began."""
    return frozenset(MigrationLoader(None).graph.nodes)


@contextlib.contextmanager
def _transaction() -> Iterator[Any]:
    """Yield a cursor in a transaction; after an error, the connection is closed."""
    with transaction.atomic(), connection.cursor() as cursor:
        try:
            yield cursor
        except Error:
            connection.close()  # here, or atomic() would connect to the same server once more
            raise


@contextlib.contextmanager
def _cut_off() -> Iterator[None]:
    """
    Cut the connection when the time is over, so that what waits for the server fails.

    A server that hangs (its disk, the machine, the network) does not keep its statement_timeout.
    """
    # A socket of its own: the number of the connection's may be another's when the time is over.
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as line:

        def cut() -> None:
            with contextlib.suppress(OSError):  # it is cut already
                line.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(SECONDS, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
