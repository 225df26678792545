"""From a row to the rows that refer to it: links to their lists, with how many they are."""

from typing import Any, NamedTuple

from django.contrib import admin
from django.db import connection, models
from django.http import HttpRequest
from django.urls import reverse

from veza_site.admin.counts import CAP, Count
from veza_site.models import SoftDeletableModel, V1Model
from veza_site.services import fetch_row


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

    `names` are words for them by related_name, where that doesn't read well. Soft-deleted ones do
    not count. One statement, which counts each up to a thousand.
    """
    site = model_admin.admin_site
    shown = [
        field
        for field in foreign_keys_to(model_admin.model)
        if site.is_registered(field.model)
        and site.get_model_admin(field.model).has_view_permission(request)
    ]
    children = Children([], [])
    for field, number in zip(shown, _counted(shown, key), strict=True):
        related_name = field.remote_field.related_name
        name = names.get(related_name, related_name.replace("_", " "))
        if not number:
            children.missing.append(name)
            continue
        if number == 1 and related_name not in names and not field.unique:
            name = _singular(name)
        count = Count(min(number, CAP), number > CAP)
        opts = field.model._meta
        address = reverse(
            f"admin:{opts.app_label}_{opts.model_name}_changelist", current_app=site.name
        )
        address = f"{address}?{field.name}__id__exact={key}"
        children.links.append(ChildLink(f"{count} {name}", address))
    return children


def _counted(fields: list[models.ForeignKey], key: Any) -> tuple[int, ...]:
    if not fields:
        return ()
    counts = ", ".join(_count(field) for field in fields)
    # The planner doesn't know the key of a CTE that is materialized. If it did, it would read the
    # whole of a table for a key that many rows have, expecting to find a thousand soon.
    return fetch_row(
        f"WITH parent (id) AS MATERIALIZED (SELECT %(key)s::uuid) SELECT {counts}", key=key
    )


def _count(field: models.ForeignKey) -> str:
    quote = connection.ops.quote_name
    table, column = quote(field.model._meta.db_table), quote(field.column)
    live = "AND child.deleted_at IS NULL" if issubclass(field.model, SoftDeletableModel) else ""
    return (
        f"(SELECT count(*) FROM (SELECT FROM parent JOIN {table} AS child"
        f" ON child.{column} = parent.id {live} LIMIT {CAP + 1}) AS found)"
    )


def _singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name.removesuffix('ies')}y"
    return name.removesuffix("s")
