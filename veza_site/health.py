"""GET /livez and /healthz, for probes: does this process answer, and can it do its work?"""

import contextlib
import functools
import logging
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

from django.db import Error, ProgrammingError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.utils.deprecation import MiddlewareMixin

from veza_site import contract
from veza_site.errors import one_line

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
        elif failing := failing_checks() if request.path_info == "/healthz" else []:
            response = JsonResponse({"status": "failing", "failing": failing}, status=503)
        else:
            response = JsonResponse({"status": "ok"})
        response["Cache-Control"] = "no-store"
        return response


def failing_checks() -> list[str]:
    """
    Return which of these fail: "database", "migrations", "fingerprint".

    They are that the database answers, that it has all of this code's migrations, and that it
    carries the contract this code expects. It takes two queries, neither of them on rows of V1.
    """
    carried, applied = None, set()
    try:
        connection.ensure_connection()
        # Without the table of migrations, or the right to read it, none is known to be applied.
        with contextlib.suppress(ProgrammingError), _cut_off(), _transaction() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '2s'")
            carried = contract.read(cursor)
            cursor.execute("SELECT app, name FROM django_migrations")
            applied = set(cursor.fetchall())
    except Error as error:
        logger.warning("The database does not answer: %s", one_line(error))
        return ["database"]
    checks = {
        "migrations": _migrations() <= applied,
        "fingerprint": carried is not None
        and carried.fingerprint == contract.expected().fingerprint,
    }
    return [name for name, passes in checks.items() if not passes]


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
