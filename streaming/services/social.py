"""
Liking and sharing tracks, following playlists.

Each call locks the track or the playlist, and changes its counter in the same transaction: the
counter is always the number of the rows.
"""

from uuid import UUID

from django.db import transaction

from accounts.locks import lock_users_shared
from streaming.models import PlaylistPermission
from streaming.services.access import lock_playlist, lock_track, rights_on
from veza_site.transactions import check_text, execute, fetch_one


@transaction.atomic
def set_like(*, track_id: UUID, user_id: UUID, liked: bool) -> bool:
    """
    Make a user like a live track, or not like it.

    Inserts into track_likes or deletes from it, and changes like_count.

    Locks: the user (FOR KEY SHARE), then the track.

    Statements: 4, or 3 where nothing changes.

    Returns whether anything changed.

    Raises NotFound.
    """
    lock_users_shared(user_id)
    lock_track(track_id)
    changed = _like(track_id, user_id) if liked else _unlike(track_id, user_id)
    if changed:
        _count_likes(track_id, 1 if liked else -1)
    return changed


@transaction.atomic
def toggle_like(*, track_id: UUID, user_id: UUID) -> bool:
    """
    Like a live track, or unlike it if the user likes it.

    Changes the same as set_like(). Two toggles at once come one after the other, and both count.

    Locks: as set_like().

    Statements: 5 to like, 4 to unlike.

    Returns whether the user likes the track now.

    Raises NotFound.
    """
    lock_users_shared(user_id)
    lock_track(track_id)
    liked = not _unlike(track_id, user_id)
    if liked:
        _like(track_id, user_id)
    _count_likes(track_id, 1 if liked else -1)
    return liked


@transaction.atomic
def set_follow(*, playlist_id: UUID, user_id: UUID, following: bool) -> bool:
    """
    Make a user follow a live playlist, or not follow it.

    Whoever may read it may follow; everyone may unfollow. Inserts into playlist_follows or deletes
    from it, and changes follower_count.

    Locks: the user (FOR KEY SHARE), then the playlist.

    Statements: 5 to follow, 4 to unfollow; where nothing changes 4 and 3.

    Returns whether anything changed.

    Raises NotFound.
    """
    lock_users_shared(user_id)
    lock_playlist(playlist_id)
    changed = _follow(playlist_id, user_id) if following else _unfollow(playlist_id, user_id)
    if changed:
        _count_followers(playlist_id, 1 if following else -1)
    return changed


@transaction.atomic
def toggle_follow(*, playlist_id: UUID, user_id: UUID) -> bool:
    """
    Follow a live playlist, or unfollow it if the user follows it.

    Rights and changes are those of set_follow(). Two toggles at once come one after the other, and
    both count.

    Locks: as set_follow().

    Statements: 6 to follow, 4 to unfollow.

    Returns whether the user follows the playlist now.

    Raises NotFound.
    """
    lock_users_shared(user_id)
    lock_playlist(playlist_id)
    following = not _unfollow(playlist_id, user_id)
    if following:
        _follow(playlist_id, user_id)
    _count_followers(playlist_id, 1 if following else -1)
    return following


@transaction.atomic
def share_track(*, track_id: UUID, user_id: UUID, platform: str) -> UUID:
    """
    Record that a user shared a live track on a platform (link, embed, x…).

    Inserts into track_shares and adds 1 to share_count.

    Locks: the user (FOR KEY SHARE), then the track.

    Statements: 4.

    Returns the share's id.

    Raises NotFound, and Invalid for a platform that doesn't have 1 to 50 characters.
    """
    check_text("The platform", platform, least=1, most=50)
    lock_users_shared(user_id)
    lock_track(track_id)
    share_id: UUID
    (share_id,) = fetch_one(
        """
        INSERT INTO track_shares (track_id, user_id, platform)
        VALUES (%(track_id)s, %(user_id)s, %(platform)s)
        RETURNING id
        """,
        track_id=track_id,
        user_id=user_id,
        platform=platform,
    )
    execute(
        "UPDATE tracks SET share_count = share_count + 1 WHERE id = %(track_id)s",
        track_id=track_id,
    )
    return share_id


def _like(track_id: UUID, user_id: UUID) -> bool:
    """Insert a like, and return whether there was none."""
    return bool(
        execute(
            """
            INSERT INTO track_likes (track_id, user_id)
            VALUES (%(track_id)s, %(user_id)s)
            ON CONFLICT (user_id, track_id) DO NOTHING
            """,
            track_id=track_id,
            user_id=user_id,
        )
    )


def _unlike(track_id: UUID, user_id: UUID) -> bool:
    """Delete a like, and return whether there was one."""
    return bool(
        execute(
            "DELETE FROM track_likes WHERE track_id = %(track_id)s AND user_id = %(user_id)s",
            track_id=track_id,
            user_id=user_id,
        )
    )


def _count_likes(track_id: UUID, change: int) -> None:
    """Add to a track's like_count, or take from it."""
    execute(
        "UPDATE tracks SET like_count = like_count + %(change)s WHERE id = %(track_id)s",
        track_id=track_id,
        change=change,
    )


def _follow(playlist_id: UUID, user_id: UUID) -> bool:
    """Insert a follow, if the user may read the playlist, and return whether there was none."""
    rights_on(playlist_id, user_id).require(PlaylistPermission.READ)
    return bool(
        execute(
            """
            INSERT INTO playlist_follows (playlist_id, user_id)
            VALUES (%(playlist_id)s, %(user_id)s)
            ON CONFLICT (user_id, playlist_id) DO NOTHING
            """,
            playlist_id=playlist_id,
            user_id=user_id,
        )
    )


def _unfollow(playlist_id: UUID, user_id: UUID) -> bool:
    """Delete a follow, and return whether there was one."""
    return bool(
        execute(
            """
            DELETE FROM playlist_follows
            WHERE playlist_id = %(playlist_id)s AND user_id = %(user_id)s
            """,
            playlist_id=playlist_id,
            user_id=user_id,
        )
    )


def _count_followers(playlist_id: UUID, change: int) -> None:
    """Add to a playlist's follower_count, or take from it."""
    execute(
        """
        UPDATE playlists SET follower_count = follower_count + %(change)s
        WHERE id = %(playlist_id)s
        """,
        playlist_id=playlist_id,
        change=change,
    )
