"""
The transcode queue: from the wish to have a track transcoded to the stream that plays.

A worker claims jobs and holds each by a lease, which it has to extend while it works. Who holds a
lease is decided by the database's clock. A job may be started more than once (a worker that is
stopped or cut off goes on with what another one has claimed by then), so effects outside of the
database are at-least-once: write each attempt's files under a path of its own. A job is completed
exactly once, since all that a worker does here needs the lease.

A track is `ready` as long as it has a ready stream, whatever becomes of later jobs; otherwise it
has the state of its last job.

Locks are taken in this order: the track, its streams, its jobs. Claiming locks jobs only, and
waits for nobody.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from psycopg.types.json import Jsonb

from media.models import TranscodeStatus
from streaming.models import TrackStatus
from veza_site.transactions import (
    Conflict,
    Invalid,
    NotFound,
    check_number,
    check_text,
    execute,
    fetch_row,
    fetch_rows,
)

__all__ = [
    "Enqueued",
    "Lease",
    "LeaseLost",
    "cancel_job",
    "claim_jobs",
    "complete_job",
    "delete_stream",
    "enqueue_transcode",
    "fail_exhausted_jobs",
    "fail_job",
    "heartbeat",
    "restore_stream",
    "retry_job",
]

# After the first failure a job waits this long, after each further one twice as long.
BACKOFF = timedelta(seconds=30)
LONGEST_BACKOFF = timedelta(hours=1)


class LeaseLost(Conflict):
    """The lease has run out, or the job is another worker's, is cancelled or is done."""


class Enqueued(NamedTuple):
    """The open job of a track, and whether it was made just now."""

    job_id: UUID
    is_new: bool


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


@transaction.atomic
def enqueue_transcode(
    *,
    track_id: UUID,
    priority: int = 5,
    max_attempts: int = 3,
    payload: dict[str, Any] | None = None,
) -> Enqueued:
    """
    See that a track has an open job: the one that it has, as it is, or a new one.

    `priority` is 1 (first) to 10. Locks the track, then the job. A track without a ready stream is
    `processing` from now on.

    Statements: 3.

    Raises NotFound for a track that is not there or is deleted, and Invalid for a priority or a
    number of attempts that is out of range.
    """
    check_number("A priority", priority, least=1, most=10)
    check_number("The number of attempts", max_attempts, least=1)
    track = fetch_row(
        """
        SELECT id FROM tracks WHERE id = %(track_id)s AND deleted_at IS NULL
        FOR NO KEY UPDATE
        """,
        track_id=track_id,
    )
    if track is None:
        raise _no_track(track_id)
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
        # Nobody can end it meanwhile: that needs the lock on the track.
        (job_id,) = fetch_row(
            """
            SELECT id FROM hls_transcode_queue
            WHERE track_id = %(track_id)s AND status IN ('pending', 'processing')
            """,
            track_id=track_id,
        )
        return Enqueued(job_id, is_new=False)
    _set_status([track_id], TrackStatus.PROCESSING)
    return Enqueued(*job, is_new=True)


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
    _lock_leased_job(lease)
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
        raise _lost(lease)
    (expires_at,) = extended
    return replace(lease, expires_at=expires_at)


