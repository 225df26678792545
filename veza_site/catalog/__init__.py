"""
Read what a schema holds from pg_catalog, as plain values that can be compared and written down.

This is the project's one reader of the catalog. It needs no Django models and no right beyond
reading pg_catalog, and gives the same answer on PostgreSQL 15 to 18. What an extension brought
along is left out; so are the order of a table's columns and the rights that roles have.
"""

from veza_site.catalog.objects import (
    Catalog,
    Column,
    Constraint,
    Index,
    Other,
    Table,
    Trigger,
)
from veza_site.catalog.reader import read_catalog, with_dependents

__all__ = [
    "Catalog",
    "Column",
    "Constraint",
    "Index",
    "Other",
    "Table",
    "Trigger",
    "read_catalog",
    "with_dependents",
]
