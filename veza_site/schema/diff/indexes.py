"""Compares the indexes of a table."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from veza_site.schema.catalog import Catalog, Index, Table
from veza_site.schema.ddl import create_index, drop_index, make_beside, quote, take_place
from veza_site.schema.diff.difference import MISSING, Difference

# Who made an index that the Standard did not name, by its name.
INDEX_NAMES = [
    (r"_ccnew\d*$", "left by a REINDEX CONCURRENTLY that failed"),
    (r"_ccold\d*$", "left by a REINDEX CONCURRENTLY that failed in its last step"),
    (r"_new$", "left by SQL of `schema diff` that failed"),
    (r"_(idx|key|excl)\d*$", "made by hand: PostgreSQL named it"),
    (r"^ix_", "made by SQLAlchemy"),
    (r"^index_.*_on_", "made by Rails"),
    (r"_[0-9a-f]{8}(_like|_uniq)?$", "made and named by Django"),
]


def find_surplus(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the indexes that a table should not have."""
    ours, theirs = _list_secondary(table), _list_secondary(found)
    renamed = _find_renamed(ours, theirs)
    for index in theirs.values():
        # One that has the name of the primary key's is replaced with that.
        if index.name not in {*table.indexes, *renamed.values()}:
            cause = next(
                (cause for pattern, cause in INDEX_NAMES if re.search(pattern, index.name)),
                "made by hand, or by a migration that this code does not have",
            )
            yield Difference(
                f"index {index.name}",
                "no such index",
                _describe_index(index) + ("" if index.valid else " (invalid)"),
                cause,
                drop_index(expected.schema, table.name, index),
            )


def lacks_uniqueness(table: Table, found: Table) -> bool:
    """Return whether a table lacks a UNIQUE index, in whose place a surplus one may serve."""
    ours, theirs = _list_secondary(table), _list_secondary(found)
    there = {index.name: _essence_of_index(index) for index in theirs.values()}
    keys = [item for item in table.constraints.values() if item.kind == "primary key"]
    return any(found.constraints.get(key.name) != key for key in keys) or any(
        index.unique and there.get(index.name) != _essence_of_index(index)
        for index in ours.values()
    )


def compare(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the indexes of a table that are missing or different."""
    schema = expected.schema
    ours, theirs = _list_secondary(table), _list_secondary(found)
    renamed = _find_renamed(ours, theirs)
    changed = [
        index
        for index in ours.values()
        if index.name in theirs
        and _essence_of_index(theirs[index.name]) != _essence_of_index(index)
    ]
    for index in ours.values():
        name = f"index {index.name}"
        there = theirs.get(index.name)
        words = _describe_index(index)
        if index.name in renamed:
            old = renamed[index.name]
            mend = f"ALTER INDEX {quote(schema, old)} RENAME TO {quote(index.name)};"
            yield Difference(name, words, MISSING, f"renamed to {old}", mend)
        elif there is None:
            cause = "dropped, perhaps for a bulk load or with its column"
            yield Difference(name, words, MISSING, cause, _create_index(expected, table, index))
        elif index not in changed and there.valid != index.valid:
            cause = "a CREATE INDEX CONCURRENTLY or REINDEX that failed or is still running"
            mend = f"REINDEX INDEX CONCURRENTLY {quote(schema, index.name)};"
            yield Difference(name, words, f"{_describe_index(there)} (invalid)", cause, mend)
    # All are built before the first takes its place: the one that it replaces may be what keeps the
    # columns of another unique.
    first = " ".join(_make_beside(expected, table, index) for index in changed)
    for index in changed:
        constraint = _constraint(index) if index.deferrable else None
        yield Difference(
            f"index {index.name}",
            _describe_index(index),
            _describe_index(theirs[index.name]),
            "made by hand under the name of this one",
            f"{first} {take_place(schema, table.name, index.name, constraint)}".strip(),
        )
        first = ""


def compare_tuning(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the indexes of a table that are tuned differently, primary keys' too."""
    for index in table.indexes.values():
        there = found.indexes.get(index.name)
        if there is None or there.properties == index.properties:
            continue
        alter = f"ALTER INDEX {quote(expected.schema, index.name)}"
        steps = [
            f"{alter} {_reset(item)};" for item in there.properties if item not in index.properties
        ]
        steps += [
            f"{alter} {_tune(item)};" for item in index.properties if item not in there.properties
        ]
        yield Difference(
            f"index {index.name}",
            ", ".join(index.properties) or "nothing set",
            ", ".join(there.properties) or "nothing set",
            "tuned by hand",
            " ".join(steps),
            is_tuning=True,
        )


def _reset(item: str) -> str:
    if item.startswith("COLUMN "):
        return f"ALTER {item.rpartition(' ')[0].replace('STATISTICS', 'SET STATISTICS')} -1"
    return f"RESET ({item.partition('=')[0]})"


def _tune(item: str) -> str:
    if item.startswith("COLUMN "):
        return f"ALTER {item.replace('STATISTICS', 'SET STATISTICS')}"
    return f"SET ({item})"


def _list_secondary(table: Table) -> dict[str, Index]:
    return {name: index for name, index in table.indexes.items() if not index.primary}


def _find_renamed(ours: dict[str, Index], theirs: dict[str, Index]) -> dict[str, str]:
    """
    Return the new name of each missing index that equals an unexpected one.

    If several are equal, any of them will do: an index holds nothing of its own.
    """
    left = {index.name: index for index in theirs.values() if index.name not in ours}
    renamed = {}
    for index in ours.values():
        if index.name in theirs:
            continue
        for name, other in left.items():
            if other.valid and _essence_of_index(other) == _essence_of_index(index):
                renamed[index.name] = name
                del left[name]
                break
    return renamed


def _essence_of_index(index: Index) -> tuple[Any, ...]:
    """Return all of an index except its name, its tuning and whether it is valid."""
    _, _, what = index.definition.partition(" ON ")
    return what, index.unique, index.deferrable, index.deferred


def _describe_index(index: Index) -> str:
    deferred = " INITIALLY DEFERRED" if index.deferred else ""
    return index.definition + (f" DEFERRABLE{deferred}" if index.deferrable else "")


def _create_index(expected: Catalog, table: Table, index: Index) -> str:
    """Return the SQL that builds an index, or a UNIQUE constraint, while others write."""
    create = create_index(expected, table, replace(index, deferrable=False), "CONCURRENTLY")
    if index.deferrable:
        constraint = _constraint(index).replace("…", quote(index.name))
        alter = f"ALTER TABLE {quote(expected.schema, table.name)}"
        return f"{create} {alter} ADD CONSTRAINT {quote(index.name)} {constraint};"
    return create


def _constraint(index: Index) -> str:
    """Return the clause that makes an index, named …, a deferrable UNIQUE constraint."""
    return (
        f"UNIQUE USING INDEX … DEFERRABLE INITIALLY {'DEFERRED' if index.deferred else 'IMMEDIATE'}"
    )


def _make_beside(expected: Catalog, table: Table, index: Index) -> str:
    """Return the SQL that builds an index beside another one of its name."""

    def create(name: str) -> str:
        definition = index.definition.replace(f" {quote(index.name)} ON ", f" {quote(name)} ON ", 1)
        made = replace(index, deferrable=False, definition=definition)
        return create_index(expected, table, made, "CONCURRENTLY")

    return make_beside(expected.schema, index.name, create)
