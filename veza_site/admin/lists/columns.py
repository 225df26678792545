"""The columns of a list: how each shows its field."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import Truncator

from veza_site.admin.names import row_address
from veza_site.admin.secrets import is_secret
from veza_site.admin.wording.labels import LabelledAdmin
from veza_site.admin.wording.values import find_formatter
from veza_site.postgresql.out_of_range import OutOfRange

LENGTH = 80  # characters of a text that a list shows
_KEY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Column:
    """
    A column of a list, which shows the value of `field` through the function `show`.

    `boolean` makes Django show its icons for yes and no. `attribute` is where the row has the
    value, if not under the field's name.
    """

    field: models.Field
    show: Callable[[Any], Any]
    title: str
    boolean: bool = False
    attribute: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Column) and other.field == self.field

    def __hash__(self) -> int:
        return hash(self.field)

    @property
    def __name__(self) -> str:
        return self.field.name

    @property
    def short_description(self) -> str:
        return self.title

    @property
    def admin_order_field(self) -> str:
        return self.field.name

    def __call__(self, row: models.Model) -> Any:
        value = getattr(row, self.attribute or self.field.name)
        return None if value is None else self.show(value)


def make_column(
    model_admin: LabelledAdmin, name: Any, request: HttpRequest, is_link: bool
) -> Any | Column:
    """
    Return what shows the column `name` of a list: a Column, or `name` itself if it is no field.

    `is_link` says that the cell is the link to its row, so it can hold no other link.
    """
    try:
        field = model_admin.opts.get_field(name) if isinstance(name, str) else None
    except FieldDoesNotExist:
        field = None
    if not isinstance(field, models.Field):
        return name
    title = model_admin.label_field(field)
    if is_secret(field):
        return Column(
            field, lambda is_set: "set" if is_set else "not set", title, attribute=f"{name}_is_set"
        )
    if isinstance(field, models.ForeignKey):
        url = None if is_link else _find_address(model_admin, field, request)
        return Column(field, lambda related: _render_link(url, related), title)
    if isinstance(field, models.BooleanField):
        return Column(field, bool, title, boolean=True)
    if isinstance(field, models.DateTimeField):
        return Column(field, show_moment, title)
    return Column(field, find_formatter(field) or _shorten, title)


def show_moment(value: datetime) -> str:
    """Return HTML that shows a time to the minute, with the seconds in a tooltip."""
    if isinstance(value, OutOfRange):
        return format_html('<time title="{}">{}</time>', value, value.words)
    value = timezone.localtime(value)
    short, long = (date_format(value, f"{size}DATETIME_FORMAT") for size in ("SHORT_", ""))
    return format_html('<time title="{}">{}</time>', long, short)


def _shorten(value: Any) -> Any:
    return Truncator(value).chars(LENGTH) if value != "" else value


def _find_address(
    model_admin: admin.ModelAdmin, field: models.ForeignKey, request: HttpRequest
) -> str | None:
    """Return the address of the page of _KEY in the related table, if they may look at that."""
    site, model = model_admin.admin_site, field.related_model
    if IS_POPUP_VAR in request.GET or not site.is_registered(model):
        return None
    if not site.get_model_admin(model).has_view_permission(request):
        return None
    return row_address(model, _KEY)


def _render_link(url: str | None, related: models.Model) -> str:
    label = Truncator(str(related)).chars(LENGTH)
    if url is None:
        return label
    return format_html('<a href="{}">{}</a>', url.replace(_KEY, str(related.pk)), label)
