"""Lets only one `migrate` at a time run on a database, whichever machine starts it."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

from django.core.management import CommandError
from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

# The key of the advisory lock: “veza” in ASCII.
LOCK = 0x76657A61

# In seconds: between two tries, and between two lines about who has the lock.
PAUSE = 0.2
REMINDER = 30

HOLDER = """
SELECT
    pid,
    application_name,
    host(client_addr),
    EXTRACT(epoch FROM clock_timestamp() - backend_start)
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = %s AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@contextlib.contextmanager
def take_turn(
    connection: BaseDatabaseWrapper, timeout: float, say: Callable[[str], None]
) -> Iterator[None]:
    """
    Hold this database's lock for `migrate`, after waiting up to `timeout` seconds for another one.

    Locks: an advisory one, which ends with the session, however that ends.

    Raises CommandError, which names who holds the lock, when the time is over.
    """
    end = time.monotonic() + timeout
    reminder = 0.0
    with connection.cursor() as cursor:
        # So that the server notices before a statement has ended if we are killed.
        cursor.execute("SET client_connection_check_interval = '1s'")
        # So that others see who holds the lock.
        name = f"migrate on {socket.gethostname()}"
        cursor.execute(
            "SELECT set_config('application_name', %s, false)"
            " WHERE current_setting('application_name') = ''",
            [name],
        )
        while True:
            # We don't wait in the server: a waiting session has a snapshot, and the other
            # migrate's CREATE INDEX CONCURRENTLY would wait for that.
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            if cursor.fetchone()[0]:
                break
            now = time.monotonic()
            if now >= end:
                raise CommandError(
                    f"Another migrate of this database ({_name_holder(cursor)}) did not end within "
                    f"{timeout:g} s. Nothing was changed; run it again when that one has ended."
                )
            if now >= reminder:
                say(f"Waiting for another migrate of this database to end: {_name_holder(cursor)}.")
                reminder = now + REMINDER
            time.sleep(min(PAUSE, end - now))
    try:
        yield
    finally:
        # After an error in a caller's transaction, it can't be unlocked before that ends.
        with contextlib.suppress(Error), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _name_holder(cursor: CursorWrapper) -> str:
    cursor.execute(HOLDER, [LOCK])
    rows = cursor.fetchall()
    if not rows:
        return "which is just ending"
    ((pid, application, address, seconds),) = rows[:1]
    where = f" from {address}" if address else ""
    since = "" if seconds is None else f", since {seconds:.0f} s"  # another role's may be hidden
    return f"pid {pid}, application {application or 'without a name'}{where}{since}"
