"""
The transcode queue as the platform and its staff use it: enqueueing, cancelling, retrying.

What workers do with jobs is in `leases` and `results`.
"""

from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from media.models import TranscodeStatus
from media.services.tracks import lock_job, lock_track_of_job, no_track, set_status
from streaming.models import TrackStatus
from veza_site.transactions import (
    Conflict,
    check_json,
    check_number,
    execute,
    fetch_one,
    fetch_row,
    in_transaction,
)


class Enqueued(NamedTuple):
    """The open job of a track, and whether it is a new one."""

    job_id: UUID
    is_new: bool


@in_transaction()
def enqueue_transcode(
    *,
    track_id: UUID,
    priority: int = 5,
    max_attempts: int = 3,
    payload: dict[str, Any] | None = None,
) -> Enqueued:
    """
    Give a track an open job, or let the one that it has follow the new wish.

    `priority` is 1 (first) to 10. A track without a ready stream is `processing` from now on.

    A job that is pending takes the more urgent of both priorities, the larger number of attempts,
    and the new payload if there is one. A job that a worker has may have read the track as it was:
    one more run follows it, with this priority, and this payload or else the same one. However
    often the track is enqueued meanwhile, it is one run, by the most urgent priority and the last
    payload. So this may be repeated blindly; at worst the track is transcoded once more.

    Locks: the track, then the job.

    Statements: 3.

    Returns the open job, and whether it is new.

    Raises NotFound for a track that doesn't exist or is deleted, and Invalid for a priority or a
    number of attempts that is out of range, and for a payload that jsonb can't hold.
    """
    check_number("A priority", priority, least=1, most=10)
    check_number("The number of attempts", max_attempts, least=1)
    check_json("The payload", payload)
    track = fetch_row(
        """
        SELECT id FROM tracks WHERE id = %(track_id)s AND deleted_at IS NULL
        FOR NO KEY UPDATE
        """,
        track_id=track_id,
    )
    if track is None:
        raise no_track(track_id)
    job = fetch_row(
        """
        INSERT INTO hls_transcode_queue (track_id, priority, max_attempts, payload)
        VALUES (%(track_id)s, %(priority)s, %(max_attempts)s, %(payload)s)
        ON CONFLICT (track_id) WHERE status IN ('pending', 'processing') DO NOTHING
        RETURNING id
        """,
        track_id=track_id,
        priority=priority,
        max_attempts=max_attempts,
        payload=Jsonb(payload or {}),
    )
    if job is None:
        # Nobody can end it meanwhile: that takes the lock on the track.
        (job_id,) = fetch_one(
            """
            UPDATE hls_transcode_queue
            SET priority = CASE WHEN status = 'pending'
                    THEN LEAST(priority, %(priority)s) ELSE priority END,
                payload = CASE WHEN status = 'pending'
                    THEN coalesce(%(payload)s::jsonb, payload) ELSE payload END,
                max_attempts = GREATEST(max_attempts, %(max_attempts)s),
                rerun_priority = CASE WHEN status = 'processing'
                    THEN LEAST(rerun_priority, %(priority)s) END,
                rerun_payload = CASE WHEN status = 'processing'
                    THEN coalesce(%(payload)s::jsonb, rerun_payload) END
            WHERE track_id = %(track_id)s AND status IN ('pending', 'processing')
            RETURNING id
            """,
            track_id=track_id,
            priority=priority,
            max_attempts=max_attempts,
            payload=None if payload is None else Jsonb(payload),
        )
        return Enqueued(job_id, is_new=False)
    set_status([track_id], TrackStatus.PROCESSING)
    return Enqueued(job[0], is_new=True)


@in_transaction()
def cancel_job(*, job_id: UUID) -> None:
    """
    Cancel an open job; its worker loses the lease. Doing it again is no error.

    If the track was enqueued again while the job ran, that run is cancelled too.

    The track has failed then, unless it has a ready stream.

    Locks: the track, then the job.

    Statements: 4.

    Raises NotFound for a job that doesn't exist, and Conflict for one that has completed or failed.
    """
    track_id, _ = lock_track_of_job(job_id)
    status = lock_job(job_id)
    if status == TranscodeStatus.CANCELLED:
        return
    if status not in (TranscodeStatus.PENDING, TranscodeStatus.PROCESSING):
        raise Conflict(f"The job {job_id} has already {status}.")
    execute(
        """
        UPDATE hls_transcode_queue
        SET status = 'cancelled', finished_at = clock_timestamp(), locked_by = NULL,
            lease_expires_at = NULL, rerun_priority = NULL, rerun_payload = NULL
        WHERE id = %(job_id)s
        """,
        job_id=job_id,
    )
    set_status([track_id], TrackStatus.FAILED)


@in_transaction()
def retry_job(*, job_id: UUID) -> None:
    """
    Retry a job that failed or was cancelled: it is pending at once, with all its attempts.

    A track without a ready stream is `processing` again. Doing it again is a Conflict that says
    that the job is pending.

    Locks: the track, then the job.

    Statements: 4.

    Raises NotFound for a job that doesn't exist or whose track is deleted, and Conflict for one
    that is open or completed, or whose track has another open job.
    """
    track_id, is_deleted = lock_track_of_job(job_id)
    if is_deleted:
        raise no_track(track_id)
    status = lock_job(job_id)
    if status not in (TranscodeStatus.FAILED, TranscodeStatus.CANCELLED):
        raise Conflict(f"The job {job_id} is {status}.")
    if not execute(
        """
        UPDATE hls_transcode_queue AS job
        SET status = 'pending', attempts = 0, available_at = clock_timestamp(),
            started_at = NULL, finished_at = NULL, error_message = NULL,
            rerun_priority = NULL, rerun_payload = NULL
        WHERE id = %(job_id)s AND NOT EXISTS (
            SELECT FROM hls_transcode_queue AS other
            WHERE other.track_id = job.track_id AND other.status IN ('pending', 'processing')
        )
        """,
        job_id=job_id,
    ):
        raise Conflict(f"The track {track_id} has another open job.")
    set_status([track_id], TrackStatus.PROCESSING)
