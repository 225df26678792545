"""The columns of a list whose fields ask for more than their value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator

from veza_site.admin.secrets import is_secret
from veza_site.admin.state import state

LENGTH = 80  # characters of a text that a list shows
_KEY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Column:
    """
    A column of a list that shows `field` through `show`, a function of the field's value.

    Or of another attribute of the row, if there is a name of one.
    """

    field: models.Field
    show: Callable[[Any], Any]
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
        return self.field.verbose_name

    @property
    def admin_order_field(self) -> str:
        return self.field.name

    def __call__(self, row: models.Model) -> Any:
        value = getattr(row, self.attribute or self.field.name)
        return None if value is None else self.show(value)


def column(
    model_admin: admin.ModelAdmin, name: Any, request: HttpRequest, is_link: bool
) -> Any | Column:
    """
    Return what shows the column `name` of a list: a Column, or `name` where Django does it well.

    `is_link` tells that the cell leads to its row, and so holds no other link.
    """
    try:
        field = model_admin.opts.get_field(name) if isinstance(name, str) else None
    except FieldDoesNotExist:
        field = None
    if field is None or not field.concrete:
        return name
    if is_secret(field):
        return Column(field, lambda is_set: "set" if is_set else "not set", f"{name}_is_set")
    if field.is_relation:
        url = None if is_link else _address(model_admin, field, request)
        return Column(field, lambda related: _link(url, related))
    if field.choices:
        labels = dict(field.flatchoices)
        return Column(field, lambda value: state(value, labels.get(value, value)))
    if isinstance(field, models.TextField | models.JSONField) or (field.max_length or 0) > LENGTH:
        return Column(field, lambda value: Truncator(value).chars(LENGTH))
    return name


def _address(
    model_admin: admin.ModelAdmin, field: models.Field, request: HttpRequest
) -> str | None:
    """Return the address of the page of _KEY in the related table, if one may look at that."""
    site, model = model_admin.admin_site, field.remote_field.model
    if IS_POPUP_VAR in request.GET or not site.is_registered(model):
        return None
    if not site.get_model_admin(model).has_view_permission(request):
        return None
    page = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
    return reverse(page, args=[_KEY], current_app=site.name)


def _link(url: str | None, related: models.Model) -> str:
    label = Truncator(related).chars(LENGTH)
    if url is None:
        return label
    return format_html('<a href="{}">{}</a>', url.replace(_KEY, str(related.pk)), label)
