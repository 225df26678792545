"""Statements that look rows up by what refers to them, at most so many, on tables of any size."""

from typing import Any

from django.db import connection, transaction

ONLY_INDEXES = ("enable_seqscan", "enable_bitmapscan", "jit")


def looked_up(query: str, parameters: Any = None) -> tuple[Any, ...]:
    """
    Return the first row of a query that finds each of its rows in an index, up to a limit.

    The planner may not choose otherwise. It thinks of a column with few values that any of them is
    soon met, and reads the whole of the table for one that no row has; it fetches all that match by
    a bitmap, where the first thousand would do; and it compiles for longer than it then works.

    Three statements, in a transaction; the settings are as before afterwards.
    """
    off = ", ".join(f"set_config('{name}', 'off', true)" for name in ONLY_INDEXES)
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(f"SELECT {off}")
        cursor.execute(query, parameters)
        row = cursor.fetchone()
        cursor.execute("; ".join(f"SET LOCAL {name} TO DEFAULT" for name in ONLY_INDEXES))
    return row
