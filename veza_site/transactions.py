"""
What the services of every domain share: how they refuse, and how they send SQL.

A service is a function that runs one transaction. Its SQL is written out: what it locks, and in
which order, is its substance, and what the other backends copy.
"""

from typing import Any

from django.db import connection


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


def check_text(name: str, value: str, *, least: int = 0, most: int) -> None:
    """
    Check that a text has `least` to `most` characters, and that PostgreSQL can store it.

    Raises Invalid, also for a text that needs a character and is blank.
    """
    if not least <= len(value) <= most or (least and not value.strip()) or "\x00" in value:
        raise Invalid(f"{name} must have {least} to {most} characters, not all blank, and no NUL.")


def check_number(name: str, value: int, *, least: int = 0, most: int = 2**31 - 1) -> None:
    """
    Check that a number is `least` to `most`, by default what an INTEGER holds.

    Raises Invalid.
    """
    if not least <= value <= most:
        raise Invalid(f"{name} must be {least} to {most}, not {value}.")


def execute(sql: str, **parameters: Any) -> int:
    """
    Send a statement, with `%(name)s` for each parameter.

    Returns how many rows it affected.
    """
    with connection.cursor() as cursor:
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
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row


def fetch_rows(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """
    Send a statement.

    Returns all its rows.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
