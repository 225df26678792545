"""Compares the constraints of a table; UNIQUE is among the indexes."""

from collections.abc import Callable, Iterator, Sequence

from veza_site.postgresql.names import temporary_name
from veza_site.schema.catalog import Catalog, Constraint, Table
from veza_site.schema.ddl import constraint_definition, quote
from veza_site.schema.diff.difference import MISSING, Difference, find_renamed


def compare_primary_key(
    expected: Catalog, table: Table, found: Table, keys_to_here: list[tuple[str, str, str]]
) -> Iterator[Difference]:
    """
    Yield a table's primary key if it is missing or different.

    `keys_to_here` are the foreign keys of other schemas that refer to it.
    """
    yield from _compare(
        expected, table, found, lambda item: item.kind == "primary key", keys_to_here
    )


def compare_others(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the other constraints of a table that are missing or different."""
    yield from _compare(expected, table, found, lambda item: item.kind != "primary key")


def find_surplus_foreign_keys(
    expected: Catalog, table: Table, found: Table
) -> Iterator[Difference]:
    """Yield the foreign keys that a table should not have."""
    yield from _find_surplus(expected, table, found, lambda item: item.kind == "foreign key")


def find_surplus_others(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the other constraints that a table should not have."""
    yield from _find_surplus(expected, table, found, lambda item: item.kind != "foreign key")


def _find_renamed(table: Table, found: Table) -> dict[str, str]:
    return find_renamed(table.constraints, found.constraints, lambda item: item.definition)


def _find_surplus(
    expected: Catalog, table: Table, found: Table, chosen: Callable[[Constraint], bool]
) -> Iterator[Difference]:
    alter = f"ALTER TABLE {quote(expected.schema, table.name)}"
    renamed = _find_renamed(table, found)
    for item in filter(chosen, found.constraints.values()):
        if item.name not in table.constraints and item.name not in renamed.values():
            yield Difference(
                f"constraint {table.name}.{item.name}",
                "no such constraint",
                item.definition,
                "added by hand, or by a migration that this code does not have",
                f"{alter} DROP CONSTRAINT IF EXISTS {quote(item.name)};",
            )


def _compare(
    expected: Catalog,
    table: Table,
    found: Table,
    chosen: Callable[[Constraint], bool],
    keys_to_here: Sequence[tuple[str, str, str]] = (),
) -> Iterator[Difference]:
    alter = f"ALTER TABLE {quote(expected.schema, table.name)}"
    renamed = _find_renamed(table, found)
    for item in filter(chosen, table.constraints.values()):
        name = f"constraint {table.name}.{item.name}"
        there = found.constraints.get(item.name)
        if item.name in renamed:
            old = renamed[item.name]
            mend = f"{alter} RENAME CONSTRAINT {quote(old)} TO {quote(item.name)};"
            yield Difference(name, item.definition, MISSING, f"renamed to {old}", mend)
        elif (
            there is None
            or there.definition != item.definition
            or _has_other_index(table, found, item)
        ):
            is_key = item.kind == "primary key"
            mend = (
                _make_primary_key(expected, table, item, keys_to_here)
                if is_key
                else _set_constraint(alter, item)
            )
            cause = "changed by hand, or by a migration that did not run here"
            if there is None:
                cause = "dropped, perhaps for a bulk load or with its column"
            elif there.definition == f"{item.definition} NOT VALID":
                mend = f"{alter} VALIDATE CONSTRAINT {quote(item.name)};"
                cause = "added as NOT VALID and never validated"
            elif not there.enforced:
                cause = "switched off by hand (NOT ENFORCED)"
            was = there.definition if there else MISSING
            if was == item.definition:
                was = f"{was}, with a different or an invalid index"
            yield Difference(name, item.definition, was, cause, mend)


def _has_other_index(table: Table, found: Table, key: Constraint) -> bool:
    """Return whether a primary key has a different or an invalid index."""
    ours, theirs = table.indexes.get(key.name), found.indexes.get(key.name)
    if key.kind != "primary key" or ours is None or theirs is None:
        return False
    return (ours.definition, ours.valid) != (theirs.definition, theirs.valid)


def _set_constraint(alter: str, item: Constraint) -> str:
    """
    Return the SQL that adds a constraint, replacing any other one of its name.

    One statement does both, so that the rows are never without it, and holds its locks only for a
    moment.
    """
    set_it = (
        f"{alter} DROP CONSTRAINT IF EXISTS {quote(item.name)}, ADD {constraint_definition(item)}"
    )
    if item.kind in ("foreign key", "check") and item.validated:
        return f"{set_it} NOT VALID; {alter} VALIDATE CONSTRAINT {quote(item.name)};"
    return f"{set_it};"


def _make_primary_key(
    expected: Catalog,
    table: Table,
    key: Constraint,
    keys_to_here: Sequence[tuple[str, str, str]],
) -> str:
    """
    Return the SQL that makes a table's primary key, replacing any other one.

    Its index is built first, while others write. The foreign keys to the table, those of other
    schemas too, are dropped with the old key and added again in the same transaction.
    """
    on_table = quote(expected.schema, table.name)
    new = temporary_name(key.name)
    columns = ", ".join(map(quote, key.columns))
    keys = [
        (quote(expected.schema, other.name), quote(item.name), item.definition)
        for other in expected.tables.values()
        for item in other.constraints.values()
        if item.references == on_table
    ]
    keys += [(other, name, text.removesuffix(" NOT VALID")) for other, name, text in keys_to_here]
    return " ".join(
        [
            f"DROP INDEX CONCURRENTLY IF EXISTS {quote(expected.schema, new)};",
            f"CREATE UNIQUE INDEX CONCURRENTLY {quote(new)} ON {on_table} ({columns});",
            "BEGIN; SET LOCAL lock_timeout = '2s';",
            f"ALTER TABLE {on_table} DROP CONSTRAINT IF EXISTS {quote(key.name)} CASCADE;",
            f"DROP INDEX IF EXISTS {quote(expected.schema, key.name)};",
            f"ALTER TABLE {on_table} ADD CONSTRAINT {quote(key.name)}"
            f" PRIMARY KEY USING INDEX {quote(new)};",
            *(
                f"ALTER TABLE IF EXISTS {other} DROP CONSTRAINT IF EXISTS {name},"
                f" ADD CONSTRAINT {name} {definition} NOT VALID;"
                for other, name, definition in keys
            ),
            "COMMIT;",
            *(
                f"ALTER TABLE IF EXISTS {other} VALIDATE CONSTRAINT {name};"
                for other, name, _ in keys
            ),
        ]
    )
