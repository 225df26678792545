"""Compare what a database holds with what it should, and say in words and in SQL what differs."""

from collections.abc import Callable, Iterator

from veza_site.catalog import Catalog
from veza_site.differences import columns, constraints, enums, indexes, schema, tables
from veza_site.differences.difference import Difference

__all__ = ["Difference", "differences"]


def differences(expected: Catalog, found: Catalog) -> list[Difference]:
    """
    Return every difference between two catalogs of one schema, in an order in which to mend them.

    A missing table is one difference, with all that belongs to it.
    """
    return list(_all(expected, found))


def _all(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    pairs = [(table, found.tables.get(table.name)) for table in expected.tables.values()]
    there = [(table, match) for table, match in pairs if match is not None]

    def each(compare: Callable[..., Iterator[Difference]]) -> Iterator[Difference]:
        for table, match in there:
            yield from compare(expected, table, match)

    yield from schema.owner(expected, found)
    yield from schema.extensions(expected, found)
    yield from enums.wanted(expected, found)
    yield from schema.functions_wanted(expected, found)
    yield from each(columns.compare)
    # Before what refers to them.
    yield from each(constraints.primary_key)
    yield from tables.missing(expected, found)
    yield from each(constraints.all_others)
    yield from each(indexes.compare)
    # What enforces the foreign keys again switches a table's own triggers too.
    yield from each(tables.properties)
    yield from each(tables.triggers)
    # After what they depend on.
    yield from schema.of_tables(expected, found)
    yield from tables.surplus(expected, found)
    yield from schema.others(expected, found)
    yield from schema.functions_surplus(expected, found)
    yield from enums.surplus(expected, found)
    yield from schema.comments(expected, found)
