"""Statements that look rows up by what refers to them, at most so many, on tables of any size."""

from typing import Any

from django.db import connection, transaction

ONLY_INDEXES = ("enable_seqscan", "enable_bitmapscan", "jit")


def look_up(query: str, parameters: Any = None) -> tuple[Any, ...]:
    """
    Return the first row of a query that finds all its rows in indexes, up to a limit.

    Left alone, the planner scans the table for a rare value, fetches all matches by a bitmap where
    the first thousand would do, and spends longer in JIT than in the query.

    Statements: 3, in a transaction, which leaves the settings as they were.
    """
    off = ", ".join(f"set_config('{name}', 'off', true)" for name in ONLY_INDEXES)
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(f"SELECT {off}")
        cursor.execute(query, parameters)
        row: tuple[Any, ...] = cursor.fetchone()
        cursor.execute("; ".join(f"SET LOCAL {name} TO DEFAULT" for name in ONLY_INDEXES))
    return row
