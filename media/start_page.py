"""What the start page shows of the transcode queue."""

from django.db import connection
from django.utils.timesince import timesince

from media.models import HlsTranscodeJob, TranscodeStatus
from veza_site.admin.lists.counts import count_up_to, estimate_each
from veza_site.admin.names import list_address, permission_to, row_address
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

# The states that a partial index counts, up to so many jobs.
OPEN = [TranscodeStatus.PENDING, TranscodeStatus.PROCESSING]
OPEN_COUNTABLE = 10_000

# The newest jobs, among which the failed ones are counted.
NEWEST = 1000


@panel
class TranscodeQueue(Panel):
    """The jobs by state, the one that has waited longest, and how many failed lately."""

    title = "Transcode queue"
    permission = permission_to("view", HlsTranscodeJob)
    place = 2

    def fill(self, user: Viewer) -> Content:
        numbers = self._count()
        bars = [
            charts.Bar(
                label=str(status.label),
                size=number.value,
                text=str(number),
                url=list_address(HlsTranscodeJob, f"status__exact={status}"),
                is_estimate=number.is_estimate,
            )
            for status, number in numbers.items()
        ]
        is_estimate = any(number.is_estimate for number in numbers.values())
        return Content(
            charts.draw_lines("Jobs by state", ["State", "Jobs"], bars),
            [self._find_oldest(), self._count_failed()],
            note=BY_THE_PLANNER if is_estimate else "",
        )

    def _count(self) -> dict[TranscodeStatus, Number]:
        """Return the number of jobs in each state, counted where that is cheap."""
        jobs = {status: HlsTranscodeJob.objects.filter(status=status) for status in TranscodeStatus}
        estimates = dict(zip(jobs, estimate_each([*jobs.values()]), strict=True))
        if sum(estimates.values()) <= COUNTABLE:
            counted = count_by_status()
            # At the limit the planner was wrong, and there are more jobs than were counted.
            if sum(counted.values()) < COUNTABLE:
                return {status: Number(counted.get(status, 0)) for status in jobs}
        numbers = {status: Number(number, True) for status, number in estimates.items()}
        for status in OPEN:
            count = count_up_to(jobs[status], OPEN_COUNTABLE)
            least = max(count.number, estimates[status])
            numbers[status] = Number(least, True) if count.is_capped else Number(count.number)
        return numbers

    def _find_oldest(self) -> Fact:
        with connection.cursor() as cursor:
            # The index has the first job of each priority; this is the first of those.
            cursor.execute(
                """
                SELECT id, available_at FROM generate_series(1, 10) AS priorities
                CROSS JOIN LATERAL (
                    SELECT id, available_at FROM hls_transcode_queue
                    WHERE status = 'pending' AND priority = priorities AND available_at <= now()
                    ORDER BY available_at LIMIT 1
                ) AS first_ones
                ORDER BY available_at LIMIT 1
                """
            )
            oldest = cursor.fetchone()
        if oldest is None:
            return Fact("Oldest waiting job", "none is waiting")
        job, since = oldest
        waiting = timesince(since)
        if waiting.startswith("0"):
            waiting = "less than a minute"
        return Fact("Oldest waiting job", f"for {waiting}", row_address(HlsTranscodeJob, job))

    def _count_failed(self) -> Fact:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT count(*) FILTER (WHERE status = 'failed'), count(*)
                FROM (SELECT status FROM hls_transcode_queue ORDER BY created_at DESC LIMIT %s)
                    AS newest
                """,
                [NEWEST],
            )
            failed, newest = cursor.fetchone()
        url = list_address(HlsTranscodeJob, f"status__exact={TranscodeStatus.FAILED}")
        return Fact("Failed jobs", f"{failed:,} of the last {newest:,}", url)


def count_by_status() -> dict[str, int]:
    """Count the jobs in each state, at most COUNTABLE in all. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT status, count(*) FROM (SELECT status FROM hls_transcode_queue LIMIT %s) AS few
            GROUP BY status
            """,
            [COUNTABLE],
        )
        return dict(cursor.fetchall())
