"""Errors that the person at the terminal can mend, told in one line without a traceback."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, NotSupportedError, OperationalError


@contextmanager
def told_in_one_line(*, traceback: bool = False) -> Iterator[None]:
    """
    Print an error that `explain` knows as one line on stderr and exit with status 1.

    Every other exception, and with `traceback` every exception, passes as it is.
    """
    try:
        yield
    except (ImproperlyConfigured, DatabaseError, psycopg.Error) as error:
        line = None if traceback else explain(error)
        if line is None:
            raise
        sys.exit(f"error: {line}")


def explain(error: BaseException) -> str | None:
    """
    Return one line that says what is wrong and what to do about it.

    Known are a setting that is missing or malformed, a server that can't be reached, a server
    that is too old, and a role that lacks a right. Returns None for anything else.
    """
    if isinstance(error, ImproperlyConfigured | NotSupportedError):
        return one_line(error)
    cause = psycopg_error(error)
    if isinstance(error, OperationalError) and cause is None:
        return one_line(error)  # from veza_site.postgresql.embedded
    if isinstance(
        cause, psycopg.errors.InsufficientPrivilege | psycopg.errors.ReadOnlySqlTransaction
    ):
        return (
            f"the database role lacks a right: {cause.diag.message_primary}. "
            "V1 is migrated by a role that owns the database, or that has CREATE on the database "
            "and on its schema public; see docs/operating.md, “A real server”."
        )
    # libpq reports a server that it can't reach, or that turns it away, without an SQLSTATE.
    if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:
        return f"no connection to PostgreSQL: {one_line(cause)}"
    return None


def psycopg_error(error: BaseException | None) -> psycopg.Error | None:
    """Return the psycopg error that `error` is or was raised from or while handling."""
    while error is not None and not isinstance(error, psycopg.Error):
        error = error.__cause__ or error.__context__
    return error


def one_line(error: BaseException) -> str:
    """Return what an error says, all of it, on one line."""
    return " ".join(str(error).split())


# From the first quotation mark of a message to the last: what is quoted may have some in it, and
# may be cut off. lc_messages chooses the marks. The apostrophe in “can't” is none.
_MARKS = '"«»„“”‚‘‹›「」『』'
_QUOTED = re.compile(
    rf"(?: [{_MARKS}] | (?<!\w)['’`] ) (?: .* (?: [{_MARKS}] | ['’](?!\w) ) | .* )",
    re.DOTALL | re.VERBOSE,
)
# What stands without any: “out of range: 1990-13-01”, “byte sequence 0xc3 0x28”, but “NUL (0x00)”.
_NUMBERS = re.compile(r"([:：]\s*)\S*\d.*", re.DOTALL)
_BYTES = re.compile(r"(?<!\()\b0x[0-9a-f]{2}\b(?: 0x[0-9a-f]{2}\b)*")


def first_line(error: BaseException) -> str:
    """
    Return the first line of what an error says, without the values in it.

    PostgreSQL's next lines may quote a row. On the first, an error about a value quotes the value,
    and so does one of the syntax: SQL into which a value was written breaks there. Names of
    constraints, tables and columns in other errors stay.
    """
    text, cause = str(error), psycopg_error(error)
    if isinstance(cause, psycopg.DataError | psycopg.errors.SyntaxError):
        primary = cause.diag.message_primary
        if primary and text.startswith(primary):  # a value may have several lines
            text = primary
        text = _NUMBERS.sub(r"\1…", _QUOTED.sub(_emptied, text))
        text = _BYTES.sub("…", text)
    return " ".join(text.partition("\n")[0].split())


def _emptied(quoted: re.Match) -> str:
    """Return the quotation marks, with nothing between them that was there."""
    first, last = quoted[0][0], quoted[0][-1]
    return f"{first}…{last if last in _MARKS + "'’" else first}"
