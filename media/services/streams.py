"""Deleting and restoring the streams of tracks, for the platform's staff."""

from uuid import UUID

from media.services.tracks import follow_streams, lock_track_of_stream
from veza_site.transactions import Conflict, NotFound, Taken, execute, in_transaction


@in_transaction()
def delete_stream(*, stream_id: UUID) -> None:
    """
    Soft-delete a stream, for the platform's staff. The files that its job wrote stay.

    A ready track without another ready stream is `processing` then if it has an open job, and else
    `failed`.

    Locks: the track, even a deleted one, then the stream.

    Statements: 3.

    Raises NotFound for a stream that doesn't exist or is already deleted.
    """
    track_id = lock_track_of_stream(stream_id)
    if track_id is None or not execute(
        """
        UPDATE hls_streams SET deleted_at = CURRENT_TIMESTAMP
        WHERE id = %(stream_id)s AND deleted_at IS NULL
        """,
        stream_id=stream_id,
    ):
        raise NotFound(f"There is no stream {stream_id}.")
    follow_streams(track_id)


def restore_stream(*, stream_id: UUID) -> None:
    """
    Restore a soft-deleted stream, for the platform's staff. If it is ready, so is its track.

    Locks: as delete_stream().

    Statements: 3.

    Raises NotFound for a stream that doesn't exist or is not deleted, and Conflict if the track has
    another live stream in its codec.
    """
    try:
        with in_transaction():
            track_id = lock_track_of_stream(stream_id)
            if track_id is None or not execute(
                """
                UPDATE hls_streams SET deleted_at = NULL
                WHERE id = %(stream_id)s AND deleted_at IS NOT NULL
                """,
                stream_id=stream_id,
            ):
                raise NotFound(f"There is no deleted stream {stream_id}.")
            follow_streams(track_id)
    except Taken as error:
        raise Conflict(f"The track of stream {stream_id} has another in its codec.") from error
