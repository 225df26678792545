"""Compares the columns of a table."""

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
    add_remark,
    explain_renaming,
    find_renamed,
)


def find_surplus(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the columns that a table should not have, generated ones before what they use."""
    renamed = _find_renamed(table, found)
    for column in sorted(found.columns.values(), key=lambda column: not column.generated):
        if column.name not in table.columns and column.name not in renamed.values():
            yield Difference(
                f"column {table.name}.{column.name}",
                "no such column",
                _describe_column(column),
                "added by hand, or by a migration that this code does not have",
                add_remark(
                    LOSES,
                    f"ALTER TABLE {quote(expected.schema, table.name)}"
                    f" DROP COLUMN IF EXISTS {quote(column.name)};",
                ),
            )


def compare(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the columns of a table that are missing or different."""
    alter = f"ALTER TABLE {quote(expected.schema, table.name)}"
    renamed = _find_renamed(table, found)
    for column in table.columns.values():
        name = f"column {table.name}.{column.name}"
        there = found.columns.get(column.name)
        if column.name in renamed:
            old = renamed[column.name]
            rename = f"{alter} RENAME COLUMN {quote(old)} TO {quote(column.name)};"
            cause, mend = explain_renaming(old, column.name, rename)
            yield Difference(name, column_definition(column), MISSING, cause, mend)
        elif there is None:
            cause = "dropped with what it held, or its migration did not run here"
            mend = f"{alter} ADD COLUMN {column_definition(column)};"
            if not column.nullable and column.default is None and not column.generated:
                mend = add_remark("Only if the table has no rows: they would have no value.", mend)
            elif _is_volatile(column):
                mend = add_remark(REWRITES, mend)
            yield Difference(name, column_definition(column), MISSING, cause, mend)
        elif there != column:
            yield Difference(
                name,
                _describe_column(column),
                _describe_column(there),
                None,
                _make_anew(alter, table, found, column)
                if "VIRTUAL" in there.properties and not column.generated
                else _alter_column(alter, column, there),
            )


def _find_renamed(table: Table, found: Table) -> dict[str, str]:
    """Return the new name of the one missing column, if the one unexpected column equals it."""
    missing = table.columns.keys() - found.columns.keys()
    surplus = found.columns.keys() - table.columns.keys()
    if len(missing) > 1 or len(surplus) > 1:
        return {}
    return find_renamed(table.columns, found.columns, lambda column: replace(column, name=""))


def _describe_column(column: Column) -> str:
    tuning = [item for item in column.properties if " " in item or "=" in item]
    return " ".join([column_definition(column), *(f"[{item}]" for item in tuning)])


def _is_volatile(column: Column) -> bool:
    """Return whether a new column's default differs by row, so that every row is written."""
    return column.generated or column.identity or "gen_random_uuid" in (column.default or "")


def _make_anew(alter: str, table: Table, found: Table, column: Column) -> str:
    """Return the SQL that drops a column that stores nothing and adds it, with its constraints."""
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
            return (
                "-- No single statement: the column has to be dropped and added. Write a migration."
            )
        of_it = {"ALWAYS", "BY DEFAULT", "STORED", "VIRTUAL"}
        properties = tuple(item for item in found.properties if item not in of_it)
        found = replace(found, default=None, properties=properties)
    if column.type != found.type:
        if not _is_wider(column, found):
            remarks.append(REWRITES)
        # PostgreSQL might be unable to convert the default to the new type.
        if found.default is not None:
            steps.append(f"{this} DROP DEFAULT;")
        steps.append(f"{this} TYPE {column.type}{_convert(column, found)};")
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
            remarks.append("Rows without a value have to get one first.")
        # With a validated CHECK, SET NOT NULL does not read the table while it holds its lock.
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
                else f"{this} {_reset(item, column.type)};"
            )
    for item in column.properties:
        if item not in found.properties:
            steps.append(f"{this} SET {f'({item})' if '=' in item else item};")
    return "".join(f"-- {remark}\n" for remark in remarks) + " ".join(steps)


def _is_wider(column: Column, found: Column) -> bool:
    """Return whether a type only allows more characters, which rewrites nothing."""
    pattern = r"character varying\((\d+)\)"
    ours, theirs = re.fullmatch(pattern, column.type), re.fullmatch(pattern, found.type)
    return ours is not None and theirs is not None and int(ours[1]) >= int(theirs[1])


def _convert(column: Column, found: Column) -> str:
    """
    Return the USING clause that converts a column's values, if PostgreSQL needs one.

    To text everything converts without one. A value that is too long is then refused; an explicit
    cast would cut it off.
    """
    target, _, _ = column.type.partition(" COLLATE ")
    if target.startswith(_TEXTS) and (not target.endswith("[]") or found.type.startswith(_TEXTS)):
        return ""
    return f" USING {quote(column.name)}::text::{target}"


_TEXTS = ("character", "text")


def _reset(item: str, target: str) -> str:
    """Return the clause that resets a property of a column to what a new column has."""
    what, _, _ = item.partition(" ")
    if "=" in item:
        return f"RESET ({item.partition('=')[0]})"
    if what == "STORAGE":  # only PostgreSQL 16 and later know DEFAULT
        return f"SET STORAGE {'MAIN' if target in _STORED_MAIN else 'EXTENDED'}"
    return "SET STATISTICS -1" if what == "STATISTICS" else f"SET {what} DEFAULT"


# The types of variable length whose default is not EXTENDED.
_STORED_MAIN = ("inet", "cidr", "numeric")
