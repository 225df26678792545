"""How long the database may take for a page of the admin."""

import contextlib
import math
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

SET_LIMITS = (
    "SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false)"
)


class TimeLimit:
    """
    Ends each statement of an admin request after ADMIN_STATEMENT_TIMEOUT seconds.

    A statement that waits for a lock ends after half of that, so that the two cases differ.
    veza_site.admin.error_pages has a page for each.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(reverse("admin:index")):
            return self.get_response(request)
        with limit_statements(settings.ADMIN_STATEMENT_TIMEOUT):
            return self.get_response(request)


@contextlib.contextmanager
def limit_statements(seconds: float) -> Iterator[None]:
    """
    End each statement after so many seconds, or after half as many if it waits for a lock.

    Then set the connection back to its own limits, as another request may use it next.
    """
    _set_limits(str(math.ceil(seconds * 1000)), str(math.ceil(seconds * 500)))
    try:
        yield
    finally:
        if connection.connection is not None:
            try:
                _set_limits(None, None)  # to their defaults
            except Error:
                # In a transaction, as in tests, a rollback takes the limits back.
                if not connection.in_atomic_block:
                    connection.close()


def _set_limits(statement: str | None, lock: str | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SET_LIMITS, [statement, lock])
