"""Compare what a database holds with what it should, and say in words and in SQL what differs."""

from veza_site.schema.catalog import Catalog
from veza_site.schema.diff.difference import Difference

__all__ = ["Difference", "differences"]


def differences(expected: Catalog, found: Catalog) -> list[Difference]:
    """
    Return every difference between two catalogs of one schema, in an order in which to mend them.

    A missing table is one difference, with all that belongs to it.
    """
    if found == expected:
        return []
    # Here, where it is asked for: most databases are as they should be.
    from veza_site.schema.diff.catalogs import compare

    return list(compare(expected, found))
