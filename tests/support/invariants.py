"""What is true of sound data, whatever happened to it: queries that return no rows."""

from typing import Any

from django.db import connection

INVARIANTS = {
    "the positions of a playlist are 0 … n-1": """
        SELECT playlist_id, count(*), min(position), max(position)
        FROM playlist_tracks
        GROUP BY playlist_id
        HAVING min(position) <> 0 OR max(position) <> count(*) - 1
            OR count(DISTINCT position) <> count(*)
    """,
    "a playlist's track_count is the number of its tracks": """
        SELECT id, track_count FROM playlists
        WHERE track_count <> (SELECT count(*) FROM playlist_tracks WHERE playlist_id = playlists.id)
    """,
    "a playlist's follower_count is the number of its follows": """
        SELECT id, follower_count FROM playlists
        WHERE follower_count <>
            (SELECT count(*) FROM playlist_follows WHERE playlist_id = playlists.id)
    """,
    "a track's like_count is the number of its likes": """
        SELECT id, like_count FROM tracks
        WHERE like_count <> (SELECT count(*) FROM track_likes WHERE track_id = tracks.id)
    """,
    "a track's share_count is the number of its shares": """
        SELECT id, share_count FROM tracks
        WHERE share_count <> (SELECT count(*) FROM track_shares WHERE track_id = tracks.id)
    """,
    "a track's comment_count is the number of its live comments": """
        SELECT id, comment_count FROM tracks
        WHERE comment_count <> (
            SELECT count(*) FROM track_comments WHERE track_id = tracks.id AND deleted_at IS NULL
        )
    """,
    # It lags behind until the next recount, and is never ahead.
    "a track's play_count is not above the number of its plays, the pruned ones too": """
        SELECT id, play_count FROM tracks
        WHERE play_count > pruned_play_count
            + (SELECT count(*) FROM track_plays WHERE track_id = tracks.id)
    """,
    "a reply is on the track of the comment that it answers": """
        SELECT reply.id FROM track_comments AS reply
        JOIN track_comments AS parent ON parent.id = reply.parent_id
        WHERE parent.track_id <> reply.track_id
    """,
    "the owner of a playlist is not among its collaborators": """
        SELECT playlist_collaborators.id FROM playlist_collaborators
        JOIN playlists ON playlists.id = playlist_collaborators.playlist_id
        WHERE playlists.owner_id = playlist_collaborators.user_id
    """,
    "a track has one open job": """
        SELECT track_id FROM hls_transcode_queue
        WHERE status IN ('pending', 'processing')
        GROUP BY track_id HAVING count(*) > 1
    """,
    "a ready stream has a playlist and segments": """
        SELECT id FROM hls_streams
        WHERE status = 'ready' AND (coalesce(master_playlist_path, '') = '' OR segment_count = 0)
    """,
    "a ready track has a ready stream": """
        SELECT id FROM tracks
        WHERE status = 'ready' AND NOT EXISTS (
            SELECT FROM hls_streams
            WHERE track_id = tracks.id AND status = 'ready' AND deleted_at IS NULL
        )
    """,
    "nobody has a deleted role, and it allows nothing": """
        SELECT id FROM roles
        WHERE deleted_at IS NOT NULL AND (
            EXISTS (SELECT FROM user_roles WHERE role_id = roles.id)
            OR EXISTS (SELECT FROM role_permissions WHERE role_id = roles.id)
        )
    """,
    "a refresh token that was replaced is revoked": """
        SELECT id FROM refresh_tokens WHERE replaced_by_id IS NOT NULL AND revoked_at IS NULL
    """,
}


def find_unsound(cursor: Any = None) -> dict[str, list[tuple[Any, ...]]]:
    """
    Return the rows that each broken invariant finds, by its name: none on sound data.

    `cursor` is Django's default connection's, or any other.
    """
    found = {}
    with cursor or connection.cursor() as cursor:
        for name, query in INVARIANTS.items():
            cursor.execute(query)
            if rows := cursor.fetchall():
                found[name] = rows
    return found
