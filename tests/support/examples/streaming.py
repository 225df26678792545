"""An example call of every service of streaming."""

from datetime import timedelta

from streaming.models import PlaylistPermission
from tests.support.rows import Rows

OLD = "2001-02-03T04:05:06Z"


def user(rows: Rows) -> object:
    return rows.insert("users")


def track(rows: Rows, **values: object) -> object:
    """Make a track, a public one unless said otherwise."""
    return rows.insert("tracks", **{"is_public": True} | values)


def playlist(rows: Rows, size: int, **values: object) -> dict[str, object]:
    """Make a playlist of `size` tracks, and return its id and its owner's as `actor_id`."""
    owner = values.setdefault("owner_id", user(rows))
    playlist_id = rows.insert("playlists", title="Late train home", **values)
    rows.cursor.execute(
        """
        WITH added AS (
            INSERT INTO playlist_tracks (playlist_id, track_id, position)
            SELECT %(playlist)s, id, number - 1
            FROM unnest(%(tracks)s::uuid[]) WITH ORDINALITY AS listed (id, number)
            RETURNING id
        )
        UPDATE playlists SET track_count = (SELECT count(*) FROM added) WHERE id = %(playlist)s
        """,
        {"playlist": playlist_id, "tracks": tracks(rows, size)},
    )
    return {"playlist_id": playlist_id, "actor_id": owner}


def tracks(rows: Rows, size: int) -> list:
    """Return the ids of `size` live public tracks, new ones where there are not as many."""
    rows.cursor.execute(
        """
        INSERT INTO tracks (
            creator_id, title, slug, artist, file_path, file_size, mime_type, is_public
        )
        SELECT %(creator)s, 'any', gen_random_uuid(), 'x', 'x', 0, 'audio/flac', TRUE
        FROM generate_series(1, %(size)s - (SELECT count(*) FROM tracks WHERE title = 'any'))
        """,
        {"creator": user(rows), "size": size},
    )
    analyze_many(rows, "tracks", size)
    rows.cursor.execute("SELECT id FROM tracks WHERE title = 'any' LIMIT %s", [size])
    return [track_id for (track_id,) in rows.cursor.fetchall()]


def track_at(rows: Rows, playlist_id: object, position: int) -> object:
    """Return the id of the track at a position."""
    return rows.fetch(
        "SELECT track_id FROM playlist_tracks WHERE playlist_id = %s AND position = %s",
        playlist_id,
        position,
    )


def tracks_of(rows: Rows, playlist_id: object) -> list:
    """Return the ids of a playlist's tracks, in their order."""
    rows.cursor.execute(
        "SELECT track_id FROM playlist_tracks WHERE playlist_id = %s ORDER BY position",
        [playlist_id],
    )
    return [track_id for (track_id,) in rows.cursor.fetchall()]


def users(rows: Rows, size: int) -> list:
    """Return the ids of `size` live users, new ones where there are not as many."""
    rows.cursor.execute(
        """
        INSERT INTO users (email, username, password_hash)
        SELECT name, name, 'any'
        FROM (
            SELECT left(gen_random_uuid()::text, 30) AS name
            FROM generate_series(
                1, %(size)s - (SELECT count(*) FROM users WHERE password_hash = 'any')
            )
        ) AS named
        """,
        {"size": size},
    )
    analyze_many(rows, "users", size)
    rows.cursor.execute("SELECT id FROM users WHERE password_hash = 'any' LIMIT %s", [size])
    return [user_id for (user_id,) in rows.cursor.fetchall()]


def analyze_many(rows: Rows, table: str, size: int) -> None:
    """
    Let PostgreSQL see that a table has become large.

    A session keeps the plans of its foreign keys: those made for an empty table read the whole of
    it for each row.
    """
    if size >= 1000:
        rows.cursor.execute(f"ANALYZE {table}")


