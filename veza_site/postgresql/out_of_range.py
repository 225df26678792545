"""
Values that PostgreSQL holds and Python doesn't: infinity, 44 BC, a number of 5000 digits in JSON.

Reading them raises an error, so that one row would make every page unreadable that shows it. Here
they are read as objects that know what PostgreSQL sent. A time is the last or the first one that
Python has.
"""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Self

from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from psycopg import DataError, adapters
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.pq import Format
from psycopg.types.datetime import DateDumper, DatetimeDumper, TimedeltaDumper

_BEYOND = re.compile(
    r"(?P<year>[0-9]{4,6})(?P<rest>-[0-9]{2}-[0-9]{2} [0-9:]{8}(\.[0-9]{1,6})?\+00)(?P<bc> BC)?"
)

_TIMESTAMPTZ = adapters.types["timestamptz"].oid


class OutOfRange:
    """
    A time at the edge of what Python holds, in place of one beyond that.

    It compares as that edge. `str()` is the text that PostgreSQL sent, which it gets back if the
    value is a parameter; `words` are for people. What Python computes from it is a plain value.
    """

    text: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the value for a text of PostgreSQL's."""
        value = cls._find_edge(is_first=text.startswith("-") or text.endswith("BC"))
        value.text = text
        return value

    @classmethod
    def _find_edge(cls, *, is_first: bool) -> Self:
        raise NotImplementedError

    @property
    def words(self) -> str:
        """What to show instead of the edge."""
        match self.text:
            case "infinity":
                return "never"
            case "-infinity":
                return "before all time"
        return "before the year 1" if self.text.endswith("BC") else "after the year 9999"

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"{type(self).__name__}.read({self.text!r})"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self).read, (self.text,)


class OutOfRangeDatetime(OutOfRange, datetime):
    """An aware datetime at the edge, which no time zone moves beyond it."""

    def __new__(cls, *parts: Any, **named: Any) -> Any:
        return datetime(*parts, **named)  # noqa: DTZ001 -- for replace() and sums

    @classmethod
    def _find_edge(cls, *, is_first: bool) -> Self:
        if is_first:
            return datetime.__new__(cls, 1, 1, 1, tzinfo=UTC)
        return datetime.__new__(cls, 9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the value for a text that a client sent, or None if it is no such time."""
        if text in ("infinity", "-infinity"):
            return cls.read(text)
        if (found := _BEYOND.fullmatch(text)) is None:
            return None
        try:
            datetime.fromisoformat(f"2000{found['rest']}")  # a leap year, as theirs may be
        except ValueError:
            return None
        year, last = int(found["year"]), 4714 if found["bc"] else 294_276
        return cls.read(text) if (found["bc"] or year > 9999) and 0 < year <= last else None

    def astimezone(self, tz: tzinfo | None = None) -> Self:
        """Return it as it is: the edge may not exist in another time zone."""
        return self

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        """Return what PostgreSQL sent, so that nobody takes the edge for the time."""
        return self.text

    def strftime(self, _format: str, /) -> str:
        """Return the words, whatever the format."""
        return self.words


class OutOfRangeDate(OutOfRange, date):
    """A date at the edge."""

    def __new__(cls, *parts: Any, **named: Any) -> Any:
        return date(*parts, **named)

    @classmethod
    def _find_edge(cls, *, is_first: bool) -> Self:
        return date.__new__(cls, *(date.min if is_first else date.max).timetuple()[:3])

    def isoformat(self) -> str:
        """Return what PostgreSQL sent, so that nobody takes the edge for the date."""
        return self.text

    def strftime(self, _format: str, /) -> str:
        """Return the words, whatever the format."""
        return self.words


class OutOfRangeInterval(OutOfRange, timedelta):
    """A duration at the edge."""

    @classmethod
    def _find_edge(cls, *, is_first: bool) -> Self:
        edge = timedelta.min if is_first else timedelta.max
        return timedelta.__new__(cls, edge.days, edge.seconds, edge.microseconds)

    @property
    def words(self) -> str:
        return "for ever" if self.text == "infinity" else self.text


class MomentLoader(BaseTzLoader):
    """
    Reads a timestamptz as Django's loader of `timezone` does, of which it is a copy.

    Lists read thousands, so it is a copy with `try`, which costs nothing, and no call of its base.
    """

    def load(self, data: Buffer) -> datetime:
        try:
            return self.orig_loader.load(data).replace(tzinfo=self.timezone)
        except DataError:
            return OutOfRangeDatetime.read(_decode(data))


class DateLoader(Loader):
    """Reads a date."""

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._load = _find_loader(oid, context)

    def load(self, data: Buffer) -> date:
        try:
            return self._load(data)
        except DataError:
            return OutOfRangeDate.read(_decode(data))


class IntervalLoader(Loader):
    """Reads an interval. psycopg would read one without end, which PostgreSQL 17 has, as 0."""

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._load = _find_loader(oid, context)

    def load(self, data: Buffer) -> timedelta:
        text = _decode(data)
        if text.endswith("infinity"):
            return OutOfRangeInterval.read(text)
        try:
            return self._load(data)
        except DataError:
            return OutOfRangeInterval.read(text)


class UnreadableJson(str):
    """JSON that Python can't hold, as PostgreSQL sent it: too deep, or with too long a number."""


class JsonDecoder(json.JSONDecoder):
    """Reads JSON as Python does, but no number as infinity."""

    def __init__(self, **options: Any) -> None:
        super().__init__(parse_float=_read_float, **options)


def read_json(text: str) -> Any:
    """Return the value of a text of PostgreSQL's, or the text itself as UnreadableJson."""
    try:
        return json.loads(text, cls=JsonDecoder)
    except (ValueError, RecursionError):
        return UnreadableJson(text)


def _read_float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number is out of range")
    return value


def _find_loader(oid: int, context: AdaptContext | None) -> Callable[[Buffer], Any]:
    """Return how psycopg itself reads a type, in C where it can."""
    loader = adapters.get_loader(oid, Format.TEXT)
    assert loader is not None
    return loader(oid, context).load


def _decode(data: Buffer) -> str:
    return bytes(data).decode()


@lru_cache
def add_to(adapters_of_django: AdaptersMap) -> AdaptersMap:
    """Return Django's adapters for a connection, with the loaders and dumpers of these times."""
    extended = AdaptersMap(adapters_of_django)
    register_moments(extended)
    extended.register_loader("date", DateLoader)
    extended.register_loader("interval", IntervalLoader)
    # In text, which they know. psycopg prefers the binary form, and that of the edge.
    extended.register_dumper(OutOfRangeDatetime, DatetimeDumper)
    extended.register_dumper(OutOfRangeDate, DateDumper)
    extended.register_dumper(OutOfRangeInterval, TimedeltaDumper)
    return extended


def register_moments(context: AdaptContext) -> None:
    """Replace Django's loader of timestamptz, of whatever time zone, by one that reads them all."""
    loader = context.adapters.get_loader(_TIMESTAMPTZ, Format.TEXT)
    if loader is not None and not issubclass(loader, MomentLoader):
        members = {"timezone": getattr(loader, "timezone", None)}
        context.adapters.register_loader(
            "timestamptz", type("ZonedMomentLoader", (MomentLoader,), members)
        )
