"""From a row to the rows that refer to it: links to their lists, with how many they are."""

from typing import Any, NamedTuple

from django.contrib import admin
from django.db import connection, models
from django.http import HttpRequest

from veza_site.admin.lists.counts import CAP, Count
from veza_site.admin.lists.filters import relation_parameter
from veza_site.admin.lookups import looked_up
from veza_site.admin.names import list_address
from veza_site.admin.wording.labels import spelled
from veza_site.models import SoftDeletableModel, V1Model


class ChildLink(NamedTuple):
    """A link to the rows that refer to a row by one of their columns: "204 plays"."""

    words: str
    address: str


class Children(NamedTuple):
    """What refers to a row: links to what there is, and the names of what there is none of."""

    links: list[ChildLink]
    missing: list[str]


def foreign_keys_to(model: type[models.Model]) -> list[models.ForeignKey]:
    """Return the foreign keys of V1's tables that refer to a table."""
    return [
        relation.field
        for relation in model._meta.related_objects
        if issubclass(relation.related_model, V1Model)
    ]


def child_links(
    model_admin: admin.ModelAdmin, request: HttpRequest, key: Any, names: dict[str, str]
) -> Children:
    """
    Return the links to the rows that refer to the row `key`, in the tables that who asks may see.

    `names` are words for them by related_name, where that doesn't read well. One statement, which
    looks at a thousand rows of each table; the soft-deleted ones among them do not count.
    """
    site = model_admin.admin_site
    shown = [
        field
        for field in foreign_keys_to(model_admin.model)
        if site.is_registered(field.model)
        and site.get_model_admin(field.model).has_view_permission(request)
    ]
    children = Children([], [])
    for field, count in zip(shown, _counted(shown, key), strict=True):
        related_name = field.remote_field.related_name
        name = names.get(related_name, spelled(related_name.replace("_", " ")))
        if count == Count(0):
            children.missing.append(name)
            continue
        if count == Count(1) and not field.unique:
            name = _singular(name)
        address = list_address(field.model, f"{relation_parameter(field)}={key}")
        number = count if count.number else "perhaps some"
        children.links.append(ChildLink(f"{number} {name}", address))
    return children


def _counted(fields: list[models.ForeignKey], key: Any) -> list[Count]:
    """Return how many live rows refer to `key` by each of these, as far as a thousand show."""
    if not fields:
        return []
    found = looked_up(f"SELECT {', '.join(map(_numbers, fields))}", {"key": key})
    return [Count(min(live, CAP), seen > CAP) for live, seen in found]


def _numbers(field: models.ForeignKey) -> str:
    """Return the SQL for how many rows refer to `key`, the live ones and all, up to the limit."""
    quote = connection.ops.quote_name
    table, column = quote(field.model._meta.db_table), quote(field.column)
    deleted_at = "deleted_at" if issubclass(field.model, SoftDeletableModel) else "NULL"
    return (
        f"(SELECT ARRAY[count(*) FILTER (WHERE deleted_at IS NULL), count(*)]"
        f" FROM (SELECT {deleted_at} AS deleted_at FROM {table} WHERE {column} = %(key)s"
        f" LIMIT {CAP + 1}) AS found)"
    )


def _singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name.removesuffix('ies')}y"
    return name.removesuffix("s")
