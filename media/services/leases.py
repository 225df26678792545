"""
A worker's lease on a job: claiming it, extending it, and checking that it still holds.

The database's clock decides who holds a lease. A job may be started more than once: a worker that
was stopped or cut off goes on with a job that another has claimed by then. So whatever happens
outside the database happens at least once: write each attempt's files under a path of its own.
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
    """The lease has run out, or the job is another worker's, was cancelled or is done."""


@dataclass(frozen=True)
class Lease:
    """
    A worker's right to work on a job, until `expires_at` by the database's clock.

    It is identified by job, worker and `started_at`, the moment of the claim: a worker that claims
    a job again has a new lease, and has lost the old one.
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
    Give a worker leases of this length on up to `limit` jobs, by priority, then by age.

    A pending job can be claimed once its time has come; so can one whose lease has run out, if it
    has attempts left. Each claim is an attempt. Commit it before working on a job.

    Each priority is searched by itself: the time this takes grows neither with the queue nor with
    the jobs that wait for their time. Only the leases that have run out, of which there are few,
    are all read.

    Locks: the jobs, and waits for nobody: jobs that others are claiming are passed over.

    Statements: 1.

    Returns the leases, the most urgent first; none if there is nothing to do.

    Raises Invalid for a limit below 1, a lease that is not positive, and a worker's name that is
    empty or has over 255 characters.
    """
    check_text("A worker's name", worker, least=1, most=255)
    check_number("The number of jobs", limit, least=1)
    _check_lease_time(lease)
    # statement_timestamp() is now, since the statement waits for no lock. Unlike clock_timestamp(),
    # which may change from row to row, it can be looked up in an index.
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
    # Django makes psycopg leave JSON as text.
    return [
        Lease(job_id, track_id, holder, started_at, expires_at, attempt, json.loads(payload))
        for job_id, track_id, holder, started_at, expires_at, attempt, payload in claimed
    ]


@transaction.atomic
def heartbeat(*, lease: Lease, extension: timedelta) -> Lease:
    """
    Extend a lease: it lasts for `extension` from now on.

    Locks: the job.

    Statements: 2.

    Returns the extended lease.

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
    Lock the job of a lease, or raise LeaseLost if another worker has claimed it.

    This may wait, so it is the next statement that checks whether the lease has run out.
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
        raise Invalid(f"A lease's length must be positive, not {time}.")


def lease_lost(lease: Lease) -> LeaseLost:
    """Return the refusal for a worker that has lost its lease."""
    return LeaseLost(f"The worker {lease.worker} has lost its lease on the job {lease.job_id}.")
