"""Compares what a database holds with what it should, and says in words and SQL what differs."""

from veza_site.schema.catalog import Catalog
from veza_site.schema.diff.difference import Difference

__all__ = ["Difference", "compare"]


def compare(expected: Catalog, found: Catalog) -> list[Difference]:
    """
    Return every difference between two catalogs of one schema, in an order to mend them in.

    A missing table is one difference, with all that belongs to it.
    """
    if found == expected:
        return []
    # Imported only here: most databases are as they should be.
    from veza_site.schema.diff import catalogs

    return list(catalogs.compare(expected, found))
