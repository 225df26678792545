"""
Trying a transaction again that was cut off by what passes: a deadlock, a timeout, a restart.

docs/connections.md says which errors these are and which calls may be repeated blindly.
"""

from collections.abc import Callable

import psycopg
from django.db import Error, connection
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from veza_site.errors import psycopg_error
from veza_site.transactions import close_if_dead

# A serialization failure, a deadlock, a lock that was not free in time, and a server that ends the
# session, crashes or starts. The class 08 is about the connection.
TRANSIENT = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "25P03"}

# In seconds: a pause is random, up to the first one and up to twice as much each time.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


def retry[T](work: Callable[[], T], *, attempts: int = 5) -> T:
    """
    Do `work`, which is one transaction, and again if what cut it off passes.

    If the connection broke during COMMIT, nobody knows whether that succeeded: `work` has to be
    something that may be repeated blindly. Within a caller's transaction it is done once, since
    only the whole of that can be repeated.

    Returns what `work` returns. Raises what it raises, at last.
    """
    if connection.in_atomic_block:
        return work()
    retrying = Retrying(
        retry=retry_if_exception(is_transient),
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
        before=lambda _: close_if_dead(),
        reraise=True,
    )
    return retrying(work)


def is_transient(error: BaseException) -> bool:
    """Tell whether the same transaction may succeed if it is tried again."""
    if not isinstance(error, Error | psycopg.Error):
        return False
    cause = psycopg_error(error)
    if cause is None or not cause.sqlstate:
        # libpq's own errors, about a connection that broke or can't be made.
        return isinstance(cause, psycopg.OperationalError)
    return cause.sqlstate in TRANSIENT or cause.sqlstate.startswith("08")
