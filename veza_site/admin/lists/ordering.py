"""By which columns a list may be sorted, read off the model's indexes."""

import functools
from collections.abc import Set
from dataclasses import dataclass

from django.db import models

from veza_site.admin.lists.keyset import Order
from veza_site.admin.secrets import is_secret

LIVE = models.Q(deleted_at__isnull=True)


@dataclass(frozen=True)
class Key:
    """
    A btree index: its columns in order, whatever their directions.

    `live` is that of an index that has only the rows that are not soft-deleted.
    """

    columns: tuple[models.Field, ...]
    live: bool = False

    def next_column(self, pinned: Set[str]) -> tuple[int, models.Field | None]:
        """
        Return how many leading columns are among `pinned`, and the column that follows them.

        Rows in which the former are constant are in the order of the latter in the index.
        """
        for number, column in enumerate(self.columns):
            if column.name not in pinned:
                return number, column
        return len(self.columns), None


@functools.cache
def keys(model: type[models.Model]) -> tuple[Key, ...]:
    """Return the btree indexes of a model that a list can use: all rows' and all live rows'."""
    options = model._meta
    found = [Key((field,)) for field in options.local_fields if field.unique or field.db_index]
    indexes = [index for index in options.indexes if index.suffix == models.Index.suffix]
    unique = [part for part in options.constraints if isinstance(part, models.UniqueConstraint)]
    for index in [*indexes, *unique]:
        names = [name.lstrip("-") for name in index.fields]
        if names and index.condition in (None, LIVE):
            columns = tuple(options.get_field(name) for name in names)
            found.append(Key(columns, live=index.condition is not None))
    return tuple(found)


def usable_keys(model: type[models.Model], live: bool) -> list[Key]:
    """Return the indexes that serve a list, `live` telling whether it leaves out deleted rows."""
    return [key for key in keys(model) if live or not key.live]


def leading(model: type[models.Model], pinned: Set[str], live: bool) -> dict[str, models.Field]:
    """Return the columns by which an index has the rows, those in `pinned` being constant."""
    following = (key.next_column(pinned)[1] for key in usable_keys(model, live))
    return {column.name: column for column in following if column and not is_secret(column)}


def sortable(model: type[models.Model], pinned: Set[str], live: bool) -> dict[str, models.Field]:
    """Return the columns by which a list can be sorted: those of `leading` that tell any row."""
    return {
        name: column
        for name, column in leading(model, pinned, live).items()
        if not column.null and not column.is_relation
    }


def default_order(model: type[models.Model], pinned: Set[str], live: bool) -> Order:
    """
    Return the order of a list for which none is asked.

    That is the newest first where an index has it for the rows that are shown, the number of a
    row among those of its parent (a position, a version) where it has that, and the key otherwise.
    """
    usable = sortable(model, pinned, live)
    times, numbers = [], []
    for key in usable_keys(model, live):
        length, column = key.next_column(pinned)
        if column is None or column.name not in usable:
            continue
        if isinstance(column, models.DateTimeField):
            times.append((-length, column.name != "created_at", column.name))
        elif length and isinstance(column, models.IntegerField):
            numbers.append((-length, False, column.name))
    best = min(times, default=None)
    if numbers and (best is None or best[0] == 0):
        return Order(usable[min(numbers)[2]], descending=False)
    if best is not None:
        return Order(usable[best[2]], descending=True)
    return Order(model._meta.pk, descending=True)
