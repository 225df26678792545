"""
The locks that media's transactions start with, and the status of the track that they end with.

A track is `ready` as long as it has a ready stream, whatever becomes of later jobs; otherwise its
status follows from its last job.
"""

from uuid import UUID

from media.models import TranscodeStatus
from streaming.models import TrackStatus
from veza_site.transactions import NotFound, execute, fetch_row


def lock_track_of_stream(stream_id: UUID) -> UUID | None:
    """Lock the track of a stream, deleted or not, and return its id, or None if there is none."""
    track = fetch_row(
        """
        SELECT id FROM tracks
        WHERE id = (SELECT track_id FROM hls_streams WHERE id = %(stream_id)s)
        FOR NO KEY UPDATE
        """,
        stream_id=stream_id,
    )
    return track[0] if track else None


def lock_track_of_job(job_id: UUID) -> tuple[UUID, bool]:
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
    track_id, is_deleted = track
    return track_id, is_deleted


def lock_job(job_id: UUID) -> TranscodeStatus:
    """Lock a job and return its status."""
    job = fetch_row(
        "SELECT status FROM hls_transcode_queue WHERE id = %(job_id)s FOR NO KEY UPDATE",
        job_id=job_id,
    )
    if job is None:
        raise _no_job(job_id)
    return TranscodeStatus(*job)


def set_status(track_ids: list[UUID], otherwise: TrackStatus) -> None:
    """Make locked tracks ready if they have a ready stream, and `otherwise` if they don't."""
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


def follow_streams(track_id: UUID) -> None:
    """
    Make a locked track ready if it has a ready stream.

    If it has none but was ready, it is `processing` while it has an open job, and else `failed`.
    """
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


def _no_job(job_id: UUID) -> NotFound:
    return NotFound(f"There is no job {job_id}.")


def no_track(track_id: UUID) -> NotFound:
    """Return the refusal for a track that doesn't exist."""
    return NotFound(f"There is no track {track_id}.")
