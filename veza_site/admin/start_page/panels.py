"""
The numbers above the list of apps, in bounded time on tables of any size.

No query here reads more of a large table than its LIMIT allows. A panel first asks the planner how
many rows there are. If they are few it counts them, up to a limit, in case the planner is wrong; if
they are many it shows the estimate, and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.apps import apps
from django.db import connection
from django.template.defaultfilters import filesizeformat
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from veza_site.admin.lists.counts import say_estimate
from veza_site.admin.names import list_address, permission_to
from veza_site.admin.start_page import charts
from veza_site.models import V1Model

# Rows of a table that are counted one by one, at most: some 10 ms.
COUNTABLE = 20_000

BY_THE_PLANNER = "“About” numbers are the planner's estimates."


class Viewer(Protocol):
    """Somebody with permissions: a user, or nobody who is signed in."""

    def has_perm(self, permission: str, /) -> bool:
        """Tell whether they have a permission."""


@dataclass(frozen=True)
class Number:
    """A number of rows: counted, or the planner's estimate."""

    value: int
    is_estimate: bool = False

    def __str__(self) -> str:
        return say_estimate(self.value) if self.is_estimate else f"{self.value:,}"


@dataclass(frozen=True)
class Fact:
    """One line of a panel: a label, its value, and a link."""

    label: str
    text: str
    url: str = ""


@dataclass(frozen=True)
class Content:
    """What a panel shows: a chart, facts, and a note about the numbers."""

    chart: SafeString | None = None
    facts: Sequence[Fact] = ()
    note: str = ""


class Panel:
    """
    A box of the start page. A domain adds one with `@panel`.

    Panels come in the order of their `place`, and only for people with the `permission`.
    """

    title: str
    permission: str | None = None
    place: int

    def fill(self, user: Viewer) -> Content | None:
        """Query what to show and return it, or None to leave the panel out."""
        raise NotImplementedError


panels: list[type[Panel]] = []


def panel(kind: type[Panel]) -> type[Panel]:
    """Put a panel on the start page."""
    panels.append(kind)
    return kind


def fill_panels(user: Viewer) -> list[dict[str, Any]]:
    """Return the title and the content of each panel that the user may see, in their order."""
    return [
        {"title": kind.title, "content": content}
        for kind in sorted(panels, key=lambda kind: kind.place)
        if kind.permission is None or user.has_perm(kind.permission)
        if (content := kind().fill(user)) is not None
    ]


@panel
class Tables(Panel):
    """The tables that the user may see, the largest first."""

    title = "Tables"
    place = 9

    def fill(self, user: Viewer) -> Content | None:
        models = {
            model._meta.db_table: model
            for model in apps.get_models()
            if issubclass(model, V1Model) and user.has_perm(permission_to("view", model))
        }
        if not models:
            return None
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT relname, reltuples, pg_total_relation_size(oid) AS size"
                " FROM pg_class WHERE oid = ANY (%s::regclass[]) ORDER BY size DESC",
                [list(models)],
            )
            tables = cursor.fetchall()
        bars = [
            charts.Bar(
                label=capfirst(str(models[table]._meta.verbose_name_plural)),
                size=size,
                text=filesizeformat(size),
                more=say_estimate(int(rows)) if rows >= 0 else "not known yet",
                url=list_address(models[table]),
            )
            for table, rows, size in tables
        ]
        chart = charts.draw_lines(
            "Sizes of the tables", ["Table", "Size, with indexes", "Rows"], bars
        )
        return Content(chart, note=BY_THE_PLANNER)
