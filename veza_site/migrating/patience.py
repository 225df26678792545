"""
Waits for locks, and holds them, in a way that nobody else has to wait for long.

A statement that waits for a lock makes everyone who comes after it wait too, readers included. So
it waits for a moment only; then the migration gives back all its locks, pauses, and tries again.
The locks that it has it holds until its transaction ends. So a second session watches whether
others wait for them, and stops the migration if they wait for too long.
"""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from django.db import Error, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from veza_site.postgresql.session import lift_limits
from veza_site.postgresql.sql_text import mask, strip_literals

# In seconds: the shortest wait of a statement, the first and the longest pause, how long a
# statement or transaction runs before it is watched, between two looks, and between two lines that
# say whom it waits for.
SHORTEST_WAIT = 0.05
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
SUSPICION = 0.25
LOOK = 0.1
REMINDER = 10.0

# What Django's execute_wrapper passes on.
Execute = Callable[[Any, Any, bool, dict[str, Any]], Any]

LOCK_ERRORS = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)

BLOCKERS = """
SELECT pid, COALESCE(NULLIF(application_name, ''), 'without a name'),
       EXTRACT(epoch FROM clock_timestamp() - COALESCE(xact_start, query_start)),
       CASE WHEN state <> 'active' THEN state || ', last ' ELSE '' END,
       NULLIF(query, '<insufficient privilege>')
FROM pg_stat_activity
WHERE pid = ANY (pg_blocking_pids(%s))
ORDER BY xact_start
"""

# When the session's transaction began, whether it waits for a lock itself, and for how long others
# have waited for one of its locks to read or write. Other DDL and autovacuum may wait.
HELD = """
SELECT
    (SELECT xact_start FROM pg_stat_activity WHERE pid = %(pid)s),
    EXISTS (SELECT FROM pg_locks WHERE pid = %(pid)s AND NOT granted),
    (
        SELECT max(EXTRACT(epoch FROM clock_timestamp() - waitstart))::float8
        FROM pg_locks
        WHERE NOT granted AND pid <> %(pid)s
          AND (
              locktype IN ('transactionid', 'tuple')
              OR mode IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
          )
          AND %(pid)s = ANY (pg_blocking_pids(pid))
    )
"""

# A statement can be cancelled; a transaction that pauses between two can only be ended as a whole.
STOP = """
SELECT CASE state WHEN 'active' THEN pg_cancel_backend(pid) ELSE pg_terminate_backend(pid) END
FROM pg_stat_activity
WHERE pid = %(pid)s AND state <> 'idle' AND xact_start = %(began)s
"""


