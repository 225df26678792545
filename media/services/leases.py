"""
A worker's lease on a job: extending it, and checking that it still holds.

The database's clock decides who holds a lease. A job may be started more than once: a worker that
was stopped or cut off goes on with a job that another has claimed by then. So whatever happens
outside the database happens at least once: write each attempt's files under a path of its own.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from media.services.tracks import lock_track_of_job
from veza_site.transactions import Conflict, NotFound, check_duration, fetch_row, in_transaction


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


@in_transaction()
def heartbeat(*, lease: Lease, extension: timedelta) -> Lease:
    """
    Extend a lease: it lasts for `extension` from now on. It may be repeated blindly.

    Locks: the job.

    Statements: 2.

    Returns the extended lease.

    Raises LeaseLost if the worker has lost it, and Invalid for an extension that is not positive,
    or longer than 100 years.
    """
    check_duration("An extension", extension)
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


def lease_lost(lease: Lease) -> LeaseLost:
    """Return the refusal for a worker that has lost its lease."""
    return LeaseLost(f"The worker {lease.worker} has lost its lease on the job {lease.job_id}.")
