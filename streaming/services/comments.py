"""
Comments on tracks, and replies to them.

`comment_count` is the number of a track's live comments, replies included. When a comment is
deleted, its replies stay below it, and stay counted. Where SQL that bypasses the services has made
it less, it stops at 0, until repair_tracks() counts the rows.

Only live and active users do anything, or NotAllowed is raised. Nobody but its creator sees a
private track; but everyone may delete their own comments there.
"""

from uuid import UUID

from accounts.locks import lock_users_shared
from streaming.services.access import IS_SEEN, lock_track
from veza_site.transactions import (
    Conflict,
    NotAllowed,
    NotFound,
    check_number,
    check_text,
    execute,
    fetch_row,
    in_transaction,
)


@in_transaction()
def comment_track(
    *,
    track_id: UUID,
    user_id: UUID,
    content: str,
    timestamp_seconds: int | None = None,
    comment_id: UUID | None = None,
) -> UUID:
    """
    Comment on a live track, at a position in it or on the whole.

    Inserts into track_comments and adds 1 to comment_count. With a `comment_id`, a new UUID that
    the caller has made, the call can be repeated with the same arguments: it comments once.

    Locks: the user (FOR KEY SHARE), then the track.

    Statements: 4.

    Returns the comment's id.

    Raises NotFound; NotAllowed; Invalid for a text that doesn't have 1 to 2,000 characters or a
    position below 0; Conflict if another comment has the id.
    """
    _check_content(content)
    if timestamp_seconds is not None:
        check_number("The position", timestamp_seconds)
    lock_users_shared(user_id)
    lock_track(track_id).require_seen_by(user_id)
    return _insert_comment(
        comment_id, track_id, user_id, content, timestamp_seconds=timestamp_seconds
    )


@in_transaction()
def reply_to_comment(
    *, comment_id: UUID, user_id: UUID, content: str, reply_id: UUID | None = None
) -> UUID:
    """
    Reply to a live comment, or to a reply, on a live track.

    Inserts into track_comments and adds 1 to comment_count. With a `reply_id`, a new UUID that the
    caller has made, the call can be repeated with the same arguments: it replies once.

    Locks: the user (FOR KEY SHARE), then the track, then the comment (FOR KEY SHARE).

    Statements: 6.

    Returns the reply's id.

    Raises NotFound; NotAllowed; Invalid for a text that doesn't have 1 to 2,000 characters;
    Conflict if another comment has the id.
    """
    _check_content(content)
    track_id, _ = _track_and_author(comment_id)
    lock_users_shared(user_id)
    lock_track(track_id).require_seen_by(user_id)
    if not fetch_row(
        """
        SELECT id FROM track_comments
        WHERE id = %(comment_id)s AND deleted_at IS NULL
        FOR KEY SHARE
        """,
        comment_id=comment_id,
    ):
        raise NotFound(f"There is no comment {comment_id}.")
    return _insert_comment(reply_id, track_id, user_id, content, parent_id=comment_id)


@in_transaction()
def edit_comment(*, comment_id: UUID, content: str, actor_id: UUID) -> None:
    """
    Change the text of a live comment on a live track; only its author may.

    Changes content and edited_at in track_comments.

    Locks: the actor (FOR KEY SHARE), then the comment.

    Statements: 3.

    Raises NotFound, NotAllowed, and Invalid for a text that doesn't have 1 to 2,000 characters.
    """
    _check_content(content)
    lock_users_shared(actor_id)
    comment = fetch_row(
        f"""
        SELECT track_comments.user_id
        FROM track_comments
        JOIN tracks ON tracks.id = track_comments.track_id
        WHERE track_comments.id = %(comment_id)s
            AND track_comments.deleted_at IS NULL
            AND {IS_SEEN}
        FOR NO KEY UPDATE OF track_comments
        """,
        comment_id=comment_id,
        actor_id=actor_id,
    )
    if comment is None:
        raise NotFound(f"There is no comment {comment_id}.")
    if comment[0] != actor_id:
        raise NotAllowed(f"Comment {comment_id} is not user {actor_id}'s own.")
    execute(
        """
        UPDATE track_comments SET content = %(content)s, edited_at = CURRENT_TIMESTAMP
        WHERE id = %(comment_id)s
        """,
        comment_id=comment_id,
        content=content,
    )


