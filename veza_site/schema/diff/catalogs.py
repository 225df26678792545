"""The differences of two catalogs, in the order in which their SQL can be run."""

from collections.abc import Callable, Iterator

from veza_site.schema.catalog import Catalog
from veza_site.schema.ddl import in_order, quote
from veza_site.schema.diff import columns, constraints, enums, indexes, others, tables
from veza_site.schema.diff.difference import Difference


def compare(expected: Catalog, found: Catalog) -> Iterator[Difference]:
    """Yield every difference between two catalogs, in an order in which to mend them."""
    there = [
        (table, found.tables[table.name])
        for table in expected.tables.values()
        if table.name in found.tables
    ]

    def each(compare: Callable[..., Iterator[Difference]]) -> Iterator[Difference]:
        for table, match in there:
            yield from compare(expected, table, match)

    yield from others.extensions_wanted(expected, found)
    # What is not ours stands in the way of what is, and the users of it in its own way.
    yield from others.of_tables_surplus(expected, found)
    yield from each(tables.triggers_surplus)
    yield from enums.wanted(expected, found)
    yield from others.functions_wanted(expected, found)
    yield from each(constraints.foreign_keys_surplus)
    # A table can be LOGGED only after those that it refers to. What enforces the foreign keys again
    # switches a table's own triggers too.
    for table in in_order(expected):
        if table.name in found.tables:
            yield from tables.properties(expected, table, found.tables[table.name])
    yield from tables.surplus(expected, found)
    yield from each(constraints.others_surplus)
    # Of a table that lacks a UNIQUE index, the surplus ones go when it is there.
    in_want = {table.name for table, match in there if indexes.lacks_uniqueness(table, match)}
    for table, match in there:
        if table.name not in in_want:
            yield from indexes.surplus(expected, table, match)
    yield from each(columns.surplus)
    yield from each(columns.wanted)
    # Before what refers to them.
    for table, match in there:
        keys = found.keys_to_here.get(quote(expected.schema, table.name), [])
        yield from constraints.primary_key(expected, table, match, keys)
    yield from tables.missing(expected, found)
    yield from each(constraints.others_wanted)
    yield from each(indexes.wanted)
    for table, match in there:
        if table.name in in_want:
            yield from indexes.surplus(expected, table, match)
    yield from each(indexes.properties)
    yield from each(tables.triggers_wanted)
    yield from others.others_wanted(expected, found)
    # After all that may use them.
    yield from others.operators_surplus(expected, found)
    yield from others.functions_surplus(expected, found)
    yield from others.types_surplus(expected, found)
    yield from enums.surplus(expected, found)
    yield from others.extensions_surplus(expected, found)
    yield from others.comments(expected, found)
