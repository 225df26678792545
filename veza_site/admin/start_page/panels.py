"""
The numbers above the list of apps, whatever the size of the tables: two queries for all of them.

No query here reads a large table. The planner is asked first how many rows there are of each thing;
what is few is then counted, with a limit in case the planner is wrong, and what is many is shown as
what it is, an estimate.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection
from django.db.models import QuerySet
from django.template.defaultfilters import filesizeformat
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from veza_site.admin.lists.counts import in_words
from veza_site.admin.names import list_address, permission_to
from veza_site.admin.start_page import charts
from veza_site.models import V1Model

# Rows of a table that are counted one by one, at most: some 10 ms.
COUNTABLE = 20_000

BY_THE_PLANNER = "“About” is by the planner's statistics."


@dataclass(frozen=True)
class Number:
    """A number of rows: counted, or the planner's estimate, and then it says so."""

    value: int
    is_estimate: bool = False

    def __str__(self) -> str:
        return in_words(self.value) if self.is_estimate else f"{self.value:,}"


class Question(NamedTuple):
    """SQL that selects one JSONB value, and its parameters."""

    sql: str
    parameters: Sequence[Any] = ()


@dataclass(frozen=True)
class Fact:
    """One line of a panel: what it is about, what is so, and where to see it."""

    label: str
    text: str
    url: str = ""


@dataclass(frozen=True)
class Content:
    """What a panel shows: a chart, lines of text, and a note on what the numbers are."""

    chart: SafeString | None = None
    facts: Sequence[Fact] = ()
    note: str = ""


class Panel:
    """
    A box of the start page, made for one request. A domain adds one with `@panel`.

    Those with the lower `place` come first. Who lacks the `permission` does not get it.
    """

    title: str
    permission: str | None = None
    place: int

    def __init__(self, user: AbstractBaseUser) -> None:
        self.user = user

    def guesses(self) -> dict[str, QuerySet]:
        """Return, by any names, the rows whose number the planner is to estimate."""
        return {}

    def questions(self, guessed: dict[str, int]) -> dict[str, Question]:
        """
        Return, by any names, what to ask the database.

        A question reads no more rows than it says, by a LIMIT, however wrong `guessed` may be.
        """
        return {}

    def content(self, guessed: dict[str, int], answers: dict[str, Any]) -> Content | None:
        """
        Return what to show, or None for nothing, from the estimates and the answers.

        An answer is None where its question found no row.
        """
        raise NotImplementedError


panels: list[type[Panel]] = []


def panel(kind: type[Panel]) -> type[Panel]:
    """Put a panel on the start page."""
    panels.append(kind)
    return kind


def contents(user: AbstractBaseUser) -> list[dict[str, Any]]:
    """
    Return the title and the content of each panel that the user may see, in their order.

    Two queries, whatever the number of panels: an EXPLAIN, and one SELECT.
    """
    shown = [
        kind(user)
        for kind in sorted(panels, key=lambda kind: kind.place)
        if kind.permission is None or user.has_perm(kind.permission)
    ]
    guessed = _guess([each.guesses() for each in shown])
    asked = [each.questions(guess) for each, guess in zip(shown, guessed, strict=True)]
    answers = _ask(asked)
    return [
        {"title": each.title, "content": content}
        for each, guess, answer in zip(shown, guessed, answers, strict=True)
        if (content := each.content(guess, answer)) is not None
    ]


def _guess(groups: Sequence[dict[str, QuerySet]]) -> list[dict[str, int]]:
    """Return how many rows the planner expects of each, reading none. One query."""
    queries = [rows.order_by().values("pk").query for group in groups for rows in group.values()]
    if not queries:
        return [{} for _ in groups]
    compiled = [query.sql_with_params() for query in queries]
    # Each is a subselect by itself, so that the root of its plan has the number of all its rows.
    arrays = ", ".join(f"ARRAY({sql})" for sql, _ in compiled)
    with connection.cursor() as cursor:
        cursor.execute(
            f"EXPLAIN (FORMAT JSON) SELECT {arrays}",
            [value for _, parameters in compiled for value in parameters],
        )
        (plans,) = cursor.fetchone()
    numbers = iter(int(plan["Plan Rows"]) for plan in plans[0]["Plan"]["Plans"])
    return [{name: next(numbers) for name in group} for group in groups]


def _ask(groups: Sequence[dict[str, Question]]) -> list[dict[str, Any]]:
    """Return the answers to all questions. One query."""
    questions = [question for group in groups for question in group.values()]
    if not questions:
        return [{} for _ in groups]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(f'({question.sql})' for question in questions)}",
            [value for question in questions for value in question.parameters],
        )
        answers = iter(
            [None if value is None else json.loads(value) for value in cursor.fetchone()]
        )
    return [{name: next(answers) for name in group} for group in groups]


@panel
class Tables(Panel):
    """The tables that the user may see, the largest first."""

    title = "Tables"
    place = 9

    def __init__(self, user: AbstractBaseUser) -> None:
        super().__init__(user)
        self.models = {
            model._meta.db_table: model
            for model in apps.get_models()
            if issubclass(model, V1Model) and user.has_perm(permission_to("view", model))
        }

    def questions(self, guessed: dict[str, int]) -> dict[str, Question]:
        return {
            "tables": Question(
                "SELECT jsonb_agg(jsonb_build_array(relname, reltuples, size) ORDER BY size DESC)"
                " FROM (SELECT relname, reltuples, pg_total_relation_size(oid) AS size"
                " FROM pg_class WHERE oid = ANY (%s::regclass[])) AS tables",
                [list(self.models)],
            )
        }

    def content(self, guessed: dict[str, int], answers: dict[str, Any]) -> Content | None:
        if answers["tables"] is None:
            return None
        bars = [
            charts.Bar(
                label=capfirst(self.models[table]._meta.verbose_name_plural),
                size=size,
                text=filesizeformat(size),
                more=in_words(int(rows)) if rows >= 0 else "not known yet",
                url=list_address(self.models[table]),
            )
            for table, rows, size in answers["tables"]
        ]
        chart = charts.lines("Sizes of the tables", ["Table", "With its indexes", "Rows"], bars)
        return Content(chart, note=BY_THE_PLANNER)