def liked_track(rows: Rows, size: int) -> dict[str, object]:
    """Make a track that `size` users like, and return its id and the last one's."""
    track_id = track(rows, like_count=size)
    fans = users(rows, size)
    rows.cursor.execute(
        "INSERT INTO track_likes (track_id, user_id) SELECT %s, unnest(%s)", [track_id, fans]
    )
    return {"track_id": track_id, "user_id": fans[-1]}


def followed_playlist(rows: Rows, size: int) -> dict[str, object]:
    """Make a public playlist that `size` users follow, and return its id and the last one's."""
    playlist_id = rows.insert("playlists", is_public=True, follower_count=size)
    followers = users(rows, size)
    rows.cursor.execute(
        "INSERT INTO playlist_follows (playlist_id, user_id) SELECT %s, unnest(%s)",
        [playlist_id, followers],
    )
    return {"playlist_id": playlist_id, "user_id": followers[-1]}


def commented_track(rows: Rows, size: int) -> tuple[object, object, object]:
    """Make a track with `size` comments, and return its id, one comment's and that one's author."""
    track_id, author = track(rows, comment_count=size), user(rows)
    rows.cursor.execute(
        """
        INSERT INTO track_comments (track_id, user_id, content)
        SELECT %s, %s, 'That bass line!' FROM generate_series(1, %s)
        RETURNING id
        """,
        [track_id, author, size],
    )
    return track_id, rows.cursor.fetchone()[0], author


def played_track(rows: Rows, size: int) -> object:
    track_id = track(rows, is_public=True)
    rows.cursor.execute(
        "INSERT INTO track_plays (track_id) SELECT %s FROM generate_series(1, %s)",
        [track_id, size],
    )
    return track_id


def add_track(rows: Rows, size: int) -> dict[str, object]:
    return playlist(rows, size) | {"track_id": track(rows)}


def insert_track(rows: Rows, size: int) -> dict[str, object]:
    return playlist(rows, size) | {"track_id": track(rows), "position": 0}


def move_track(rows: Rows, size: int) -> dict[str, object]:
    call = playlist(rows, size)
    return call | {"track_id": track_at(rows, call["playlist_id"], 0), "position": size - 1}


def remove_track(rows: Rows, size: int) -> dict[str, object]:
    call = playlist(rows, size)
    return call | {"track_id": track_at(rows, call["playlist_id"], 0)}


def reorder_tracks(rows: Rows, size: int) -> dict[str, object]:
    call = playlist(rows, size)
    return call | {"track_ids": tracks_of(rows, call["playlist_id"])[::-1]}


def delete_playlist(rows: Rows, size: int) -> dict[str, object]:
    return playlist(rows, size)


def restore_playlist(rows: Rows, size: int) -> dict[str, object]:
    return playlist(rows, size, deleted_at="2001-02-03T04:05:06Z")


def duplicate_playlist(rows: Rows, size: int) -> dict[str, object]:
    return playlist(rows, size, is_public=True) | {"actor_id": user(rows)}


def invite_collaborator(rows: Rows, _size: int) -> dict[str, object]:
    return playlist(rows, 3) | {"user_id": user(rows), "permission": PlaylistPermission.WRITE}


def accept_invitation(rows: Rows, _size: int) -> dict[str, object]:
    playlist_id, invited = playlist(rows, 3)["playlist_id"], user(rows)
    rows.insert("playlist_collaborators", playlist_id=playlist_id, user_id=invited)
    return {"playlist_id": playlist_id, "user_id": invited}


def remove_collaborator(rows: Rows, size: int) -> dict[str, object]:
    call = accept_invitation(rows, size)
    return call | {"actor_id": call["user_id"]}


def set_like(rows: Rows, size: int) -> dict[str, object]:
    return liked_track(rows, size) | {"user_id": user(rows), "liked": True}


def set_like__to_unlike(rows: Rows, size: int) -> dict[str, object]:
    return liked_track(rows, size) | {"liked": False}


