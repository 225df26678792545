"""
A worker's lease on a job: claiming it, extending it, and whether it still holds.

Who holds a lease is decided by the database's clock. A job may be started more than once (a worker
that is stopped or cut off goes on with what another one has claimed by then), so effects outside of
the database are at-least-once: write each attempt's files under a path of its own.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from media.services.tracks import lock_track_of_job
from veza_site.transactions import (
    Conflict,
    Invalid,
    NotFound,
    check_number,
    check_text,
    fetch_row,
    fetch_rows,
)


class LeaseLost(Conflict):
    """The lease has run out, or the job is another worker's, is cancelled or is done."""


@dataclass(frozen=True)
class Lease:
    """
    A worker's right to work on a job, until `expires_at` by the database's clock.

    Job, worker and `started_at`, the moment of the claim, name it: a worker that claims a job again
    has another lease, and nothing to do with its old one.
    """

    job_id: UUID
    track_id: UUID
    worker: str
    started_at: datetime
    expires_at: datetime
    attempt: int
    payload: dict[str, Any]


def claim_jobs(*, worker: str, lease: timedelta, limit: int = 1) -> list[Lease]:
    """
    Give a worker leases of this length on up to `limit` jobs: the first by priority, then by age.

    What can be claimed are pending jobs whose time has come, and jobs whose lease has run out and
    that have attempts left. Each claim is an attempt. Jobs that others are claiming are passed
    over, so that workers don't wait for one another. Each priority is looked at by itself, so that
    the time it takes doesn't grow with the queue, nor with the jobs that wait for their time; only
    the leases that have run out, of which there are few, are all read.

    Commit it before working on a job. A worker whose lease has run out may still be at work when
    another one claims the job: what a worker does outside of the database is done at least once.

    Statements: 1.

    Returns the leases, the most urgent first; none if there is nothing to do.

    Raises Invalid for a limit below 1, a lease that is not positive, and a worker's name that is
    empty or has over 255 characters.
    """
    check_text("A worker's name", worker, least=1, most=255)
    check_number("The number of jobs", limit, least=1)
    _check_lease_time(lease)
    # The statement waits for no lock, so that the time it started is the time it is; unlike
    # clock_timestamp(), which may change from row to row, it can be looked up in an index.
    claimed = fetch_rows(
        """
        WITH pending AS (
            SELECT job.*
            FROM (SELECT urgency FROM generate_series(1, 10) AS urgency ORDER BY urgency) AS each
            CROSS JOIN LATERAL (
                SELECT id, priority, available_at FROM hls_transcode_queue
                WHERE status = 'pending' AND priority = urgency
                    AND available_at <= statement_timestamp()
                ORDER BY available_at
                LIMIT %(limit)s
                FOR NO KEY UPDATE SKIP LOCKED
            ) AS job
            ORDER BY urgency
            LIMIT %(limit)s
        ), expired AS (
            SELECT id, priority, available_at FROM hls_transcode_queue
            WHERE status = 'processing' AND lease_expires_at <= statement_timestamp()
                AND attempts < max_attempts
            ORDER BY priority, available_at
            LIMIT %(limit)s
            FOR NO KEY UPDATE SKIP LOCKED
        ), first AS (
            SELECT * FROM pending UNION ALL SELECT * FROM expired
            ORDER BY priority, available_at
            LIMIT %(limit)s
        ), claimed AS (
            UPDATE hls_transcode_queue AS job
            SET status = 'processing', locked_by = %(worker)s, attempts = attempts + 1,
                started_at = statement_timestamp(),
                lease_expires_at = statement_timestamp() + %(lease)s
            FROM first WHERE job.id = first.id
            RETURNING job.*
        )
        SELECT id, track_id, locked_by, started_at, lease_expires_at, attempts, payload
        FROM claimed ORDER BY priority, available_at
        """,
        worker=worker,
        lease=lease,
        limit=limit,
    )
    # Django has psycopg leave JSON as text.
    return [Lease(*job, payload=json.loads(payload)) for *job, payload in claimed]


@transaction.atomic
def heartbeat(*, lease: Lease, extension: timedelta) -> Lease:
    """
    Let a lease last for `extension` from now on, and return it. Locks the job.

    Statements: 2.

    Raises LeaseLost if the worker has lost it, and Invalid for an extension that is not positive.
    """
    _check_lease_time(extension)
    lock_leased_job(lease)
    extended = fetch_row(
        """
        UPDATE hls_transcode_queue SET lease_expires_at = clock_timestamp() + %(extension)s
        WHERE id = %(job_id)s AND lease_expires_at > clock_timestamp()
        RETURNING lease_expires_at
        """,
        job_id=lease.job_id,
        extension=extension,
    )
    if extended is None:
        raise lease_lost(lease)
    (expires_at,) = extended
    return replace(lease, expires_at=expires_at)


def lock_track_of_leased_job(lease: Lease) -> UUID:
    """Lock the track of a worker's job, deleted or not, and return its id."""
    try:
        track_id, _ = lock_track_of_job(lease.job_id)
    except NotFound:
        raise lease_lost(lease) from None
    return track_id


def lock_leased_job(lease: Lease) -> None:
    """
    Lock the job of a lease, or raise LeaseLost if it has gone over to another.

    Whether the lease has run out is for the next statement to see: this one may wait.
    """
    job = fetch_row(
        """
        SELECT id FROM hls_transcode_queue
        WHERE id = %(job_id)s AND locked_by = %(worker)s AND started_at = %(started_at)s
        FOR NO KEY UPDATE
        """,
        job_id=lease.job_id,
        worker=lease.worker,
        started_at=lease.started_at,
    )
    if job is None:
        raise lease_lost(lease)


def _check_lease_time(time: timedelta) -> None:
    if time <= timedelta(0):
        raise Invalid(f"A lease can't last for {time}.")


def lease_lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"The worker {lease.worker} has lost its lease on the job {lease.job_id}.")
