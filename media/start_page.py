"""What the start page shows of the transcode queue."""

from datetime import timedelta

from django.db import connection
from django.db.models import F, Q
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
from veza_site.postgresql.out_of_range import OutOfRange

# Open jobs are counted by their partial indexes, up to so many.
OPEN_COUNTABLE = 10_000

# The two halves of the running jobs: each has an index.
HALVES = [Q(attempts__lt=F("max_attempts")), Q(attempts__gte=F("max_attempts"))]

# Longer than this no transaction should be open, and so many transactions behind no replica.
LONG_OPEN = timedelta(minutes=5)
FAR_BEHIND = 100_000

# The newest jobs, among which the failed ones are counted.
NEWEST = 1000


@panel
class TranscodeQueue(Panel):
    """
    The jobs by state, the one that has waited longest, and how many failed lately.

    Also the transaction that has been open longest, if it is long: until it ends, nothing that jobs
    leave behind can be cleaned up, and claims that look everywhere get slower and slower.
    """

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
            [self._find_oldest(), self._count_failed(), *self._find_old_transaction()],
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
        running = jobs[TranscodeStatus.PROCESSING]
        counts = {
            TranscodeStatus.PENDING: [jobs[TranscodeStatus.PENDING]],
            TranscodeStatus.PROCESSING: [running.filter(half) for half in HALVES],
        }
        for status, parts in counts.items():
            counted_parts = [count_up_to(part, OPEN_COUNTABLE) for part in parts]
            number = sum(count.number for count in counted_parts)
            is_capped = any(count.is_capped for count in counted_parts)
            least = max(number, estimates[status])
            numbers[status] = Number(least, True) if is_capped else Number(number)
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
        address = row_address(HlsTranscodeJob, job)
        if isinstance(since, OutOfRange):
            return Fact("Oldest waiting job", f"since {since.words}", address)
        waiting = timesince(since)
        if waiting.startswith("0"):
            waiting = "less than a minute"
        return Fact("Oldest waiting job", f"for {waiting}", address)

    def _find_old_transaction(self) -> list[Fact]:
        """Return a line about what keeps this database from being cleaned up, if it is old."""
        with connection.cursor() as cursor:
            # A session of which this role may see nothing has no xmin here.
            cursor.execute(
                """
                SELECT held_by, since FROM (
                    SELECT concat('session ', pid, ' (' || nullif(application_name, '') || ')'),
                        xact_start, age(coalesce(backend_xmin, backend_xid))
                    FROM pg_stat_activity
                    WHERE (datname = current_database() OR datname IS NULL)
                        AND pid <> pg_backend_pid()
                        AND xact_start < statement_timestamp() - %(long)s::interval
                    UNION ALL
                    SELECT concat('prepared transaction ', gid), prepared, age(transaction)
                    FROM pg_prepared_xacts
                    WHERE database = current_database()
                        AND prepared < statement_timestamp() - %(long)s::interval
                    UNION ALL
                    SELECT concat('replication slot ', slot_name), NULL, age(xmin)
                    FROM pg_replication_slots WHERE age(xmin) > %(far)s
                ) AS holders (held_by, since, age)
                WHERE age IS NOT NULL
                ORDER BY age DESC, since LIMIT 1
                """,
                {"long": str(LONG_OPEN), "far": FAR_BEHIND},
            )
            oldest = cursor.fetchone()
        if oldest is None:
            return []
        held_by, since = oldest
        text = f"{held_by}, for {timesince(since)}" if since else held_by
        return [Fact("Old transaction, slows the queue down", text)]

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
