"""Differences of constraints."""

from collections.abc import Callable, Iterator

from veza_site.catalog import Catalog, Constraint, Table
from veza_site.ddl import (
    constraint_definition,
    quote,
)
from veza_site.differences.difference import MISSING, Difference, renamed_items


def primary_key(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield whether a table's primary key is missing or another."""
    yield from _wanted(expected, table, found, lambda item: item.kind == "primary key")


def others_wanted(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the other constraints that are missing or others; UNIQUE is among the indexes."""
    yield from _wanted(expected, table, found, lambda item: item.kind != "primary key")


def foreign_keys_surplus(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the foreign keys that a table should not have."""
    yield from _surplus(expected, table, found, lambda item: item.kind == "foreign key")


def others_surplus(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the other constraints that a table should not have."""
    yield from _surplus(expected, table, found, lambda item: item.kind != "foreign key")


def _renamed(table: Table, found: Table) -> dict[str, str]:
    return renamed_items(table.constraints, found.constraints, lambda item: item.definition)


def _surplus(
    expected: Catalog, table: Table, found: Table, chosen: Callable[[Constraint], bool]
) -> Iterator[Difference]:
    alter = f"ALTER TABLE {quote(expected.schema, table.name)}"
    renamed = _renamed(table, found)
    for item in filter(chosen, found.constraints.values()):
        if item.name not in table.constraints and item.name not in renamed.values():
            yield Difference(
                f"constraint {table.name}.{item.name}",
                "no such constraint",
                item.definition,
                "added by hand, or by a migration that this code does not have",
                f"{alter} DROP CONSTRAINT IF EXISTS {quote(item.name)};",
            )


def _wanted(
    expected: Catalog, table: Table, found: Table, chosen: Callable[[Constraint], bool]
) -> Iterator[Difference]:
    alter = f"ALTER TABLE {quote(expected.schema, table.name)}"
    renamed = _renamed(table, found)
    for item in filter(chosen, table.constraints.values()):
        name = f"constraint {table.name}.{item.name}"
        there = found.constraints.get(item.name)
        drop = f"{alter} DROP CONSTRAINT IF EXISTS {quote(item.name)}"
        if item.name in renamed:
            old = renamed[item.name]
            mend = f"{alter} RENAME CONSTRAINT {quote(old)} TO {quote(item.name)};"
            yield Difference(name, item.definition, MISSING, f"renamed to {old}", mend)
        elif there is None:
            cause = "dropped, perhaps for a bulk load, or with its column"
            yield Difference(name, item.definition, MISSING, cause, _add_constraint(alter, item))
        elif there.definition == f"{item.definition} NOT VALID":
            mend = f"{alter} VALIDATE CONSTRAINT {quote(item.name)};"
            cause = "added NOT VALID and never validated"
            yield Difference(name, item.definition, there.definition, cause, mend)
        elif there.definition != item.definition and item.kind == "primary key":
            # The foreign keys to it go with it.
            again = [f"{drop} CASCADE;", _add_constraint(alter, item)]
            to_here = quote(expected.schema, table.name)
            for other in expected.tables.values():
                on_other = f"ALTER TABLE {quote(expected.schema, other.name)}"
                again += [
                    f"{on_other} DROP CONSTRAINT IF EXISTS {quote(key.name)}; "
                    + _add_constraint(on_other, key)
                    for key in other.constraints.values()
                    if key.references == to_here
                ]
            yield Difference(name, item.definition, there.definition, None, " ".join(again))
        elif there.definition != item.definition:
            mend = f"{drop}; {_add_constraint(alter, item)}"
            cause = "changed by hand, or by a migration that was not run here"
            yield Difference(name, item.definition, there.definition, cause, mend)


def _add_constraint(alter: str, item: Constraint) -> str:
    """Return the SQL that adds a constraint, holding its locks for a moment only where it can."""
    add = f"{alter} ADD {constraint_definition(item)}"
    if item.kind in ("foreign key", "check") and item.validated:
        return f"{add} NOT VALID; {alter} VALIDATE CONSTRAINT {quote(item.name)};"
    return f"{add};"
