"""
What the services of every domain share: how they refuse, and how they send SQL.

A service is one transaction, as a function. Its SQL is written out, since what it locks, and in
which order, is what it is about, and what the other backends take over from it.
"""

from typing import Any

from django.db import connection


class Refused(Exception):
    """A transaction was refused, and nothing has changed. The message says why, for people."""


class NotFound(Refused):
    """What it is about does not exist, is soft-deleted, or is not for the one who asks to see."""


class NotAllowed(Refused):
    """The one who asks lacks the right."""


class Conflict(Refused):
    """It does not fit the state that the rows are in."""


class Invalid(Refused):
    """An argument is no good."""


def check_text(name: str, value: str, *, least: int = 0, most: int) -> None:
    """Raise Invalid unless a text that PostgreSQL can keep has `least` to `most` characters."""
    if not least <= len(value) <= most or (least and not value.strip()) or "\x00" in value:
        raise Invalid(f"{name} has {least} to {most} characters, not all blank, and no NUL.")


def check_number(name: str, value: int, *, least: int = 0, most: int = 2**31 - 1) -> None:
    """Raise Invalid unless a number is `least` to `most`, by default what an INTEGER holds."""
    if not least <= value <= most:
        raise Invalid(f"{name} is {least} to {most}, not {value}.")


def execute(sql: str, **parameters: Any) -> int:
    """Send one statement, with `%(name)s` for each parameter, and return how many rows it met."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.rowcount


def fetch_row(sql: str, **parameters: Any) -> tuple[Any, ...] | None:
    """Send one statement and return its first row, or None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()


def fetch_rows(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Send one statement and return all its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