@transaction.atomic
def complete_job(
    *,
    lease: Lease,
    master_playlist_path: str,
    segment_count: int,
    bitrates_kbps: Sequence[int] = (),
    segment_duration_seconds: int = 6,
    total_size: int = 0,
    codec: str = "aac",
) -> UUID:
    """
    Complete a job: it is done, and its stream and its track are ready, together.

    The track's stream in this codec is made, or takes the place of the one that is there.
    `total_size` is in bytes. Locks the track, then the stream, then the job. A track that was
    deleted meanwhile gets its stream too, and has it if it is restored.

    Statements: 5.

    Returns the stream's id.

    Raises LeaseLost if the worker has lost the lease, also by completing the job before, and
    Invalid for a stream that can't be played.
    """
    check_text("The playlist's path", master_playlist_path, least=1, most=2048)
    check_text("A codec's name", codec, least=1, most=20)
    check_number("The number of segments", segment_count, least=1)
    check_number("The length of a segment", segment_duration_seconds, least=1)
    check_number("The size", total_size, most=2**63 - 1)
    for bitrate in bitrates_kbps:
        check_number("A bitrate", bitrate, least=1)
    track_id = _lock_track_of_leased_job(lease)
    (stream_id,) = fetch_row(
        """
        INSERT INTO hls_streams (
            track_id, codec, status, master_playlist_path, bitrates_kbps, segment_count,
            segment_duration_seconds, total_size
        )
        VALUES (
            %(track_id)s, %(codec)s, 'ready', %(master_playlist_path)s, %(bitrates_kbps)s::int[],
            %(segment_count)s, %(segment_duration_seconds)s, %(total_size)s
        )
        ON CONFLICT (track_id, codec) WHERE deleted_at IS NULL DO UPDATE
        SET status = EXCLUDED.status, master_playlist_path = EXCLUDED.master_playlist_path,
            bitrates_kbps = EXCLUDED.bitrates_kbps, segment_count = EXCLUDED.segment_count,
            segment_duration_seconds = EXCLUDED.segment_duration_seconds,
            total_size = EXCLUDED.total_size, error_message = NULL
        RETURNING id
        """,
        track_id=track_id,
        codec=codec,
        master_playlist_path=master_playlist_path,
        bitrates_kbps=list(bitrates_kbps),
        segment_count=segment_count,
        segment_duration_seconds=segment_duration_seconds,
        total_size=total_size,
    )
    _lock_leased_job(lease)
    if not execute(
        """
        UPDATE hls_transcode_queue
        SET status = 'completed', stream_id = %(stream_id)s, finished_at = clock_timestamp(),
            locked_by = NULL, lease_expires_at = NULL, error_message = NULL
        WHERE id = %(job_id)s AND lease_expires_at > clock_timestamp()
        """,
        job_id=lease.job_id,
        stream_id=stream_id,
    ):
        raise _lost(lease)
    _set_status([track_id], TrackStatus.READY)
    return stream_id


@transaction.atomic
def fail_job(*, lease: Lease, error: str) -> TranscodeStatus:
    """
    Give a job back that failed: pending again after a while, or failed after its last attempt.

    It waits for 30 seconds after the first attempt and twice as long after each further one, at
    most an hour. Locks the track, then the job. With the job its track has failed, unless it has
    a ready stream.

    Statements: 4.

    Returns what the job is now: pending or failed.

    Raises LeaseLost if the worker has lost the lease.
    """
    track_id = _lock_track_of_leased_job(lease)
    _lock_leased_job(lease)
    job = fetch_row(
        """
        UPDATE hls_transcode_queue
        SET status = (CASE WHEN attempts < max_attempts THEN 'pending' ELSE 'failed' END)
                ::transcode_status,
            available_at = clock_timestamp()
                + LEAST(%(longest)s, %(backoff)s * power(2, LEAST(attempts, 20) - 1)),
            finished_at = CASE WHEN attempts < max_attempts THEN NULL ELSE clock_timestamp() END,
            locked_by = NULL, lease_expires_at = NULL, error_message = %(error)s
        WHERE id = %(job_id)s AND lease_expires_at > clock_timestamp()
        RETURNING status
        """,
        job_id=lease.job_id,
        error=error.replace("\0", ""),  # which a text can't hold
        backoff=BACKOFF,
        longest=LONGEST_BACKOFF,
    )
    if job is None:
        raise _lost(lease)
    status = TranscodeStatus(*job)
    failed = status == TranscodeStatus.FAILED
    _set_status([track_id], TrackStatus.FAILED if failed else TrackStatus.PROCESSING)
    return status


