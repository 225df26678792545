"""
Claiming jobs: in a fair order, and in the same time however long the queue is.

What a claim leaves behind in an index stays there as long as any transaction that began before it
is open, anywhere on the server, and whoever searches from the front reads it again. So a session
remembers how far it has come in each priority, and its claims start there; now and then one looks
everywhere. What is remembered only saves time: the database decides what a claim gets.
"""

import threading
import time
from datetime import timedelta
from uuid import UUID

from django.db import connection

from media.services.leases import Lease
from media.services.results import fail_exhausted_jobs
from veza_site.postgresql.out_of_range import read_json
from veza_site.transactions import check_duration, check_number, check_text, fetch_rows_prepared

# A job counts as much older for each step of priority that it is more urgent. So one of priority 10
# waits for no job that was made over 9 steps, 2 hours and 15 minutes, after it.
AGEING = timedelta(minutes=15)

# How often a session that finds enough to do looks everywhere all the same, and how many of its
# claims do after that: one that claims seldom has nothing to save.
LOOK_EVERYWHERE_EVERY = timedelta(seconds=10)
LOOKS_EVERYWHERE = 10

# How many jobs it ends then that were lost on their last attempt. If there are more, it goes on
# with its next claim.
ENDED_AT_ONCE = 100

PRIORITIES = range(1, 11)

# Every job comes behind this one.
THE_FRONT = ("-infinity", UUID(int=0))


class Progress(threading.local):
    """How far this thread has come: in each priority the last job claimed, and when it looked."""

    def __init__(self) -> None:
        self.last_claimed: dict[int, tuple[str, UUID]] = {}
        self.looked_at: float | None = None
        self.claims = 0  # since then

    def is_due(self, lease: timedelta) -> bool:
        """Tell whether it is time to look everywhere: at least once in a lease's time."""
        every = min(LOOK_EVERYWHERE_EVERY, lease).total_seconds()
        return self.looked_at is None or time.monotonic() - self.looked_at >= every


progress = Progress()


def claim_jobs(*, worker: str, lease: timedelta, limit: int = 1) -> list[Lease]:
    """
    Give a worker leases of this length on up to `limit` jobs, by priority and age.

    A pending job can be claimed once its time has come; so can one whose lease has run out, if it
    has attempts left. Each claim is an attempt. Commit it before working on a job. If its answer is
    lost, so are its leases: their jobs come back when they have run out.

    A job is as urgent as one of the next priority that is 15 minutes (`AGEING`) older: the
    priorities decide among jobs of about the same age, and no job waits for ever. A claim of
    several takes them from the priority whose turn it is as long as that has any.

    A session that claims often starts behind the jobs that it has claimed. A claim that finds
    nothing there looks everywhere, and so do ten claims every 10 seconds, or in each lease's time
    if that is shorter: what comes in before those jobs waits so long at most, and so do the leases
    that have run out. The first of the ten also ends jobs that were lost on their last attempt. In
    a caller's transaction, which may be rolled back, each claim looks everywhere, ends none and is
    not remembered.

    Locks: the jobs, and waits for nobody: jobs that others are claiming are passed over.

    Statements: 1, or up to 4 when it looks everywhere.

    Returns the leases, the most urgent first; none if there is nothing to do.

    Raises Invalid for a limit below 1, a lease that is not positive or longer than 100 years, and a
    worker's name that is empty or has over 255 characters.
    """
    check_text("A worker's name", worker, least=1, most=255)
    check_number("The number of jobs", limit, least=1)
    check_duration("A lease's length", lease)
    if connection.in_atomic_block:
        leases, _ = _claim(worker, lease, limit, behind={}, everywhere=True)
        return leases
    if progress.is_due(lease) and fail_exhausted_jobs(limit=ENDED_AT_ONCE) < ENDED_AT_ONCE:
        progress.looked_at, progress.claims = time.monotonic(), 0
    everywhere = progress.claims < LOOKS_EVERYWHERE
    progress.claims += 1
    behind = {} if everywhere else progress.last_claimed
    leases, claimed = _claim(worker, lease, limit, behind, everywhere)
    if not leases and not everywhere:
        leases, claimed = _claim(worker, lease, limit, behind={}, everywhere=True)
    progress.last_claimed |= claimed
    return leases


