"""
Pages of a queryset by keyset: a page costs the same at any depth.

A page begins after a row, or ends before one. Its cursor names that row by its place in the order,
not by a number, so rows that come or go meanwhile shift nothing: none is shown twice or left out.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.db.models.lookups import GreaterThan, LessThan

from veza_site.postgresql.out_of_range import OutOfRangeDatetime


class BrokenCursor(ValueError):
    """The text is no cursor, or the cursor of another order."""


@dataclass(frozen=True)
class Order:
    """
    A total order: one NOT NULL column and then the primary key, both up or both down.

    The column may be the primary key, which then stands alone. Without an index on the column,
    each page would sort the whole table.
    """

    field: models.Field
    descending: bool

    @property
    def name(self) -> str:
        """The order as Django writes it: "-created_at"."""
        return f"-{self.field.name}" if self.descending else self.field.name

    @property
    def columns(self) -> tuple[models.Field, ...]:
        """The columns by which rows are ordered."""
        key = self.field.model._meta.pk
        return (key,) if self.field.primary_key else (self.field, key)

    def reverse(self) -> "Order":
        """Return the opposite order."""
        return Order(self.field, not self.descending)

    def sort(self, queryset: QuerySet) -> QuerySet:
        """Return `queryset` in this order."""
        sign = "-" if self.descending else ""
        return queryset.order_by(*(sign + column.name for column in self.columns))

    def skip_to(self, queryset: QuerySet, place: Sequence[Any]) -> QuerySet:
        """Return the rows of `queryset` that come after `place`, a row's values of the columns."""
        if len(self.columns) == 1:
            lookup = LessThan if self.descending else GreaterThan
            return queryset.filter(lookup(F(self.field.name), place[0]))
        # An index can look up a row comparison, but not the same written out with OR.
        compare = TupleLessThan if self.descending else TupleGreaterThan
        columns = Tuple(*(F(column.name) for column in self.columns))
        return queryset.filter(compare(columns, tuple(place)))


@dataclass(frozen=True)
class Cursor:
    """Which page is wanted: `side` is "first", "last", or "after" or "before" the `place`."""

    side: str
    place: tuple[Any, ...] = ()

    def encode(self, order: Order) -> str:
        """Return the cursor as text for a URL; the first page's is empty."""
        if not self.place:
            return "" if self.side == "first" else self.side
        values = [
            value.isoformat() if isinstance(value, datetime) else str(value) for value in self.place
        ]
        text = json.dumps([order.name, *values], ensure_ascii=False, separators=(",", ":"))
        encoded = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        return f"{self.side}.{encoded}"

    @classmethod
    def decode(cls, text: str, order: Order) -> "Cursor":
        """
        Return the cursor that `encode` wrote.

        Raises BrokenCursor for any other text.
        """
        if not text:
            return cls("first")
        if text == "last":
            return cls("last")
        side, _, encoded = text.partition(".")
        if side not in ("after", "before"):
            raise BrokenCursor(text)
        try:
            padded = encoded + "=" * (-len(encoded) % 4)
            name, *values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            if name != order.name:
                raise BrokenCursor(text)
            pairs = zip(order.columns, values, strict=True)
            return cls(side, tuple(_parse(column, value) for column, value in pairs))
        except (ValueError, TypeError, OverflowError, RecursionError, ValidationError) as error:
            raise BrokenCursor(text) from error


def _parse(column: models.Field, text: Any) -> Any:
    """Return the column's value that PostgreSQL accepts. Raises an error if there is none."""
    if not isinstance(text, str) or "\0" in text:
        raise BrokenCursor(text)
    text.encode()  # raises for half a surrogate pair
    if isinstance(column, models.DateTimeField) and (beyond := OutOfRangeDatetime.parse(text)):
        return beyond
    value = column.to_python(text)
    if value is None or (isinstance(value, datetime) and value.tzinfo is None):
        raise BrokenCursor(text)
    if isinstance(value, int):
        column.run_validators(value)  # checks the column's range
    return value


@dataclass(frozen=True)
class Page:
    """Rows of a queryset, and the cursors of the pages before and after them, if there are any."""

    rows: list[Model]
    previous: Cursor | None
    next: Cursor | None


def fetch_page(
    queryset: QuerySet, order: Order, cursor: Cursor, size: int, shown: QuerySet | None = None
) -> Page:
    """
    Return the page of `queryset` that `cursor` names, of at most `size` rows.

    The rows are read by their keys from `shown`, or else from `queryset`: so its joins are made for
    one page of rows, and not for all that have to be sorted.

    Two queries. A third, if nothing comes after or before the cursor any more: then this is the
    last or the first page. A page before a place has fewer rows than `size` if it is the first.
    """
    backwards = cursor.side in ("last", "before")
    direction = order.reverse() if backwards else order
    wanted = direction.sort(queryset)
    if cursor.place:
        wanted = direction.skip_to(wanted, cursor.place)
    names = [column.name for column in order.columns]
    places = list(wanted.values_list(*names)[: size + 1])
    if not places and cursor.place:
        return fetch_page(queryset, order, Cursor("first" if backwards else "last"), size, shown)
    goes_on = len(places) > size
    places = places[:size]
    if backwards:
        places.reverse()
    has_previous, has_next = bool(cursor.place), goes_on
    if backwards:
        has_previous, has_next = has_next, has_previous
    return Page(
        _fetch_rows(queryset if shown is None else shown, [key for *_, key in places]),
        Cursor("before", places[0]) if has_previous and places else None,
        Cursor("after", places[-1]) if has_next and places else None,
    )


def _fetch_rows(shown: QuerySet, keys: list[Any]) -> list[Model]:
    """Return the rows with these keys, in their order, except those deleted meanwhile."""
    found = shown.order_by().in_bulk(keys) if keys else {}
    return [found[key] for key in keys if key in found]
