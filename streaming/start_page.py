"""What the start page shows of plays."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from streaming.models import TrackPlay
from veza_site.admin.names import list_address, permission_to
from veza_site.admin.start_page import charts
from veza_site.admin.start_page.panels import (
    BY_THE_PLANNER,
    COUNTABLE,
    Content,
    Fact,
    Number,
    Panel,
    Question,
    panel,
)

DAYS = 30


@panel
class PlaysADay(Panel):
    """The plays of each day of the last month, today included as far as it is gone."""

    title = "Plays a day"
    permission = permission_to("view", TrackPlay)
    place = 1

    def __init__(self, user: AbstractBaseUser) -> None:
        super().__init__(user)
        today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        self.days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]

    def guesses(self) -> dict[str, QuerySet]:
        return {
            f"{day:%F}": TrackPlay.objects.filter(
                created_at__gte=day, created_at__lt=day + timedelta(days=1)
            )
            for day in self.days
        }

    def questions(self, guessed: dict[str, int]) -> dict[str, Question]:
        if sum(guessed.values()) > COUNTABLE:
            return {}
        return {
            "plays": Question(
                """
                SELECT jsonb_object_agg(day, plays) FROM (
                    SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS plays
                    FROM (SELECT created_at FROM track_plays WHERE created_at >= %s LIMIT %s) AS few
                    GROUP BY day
                ) AS days
                """,
                [self.days[0], COUNTABLE],
            )
        }

    def content(self, guessed: dict[str, int], answers: dict[str, Any]) -> Content:
        counted = answers.get("plays", {}) or {}
        # At the limit, the planner has been wrong, and not all of them are counted.
        is_counted = "plays" in answers and sum(counted.values()) < COUNTABLE
        numbers = [
            Number(counted.get(day, 0)) if is_counted else Number(guess, is_estimate=True)
            for day, guess in guessed.items()
        ]
        bars = [
            charts.Bar(
                label=date_format(day, "j M"),
                size=number.value,
                text=str(number),
                is_estimate=number.is_estimate,
            )
            for day, number in zip(self.days, numbers, strict=True)
        ]
        total = Number(sum(number.value for number in numbers), is_estimate=not is_counted)
        return Content(
            charts.columns(self.title, ["Day (UTC)", "Plays"], bars),
            [Fact(f"The last {DAYS} days together", str(total), list_address(TrackPlay))],
            note="" if is_counted else BY_THE_PLANNER,
        )
