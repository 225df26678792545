"""Indexes whose names may be as long as PostgreSQL allows: 63 bytes, not Django's 30 characters."""

from django.contrib.postgres import indexes
from django.db import models


class Index(models.Index):
    """A B-tree."""

    max_name_length = 63


class GinIndex(indexes.GinIndex):
    """For columns whose values have many parts, such as arrays."""

    max_name_length = 63


class BrinIndex(indexes.BrinIndex):
    """For a column that grows with the table: tiny, and it costs inserts next to nothing."""

    max_name_length = 63
