"""Compares two catalogs, in the order in which the SQL that mends them can run."""

from collections.abc import Callable, Iterator

from veza_site.schema.catalog import Catalog
from veza_site.schema.ddl import quote, sort_tables
from veza_site.schema.diff import columns, constraints, enums, indexes, others, tables
from veza_site.schema.diff.difference import Difference


def compare(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield every difference between two catalogs, in an order to mend them in."""
    there = [
        (table, found.tables[table.name])
        for table in expected.tables.values()
        if table.name in found.tables
    ]

    def each(compare: Callable[..., Iterator[Difference]]) -> Iterator[Difference]:
        for table, match in there:
            yield from compare(expected, table, match)

    yield from others.find_missing_extensions(expected, found)
    # What is not ours is in the way of what is ours, and of what it is made of.
    yield from others.find_surplus_of_tables(expected, found)
    yield from each(tables.find_surplus_triggers)
    yield from enums.compare(expected, found)
    yield from others.compare_functions(expected, found)
    yield from each(constraints.find_surplus_foreign_keys)
    # A table can be made LOGGED only after those that it refers to. Enforcing foreign keys again
    # also switches a table's own triggers.
    for table in sort_tables(expected):
        if table.name in found.tables:
            yield from tables.compare_properties(expected, table, found.tables[table.name])
    yield from tables.find_surplus(expected, found)
    yield from each(constraints.find_surplus_others)
    # If a table lacks a UNIQUE index, its surplus ones go only when it has that.
    lacking = {table.name for table, match in there if indexes.lacks_uniqueness(table, match)}
    for table, match in there:
        if table.name not in lacking:
            yield from indexes.find_surplus(expected, table, match)
    yield from each(columns.find_surplus)
    yield from each(columns.compare)
    # Before the foreign keys that refer to them.
    for table, match in there:
        keys = found.keys_to_here.get(quote(expected.schema, table.name), [])
        yield from constraints.compare_primary_key(expected, table, match, keys)
    yield from tables.find_missing(expected, found)
    yield from each(constraints.compare_others)
    yield from each(indexes.compare)
    for table, match in there:
        if table.name in lacking:
            yield from indexes.find_surplus(expected, table, match)
    yield from each(indexes.compare_tuning)
    yield from each(tables.compare_triggers)
    yield from others.compare_others(expected, found)
    # After everything that may use them.
    yield from others.find_surplus_of_functions(expected, found)
    yield from others.find_surplus_functions(expected, found)
    yield from others.find_surplus_types(expected, found)
    yield from enums.find_surplus(expected, found)
    yield from others.find_surplus_extensions(expected, found)
    yield from others.compare_comments(expected, found)
