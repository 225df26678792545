"""What the start page shows of plays."""

from datetime import date, datetime, timedelta

from django.db import connection
from django.utils import timezone
from django.utils.formats import date_format

from streaming.models import TrackPlay
from veza_site.admin.lists.counts import estimate_each
from veza_site.admin.names import list_address, permission_to
from veza_site.admin.start_page import charts
from veza_site.admin.start_page.panels import (
    BY_THE_PLANNER,
    COUNTABLE,
    Content,
    Fact,
    Number,
    Panel,
    Viewer,
    panel,
)

DAYS = 30


@panel
class PlaysADay(Panel):
    """The plays of each of the last days, and of today so far."""

    title = "Plays a day"
    permission = permission_to("view", TrackPlay)
    place = 1

    def fill(self, user: Viewer) -> Content:
        today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
        numbers = self._count(days)
        bars = [
            charts.Bar(
                label=date_format(day, "j M"),
                size=number.value,
                text=str(number),
                is_estimate=number.is_estimate,
            )
            for day, number in zip(days, numbers, strict=True)
        ]
        is_estimate = numbers[0].is_estimate
        total = Number(sum(number.value for number in numbers), is_estimate)
        return Content(
            charts.draw_columns(self.title, ["Day (UTC)", "Plays"], bars),
            [Fact(f"The last {DAYS} days together", str(total), list_address(TrackPlay))],
            note=BY_THE_PLANNER if is_estimate else "",
        )

    def _count(self, days: list[datetime]) -> list[Number]:
        """Return the number of plays of each day: all of them counted, or all estimated."""
        estimates = estimate_each(
            [
                TrackPlay.objects.filter(
                    created_at__gte=day, created_at__lt=day + timedelta(days=1)
                )
                for day in days
            ]
        )
        if sum(estimates) <= COUNTABLE:
            counted = count_by_day(days[0])
            # At the limit the planner was wrong, and there are more plays than were counted.
            if sum(counted.values()) < COUNTABLE:
                return [Number(counted.get(day.date(), 0)) for day in days]
        return [Number(number, is_estimate=True) for number in estimates]


def count_by_day(since: datetime) -> dict[date, int]:
    """Count the plays of each day since a time, at most COUNTABLE in all. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*)
            FROM (SELECT created_at FROM track_plays WHERE created_at >= %s LIMIT %s) AS few
            GROUP BY day
            """,
            [since, COUNTABLE],
        )
        return dict(cursor.fetchall())
