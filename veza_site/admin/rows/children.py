"""Links from a row to the rows that refer to it, with their numbers."""

from typing import Any, NamedTuple

from django.contrib import admin
from django.db import connection, models
from django.http import HttpRequest

from veza_site.admin.fields import relation_parameter
from veza_site.admin.lists.counts import CAP, Count
from veza_site.admin.lookups import look_up
from veza_site.admin.names import list_address
from veza_site.admin.wording.labels import spell
from veza_site.models import SoftDeletableModel, V1Model


class ChildLink(NamedTuple):
    """A link to the rows that refer to a row by one of their columns: "204 plays"."""

    words: str
    address: str


class Children(NamedTuple):
    """What refers to a row: links, and the names of the tables that have no such row."""

    links: list[ChildLink]
    missing: list[str]


def link_children(
    model_admin: admin.ModelAdmin, request: HttpRequest, key: Any, names: dict[str, str]
) -> Children:
    """
    Return links to the rows that refer to the row `key`, in the tables that this person may see.

    `names` are words for them by related_name, where that doesn't read well. One query, which looks
    at no more than a thousand rows of each table; soft-deleted rows among them don't count.
    """
    site = model_admin.admin_site
    shown = [
        (relation.field, relation.get_accessor_name())
        for relation in model_admin.model._meta.related_objects
        if isinstance(relation, models.ManyToOneRel)
        and issubclass(relation.related_model, V1Model)
        and site.is_registered(relation.related_model)
        and site.get_model_admin(relation.related_model).has_view_permission(request)
    ]
    children = Children([], [])
    counts = _count([field for field, _ in shown], key)
    for (field, related_name), count in zip(shown, counts, strict=True):
        name = names.get(related_name, spell(related_name.replace("_", " ")))
        if count == Count(0):
            children.missing.append(name)
            continue
        if count == Count(1) and not field.unique:
            name = _make_singular(name)
        address = list_address(field.model, f"{relation_parameter(field)}={key}")
        number = count if count.number else "perhaps some"
        children.links.append(ChildLink(f"{number} {name}", address))
    return children


def _count(fields: list[models.ForeignKey], key: Any) -> list[Count]:
    """Return how many live rows refer to `key` by each of these, among the first thousand."""
    if not fields:
        return []
    found = look_up(f"SELECT {', '.join(map(_select_count, fields))}", {"key": key})
    return [Count(min(live, CAP), seen > CAP) for live, seen in found]


def _select_count(field: models.ForeignKey) -> str:
    """Return the SQL that counts the rows that refer to `key`, live ones and all, to the limit."""
    quote = connection.ops.quote_name
    table, column = quote(field.model._meta.db_table), quote(field.column)
    deleted_at = "deleted_at" if issubclass(field.model, SoftDeletableModel) else "NULL"
    return (
        f"(SELECT ARRAY[count(*) FILTER (WHERE deleted_at IS NULL), count(*)]"
        f" FROM (SELECT {deleted_at} AS deleted_at FROM {table} WHERE {column} = %(key)s"
        f" LIMIT {CAP + 1}) AS found)"
    )


def _make_singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name.removesuffix('ies')}y"
    return name.removesuffix("s")
