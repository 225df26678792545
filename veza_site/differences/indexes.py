"""Differences of indexes."""

import re
from collections.abc import Iterator
from typing import Any

from veza_site.catalog import Catalog, Index, Table
from veza_site.ddl import (
    create_index,
    quote,
)
from veza_site.differences.difference import MISSING, Difference, renamed_items

# The names that people and tools give to indexes where the Standard does not.
INDEX_NAMES = [
    (r"_ccnew\d*$", "left by a REINDEX CONCURRENTLY that failed"),
    (r"_ccold\d*$", "left by a REINDEX CONCURRENTLY that failed at its end"),
    (r"_(idx|key|excl)\d*$", "made by hand: PostgreSQL gave it the name"),
    (r"^ix_", "made by SQLAlchemy"),
    (r"^index_.*_on_", "made by Rails"),
    (r"_[0-9a-f]{8}(_like|_uniq)?$", "made by Django, unnamed"),
]


def surplus(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the indexes that a table should not have."""
    schema = expected.schema
    ours, theirs = _secondary(table), _secondary(found)
    renamed = renamed_items(ours, theirs, _essence_of_index)
    for index in theirs.values():
        if index.name not in ours and index.name not in renamed.values():
            cause = next(
                (cause for pattern, cause in INDEX_NAMES if re.search(pattern, index.name)),
                "made by hand, or by a migration that this code does not have",
            )
            yield Difference(
                f"index {index.name}",
                "no such index",
                _index_in_words(index) + ("" if index.valid else " (invalid)"),
                cause,
                _drop_index(schema, table, index),
            )


def wanted(expected: Catalog, table: Table, found: Table) -> Iterator[Difference]:
    """Yield the indexes of a table that are missing, and those that are others."""
    schema = expected.schema
    ours, theirs = _secondary(table), _secondary(found)
    renamed = renamed_items(ours, theirs, _essence_of_index)
    for index in ours.values():
        name = f"index {index.name}"
        there = theirs.get(index.name)
        create = create_index(expected, table, index, "CONCURRENTLY")
        words = _index_in_words(index)
        if index.name in renamed:
            old = renamed[index.name]
            mend = f"ALTER INDEX {quote(schema, old)} RENAME TO {quote(index.name)};"
            yield Difference(name, words, MISSING, f"renamed to {old}", mend)
        elif there is None:
            cause = "dropped, perhaps for a bulk load, or with its column"
            yield Difference(name, words, MISSING, cause, create)
        elif _essence_of_index(there) != _essence_of_index(index):
            cause = "made by hand under the name of another"
            mend = f"{_drop_index(schema, table, there)} {create}"
            yield Difference(name, words, _index_in_words(there), cause, mend)
        elif there.valid != index.valid:
            cause = "a CREATE INDEX CONCURRENTLY or REINDEX that failed, or still runs"
            mend = f"REINDEX INDEX CONCURRENTLY {quote(schema, index.name)};"
            yield Difference(name, words, f"{_index_in_words(there)} (invalid)", cause, mend)


def _secondary(table: Table) -> dict[str, Index]:
    return {name: index for name, index in table.indexes.items() if not index.primary}


def _essence_of_index(index: Index) -> tuple[Any, ...]:
    """Return all of an index but its name and whether it is valid."""
    _, _, what = index.definition.partition(" ON ")
    return what, index.unique, index.deferrable, index.deferred


def _index_in_words(index: Index) -> str:
    deferred = " INITIALLY DEFERRED" if index.deferred else ""
    return index.definition + (f" DEFERRABLE{deferred}" if index.deferrable else "")


def _drop_index(schema: str, table: Table, index: Index) -> str:
    """Return the SQL that drops an index, which may be a UNIQUE constraint's."""
    drop = f"DROP INDEX CONCURRENTLY IF EXISTS {quote(schema, index.name)};"
    if index.unique:
        alter = f"ALTER TABLE {quote(schema, table.name)}"
        return f"{alter} DROP CONSTRAINT IF EXISTS {quote(index.name)}; {drop}"
    return drop
