"""
Pages of a queryset by keyset: a page costs the same at any depth.

A page begins after (or ends before) a row, which its cursor names by its place in the order, not by
a number. Rows that appear or go meanwhile move nothing, and none is shown twice or left out.
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


class BrokenCursor(ValueError):
    """What was given as a cursor is none, or one of another order."""


@dataclass(frozen=True)
class Order:
    """
    A total order: one NOT NULL column and then the primary key, both up or both down.

    The column may be the primary key, which then stands alone. Without an index on the column,
    each page sorts the whole table.
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

    def reversed(self) -> "Order":
        """Return the order the other way round."""
        return Order(self.field, not self.descending)

    def sort(self, queryset: QuerySet) -> QuerySet:
        """Return `queryset` in this order."""
        sign = "-" if self.descending else ""
        return queryset.order_by(*(sign + column.name for column in self.columns))

    def after(self, queryset: QuerySet, place: Sequence[Any]) -> QuerySet:
        """Return the rows of `queryset` that come after `place`, the columns' values of a row."""
        if len(self.columns) == 1:
            lookup = LessThan if self.descending else GreaterThan
            return queryset.filter(lookup(F(self.field.name), place[0]))
        # As a row comparison, which an index can look up; written out with OR it can't.
        compare = TupleLessThan if self.descending else TupleGreaterThan
        columns = Tuple(*(F(column.name) for column in self.columns))
        return queryset.filter(compare(columns, tuple(place)))


@dataclass(frozen=True)
class Cursor:
    """
    Which page is wanted: the first, the last, or the one after or before a place.

    `side` is "first", "last", "after" or "before".
    """

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
        """Return the cursor that `encode` wrote. Raises BrokenCursor for any other text."""
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
            return cls(side, tuple(_value(column, value) for column, value in pairs))
        except (ValueError, TypeError, OverflowError, RecursionError, ValidationError) as error:
            raise BrokenCursor(text) from error


def _value(column: models.Field, text: Any) -> Any:
    """Return a column's value, such that PostgreSQL takes it. Raises if there is none."""
    if not isinstance(text, str) or "\0" in text:
        raise BrokenCursor(text)
    text.encode()  # half a surrogate pair is no text
    value = column.to_python(text)
    if value is None or (isinstance(value, datetime) and value.tzinfo is None):
        raise BrokenCursor(text)
    if isinstance(value, int):
        column.run_validators(value)  # the column's range
    return value


@dataclass(frozen=True)
class Page:
    """Rows of a queryset, and the cursors of the pages around them; None where there is none."""

    rows: list[Model]
    previous: Cursor | None
    next: Cursor | None


def page(
    queryset: QuerySet, order: Order, cursor: Cursor, size: int, shown: QuerySet | None = None
) -> Page:
    """
    Return the page of `queryset` that `cursor` names, of `size` rows at most.

    The rows are read from `shown` (or else `queryset`) by their keys: what that joins is joined to
    one page of rows, and not to all those that have to be sorted first.

    Two queries; three where nothing comes after or before the cursor any more, which gives the last
    or the first page. The rows before a place can be fewer than `size`: they are the first ones.
    """
    backwards = cursor.side in ("last", "before")
    direction = order.reversed() if backwards else order
    wanted = direction.sort(queryset)
    if cursor.place:
        wanted = direction.after(wanted, cursor.place)
    names = [column.name for column in order.columns]
    places = list(wanted.values_list(*names)[: size + 1])
    if not places and cursor.place:
        return page(queryset, order, Cursor("first" if backwards else "last"), size, shown)
    goes_on = len(places) > size
    places = places[:size]
    if backwards:
        places.reverse()
    has_previous, has_next = bool(cursor.place), goes_on
    if backwards:
        has_previous, has_next = has_next, has_previous
    return Page(
        _rows(queryset if shown is None else shown, [key for *_, key in places]),
        Cursor("before", places[0]) if has_previous and places else None,
        Cursor("after", places[-1]) if has_next and places else None,
    )


def _rows(shown: QuerySet, keys: list[Any]) -> list[Model]:
    """Return the rows with these keys, in their order, but for those that are gone meanwhile."""
    found = shown.order_by().in_bulk(keys) if keys else {}
    return [found[key] for key in keys if key in found]