@in_transaction()
def delete_comment(*, comment_id: UUID, actor_id: UUID, as_staff: bool = False) -> None:
    """
    Soft-delete a comment; its replies stay.

    Its author and the track's creator may. `as_staff` says that the caller has checked that the
    actor is one of the staff who may, even on a deleted track. Sets deleted_at in track_comments
    and takes 1 from comment_count.

    Locks: the actor (FOR KEY SHARE), then the track, then the comment.

    Statements: 5.

    Raises NotFound, also for one that is already deleted, and NotAllowed.
    """
    track_id, author_id = _track_and_author(comment_id)
    lock_users_shared(actor_id)
    track = lock_track(track_id, even_deleted=as_staff)
    if actor_id not in (author_id, track.creator_id) and not as_staff:
        track.require_seen_by(actor_id)
        raise NotAllowed(f"User {actor_id} may not delete comment {comment_id}.")
    deleted = execute(
        """
        UPDATE track_comments SET deleted_at = CURRENT_TIMESTAMP
        WHERE id = %(comment_id)s AND deleted_at IS NULL
        """,
        comment_id=comment_id,
    )
    if not deleted:
        raise NotFound(f"There is no comment {comment_id}.")
    _count_comments(track_id, -1)


@in_transaction()
def restore_comment(*, comment_id: UUID, actor_id: UUID) -> None:
    """
    Restore a soft-deleted comment, even on a deleted track.

    For the platform's staff alone: the caller checks that. Clears deleted_at in track_comments and
    adds 1 to comment_count.

    Locks: as delete_comment().

    Statements: 5.

    Raises NotFound, also for one that is not deleted, and NotAllowed.
    """
    track_id, _ = _track_and_author(comment_id, deleted=True)
    lock_users_shared(actor_id)
    lock_track(track_id, even_deleted=True)
    restored = execute(
        """
        UPDATE track_comments SET deleted_at = NULL
        WHERE id = %(comment_id)s AND deleted_at IS NOT NULL
        """,
        comment_id=comment_id,
    )
    if not restored:
        raise NotFound(f"There is no deleted comment {comment_id}.")
    _count_comments(track_id, 1)


def _check_content(content: str) -> None:
    check_text("A comment", content, least=1, most=2000)


def _track_and_author(comment_id: UUID, *, deleted: bool = False) -> tuple[UUID, UUID]:
    """
    Return the track and the author of a live comment, or of a `deleted` one, without a lock.

    They never change.
    """
    comment = fetch_row(
        f"""
        SELECT track_id, user_id FROM track_comments
        WHERE id = %(comment_id)s AND deleted_at IS {"NOT NULL" if deleted else "NULL"}
        """,
        comment_id=comment_id,
    )
    if comment is None:
        raise NotFound(f"There is no {'deleted comment' if deleted else 'comment'} {comment_id}.")
    track_id, user_id = comment
    return track_id, user_id


def _insert_comment(
    comment_id: UUID | None,
    track_id: UUID,
    user_id: UUID,
    content: str,
    *,
    parent_id: UUID | None = None,
    timestamp_seconds: int | None = None,
) -> UUID:
    """Insert a comment or a reply, count it, and return its id; both only if it isn't there."""
    comment = fetch_row(
        """
        INSERT INTO track_comments (id, track_id, user_id, parent_id, content, timestamp_seconds)
        VALUES (
            coalesce(%(comment_id)s::uuid, gen_random_uuid()),
            %(track_id)s, %(user_id)s, %(parent_id)s, %(content)s, %(timestamp_seconds)s
        )
        ON CONFLICT (id) DO NOTHING
        RETURNING id
        """,
        comment_id=comment_id,
        track_id=track_id,
        user_id=user_id,
        parent_id=parent_id,
        content=content,
        timestamp_seconds=timestamp_seconds,
    )
    if comment is None:
        return _same_comment(comment_id, track_id, user_id, parent_id)
    _count_comments(track_id, 1)
    made_id: UUID = comment[0]
    return made_id


def _same_comment(
    comment_id: UUID | None, track_id: UUID, user_id: UUID, parent_id: UUID | None
) -> UUID:
    """
    Return the id of the comment that a call before this has made; Conflict if it is another.

    It is the same even if it has been edited or deleted since.
    """
    same = fetch_row(
        """
        SELECT id FROM track_comments
        WHERE id = %(comment_id)s AND track_id = %(track_id)s AND user_id = %(user_id)s
            AND parent_id IS NOT DISTINCT FROM %(parent_id)s::uuid
        """,
        comment_id=comment_id,
        track_id=track_id,
        user_id=user_id,
        parent_id=parent_id,
    )
    if same is None:
        raise Conflict(f"There is another comment {comment_id}.")
    same_id: UUID = same[0]
    return same_id


def _count_comments(track_id: UUID, change: int) -> None:
    """Add to a track's comment_count, or take from it."""
    execute(
        """
        UPDATE tracks SET comment_count = greatest(comment_count + %(change)s, 0)
        WHERE id = %(track_id)s
        """,
        track_id=track_id,
        change=change,
    )
