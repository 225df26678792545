"""Rows in plain SQL, as another service would write them, for any table of the catalog."""

import itertools
import re
from collections.abc import Container
from typing import Any

from django.db import connection

from veza_site.catalog import Catalog, Table, read_catalog

_numbers = itertools.count(1)


class Rows:
    """
    Inserts rows that every constraint accepts, into the database of `cursor`.

    Columns with a default get it, nullable ones are NULL, the others a value of their type, and a
    required foreign key a new row of the other table.
    """

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor
        self.catalog: Catalog = read_catalog(cursor)

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
        column_type = table.columns[column_name].type
        number = next(_numbers)
        if match := re.fullmatch(r"character varying\((\d+)\)", column_type):
            return f"text{number}"[-int(match[1]) :]
        if column_type.removeprefix("public.") in self.catalog.enums:
            return self.catalog.enums[column_type.removeprefix("public.")][0]
        return {
            "text": f"text{number}",
            "integer": number,
            "bigint": number,
            "smallint": 1,
            "boolean": False,
            "timestamp with time zone": "2030-01-01T00:00:00Z",
            "inet": "192.0.2.1",
            "jsonb": "{}",
        }[column_type]

    def fetch(self, query: str, *parameters: Any) -> Any:
        """Return the first column of the query's first row, or None where there is no row."""
        self.cursor.execute(query, parameters)
        row = self.cursor.fetchone()
        return row[0] if row else None


def rows() -> Rows:
    """Return Rows on Django's connection."""
    return Rows(connection.cursor())