def _claim(
    worker: str,
    lease: timedelta,
    limit: int,
    behind: dict[int, tuple[str, UUID]],
    everywhere: bool,
) -> tuple[list[Lease], dict[int, tuple[str, UUID]]]:
    """
    Claim jobs behind the given one of each priority; `everywhere`, leases that have run out too.

    Returns the leases, and the last job of each priority that was pending.
    """
    starts = [behind.get(priority, THE_FRONT) for priority in PRIORITIES]
    # statement_timestamp() is now, since the statement waits for no lock. Unlike clock_timestamp(),
    # which may change from row to row, it can be looked up in an index.
    # With the limit in its text, the server finds that one plan is right for every call.
    rows = fetch_rows_prepared(
        f"""
        WITH heads AS (
            SELECT urgency, head.*
            FROM unnest(%(times)s::timestamptz[], %(ids)s::uuid[])
                WITH ORDINALITY AS start (available_at, id, urgency)
            CROSS JOIN LATERAL (
                SELECT available_at, id FROM hls_transcode_queue AS job
                WHERE status = 'pending' AND priority = urgency
                    AND (job.available_at, job.id) > (start.available_at, start.id)
                    AND job.available_at <= statement_timestamp()
                ORDER BY job.available_at, job.id
                LIMIT 1
            ) AS head
            ORDER BY head.available_at + urgency * %(ageing)s
        ), pending AS (
            SELECT job.*
            FROM heads
            CROSS JOIN LATERAL (
                SELECT id, available_at + priority * %(ageing)s AS turn
                FROM hls_transcode_queue AS job
                WHERE status = 'pending' AND priority = urgency
                    AND (job.available_at, job.id) >= (heads.available_at, heads.id)
                    AND job.available_at <= statement_timestamp()
                ORDER BY job.available_at, job.id
                LIMIT {limit:d}
                FOR NO KEY UPDATE SKIP LOCKED
            ) AS job
            LIMIT {limit:d}
        ), lapsed AS (
            SELECT id, available_at + priority * %(ageing)s AS turn FROM hls_transcode_queue
            WHERE %(everywhere)s AND status = 'processing' AND attempts < max_attempts
                AND lease_expires_at <= statement_timestamp()
            ORDER BY turn
            LIMIT {limit:d}
            FOR NO KEY UPDATE SKIP LOCKED
        ), first AS (
            SELECT id, turn, true AS was_pending FROM pending
            UNION ALL SELECT id, turn, false FROM lapsed
            ORDER BY turn
            LIMIT {limit:d}
        ), claimed AS (
            UPDATE hls_transcode_queue AS job
            SET status = 'processing', locked_by = %(worker)s, attempts = attempts + 1,
                started_at = statement_timestamp(),
                lease_expires_at = statement_timestamp() + %(lease)s
            FROM first WHERE job.id = first.id
            RETURNING job.*, turn, was_pending
        )
        SELECT id, track_id, locked_by, started_at, lease_expires_at, attempts, payload,
            priority, available_at::text, was_pending
        FROM claimed ORDER BY turn, id
        """,
        worker=worker,
        lease=lease,
        # Arrays as PostgreSQL writes them: psycopg takes a tenth of a claim's time to make them.
        times="{" + ",".join(f'"{time}"' for time, _ in starts) + "}",
        ids="{" + ",".join(str(job_id) for _, job_id in starts) + "}",
        everywhere=everywhere,
        ageing=AGEING,
    )
    leases = []
    last_claimed = {}
    for job_id, track_id, holder, started_at, expires_at, attempt, payload, *place in rows:
        # Django makes psycopg leave JSON as text.
        leases.append(
            Lease(job_id, track_id, holder, started_at, expires_at, attempt, read_json(payload))
        )
        priority, available_at, was_pending = place
        if was_pending:
            last_claimed[priority] = (available_at, job_id)
    return leases, last_claimed
