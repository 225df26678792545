"""
Liking and sharing tracks, following playlists.

Each call locks the track or the playlist, and changes its counter in the same transaction: the
counter is always the number of the rows. Where SQL that bypasses the services has made it less, it
stops at 0, until repair_tracks() or repair_playlists() counts the rows.

Only live and active users do anything, or NotAllowed is raised; nobody but its creator sees a
private track. Whoever likes or follows something may always end that.
"""

from uuid import UUID

from accounts.locks import lock_users_shared
from streaming.models import PlaylistPermission
from streaming.services.access import LockedTrack, lock_playlist, lock_track, rights_on
from veza_site.transactions import Conflict, check_text, execute, fetch_row, in_transaction


@in_transaction()
def set_like(*, track_id: UUID, user_id: UUID, liked: bool) -> bool:
    """
    Make a user like a live track, or not like it.

    Inserts into track_likes or deletes from it, and changes like_count.

    Locks: the user (FOR KEY SHARE), then the track.

    Statements: 4, or 3 where nothing changes.

    Returns whether anything changed.

    Raises NotFound and NotAllowed.
    """
    lock_users_shared(user_id)
    track = lock_track(track_id)
    changed = _like(track, user_id) if liked else _unlike(track_id, user_id)
    if changed:
        _count_likes(track_id, 1 if liked else -1)
    return changed


@in_transaction()
def toggle_like(*, track_id: UUID, user_id: UUID) -> bool:
    """
    Like a live track, or unlike it if the user likes it.

    Changes the same as set_like(). Two toggles at once come one after the other, and both count.

    Locks: as set_like().

    Statements: 5 to like, 4 to unlike.

    Returns whether the user likes the track now.

    Raises NotFound and NotAllowed.
    """
    lock_users_shared(user_id)
    track = lock_track(track_id)
    liked = not _unlike(track_id, user_id)
    if liked:
        _like(track, user_id)
    _count_likes(track_id, 1 if liked else -1)
    return liked


@in_transaction()
def set_follow(*, playlist_id: UUID, user_id: UUID, following: bool) -> bool:
    """
    Make a user follow a live playlist, or not follow it.

    Whoever may read it may follow, except for its owner; everyone may unfollow. Inserts into
    playlist_follows or deletes from it, and changes follower_count.

    Locks: the user (FOR KEY SHARE), then the playlist.

    Statements: 5 to follow, 4 to unfollow; where nothing changes 4 and 3.

    Returns whether anything changed.

    Raises NotFound; NotAllowed; Conflict if the owner would follow.
    """
    lock_users_shared(user_id)
    lock_playlist(playlist_id)
    changed = _follow(playlist_id, user_id) if following else _unfollow(playlist_id, user_id)
    if changed:
        _count_followers(playlist_id, 1 if following else -1)
    return changed


@in_transaction()
def toggle_follow(*, playlist_id: UUID, user_id: UUID) -> bool:
    """
    Follow a live playlist, or unfollow it if the user follows it.

    Rights and changes are those of set_follow(). Two toggles at once come one after the other, and
    both count.

    Locks: as set_follow().

    Statements: 6 to follow, 4 to unfollow.

    Returns whether the user follows the playlist now.

    Raises NotFound; NotAllowed; Conflict if the owner would follow.
    """
    lock_users_shared(user_id)
    lock_playlist(playlist_id)
    following = not _unfollow(playlist_id, user_id)
    if following:
        _follow(playlist_id, user_id)
    _count_followers(playlist_id, 1 if following else -1)
    return following


@in_transaction()
def share_track(
    *, track_id: UUID, user_id: UUID, platform: str, share_id: UUID | None = None
) -> UUID:
    """
    Record that a user shared a live track on a platform (link, embed, x…).

    Inserts into track_shares and adds 1 to share_count. With a `share_id`, a new UUID that the
    caller has made, the call can be repeated with the same arguments: it counts once.

    Locks: the user (FOR KEY SHARE), then the track.

    Statements: 4.

    Returns the share's id.

    Raises NotFound; NotAllowed; Invalid for a platform that doesn't have 1 to 50 characters;
    Conflict if another share has the id.
    """
    check_text("The platform", platform, least=1, most=50)
    lock_users_shared(user_id)
    lock_track(track_id).require_seen_by(user_id)
    share = fetch_row(
        """
        INSERT INTO track_shares (id, track_id, user_id, platform)
        VALUES (
            coalesce(%(share_id)s::uuid, gen_random_uuid()),
            %(track_id)s, %(user_id)s, %(platform)s
        )
        ON CONFLICT (id) DO NOTHING
        RETURNING id
        """,
        share_id=share_id,
        track_id=track_id,
        user_id=user_id,
        platform=platform,
    )
    if share is None:
        return _same_share(share_id, track_id, user_id, platform)
    execute(
        "UPDATE tracks SET share_count = share_count + 1 WHERE id = %(track_id)s",
        track_id=track_id,
    )
    made_id: UUID = share[0]
    return made_id


def _same_share(share_id: UUID | None, track_id: UUID, user_id: UUID, platform: str) -> UUID:
    """Return the id of the share that a call before this has made; Conflict if it is another."""
    same = fetch_row(
        """
        SELECT id FROM track_shares
        WHERE id = %(share_id)s AND track_id = %(track_id)s
            AND user_id = %(user_id)s AND platform = %(platform)s
        """,
        share_id=share_id,
        track_id=track_id,
        user_id=user_id,
        platform=platform,
    )
    if same is None:
        raise Conflict(f"There is another share {share_id}.")
    same_id: UUID = same[0]
    return same_id


def _like(track: LockedTrack, user_id: UUID) -> bool:
    """Insert a like, if the user sees the track, and return whether there was none."""
    track.require_seen_by(user_id)
    return bool(
        execute(
            """
            INSERT INTO track_likes (track_id, user_id)
            VALUES (%(track_id)s, %(user_id)s)
            ON CONFLICT (user_id, track_id) DO NOTHING
            """,
            track_id=track.track_id,
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
        """
        UPDATE tracks SET like_count = greatest(like_count + %(change)s, 0)
        WHERE id = %(track_id)s
        """,
        track_id=track_id,
        change=change,
    )


def _follow(playlist_id: UUID, user_id: UUID) -> bool:
    """Insert a follow, if the user may read the playlist, and return whether there was none."""
    rights = rights_on(playlist_id, user_id)
    rights.require(PlaylistPermission.READ)
    if rights.is_owner:
        raise Conflict(f"Playlist {playlist_id} is user {user_id}'s own: nobody follows their own.")
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
        UPDATE playlists SET follower_count = greatest(follower_count + %(change)s, 0)
        WHERE id = %(playlist_id)s
        """,
        playlist_id=playlist_id,
        change=change,
    )
