"""How a worker's job ends: completed, exactly once since that takes the lease, or failed."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from media.models import TranscodeStatus
from media.services.leases import Lease, lease_lost, lock_leased_job, lock_track_of_leased_job
from media.services.tracks import set_status
from streaming.models import TrackStatus
from veza_site.transactions import (
    check_number,
    check_text,
    execute,
    fetch_one,
    fetch_row,
    fetch_rows,
)

# A job waits this long after the first failure, and twice as long after each further one.
BACKOFF = timedelta(seconds=30)
LONGEST_BACKOFF = timedelta(hours=1)


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
    Complete a job, and make its stream and its track ready.

    The stream replaces the one that the track has in this codec. `total_size` is in bytes. A track
    that was deleted meanwhile gets its stream too, and has it if it is restored.

    Locks: the track, then the stream, then the job.

    Statements: 5.

    Returns the stream's id.

    Raises LeaseLost if the worker has lost the lease, for example by completing the job before, and
    Invalid for a stream that can't be played.
    """
    check_text("The playlist's path", master_playlist_path, least=1, most=2048)
    check_text("A codec's name", codec, least=1, most=20)
    check_number("The number of segments", segment_count, least=1)
    check_number("The length of a segment", segment_duration_seconds, least=1)
    check_number("The size", total_size, most=2**63 - 1)
    for bitrate in bitrates_kbps:
        check_number("A bitrate", bitrate, least=1)
    track_id = lock_track_of_leased_job(lease)
    stream_id: UUID
    (stream_id,) = fetch_one(
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
    lock_leased_job(lease)
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
        raise lease_lost(lease)
    set_status([track_id], TrackStatus.READY)
    return stream_id


@transaction.atomic
def fail_job(*, lease: Lease, error: str) -> TranscodeStatus:
    """
    Give back a job that failed: it is pending again after a while, or failed for good.

    It waits for 30 seconds after the first attempt and twice as long after each further one, at
    most an hour; after its last attempt it has failed. Then its track has failed too, unless it has
    a ready stream.

    Locks: the track, then the job.

    Statements: 4.

    Returns the job's status: pending or failed.

    Raises LeaseLost if the worker has lost the lease.
    """
    track_id = lock_track_of_leased_job(lease)
    lock_leased_job(lease)
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
        error=error.replace("\0", ""),  # PostgreSQL can't store it
        backoff=BACKOFF,
        longest=LONGEST_BACKOFF,
    )
    if job is None:
        raise lease_lost(lease)
    status = TranscodeStatus(*job)
    failed = status == TranscodeStatus.FAILED
    set_status([track_id], TrackStatus.FAILED if failed else TrackStatus.PROCESSING)
    return status


@transaction.atomic
def fail_exhausted_jobs(*, limit: int = 100) -> int:
    """
    Fail up to `limit` jobs whose lease has run out on their last attempt: nobody can claim those.

    A worker calls this when a claim comes back empty.

    Locks: the tracks in the order of their ids, passing over those that are locked, then the jobs.

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
    set_status([track_id for (track_id,) in failed], TrackStatus.FAILED)
    return len(failed)
