"""Explains errors that the person at the terminal can fix in one line, without a traceback."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, NotSupportedError, OperationalError


@contextmanager
def exit_in_one_line(*, traceback: bool = False) -> Iterator[None]:
    """
    Exit with status 1 and one line on stderr after an error that `explain` knows.

    Other exceptions pass unchanged, and with `traceback` all do.
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

    It knows of settings that are missing or malformed, servers that can't be reached or are too
    old, and roles that lack a right. Returns None for anything else.
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
    # libpq's errors about a server that it can't reach, or that refuses it, have no SQLSTATE.
    if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:
        return f"no connection to PostgreSQL: {one_line(cause)}"
    return None


def psycopg_error(error: BaseException | None) -> psycopg.Error | None:
    """Return the psycopg error that `error` is, was raised from, or was raised while handling."""
    while error is not None and not isinstance(error, psycopg.Error):
        error = error.__cause__ or error.__context__
    return error


def one_line(error: BaseException) -> str:
    """Return an error's whole message on one line."""
    return " ".join(str(error).split())


# From the first quotation mark of a message to the last: quoted text may contain some, and may be
# cut off. The marks depend on lc_messages. The apostrophe in “can't” is not one.
_MARKS = '"«»„“”‚‘‹›「」『』'
_QUOTED = re.compile(
    rf"(?: [{_MARKS}] | (?<!\w)['’`] ) (?: .* (?: [{_MARKS}] | ['’](?!\w) ) | .* )",
    re.DOTALL | re.VERBOSE,
)
# Values without any: “out of range: 1990-13-01”, “byte sequence 0xc3 0x28”; but not “NUL (0x00)”.
_NUMBERS = re.compile(r"([:：]\s*)\S*\d.*", re.DOTALL)
_BYTES = re.compile(r"(?<!\()\b0x[0-9a-f]{2}\b(?: 0x[0-9a-f]{2}\b)*")


def first_line(error: BaseException) -> str:
    """
    Return the first line of an error's message, without the values in it.

    PostgreSQL's next lines may quote a row. The first line of an error about a value quotes that,
    and so may a syntax error, if a value was written into the SQL. The names of constraints, tables
    and columns in other errors stay.
    """
    text, cause = str(error), psycopg_error(error)
    if isinstance(cause, psycopg.DataError | psycopg.errors.SyntaxError):
        primary = cause.diag.message_primary
        if primary and text.startswith(primary):  # a value may have several lines
            text = primary
        text = _NUMBERS.sub(r"\1…", _QUOTED.sub(_empty, text))
        text = _BYTES.sub("…", text)
    return " ".join(text.partition("\n")[0].split())


def _empty(quoted: re.Match[str]) -> str:
    """Return the quotation marks with … between them."""
    first, last = quoted[0][0], quoted[0][-1]
    return f"{first}…{last if last in _MARKS + "'’" else first}"
