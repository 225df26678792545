"""Answers probes at /livez and /healthz: this process answers, and it can do its work."""

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

# For all queries together; connecting has the setting's connect_timeout.
SECONDS = 3

logger = logging.getLogger(__name__)


class Probes(MiddlewareMixin):
    """
    Answers probes before any other middleware sees the request.

    Probes use an address that is not among ALLOWED_HOSTS, and no TLS. Every other request goes the
    usual way.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if request.path_info not in ("/livez", "/healthz"):
            return None
        response: HttpResponse
        if request.method not in METHODS:
            response = HttpResponseNotAllowed(METHODS)
        else:
            state = State() if request.path_info == "/livez" else examine()
            response = JsonResponse(state.as_json(), status=503 if state.failing else 200)
        response["Cache-Control"] = "no-store"
        return response


@dataclass(frozen=True)
class State:
    """The names of the checks that fail, and of those that give a warning."""

    failing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the body of the answer."""
        if self.failing:
            return {"status": "failing", "failing": self.failing}
        return {"status": "ok"} | ({"warnings": self.warnings} if self.warnings else {})


def examine() -> State:
    """
    Check what this process needs to do its work.

    "database" answers. "migrations": all of this code's are applied. "fingerprint": the database
    carries the contract that this code expects; a newer one only adds to it, and is a warning.
    "tables": if the others pass, the models' tables and columns are there too.

    Statements: 2, neither of them on rows of V1.
    """
    carried = None
    found: dict[str, set[tuple[str, str]]] = {"migration": set(), "column": set()}
    try:
        connection.ensure_connection()
        # Without the table of migrations, or the right to read it, none counts as applied.
        with contextlib.suppress(ProgrammingError), _cut_off(), _transaction() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '2s'")
            carried = contract.read(cursor)
            cursor.execute(MIGRATIONS_AND_COLUMNS)
            for kind, owner, name in cursor.fetchall():
                found[kind].add((owner, name))
    except Error as error:
        logger.warning("The database does not answer: %s", one_line(error))
        return State(failing=("database",))
    expected = _load_contract()
    warnings: tuple[str, ...] = ()
    keeps_contract = carried is not None and carried.fingerprint == expected.fingerprint
    if carried is not None and carried.version > expected.version:
        keeps_contract, warnings = True, ("newer contract",)
        logger.warning(
            "The database carries contract %d, newer than %d, which this code knows.",
            carried.version,
            expected.version,
        )
    checks = {
        "migrations": _list_migrations() <= found["migration"],
        "fingerprint": keeps_contract,
    }
    if all(checks.values()):  # else it is no surprise if tables are missing
        checks["tables"] = _list_columns() <= found["column"]
    return State(
        failing=tuple(name for name, passes in checks.items() if not passes), warnings=warnings
    )


@functools.cache
def _load_contract() -> contract.Contract:
    """Return the contract that this code expects, as it was at the first probe."""
    return contract.load_newest()


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
def _list_columns() -> frozenset[tuple[str, str]]:
    """Return the columns of all models, each with its table."""
    return frozenset(
        (model._meta.db_table, field.column)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
        for field in model._meta.local_concrete_fields
        if field.column
    )


@functools.cache
def _list_migrations() -> frozenset[tuple[str, str]]:
    """Return this code's migrations and those of Django's apps, as at the first probe."""
    return frozenset(MigrationLoader(None).graph.nodes)


@contextlib.contextmanager
def _transaction() -> Iterator[Any]:
    """Yield a cursor in a transaction; an error closes the connection."""
    with transaction.atomic(), connection.cursor() as cursor:
        try:
            yield cursor
        except Error:
            connection.close()  # or atomic() would connect to this server once more
            raise


@contextlib.contextmanager
def _cut_off() -> Iterator[None]:
    """
    Cut the connection after SECONDS, so that whatever waits for the server fails.

    A server that hangs (its disk, the machine, the network) does not keep its statement_timeout.
    """
    # A duplicate: by then another connection may have the number of this one's socket.
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as line:

        def cut() -> None:
            with contextlib.suppress(OSError):  # it is closed already
                line.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(SECONDS, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
