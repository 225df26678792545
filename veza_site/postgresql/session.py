"""
The settings that a session needs, whatever its role or its database has set.

`ALTER ROLE … SET` and `ALTER DATABASE … SET` change every session of a role or a database. Some
settings change how the server writes and reads text: with another DateStyle, psycopg can't read a
timestamp, and with quote_all_identifiers the same catalog looks like a different one.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

# How the server writes and reads text. Every role may set all of these, on PostgreSQL 15 to 18.
TEXT = {
    "array_nulls": "on",
    "backslash_quote": "safe_encoding",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "datestyle": "ISO,MDY",
    "extra_float_digits": "1",
    "intervalstyle": "postgres",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "timezone": "UTC",
    "timezone_abbreviations": "Default",
    "transform_null_equals": "off",
    "xmlbinary": "base64",
    "xmloption": "content",
}

# How long the server lets a session work, wait or pause; 0 is no limit. Only PostgreSQL 17 and
# later have transaction_timeout.
LIMITS = [
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "lock_timeout",
    "statement_timeout",
    "transaction_timeout",
]


def startup_options(options: str = "", limits: dict[str, float] | None = None) -> str:
    """
    Return libpq's parameter `options`: `limits` before what it already holds, and TEXT after that.

    `limits` are in seconds.
    """
    before = (f"-c {name}={seconds * 1000:.0f}" for name, seconds in (limits or {}).items())
    after = (f"-c {name}={value}" for name, value in TEXT.items())
    return " ".join([*before, options, *after]).strip()


@contextmanager
def settings(cursor: Any, values: dict[str, str]) -> Iterator[None]:
    """
    Change a session's settings for a while, and then restore them.

    `cursor` is any DB-API cursor on the database. Statements: 3.
    """
    names = list(values)
    cursor.execute(
        "SELECT array_agg(current_setting(name) ORDER BY place)"
        " FROM unnest(%s::text[]) WITH ORDINALITY AS setting (name, place)",
        [names],
    )
    (before,) = cursor.fetchone()
    _set(cursor, names, list(values.values()))
    try:
        yield
    except BaseException:
        with suppress(Exception):  # the end of a failed transaction restores them
            _set(cursor, names, before)
        raise
    _set(cursor, names, before)


def _set(cursor: Any, names: list[str], values: list[str]) -> None:
    cursor.execute(
        "SELECT set_config(name, value, false)"
        " FROM unnest(%s::text[], %s::text[]) AS setting (name, value)",
        [names, values],
    )


def lift_limits(cursor: Any) -> None:
    """Let a session work and wait as long as it needs. Statements: 1."""
    _set_limits(cursor, "0")


@contextmanager
def without_limits(cursor: Any) -> Iterator[None]:
    """
    Let a session work and wait as long as it needs for a while, and then restore its limits.

    Statements: 2.
    """
    _set_limits(cursor, "0")
    try:
        yield
    finally:
        with suppress(Exception):  # the connection is gone, or a transaction failed
            _set_limits(cursor, None)


def _set_limits(cursor: Any, value: str | None) -> None:
    # Only those that the server knows. pg_settings may take longer than a short limit allows.
    cursor.execute(
        "SELECT set_config(name, %s, false) FROM unnest(%s::text[]) AS name"
        " WHERE current_setting(name, true) IS NOT NULL",
        [value, LIMITS],
    )
