"""How long the database may work for a page of the admin."""

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
    Ends each statement of an admin request after ADMIN_STATEMENT_TIMEOUT.

    One that waits for a row that a service holds is ended after half of that, so that the two can
    be told apart. veza_site.admin.error_pages makes a page of either.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(reverse("admin:index")):
            return self.get_response(request)
        with limited_to(settings.ADMIN_STATEMENT_TIMEOUT):
            return self.get_response(request)


@contextlib.contextmanager
def limited_to(seconds: float) -> Iterator[None]:
    """
    End each statement after so many seconds, and after half as many when it waits for a lock.

    Afterwards the connection has the limits that it came with: the next request may get it too.
    """
    _set_limits(str(math.ceil(seconds * 1000)), str(math.ceil(seconds * 500)))
    try:
        yield
    finally:
        if connection.connection is not None:
            try:
                _set_limits(None, None)  # to what they are by default
            except Error:
                # A transaction around all of this, as tests have it, takes the limits back itself.
                if not connection.in_atomic_block:
                    connection.close()


def _set_limits(statement: str | None, lock: str | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SET_LIMITS, [statement, lock])
