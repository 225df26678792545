"""The columns of a list whose fields ask for more than their value."""

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
from veza_site.admin.wording.values import reading

LENGTH = 80  # characters of a text that a list shows
_KEY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Column:
    """
    A column of a list that shows `field` through `show`, a function of the field's value.

    `boolean` lets Django show yes and no by its icons.
    `attribute` names another attribute of the row to take the value from.
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


def column(
    model_admin: LabelledAdmin, name: Any, request: HttpRequest, is_link: bool
) -> Any | Column:
    """
    Return what shows the column `name` of a list: a Column, or `name` where it is no field's.

    `is_link` tells that the cell leads to its row, and so holds no other link.
    """
    try:
        field = model_admin.opts.get_field(name) if isinstance(name, str) else None
    except FieldDoesNotExist:
        field = None
    if field is None or not field.concrete:
        return name
    title = model_admin.label_of(field)
    if is_secret(field):
        return Column(
            field, lambda is_set: "set" if is_set else "not set", title, attribute=f"{name}_is_set"
        )
    if field.is_relation:
        url = None if is_link else _address(model_admin, field, request)
        return Column(field, lambda related: _link(url, related), title)
    if isinstance(field, models.BooleanField):
        return Column(field, bool, title, boolean=True)
    if isinstance(field, models.DateTimeField):
        return Column(field, moment, title)
    return Column(field, reading(field) or _text, title)


def moment(value: datetime) -> str:
    """Return HTML that shows a time in a list: to the minute, and to the second if one points."""
    value = timezone.localtime(value)
    short, long = (date_format(value, f"{size}DATETIME_FORMAT") for size in ("SHORT_", ""))
    return format_html('<time title="{}">{}</time>', long, short)


def _text(value: Any) -> Any:
    return Truncator(value).chars(LENGTH) if value != "" else value


def _address(
    model_admin: admin.ModelAdmin, field: models.Field, request: HttpRequest
) -> str | None:
    """Return the address of the page of _KEY in the related table, if one may look at that."""
    site, model = model_admin.admin_site, field.remote_field.model
    if IS_POPUP_VAR in request.GET or not site.is_registered(model):
        return None
    if not site.get_model_admin(model).has_view_permission(request):
        return None
    return row_address(model, _KEY)


def _link(url: str | None, related: models.Model) -> str:
    label = Truncator(related).chars(LENGTH)
    if url is None:
        return label
    return format_html('<a href="{}">{}</a>', url.replace(_KEY, str(related.pk)), label)
