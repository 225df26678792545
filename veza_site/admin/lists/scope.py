"""Which rows of a table a list shows, and by which columns its indexes can sort them."""

from dataclasses import dataclass
from functools import cache, cached_property

from django.db import models
from django.http import HttpRequest

from veza_site.admin.fields import find_relations, get_column, relation_parameter
from veza_site.admin.lists.keyset import Order
from veza_site.admin.secrets import is_secret
from veza_site.models import SoftDeletableModel

DELETED_VAR = "deleted"
LIVE = models.Q(deleted_at__isnull=True)


@dataclass(frozen=True)
class Key:
    """
    A btree index: its columns in order, whatever their directions.

    `live` marks a partial index over the rows that are not soft-deleted.
    """

    columns: tuple[models.Field, ...]
    live: bool = False

    def find_next_column(self, pinned: frozenset[str]) -> tuple[int, models.Field | None]:
        """
        Return how many leading columns are `pinned`, and the column that follows them.

        Rows that agree in the pinned columns stand in the index in the order of the next one.
        """
        for number, column in enumerate(self.columns):
            if column.name not in pinned:
                return number, column
        return len(self.columns), None


@dataclass(frozen=True)
class Scope:
    """
    The rows of `model` that a list shows, as far as this decides which indexes serve it.

    `pinned` are the relations whose row the URL names: all rows of the list agree in them.
    `live` says that the list leaves out soft-deleted rows.
    """

    model: type[models.Model]
    pinned: frozenset[str] = frozenset()
    live: bool = False

    @cached_property
    def keys(self) -> list[Key]:
        """The indexes that hold every row of the list."""
        return [key for key in find_keys(self.model) if self.live or not key.live]

    @cached_property
    def leading(self) -> dict[str, models.Field]:
        """The columns, by name, in whose order an index holds the rows."""
        following = (key.find_next_column(self.pinned)[1] for key in self.keys)
        return {column.name: column for column in following if column and not is_secret(column)}

    @cached_property
    def sortable(self) -> dict[str, models.Field]:
        """The leading columns by which a list can be sorted: never NULL, and no relation."""
        return {
            name: column
            for name, column in self.leading.items()
            if not column.null and not column.is_relation
        }

    @cached_property
    def default_order(self) -> Order:
        """
        The order of a list for which none is asked.

        Newest first if an index has that; else by a row's number under its parent (a position, a
        version) if an index has that; else by key.
        """
        times, numbers = [], []
        for key in self.keys:
            length, column = key.find_next_column(self.pinned)
            if column is None or column.name not in self.sortable:
                continue
            if isinstance(column, models.DateTimeField):
                times.append((-length, column.name != "created_at", column.name))
            elif length and isinstance(column, models.IntegerField):
                numbers.append((-length, False, column.name))
        best = min(times, default=None)
        if numbers and (best is None or best[0] == 0):
            return Order(self.sortable[min(numbers)[2]], descending=False)
        if best is not None:
            return Order(self.sortable[best[2]], descending=True)
        return Order(self.model._meta.pk, descending=True)


def read_scope(request: HttpRequest, model: type[models.Model]) -> Scope:
    """Return the scope of the list of `model` that a request's URL asks for; once a request."""
    scopes: dict[type[models.Model], Scope] = vars(request).setdefault("_scopes", {})
    if model not in scopes:
        pinned = frozenset(
            field.name
            for field in find_relations(model)
            if any(request.GET.getlist(relation_parameter(field)))
        )
        live = issubclass(model, SoftDeletableModel) and DELETED_VAR not in request.GET
        scopes[model] = Scope(model, pinned, live)
    return scopes[model]


@cache
def find_keys(model: type[models.Model]) -> tuple[Key, ...]:
    """Return the btree indexes of a model that a list can use, over all rows or all live rows."""
    options = model._meta
    found = [
        Key((field,))
        for field in options.local_fields
        if field.unique or getattr(field, "db_index", False)
    ]
    indexes = [index for index in options.indexes if index.suffix == models.Index.suffix]
    unique = [part for part in options.constraints if isinstance(part, models.UniqueConstraint)]
    for index in [*indexes, *unique]:
        names = [name.lstrip("-") for name in index.fields]
        if names and index.condition in (None, LIVE):
            columns = tuple(get_column(model, name) for name in names)
            found.append(Key(columns, live=index.condition is not None))
    return tuple(found)
