"""Rows in plain SQL, as another service would write them, for any table of the catalog."""

import itertools
import re
from collections.abc import Callable, Container
from typing import Any

from django.db import connection

from veza_site.schema.catalog import Catalog, Column, Constraint, Table
from veza_site.schema.reader import read_catalog

_numbers = itertools.count(1)
_first: "Rows | None" = None

Guesses = dict[tuple[str, str], Callable[[int], int]]

# What to make values from, for a number: itself, or a small one where a CHECK has a bound. The
# first whose values are accepted for all of TRIED is taken.
GUESSES = [
    lambda number: number,
    lambda number: number % 10 + 1,
    lambda number: number % 2,
    lambda _: 0,
    lambda _: -1,
]
TRIED = [*range(1, 12), 1_000_000]

# What a CHECK accepts and can't be guessed, by "<table>.<column>": a function of a number that
# returns another value for each.
ACCEPTED: dict[str, Callable[[int], Any]] = {}


class Rows:
    """
    Inserts rows that every constraint accepts, into the database of `cursor`.

    Columns with a default get it, nullable ones are NULL, the others a value of their type, and a
    required foreign key a new row of the other table.
    """

    def __init__(self, cursor: Any, like: "Rows | None" = None) -> None:
        """Read the catalog, or take what other Rows have read."""
        self.cursor = cursor
        self.catalog: Catalog = like.catalog if like else read_catalog(cursor)
        self._guesses: Guesses = like._guesses if like else {}

    def insert(self, table_name: str, **values: Any) -> Any:
        """Insert a row with `values` given and the rest made up, and return its id."""
        values = self.required(table_name, but=values) | values
        columns = ", ".join(f'"{column}"' for column in values)
        self.cursor.execute(
            f"INSERT INTO {table_name} ({columns}) VALUES ({', '.join(['%s'] * len(values))}) "
            "RETURNING id",
            list(values.values()),
        )
        return self.cursor.fetchone()[0]

    def required(self, table_name: str, but: Container[str] = ()) -> dict[str, Any]:
        """Return values for the columns of a table that must be given, `but` for those named."""
        table = self.catalog.tables[table_name]
        return {
            column.name: self.value(table, column.name)
            for column in table.columns.values()
            if not column.nullable and column.default is None and column.name not in but
        }

    def value(self, table: Table, column_name: str) -> Any:
        """Return a value that the column accepts, another one at each call where it can be."""
        for constraint in table.constraints.values():
            if constraint.kind == "foreign key" and constraint.columns == (column_name,):
                return self.insert(constraint.references.split(".")[-1])
        number = next(_numbers)
        if known := ACCEPTED.get(f"{table.name}.{column_name}"):
            return known(number)
        column = table.columns[column_name]
        return self._of_type(column.type, self._guess(table, column)(number))

    def _guess(self, table: Table, column: Column) -> Callable[[int], int]:
        """Return the first of GUESSES whose values the CHECKs of the column accept."""
        checks = [
            constraint
            for constraint in table.constraints.values()
            if constraint.kind == "check" and constraint.columns == (column.name,)
        ]
        if not checks:
            return GUESSES[0]
        if (table.name, column.name) not in self._guesses:
            for guess in GUESSES:
                values = [self._of_type(column.type, guess(number)) for number in TRIED]
                if all(self._accepts(check, column, values) for check in checks):
                    self._guesses[table.name, column.name] = guess
                    break
            else:
                raise AssertionError(
                    f"{checks[0].name} refuses what tests/support/rows.py makes up for "
                    f"{table.name}.{column.name}: add a function that makes "
                    "what it accepts to ACCEPTED there."
                )
        return self._guesses[table.name, column.name]

    def _accepts(self, check: Constraint, column: Column, values: list[Any]) -> bool:
        """Return whether a CHECK of one column accepts these values."""
        condition = check.definition.removeprefix("CHECK ").removesuffix(" NOT VALID")
        made_up = f'unnest(%s::{column.type}[]) AS made_up("{column.name}")'
        accepted = self.fetch(f"SELECT bool_and{condition} FROM {made_up}", values)
        return accepted is not False

    def _of_type(self, column_type: str, number: int) -> Any:
        if match := re.fullmatch(r"character varying\((\d+)\)", column_type):
            return f"text{number}"[-int(match[1]) :]
        if column_type.removeprefix("public.") in self.catalog.enums:
            return self.catalog.enums[column_type.removeprefix("public.")][0]
        values = {
            "text": f"text{number}",
            "integer": number,
            "bigint": number,
            "smallint": number % 10,
            "boolean": False,
            "timestamp with time zone": "2030-01-01T00:00:00Z",
            "inet": "192.0.2.1",
            "jsonb": "{}",
        }
        if column_type not in values:
            raise AssertionError(
                f"tests/support/rows.py makes up no {column_type}: add one to Rows._of_type there."
            )
        return values[column_type]

    def fetch(self, query: str, *parameters: Any) -> Any:
        """Return the first column of the query's first row, or None where there is no row."""
        self.cursor.execute(query, parameters)
        row = self.cursor.fetchone()
        return row[0] if row else None


def rows() -> Rows:
    """
    Return Rows on Django's connection, of V1 as it was when this process first asked for some.

    Reading the catalog takes longer than what most tests do with the rows. A test that changes a
    table's columns makes its own Rows.
    """
    global _first
    _first = made = Rows(connection.cursor(), like=_first)
    return made
