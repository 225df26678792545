"""The lines of a row's page: which columns it shows, and how those that are only read."""

import json
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.text import capfirst

from veza_site.admin.wording.values import find_formatter
from veza_site.postgresql.out_of_range import OutOfRange, UnreadableJson

EMPTY = "–"


class Line:
    """A read-only line that shows a column in another way than Django does."""

    def __init__(self, field: models.Field, label: str, show: Callable[[Any], Any]) -> None:
        self.__name__ = field.name  # for the help text, and the line's class in HTML
        self.short_description = label
        self._show = show

    def __call__(self, row: models.Model) -> Any:
        return self._show(row)


def make_secret_line(field: models.Field) -> Line:
    """Return the line that says whether a secret is set; rows come from `annotate_secrets`."""

    def show(row: models.Model) -> str:
        return "set" if getattr(row, f"{field.name}_is_set") else "not set"

    return Line(field, capfirst(str(field.column).replace("_", " ")), show)


def make_line(field: models.Field, label: str) -> Line | None:
    """Return the line that shows a column's value as a list does, or None where Django does."""
    formatter = _show_moment if isinstance(field, models.DateTimeField) else find_formatter(field)
    if formatter is None:
        return None

    def show(row: models.Model) -> Any:
        value = getattr(row, field.name)
        return EMPTY if value is None else formatter(value)

    return Line(field, label, show)


def _show_moment(value: datetime) -> str:
    """Return a time as Django shows it, or in words where Python can't hold it."""
    if isinstance(value, OutOfRange):
        return format_html('<time title="{}">{}</time>', value, value.words)
    return localize(timezone.localtime(value))


def make_json_line(field: models.JSONField) -> Line:
    """Return the line that shows JSON with line breaks."""

    def show(row: models.Model) -> str:
        value = getattr(row, field.name)
        text = write_json(value)
        return format_html('<pre class="json">{}</pre>', text)

    return Line(field, capfirst(str(field.verbose_name)), show)


def write_json(value: Any) -> str:
    """Return JSON with line breaks where they help, or as it was sent if Python can't read it."""
    if isinstance(value, UnreadableJson):
        return str(value)
    short = json.dumps(value, ensure_ascii=False, cls=DjangoJSONEncoder)
    text = ""
    for part in DjangoJSONEncoder(ensure_ascii=False, indent=2).iterencode(value):
        text += part
        if len(text) > 4 * len(short) + 1000:  # so deep that most of it is blanks
            return short
    return text


def flatten(fields: Any) -> list[Any]:
    """Return the names of a group, in which some may share a line."""
    return [
        name for entry in fields for name in (entry if isinstance(entry, list | tuple) else [entry])
    ]


def arrange(fields: Any, left_out: Collection[str], lines: dict[str, Line]) -> list[Any]:
    """Return a group's fields except those left out, each as its Line if there is one."""
    arranged: list[Any] = []
    for entry in fields:
        rest = [lines.get(name, name) for name in flatten([entry]) if name not in left_out]
        if len(rest) > 1:
            arranged.append(tuple(rest))
        else:
            arranged += rest
    return arranged
