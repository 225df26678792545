"""
What the services of every domain share: how they refuse, and how they send SQL.

A service is a function that runs one transaction. Its SQL is written out: what it locks, and in
which order, is its substance, and what the other backends copy.
"""

import json
import re
import select
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import psycopg
from django.db import IntegrityError, connection, transaction

from veza_site.errors import psycopg_error

if TYPE_CHECKING:
    from veza_site.postgresql.base import DatabaseWrapper

# The longest time that a lifetime, a lease or a window may have: with it, every moment that the
# database computes is one that Python can read back.
LONGEST = timedelta(days=100 * 366)

# Letters and symbols that show nothing: Hangul fillers and the blank of Braille.
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"

# NUL as JSON writes it, and not what follows an escaped backslash.
_NUL_IN_JSON = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class Refused(Exception):
    """A transaction was refused, and nothing has changed. The message tells people why."""


class NotFound(Refused):
    """The row does not exist, is soft-deleted, or is not for the caller to see."""


class NotAllowed(Refused):
    """The caller lacks the right."""


class Conflict(Refused):
    """The rows are in a state that rules it out."""


class Invalid(Refused):
    """An argument can't be accepted."""


class Taken(Conflict):
    """A unique index, `index`, refused a value: another session has written the same first."""

    def __init__(self, index: str) -> None:
        super().__init__("Somebody else has just written the same. Nothing has changed: try again.")
        self.index = index


class WrongIsolation(Refused):
    """The caller's transaction has an isolation level in which the service could go wrong."""


@contextmanager
def in_transaction() -> Iterator[None]:
    """
    Run a service in a transaction of its own, or in a savepoint of the caller's.

    In REPEATABLE READ and SERIALIZABLE a statement that comes after a lock doesn't see what was
    committed while it waited for that lock: two calls could each find the other's super_admin.

    Statements: none of its own but BEGIN and COMMIT, or those of a savepoint; in a caller's
    transaction SHOW.

    Raises Taken if a unique index refuses a value, also at COMMIT, and WrongIsolation if the
    transaction is not READ COMMITTED.
    """
    close_if_dead()
    _check_isolation()
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        cause = psycopg_error(error)
        if not isinstance(cause, psycopg.errors.UniqueViolation):
            raise
        raise Taken(cause.diag.constraint_name or "") from error


def _check_isolation() -> None:
    connection.ensure_connection()
    session = connection.connection
    if connection.in_atomic_block:
        # Not through Django, which would count it as a statement of the service's.
        with connection.wrap_database_errors:
            (level,) = session.execute("SHOW transaction_isolation").fetchone()
    else:
        # psycopg says it in BEGIN, so that it is true whatever the role or the database has set.
        level = (session.isolation_level or psycopg.IsolationLevel.READ_COMMITTED).name
    if level.replace("_", " ").lower() != "read committed":
        raise WrongIsolation(
            f"This needs a transaction in READ COMMITTED, not in {level.replace('_', ' ').upper()}."
        )


def close_if_dead() -> None:
    """
    Close the connection if the server has ended it; the next statement opens another one.

    A service does this by itself. A worker that runs for long does it before other queries. In a
    transaction nothing is done: what it had done is lost, and its end says so.

    Statements: none, but one where the server has said something that nobody asked it for.
    """
    session = connection.connection
    if session is None or connection.in_atomic_block:
        return
    if session.closed or (_has_news(session) and not connection.is_usable()):
        connection.close()


def _has_news(session: psycopg.Connection) -> bool:
    """Tell whether something has arrived on a session that waits for no answer: its end, maybe."""
    poll = select.poll()
    poll.register(session.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def check_text(name: str, value: str, *, least: int = 0, most: int) -> None:
    """
    Check that a text has `least` to `most` characters, and that PostgreSQL can store it.

    Raises Invalid, also for a text that needs a character and shows none, such as one of
    zero-width spaces.
    """
    if not least <= len(value) <= most or (least and not is_visible(value)):
        raise Invalid(f"{name} must have {least} to {most} characters, not all blank.")
    if not is_storable(value):
        raise Invalid(f"{name} must have no NUL and no half of a surrogate pair.")


def is_visible(text: str) -> bool:
    """Tell whether a text shows anything: not only spaces, control and format characters."""
    return any(
        unicodedata.category(character)[0] not in "CZ" and character not in _FILLERS
        for character in text
    )


def is_storable(text: str) -> bool:
    """Tell whether PostgreSQL can store a text: UTF-8 without NUL."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def make_storable(text: str) -> str:
    """Return a text without NUL, and with “?” for what UTF-8 can't encode."""
    return text.replace("\0", "").encode(errors="replace").decode()


def check_json(name: str, value: Any) -> None:
    """
    Check that a value is JSON that PostgreSQL can store as jsonb: no NaN, no infinity, no NUL.

    Raises Invalid.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"{name} must be JSON: {error}.") from None
    if not is_storable(text) or _NUL_IN_JSON.search(text):
        raise Invalid(f"{name} must have no NUL and no half of a surrogate pair.")


def check_duration(name: str, value: timedelta) -> None:
    """
    Check that a time is longer than nothing, and not so long that it leads past the year 9999.

    Raises Invalid.
    """
    if not timedelta() < value <= LONGEST:
        raise Invalid(f"{name} must be positive, and at most 100 years, not {value}.")


def check_number(name: str, value: int, *, least: int = 0, most: int = 2**31 - 1) -> None:
    """
    Check that a number is `least` to `most`, by default what an INTEGER holds.

    Raises Invalid.
    """
    if not least <= value <= most:
        raise Invalid(f"{name} must be {least} to {most}, not {value}.")


def _cursor() -> Any:
    """Return a cursor on a connection that the server has not ended."""
    close_if_dead()
    return connection.cursor()


def execute(sql: str, **parameters: Any) -> int:
    """
    Send a statement, with `%(name)s` for each parameter.

    Returns how many rows it affected.
    """
    with _cursor() as cursor:
        cursor.execute(sql, parameters)
        affected: int = cursor.rowcount
        return affected


def fetch_one(sql: str, **parameters: Any) -> tuple[Any, ...]:
    """
    Send a statement that always finds a row.

    Returns its first row. Raises LookupError if there is none, which is a mistake in the statement.
    """
    row = fetch_row(sql, **parameters)
    if row is None:
        raise LookupError(f"This statement returned no row:\n{sql}")
    return row


def fetch_row(sql: str, **parameters: Any) -> tuple[Any, ...] | None:
    """
    Send a statement.

    Returns its first row, or None if there is none.
    """
    with _cursor() as cursor:
        cursor.execute(sql, parameters)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row


def fetch_rows_prepared(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """
    Send a statement that is sent often, and takes longer to plan than to execute.

    Returns all its rows.
    """
    close_if_dead()
    with cast("DatabaseWrapper", connection).prepared_cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def fetch_rows(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """
    Send a statement.

    Returns all its rows.
    """
    with _cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
