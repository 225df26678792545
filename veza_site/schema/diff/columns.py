"""Differences of columns."""

import re
from collections.abc import Iterator
from dataclasses import replace

from veza_site.schema.catalog import Catalog, Column, Table
from veza_site.schema.ddl import (
    column_definition,
    constraint_definition,
    quote,
)
from veza_site.schema.diff.difference import (
    LOSES,
    MISSING,
    REWRITES,
    Difference,
    remarked,
    renamed_items,
    renaming,
)


def surplus(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the columns that a table should not have, each before those that it is made of."""
    renamed = _renamed(table, found)
    for column in sorted(found.columns.values(), key=lambda column: not column.generated):
        if column.name not in table.columns and column.name not in renamed.values():
            yield Difference(
                f"column {table.name}.{column.name}",
                "no such column",
                _describe_column(column),
                "added by hand, or by a migration that this code does not have",
                remarked(
                    LOSES,
                    f"ALTER TABLE {quote(expected.schema, table.name)}"
                    f" DROP COLUMN IF EXISTS {quote(column.name)};",
                ),
            )


def wanted(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the columns of a table that are missing, and those that are others."""
    alter = f"ALTER TABLE {quote(expected.schema, table.name)}"
    renamed = _renamed(table, found)
    for column in table.columns.values():
        name = f"column {table.name}.{column.name}"
        there = found.columns.get(column.name)
        if column.name in renamed:
            old = renamed[column.name]
            rename = f"{alter} RENAME COLUMN {quote(old)} TO {quote(column.name)};"
            cause, mend = renaming(old, column.name, rename)
            yield Difference(name, column_definition(column), MISSING, cause, mend)
        elif there is None:
            cause = "dropped with what it held, or its migration was not run here"
            mend = f"{alter} ADD COLUMN {column_definition(column)};"
            if not column.nullable and column.default is None and not column.generated:
                mend = remarked(
                    "Only where the table has no rows, which would have no value.", mend
                )
            elif _is_volatile(column):
                mend = remarked(REWRITES, mend)
            yield Difference(name, column_definition(column), MISSING, cause, mend)
        elif there != column:
            yield Difference(
                name,
                _describe_column(column),
                _describe_column(there),
                None,
                _made_anew(alter, table, found, column)
                if "VIRTUAL" in there.properties and not column.generated
                else _alter_column(alter, column, there),
            )


def _renamed(table: Table, found: Table) -> dict[str, str]:
    """Return the new name of the one column that is missing if the one unexpected is the same."""
    missing = table.columns.keys() - found.columns.keys()
    surplus = found.columns.keys() - table.columns.keys()
    if len(missing) > 1 or len(surplus) > 1:
        return {}
    return renamed_items(table.columns, found.columns, lambda column: replace(column, name=""))


def _describe_column(column: Column) -> str:
    tuning = [item for item in column.properties if " " in item or "=" in item]
    return " ".join([column_definition(column), *(f"[{item}]" for item in tuning)])


def _is_volatile(column: Column) -> bool:
    """Return whether each row has to be written to get a new column's default."""
    return column.generated or column.identity or "gen_random_uuid" in (column.default or "")


def _made_anew(alter: str, table: Table, found: Table, column: Column) -> str:
    """Return the SQL that makes a column anew, where it holds nothing, with its constraints."""
    steps = [
        f"{alter} DROP COLUMN {quote(column.name)};",
        f"{alter} ADD COLUMN {column_definition(column)};",
        *(
            f"{alter} ADD {constraint_definition(item)};"
            for item in table.constraints.values()
            if column.name in item.columns and found.constraints.get(item.name) == item
        ),
    ]
    return " ".join(["BEGIN;", *steps, "COMMIT;"])


def _alter_column(alter: str, column: Column, found: Column) -> str:
    """Return the SQL that makes a column what it should be."""
    this = f"{alter} ALTER COLUMN {quote(column.name)}"
    steps, remarks = [], []
    if (column.generated, column.identity) != (found.generated, found.identity):
        if found.identity and not column.generated:
            steps.append(f"{this} DROP IDENTITY;")
        elif found.generated and not column.identity:
            steps.append(f"{this} DROP EXPRESSION;")
        else:
            return "-- No statement alone: the column has to be made anew. Write a migration."
        of_it = {"ALWAYS", "BY DEFAULT", "STORED", "VIRTUAL"}
        properties = tuple(item for item in found.properties if item not in of_it)
        found = replace(found, default=None, properties=properties)
    if column.type != found.type:
        if not _is_wider(column, found):
            remarks.append(REWRITES)
        # Across the change of type a default could not be converted by itself.
        if found.default is not None:
            steps.append(f"{this} DROP DEFAULT;")
        steps.append(f"{this} TYPE {column.type}{_using(column, found)};")
    if column.default is None and found.default is not None and column.type == found.type:
        steps.append(f"{this} DROP DEFAULT;")
    elif column.default is not None and (
        column.default != found.default or column.type != found.type
    ):
        steps.append(f"{this} SET DEFAULT {column.default};")
    if column.nullable and not found.nullable:
        steps.append(f"{this} DROP NOT NULL;")
    elif found.nullable and not column.nullable:
        name = quote(column.name)
        if column.default is not None:
            table = alter.removeprefix("ALTER TABLE ")
            steps.append(f"UPDATE {table} SET {name} = DEFAULT WHERE {name} IS NULL;")
        else:
            remarks.append("Rows that have no value have to get one first.")
        # With a CHECK that is validated, SET NOT NULL does not read the table under its lock.
        check = quote(f"{column.name[:50]}_has_a_value")
        steps += [
            f"{alter} DROP CONSTRAINT IF EXISTS {check},"
            f" ADD CONSTRAINT {check} CHECK ({name} IS NOT NULL) NOT VALID;",
            f"{alter} VALIDATE CONSTRAINT {check};",
            f"{this} SET NOT NULL;",
            f"{alter} DROP CONSTRAINT {check};",
        ]
    for item in found.properties:
        if item not in column.properties:
            steps.append(
                f"{alter} ALTER {item.replace(' NO INHERIT', ' INHERIT')};"
                if item.endswith(" NO INHERIT")
                else f"{this} {_column_default_of(item, column.type)};"
            )
    for item in column.properties:
        if item not in found.properties:
            steps.append(f"{this} SET {f'({item})' if '=' in item else item};")
    return "".join(f"-- {remark}\n" for remark in remarks) + " ".join(steps)


def _is_wider(column: Column, found: Column) -> bool:
    """Return whether a type only allows more letters, which rewrites nothing."""
    lengths = [re.fullmatch(r"character varying\((\d+)\)", item.type) for item in (column, found)]
    return all(lengths) and int(lengths[0][1]) >= int(lengths[1][1])


def _using(column: Column, found: Column) -> str:
    """
    Return how the values of a column become those of its type, where they do not by themselves.

    All can become text, and what is too long is refused; a cast that is written out would cut it.
    """
    type, _, _ = column.type.partition(" COLLATE ")
    if type.startswith(_TEXTS) and (not type.endswith("[]") or found.type.startswith(_TEXTS)):
        return ""
    return f" USING {quote(column.name)}::text::{type}"


_TEXTS = ("character", "text")


def _column_default_of(item: str, type: str) -> str:
    """Return what takes a property of a column back to what a new column has."""
    what, _, _ = item.partition(" ")
    if "=" in item:
        return f"RESET ({item.partition('=')[0]})"
    if what == "STORAGE":  # DEFAULT is known only from PostgreSQL 16 on
        return f"SET STORAGE {'MAIN' if type in _STORED_MAIN else 'EXTENDED'}"
    return "SET STATISTICS -1" if what == "STATISTICS" else f"SET {what} DEFAULT"


# The types of variable length that are not EXTENDED of themselves.
_STORED_MAIN = ("inet", "cidr", "numeric")