def toggle_like(rows: Rows, size: int) -> dict[str, object]:
    return liked_track(rows, size) | {"user_id": user(rows)}


def toggle_like__to_unlike(rows: Rows, size: int) -> dict[str, object]:
    return liked_track(rows, size)


def set_follow(rows: Rows, size: int) -> dict[str, object]:
    return followed_playlist(rows, size) | {"user_id": user(rows), "following": True}


def set_follow__to_unfollow(rows: Rows, size: int) -> dict[str, object]:
    return followed_playlist(rows, size) | {"following": False}


def toggle_follow(rows: Rows, size: int) -> dict[str, object]:
    return followed_playlist(rows, size) | {"user_id": user(rows)}


def toggle_follow__to_unfollow(rows: Rows, size: int) -> dict[str, object]:
    return followed_playlist(rows, size)


def share_track(rows: Rows, size: int) -> dict[str, object]:
    track_id, sharer = track(rows, share_count=size), user(rows)
    rows.cursor.execute(
        "INSERT INTO track_shares (track_id, platform)"
        " SELECT %s, 'link' FROM generate_series(1, %s)",
        [track_id, size],
    )
    return {"track_id": track_id, "user_id": sharer, "platform": "link"}


def comment_track(rows: Rows, size: int) -> dict[str, object]:
    track_id, _, author = commented_track(rows, size)
    return {
        "track_id": track_id,
        "user_id": author,
        "content": "On repeat since Friday.",
        "timestamp_seconds": 73,
    }


def reply_to_comment(rows: Rows, size: int) -> dict[str, object]:
    _, comment_id, _ = commented_track(rows, size)
    return {"comment_id": comment_id, "user_id": user(rows), "content": "Thank you!"}


def edit_comment(rows: Rows, size: int) -> dict[str, object]:
    _, comment_id, author = commented_track(rows, size)
    return {"comment_id": comment_id, "actor_id": author, "content": "That bass line, again!"}


def delete_comment(rows: Rows, size: int) -> dict[str, object]:
    _, comment_id, author = commented_track(rows, size)
    return {"comment_id": comment_id, "actor_id": author}


def restore_comment(rows: Rows, size: int) -> dict[str, object]:
    track_id, comment_id, _ = commented_track(rows, size)
    rows.cursor.execute(
        "UPDATE track_comments SET deleted_at = CURRENT_TIMESTAMP WHERE id = %s", [comment_id]
    )
    rows.cursor.execute(
        "UPDATE tracks SET comment_count = comment_count - 1 WHERE id = %s", [track_id]
    )
    return {"comment_id": comment_id, "actor_id": user(rows)}


def record_play(rows: Rows, size: int) -> dict[str, object]:
    return {
        "track_id": played_track(rows, size),
        "user_id": user(rows),
        "duration_played_seconds": 187,
        "completion_percentage": 96,
        "source": "playlist",
        "device_type": "web",
        "country_code": "FR",
    }


def count_plays(rows: Rows, size: int) -> dict[str, object]:
    played_track(rows, size)
    return {"window": timedelta(minutes=10)}


def prune_plays(rows: Rows, size: int) -> dict[str, object]:
    played_track(rows, size)
    rows.cursor.execute("UPDATE track_plays SET created_at = %s, recorded_at = %s", [OLD, OLD])
    return {"older_than": timedelta(days=1)}


def repair_tracks(rows: Rows, size: int) -> dict[str, object]:
    rows.cursor.execute("UPDATE tracks SET like_count = 7 WHERE id = %s", [played_track(rows, 3)])
    liked_track(rows, size)
    return {"limit": 1000}


def repair_playlists(rows: Rows, size: int) -> dict[str, object]:
    call = playlist(rows, size)
    rows.cursor.execute(
        "DELETE FROM tracks WHERE id = %s", [track_at(rows, call["playlist_id"], 0)]
    )
    followed_playlist(rows, size)
    return {"limit": 1000}