class Patience:
    """
    How `migrate` waits for locks, and how long it may hold them.

    In seconds: `lock_timeout` is the longest that others queue behind it, `hold_timeout` the
    longest that they wait for what it holds, `patience` how long it keeps trying. `say` shows a
    line to the person who waits.
    """

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        lock_timeout: float,
        hold_timeout: float,
        patience: float,
        say: Callable[[str], None],
    ) -> None:
        self.connection = connection
        self.lock_timeout = lock_timeout
        self.hold_timeout = hold_timeout
        self.patience = patience
        self.say = say
        self.pause = FIRST_PAUSE
        # Times are on the monotonic clock.
        self.end: float | None = None  # of the patience, set when it is first needed
        self.began: float | None = None  # the transaction
        self.bound: float | None = None  # the session's lock_timeout
        self.bound_in_transaction = False  # whether that ends with the transaction
        self.running_since: float | None = None  # the statement that runs now
        self.held: float | None = None  # how long others had waited when it was stopped

    def run[T](self, work: Callable[[], T]) -> T:
        """
        Run `work`, again and again until it gets its locks.

        It has to be all or nothing: a transaction, or something that goes on where it stopped.

        Returns what `work` returns. Raises what it raises, and OperationalError if patience runs
        out, or if others had to wait too long for what it held.
        """
        with self._watch_connection():
            while True:
                try:
                    return work()
                except Error as error:
                    if self.held is not None:
                        raise OperationalError(
                            f"others had waited {self.held:.1f} s for a lock that it held, so it "
                            "was stopped. Put what takes long into a migration of its own, and "
                            "changes of many rows into batches; MIGRATE_HOLD_TIMEOUT is the limit"
                        ) from error
                    if not self._pause_to_retry(error):
                        raise

    @contextlib.contextmanager
    def _watch_connection(self) -> Iterator[None]:
        """Bound how long the connection's statements wait for locks, and watch who waits."""
        self.connection.ensure_connection()
        pid = self.connection.connection.info.backend_pid
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=[pid, done], daemon=True)
        watcher.start()
        try:
            with self.connection.execute_wrapper(self._execute):
                yield
        finally:
            done.set()
            watcher.join()
            with contextlib.suppress(psycopg.Error, AttributeError):
                self.connection.connection.execute("RESET lock_timeout")

    def _pause_to_retry(self, error: BaseException) -> bool:
        """
        Pause if the work is to be tried again after this error.

        It is if it did not get a lock (or was the victim of a deadlock) and there is patience left.
        Returns whether to try again.
        """
        if not isinstance(error.__cause__, LOCK_ERRORS):
            return False
        now = time.monotonic()
        if self.end is None:
            self.end = now + self.patience
        if now >= self.end:
            return False
        pause = min(self.pause, self.end - now)
        self.say(
            f"  no lock within {self.lock_timeout:g} s: the others go first, for {pause:.1f} s"
        )
        time.sleep(pause)
        self.pause = min(self.pause * 2, LONGEST_PAUSE)
        return True

    def _execute(
        self, execute: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        if self.connection.in_atomic_block:
            return self._wait(execute, sql, params, many, context, self._seconds_left())
        if re.search(r"\bCONCURRENTLY\b", strip_literals(str(sql)), re.IGNORECASE):
            # It holds no lock that services wait for; giving up would leave an invalid index.
            return self._wait(execute, sql, params, many, context, self.patience)
        while True:  # each is a transaction of its own
            try:
                return self._wait(execute, sql, params, many, context, self.lock_timeout)
            except OperationalError as error:
                if not self._pause_to_retry(error):
                    raise

    def _seconds_left(self) -> float:
        """Return how many seconds this transaction may still wait for locks."""
        now = time.monotonic()
        status = self.connection.connection.info.transaction_status
        if self.began is None or status is TransactionStatus.IDLE:
            self.began = now
        return max(self.lock_timeout - (now - self.began), SHORTEST_WAIT)

    def _wait(
        self,
        execute: Execute,
        sql: Any,
        params: Any,
        many: bool,
        context: dict[str, Any],
        seconds: float,
    ) -> Any:
        session = self.connection.connection
        status = session.info.transaction_status
        if status is TransactionStatus.INERROR:
            self.bound = None  # the savepoint brings the old one back
            return execute(sql, params, many, context)  # ROLLBACK TO SAVEPOINT, or an error again
        in_transaction = self.connection.in_atomic_block
        if self.bound_in_transaction and status is TransactionStatus.IDLE:
            self.bound = None  # it ended with the transaction
        # Not before every statement: a small difference is not worth a round trip.
        if self.bound is None or abs(self.bound - seconds) > SHORTEST_WAIT:
            self.bound, self.bound_in_transaction = seconds, in_transaction
            local = "LOCAL " if in_transaction else ""
            # Through psycopg: Django's cursor would come back here.
            with self.connection.wrap_database_errors:
                session.execute(f"SET {local}lock_timeout = {max(int(seconds * 1000), 1)}")
        self.running_since = time.monotonic()
        try:
            return execute(sql, params, many, context)
        finally:
            self.running_since = None

    def _watch(self, pid: int, done: threading.Event) -> None:
        """From another session, watch whom the session `pid` waits for, and who waits for it."""
        with contextlib.ExitStack() as stack:
            session = None
            told = (0.0, 0.0)  # when the statement of the last line began, and when that was said
            waited = time.monotonic()  # when it was last seen waiting itself
            while not done.wait(LOOK):
                since = self._busy_since()
                if since is None or time.monotonic() - since < SUSPICION:
                    continue
                try:
                    if session is None:
                        session = stack.enter_context(self._connect())
                    ((began, waits, others),) = session.execute(HELD, {"pid": pid}).fetchall()
                    if waits:
                        waited = time.monotonic()
                        told = self._tell(session, pid, told)
                    elif others and min(others, time.monotonic() - waited) > self.hold_timeout:
                        self.held = others  # before it is stopped: the error comes at once
                        stopped = session.execute(STOP, {"pid": pid, "began": began}).fetchone()
                        if stopped is None:
                            self.held = None  # its transaction had ended before
                except psycopg.Error:
                    session = None  # make another one at the next look

    def _busy_since(self) -> float | None:
        """Return when the transaction or the statement that runs now began, or None."""
        began = self.began if self.connection.in_atomic_block else None
        return self.running_since if began is None else began

    def _connect(self) -> psycopg.Connection:
        parameters = self.connection.get_connection_params()
        session: psycopg.Connection = psycopg.connect(**parameters, autocommit=True)
        lift_limits(session.cursor())
        return session

    def _tell(
        self, session: psycopg.Connection, pid: int, told: tuple[float, float]
    ) -> tuple[float, float]:
        """Say whom a statement waits for, unless it was just said; return when that was said."""
        since, now = self.running_since, time.monotonic()
        if since is None or now - since < SUSPICION:
            return told
        if since == told[0] and now - told[1] < REMINDER:
            return told
        for line in session.execute(BLOCKERS, [pid]).fetchall():
            self.say(f"  {_describe_blocker(*line)}")
            told = (since, now)
        return told


def _describe_blocker(
    pid: int, application: str, seconds: float | None, state: str, query: str | None
) -> str:
    """Return a line about a session that we wait for. Another role's may hide what it does."""
    line = f"waiting for pid {pid}, application {application}"
    if seconds is not None:
        line += f", {seconds:.1f} s"
    if query:
        query = mask(query)
        line += f": {state}{query if len(query) <= 60 else query[:59] + '…'}"
    return line
