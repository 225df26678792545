"""
How a worker's job ends: completed, exactly once since that takes the lease, or failed.

A worker that got no answer may complete or fail its job again: it gets the answer of the first
time, and nothing changes.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from media.models import TranscodeStatus
from media.services.leases import (
    Lease,
    LeaseLost,
    lease_lost,
    lock_leased_job,
    lock_track_of_leased_job,
)
from media.services.tracks import set_status
from streaming.models import TrackStatus
from veza_site.transactions import (
    check_number,
    check_text,
    execute,
    fetch_one,
    fetch_row,
    fetch_rows,
    in_transaction,
    make_storable,
)

# A job waits this long after the first failure, and twice as long after each further one; at random
# up to a quarter less, so that jobs that failed together don't come back together.
BACKOFF = timedelta(seconds=30)
LONGEST_BACKOFF = timedelta(hours=1)
JITTER = 0.25

# Of an error, the last characters are kept: what went wrong is at the end of a long output.
LONGEST_ERROR = 10_000


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
    that was deleted meanwhile gets its stream too, and has it if it is restored. If the track was
    enqueued again meanwhile and is not deleted, it has a new job then.

    A worker that has completed the job by this lease may do it again, for example because it got no
    answer: that changes nothing, whatever it says about the stream.

    Locks: the track, then the stream, then the job.

    Statements: 5, or 6 if it makes a new job.

    Returns the stream's id.

    Raises LeaseLost if the worker has lost the lease, and Invalid for a stream that can't be
    played.
    """
    check_text("The playlist's path", master_playlist_path, least=1, most=2048)
    check_text("A codec's name", codec, least=1, most=20)
    check_number("The number of segments", segment_count, least=1)
    check_number("The length of a segment", segment_duration_seconds, least=1)
    check_number("The size", total_size, most=2**63 - 1)
    for bitrate in bitrates_kbps:
        check_number("A bitrate", bitrate, least=1)
    try:
        with in_transaction():
            track_id = lock_track_of_leased_job(lease)
            stream_id: UUID
            (stream_id,) = fetch_one(
                """
                INSERT INTO hls_streams (
                    track_id, codec, status, master_playlist_path, bitrates_kbps, segment_count,
                    segment_duration_seconds, total_size
                )
                VALUES (
                    %(track_id)s, %(codec)s, 'ready', %(master_playlist_path)s,
                    %(bitrates_kbps)s::int[], %(segment_count)s, %(segment_duration_seconds)s,
                    %(total_size)s
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
            job = fetch_row(
                """
                UPDATE hls_transcode_queue
                SET status = 'completed', stream_id = %(stream_id)s,
                    finished_at = clock_timestamp(), locked_by = NULL, lease_expires_at = NULL,
                    error_message = NULL
                WHERE id = %(job_id)s AND lease_expires_at > clock_timestamp()
                RETURNING rerun_priority IS NOT NULL
                """,
                job_id=lease.job_id,
                stream_id=stream_id,
            )
            if job is None:
                raise lease_lost(lease)
            (runs_again,) = job
            if runs_again:
                _run_again(lease.job_id)
            set_status([track_id], TrackStatus.READY)
            return stream_id
    except LeaseLost:
        done = _find_completed(lease)
        if done is None:
            raise
        return done


def _run_again(job_id: UUID) -> None:
    """Make the job that was asked for while this one ran, unless its track is deleted."""
    execute(
        """
        INSERT INTO hls_transcode_queue (track_id, priority, max_attempts, payload)
        SELECT job.track_id, rerun_priority, max_attempts, coalesce(rerun_payload, payload)
        FROM hls_transcode_queue AS job JOIN tracks ON tracks.id = job.track_id
        WHERE job.id = %(job_id)s AND tracks.deleted_at IS NULL
        """,
        job_id=job_id,
    )


def _find_completed(lease: Lease) -> UUID | None:
    """Return the stream of the job that was completed by this lease, if it was."""
    job = fetch_row(
        """
        SELECT stream_id FROM hls_transcode_queue
        WHERE id = %(job_id)s AND started_at = %(started_at)s AND status = 'completed'
        """,
        job_id=lease.job_id,
        started_at=lease.started_at,
    )
    return job[0] if job else None


def fail_job(*, lease: Lease, error: str) -> TranscodeStatus:
    """
    Give back a job that failed: it is pending again after a while, or failed for good.

    It waits for 30 seconds after the first attempt and twice as long after each further one, at
    most an hour, of which chance takes up to a quarter; after its last attempt it has failed. Then
    its track has failed too, unless it has a ready stream.

    If the track was enqueued again meanwhile, the job is pending again whatever attempts it had,
    with all of them, and with the priority and the payload that it was enqueued with.

    Of a long error the last 10,000 characters are kept, without what PostgreSQL can't store.

    A worker that has failed the job by this lease with the same error may do it again.

    Locks: the track, then the job.

    Statements: 4.

    Returns the job's status: pending or failed.

    Raises LeaseLost if the worker has lost the lease.
    """
    error = make_storable(error[-LONGEST_ERROR:])
    try:
        with in_transaction():
            track_id = lock_track_of_leased_job(lease)
            lock_leased_job(lease)
            job = fetch_row(
                """
                UPDATE hls_transcode_queue
                SET status = (CASE WHEN attempts < max_attempts OR rerun_priority IS NOT NULL
                        THEN 'pending' ELSE 'failed' END)::transcode_status,
                    finished_at = CASE WHEN attempts < max_attempts OR rerun_priority IS NOT NULL
                        THEN NULL ELSE clock_timestamp() END,
                    available_at = clock_timestamp() + (1 - %(jitter)s * random())
                        * LEAST(%(longest)s, %(backoff)s * power(2, LEAST(attempts, 20) - 1)),
                    attempts = CASE WHEN rerun_priority IS NULL THEN attempts ELSE 0 END,
                    priority = LEAST(priority, rerun_priority),
                    payload = coalesce(rerun_payload, payload),
                    rerun_priority = NULL, rerun_payload = NULL,
                    locked_by = NULL, lease_expires_at = NULL, error_message = %(error)s
                WHERE id = %(job_id)s AND lease_expires_at > clock_timestamp()
                RETURNING status
                """,
                job_id=lease.job_id,
                error=error,
                backoff=BACKOFF,
                longest=LONGEST_BACKOFF,
                jitter=JITTER,
            )
            if job is None:
                raise lease_lost(lease)
            status = TranscodeStatus(*job)
            failed = status == TranscodeStatus.FAILED
            set_status([track_id], TrackStatus.FAILED if failed else TrackStatus.PROCESSING)
            return status
    except LeaseLost:
        done = _find_failed(lease, error)
        if done is None:
            raise
        return done


def _find_failed(lease: Lease, error: str) -> TranscodeStatus | None:
    """Return what became of the job that was failed by this lease with this error, if it was."""
    job = fetch_row(
        """
        SELECT status FROM hls_transcode_queue
        WHERE id = %(job_id)s AND started_at = %(started_at)s AND error_message = %(error)s
            AND status IN ('pending', 'failed')
        """,
        job_id=lease.job_id,
        started_at=lease.started_at,
        error=error,
    )
    return TranscodeStatus(*job) if job else None


@in_transaction()
def fail_exhausted_jobs(*, limit: int = 100) -> int:
    """
    Fail up to `limit` jobs whose lease has run out on their last attempt: nobody can claim those.

    One whose track was enqueued again meanwhile is pending again, as after fail_job(), but at once.
    claim_jobs() calls this now and then, so a worker need not.

    Locks: the tracks in the order of their ids, then the jobs. It waits for nobody: it passes over
    those that are locked.

    Statements: 3, or 1 if there are none.

    Returns how many jobs their workers have lost.

    Raises Invalid for a limit below 1.
    """
    check_number("The number of jobs", limit, least=1)
    tracks = fetch_rows(
        """
        SELECT id FROM tracks WHERE id IN (
            SELECT track_id FROM hls_transcode_queue
            WHERE status = 'processing' AND attempts >= max_attempts
                AND lease_expires_at <= statement_timestamp()
            ORDER BY started_at
            LIMIT %(limit)s
        )
        ORDER BY id
        FOR NO KEY UPDATE SKIP LOCKED
        """,
        limit=limit,
    )
    if not tracks:
        return 0
    ended = fetch_rows(
        """
        UPDATE hls_transcode_queue
        SET status = (CASE WHEN rerun_priority IS NULL THEN 'failed' ELSE 'pending' END)
                ::transcode_status,
            finished_at = CASE WHEN rerun_priority IS NULL THEN clock_timestamp() END,
            available_at = CASE WHEN rerun_priority IS NULL THEN available_at
                ELSE clock_timestamp() END,
            attempts = CASE WHEN rerun_priority IS NULL THEN attempts ELSE 0 END,
            priority = LEAST(priority, rerun_priority), payload = coalesce(rerun_payload, payload),
            rerun_priority = NULL, rerun_payload = NULL,
            locked_by = NULL, lease_expires_at = NULL,
            error_message = 'The worker was lost on the last attempt.'
        WHERE id IN (
            SELECT id FROM hls_transcode_queue
            WHERE track_id = ANY(%(track_ids)s::uuid[]) AND status = 'processing'
                AND lease_expires_at <= statement_timestamp() AND attempts >= max_attempts
            FOR NO KEY UPDATE SKIP LOCKED
        )
        RETURNING track_id, status = 'failed'
        """,
        track_ids=[track_id for (track_id,) in tracks],
    )
    set_status([track_id for track_id, has_failed in ended if has_failed], TrackStatus.FAILED)
    return len(ended)
