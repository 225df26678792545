"""Values as people read them: sizes, durations, states, numbers with their units."""

from collections.abc import Callable
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html

from veza_site.admin.wording.labels import find_unit
from veza_site.admin.wording.state import is_state, show_state


def find_formatter(field: models.Field) -> Callable[[Any], Any] | None:
    """Return the function that makes a column's values readable, or None where Django does."""
    if field.choices:
        labels = dict(field.flatchoices)
        if is_state(field):
            return lambda value: show_state(value, labels.get(value, value))
        return lambda value: labels.get(value, value)
    unit = find_unit(field)
    if isinstance(field, ArrayField):
        ending = f" {unit}" if unit else ""
        return lambda values: f"{', '.join(map(str, values))}{ending}" if values else None
    if not isinstance(field, models.IntegerField):
        return None
    if field.name.endswith("_size"):
        return lambda value: align_number(filesizeformat(value))
    if unit == "seconds":
        return lambda value: align_number(format_duration(value))
    return lambda value: align_number(f"{value:,} {unit}" if unit else f"{value:,}")


def format_duration(seconds: int) -> str:
    """Return a duration as players show it: "3:07", "1:02:03"."""
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours:,}:{minutes:02}:{seconds:02}"
    return f"{sign}{minutes}:{seconds:02}"


def align_number(text: str) -> str:
    """Return HTML that lines a number up with those above and below it."""
    return format_html('<span class="number">{}</span>', text)