@transaction.atomic
def fail_exhausted_jobs(*, limit: int = 100) -> int:
    """
    Fail up to `limit` jobs whose lease has run out on their last attempt: nobody can claim those.

    A worker calls it where a claim comes back empty. Locks the tracks in the order of their ids,
    passing over those that are locked, then the jobs.

    Statements: 3.

    Returns how many jobs have failed.

    Raises Invalid for a limit below 1.
    """
    check_number("The number of jobs", limit, least=1)
    tracks = fetch_rows(
        """
        SELECT id FROM tracks WHERE id IN (
            SELECT track_id FROM hls_transcode_queue
            WHERE status = 'processing' AND lease_expires_at <= statement_timestamp()
                AND attempts >= max_attempts
            ORDER BY lease_expires_at
            LIMIT %(limit)s
        )
        ORDER BY id
        FOR NO KEY UPDATE SKIP LOCKED
        """,
        limit=limit,
    )
    failed = fetch_rows(
        """
        UPDATE hls_transcode_queue
        SET status = 'failed', finished_at = clock_timestamp(), locked_by = NULL,
            lease_expires_at = NULL, error_message = 'The worker was lost on the last attempt.'
        WHERE track_id = ANY(%(track_ids)s::uuid[]) AND status = 'processing'
            AND lease_expires_at <= statement_timestamp() AND attempts >= max_attempts
        RETURNING track_id
        """,
        track_ids=[track_id for (track_id,) in tracks],
    )
    _set_status([track_id for (track_id,) in failed], TrackStatus.FAILED)
    return len(failed)


@transaction.atomic
def cancel_job(*, job_id: UUID) -> None:
    """
    Cancel an open job; its worker loses the lease. Again is no error.

    Locks the track, then the job. The track has failed, unless it has a ready stream.

    Statements: 4.

    Raises NotFound for a job that is not there, and Conflict for one that has ended otherwise.
    """
    track_id, _ = _lock_track_of(job_id)
    status = _lock_job(job_id)
    if status == TranscodeStatus.CANCELLED:
        return
    if status not in (TranscodeStatus.PENDING, TranscodeStatus.PROCESSING):
        raise Conflict(f"The job {job_id} is {status} already.")
    execute(
        """
        UPDATE hls_transcode_queue
        SET status = 'cancelled', finished_at = clock_timestamp(), locked_by = NULL,
            lease_expires_at = NULL
        WHERE id = %(job_id)s
        """,
        job_id=job_id,
    )
    _set_status([track_id], TrackStatus.FAILED)


@transaction.atomic
def retry_job(*, job_id: UUID) -> None:
    """
    Let a job that failed or was cancelled be done after all: pending at once, with all attempts.

    Locks the track, then the job. A track without a ready stream is `processing` again.

    Statements: 4.

    Raises NotFound for a job that is not there or whose track is deleted, and Conflict for one that
    is open or completed, or whose track has another open job.
    """
    track_id, is_deleted = _lock_track_of(job_id)
    if is_deleted:
        raise _no_track(track_id)
    status = _lock_job(job_id)
    if status not in (TranscodeStatus.FAILED, TranscodeStatus.CANCELLED):
        raise Conflict(f"The job {job_id} is {status}.")
    if not execute(
        """
        UPDATE hls_transcode_queue AS job
        SET status = 'pending', attempts = 0, available_at = clock_timestamp(),
            started_at = NULL, finished_at = NULL, error_message = NULL
        WHERE id = %(job_id)s AND NOT EXISTS (
            SELECT FROM hls_transcode_queue AS other
            WHERE other.track_id = job.track_id AND other.status IN ('pending', 'processing')
        )
        """,
        job_id=job_id,
    ):
        raise Conflict(f"The track {track_id} has another open job.")
    _set_status([track_id], TrackStatus.PROCESSING)


@transaction.atomic
def delete_stream(*, stream_id: UUID) -> None:
    """
    Soft-delete a stream, for the platform's staff; what its job wrote stays where it is.

    A ready track that has no other ready stream then is `processing` where it has an open job, and
    else `failed`. Locks the track, deleted or not, then the stream.

    Statements: 3.

    Raises NotFound for a stream that is not there or is deleted already.
    """
    track_id = _lock_track_of_stream(stream_id)
    if track_id is None or not execute(
        """
        UPDATE hls_streams SET deleted_at = CURRENT_TIMESTAMP
        WHERE id = %(stream_id)s AND deleted_at IS NULL
        """,
        stream_id=stream_id,
    ):
        raise NotFound(f"There is no stream {stream_id}.")
    _follow_streams(track_id)


