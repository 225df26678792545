"""What the start page shows of the transcode queue."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.timesince import timesince

from media.models import HlsTranscodeJob, TranscodeStatus
from veza_site.admin.names import list_address, permission_to, row_address
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

# The states that have a partial index, by which they are counted, up to so many.
OPEN = [TranscodeStatus.PENDING, TranscodeStatus.PROCESSING]
OPEN_COUNTABLE = 10_000

# The newest jobs, among which the failed ones are counted.
NEWEST = 1000


@panel
class TranscodeQueue(Panel):
    """The jobs by state, the one that waits longest, and how many failed of late."""

    title = "Transcode queue"
    permission = permission_to("view", HlsTranscodeJob)
    place = 2

    def guesses(self) -> dict[str, QuerySet]:
        return {
            status: HlsTranscodeJob.objects.filter(status=status)
            for status in TranscodeStatus.values
        }

    def questions(self, guessed: dict[str, int]) -> dict[str, Question]:
        asked = {
            # Each priority's first, which the index has, and the first of those.
            "oldest": Question(
                """
                SELECT jsonb_build_array(id, available_at) FROM generate_series(1, 10) AS priorities
                CROSS JOIN LATERAL (
                    SELECT id, available_at FROM hls_transcode_queue
                    WHERE status = 'pending' AND priority = priorities AND available_at <= now()
                    ORDER BY available_at LIMIT 1
                ) AS first_ones
                ORDER BY available_at LIMIT 1
                """
            ),
            "newest": Question(
                """
                SELECT jsonb_build_array(count(*) FILTER (WHERE status = 'failed'), count(*))
                FROM (SELECT status FROM hls_transcode_queue ORDER BY created_at DESC LIMIT %s)
                    AS newest
                """,
                [NEWEST],
            ),
        }
        if sum(guessed.values()) <= COUNTABLE:
            asked["all"] = Question(
                """
                SELECT jsonb_object_agg(status, jobs) FROM (
                    SELECT status, count(*) AS jobs
                    FROM (SELECT status FROM hls_transcode_queue LIMIT %s) AS few
                    GROUP BY status
                ) AS states
                """,
                [COUNTABLE],
            )
        for status in OPEN:
            asked[status] = Question(
                f"""
                SELECT to_jsonb(count(*)) FROM (
                    SELECT FROM hls_transcode_queue WHERE status = '{status}' LIMIT %s
                ) AS few
                """,
                [OPEN_COUNTABLE],
            )
        return asked

    def content(self, guessed: dict[str, int], answers: dict[str, Any]) -> Content:
        numbers = {status: self._number(status, guessed, answers) for status in guessed}
        bars = [
            charts.Bar(
                label=TranscodeStatus(status).label,
                size=number.value,
                text=str(number),
                url=list_address(HlsTranscodeJob, f"status__exact={status}"),
                is_estimate=number.is_estimate,
            )
            for status, number in numbers.items()
        ]
        is_counted = not any(number.is_estimate for number in numbers.values())
        return Content(
            charts.lines("Jobs by state", ["State", "Jobs"], bars),
            [self._waiting(answers["oldest"]), self._failed(*answers["newest"])],
            note="" if is_counted else BY_THE_PLANNER,
        )

    def _number(self, status: str, guessed: dict[str, int], answers: dict[str, Any]) -> Number:
        counted = answers.get("all", {}) or {}
        # At a limit, the planner has been wrong, and not all of them are counted.
        if "all" in answers and sum(counted.values()) < COUNTABLE:
            return Number(counted.get(status, 0))
        if status in OPEN and answers[status] < OPEN_COUNTABLE:
            return Number(answers[status])
        return Number(max(guessed[status], answers.get(status, 0)), is_estimate=True)

    def _waiting(self, first: list[str] | None) -> Fact:
        if first is None:
            return Fact("Oldest waiting job", "none is waiting")
        job, since = first
        url = row_address(HlsTranscodeJob, job)
        waiting = timesince(datetime.fromisoformat(since))
        if waiting.startswith("0"):
            waiting = "less than a minute"
        return Fact("Oldest waiting job", f"for {waiting}", url)

    def _failed(self, failed: int, newest: int) -> Fact:
        url = list_address(HlsTranscodeJob, f"status__exact={TranscodeStatus.FAILED}")
        return Fact("Failed jobs", f"{failed:,} of the last {newest:,}", url)