def restore_stream(*, stream_id: UUID) -> None:
    """
    Restore a soft-deleted stream, for the platform's staff.

    If it is ready, so is its track. The locks are those of `delete_stream`.

    Statements: 3.

    Raises NotFound for a stream that is not there or is not deleted, and Conflict for a track that
    has another live stream in its codec.
    """
    try:
        with transaction.atomic():
            track_id = _lock_track_of_stream(stream_id)
            if track_id is None or not execute(
                """
                UPDATE hls_streams SET deleted_at = NULL
                WHERE id = %(stream_id)s AND deleted_at IS NOT NULL
                """,
                stream_id=stream_id,
            ):
                raise NotFound(f"There is no deleted stream {stream_id}.")
            _follow_streams(track_id)
    except IntegrityError as error:
        raise Conflict(f"The track of stream {stream_id} has another in its codec.") from error


def _lock_track_of_stream(stream_id: UUID) -> UUID | None:
    """Lock the track of a stream, deleted or not, and return its id, None where there is none."""
    track = fetch_row(
        """
        SELECT id FROM tracks
        WHERE id = (SELECT track_id FROM hls_streams WHERE id = %(stream_id)s)
        FOR NO KEY UPDATE
        """,
        stream_id=stream_id,
    )
    return track[0] if track else None


def _follow_streams(track_id: UUID) -> None:
    """Let a locked track be ready if it has a ready stream, and no longer if it has none."""
    execute(
        """
        UPDATE tracks SET status = now.status
        FROM (
            SELECT id, CASE
                WHEN EXISTS (
                    SELECT FROM hls_streams
                    WHERE track_id = tracks.id AND status = 'ready' AND deleted_at IS NULL
                ) THEN 'ready'
                WHEN status <> 'ready' THEN status
                WHEN EXISTS (
                    SELECT FROM hls_transcode_queue
                    WHERE track_id = tracks.id AND status IN ('pending', 'processing')
                ) THEN 'processing'
                ELSE 'failed'
            END AS status
            FROM tracks WHERE id = %(track_id)s
        ) AS now
        WHERE tracks.id = now.id AND tracks.status <> now.status
        """,
        track_id=track_id,
    )


def _lock_track_of(job_id: UUID) -> tuple[UUID, bool]:
    """Lock the track of a job, deleted or not, and return its id and whether it is deleted."""
    track = fetch_row(
        """
        SELECT id, deleted_at IS NOT NULL FROM tracks
        WHERE id = (SELECT track_id FROM hls_transcode_queue WHERE id = %(job_id)s)
        FOR NO KEY UPDATE
        """,
        job_id=job_id,
    )
    if track is None:
        raise _no_job(job_id)
    return track


def _lock_track_of_leased_job(lease: Lease) -> UUID:
    """Lock the track of a worker's job, deleted or not, and return its id."""
    try:
        track_id, _ = _lock_track_of(lease.job_id)
    except NotFound:
        raise _lost(lease) from None
    return track_id


def _lock_job(job_id: UUID) -> str:
    """Lock a job and return its status."""
    job = fetch_row(
        "SELECT status FROM hls_transcode_queue WHERE id = %(job_id)s FOR NO KEY UPDATE",
        job_id=job_id,
    )
    if job is None:
        raise _no_job(job_id)
    (status,) = job
    return status


def _lock_leased_job(lease: Lease) -> None:
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
        raise _lost(lease)


def _set_status(track_ids: list[UUID], otherwise: TrackStatus) -> None:
    """Let locked tracks be ready if they have a ready stream, and `otherwise` if they don't."""
    execute(
        """
        UPDATE tracks SET status = now.status
        FROM (
            SELECT id, CASE WHEN EXISTS (
                SELECT FROM hls_streams
                WHERE track_id = tracks.id AND status = 'ready' AND deleted_at IS NULL
            ) THEN 'ready' ELSE %(otherwise)s::track_status END AS status
            FROM tracks WHERE id = ANY(%(track_ids)s::uuid[])
        ) AS now
        WHERE tracks.id = now.id AND tracks.status <> now.status
        """,
        track_ids=track_ids,
        otherwise=otherwise.value,
    )


def _check_lease_time(time: timedelta) -> None:
    if time <= timedelta(0):
        raise Invalid(f"A lease can't last for {time}.")


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"The worker {lease.worker} has lost its lease on the job {lease.job_id}.")


def _no_job(job_id: UUID) -> NotFound:
    return NotFound(f"There is no job {job_id}.")


def _no_track(track_id: UUID) -> NotFound:
    return NotFound(f"There is no track {track_id}.")
