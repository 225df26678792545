"""
Comments on tracks, and replies to them.

`comment_count` is the number of a track's live comments, replies included. Deleting a comment
leaves its replies: they stay, and stay counted, below a comment that is gone.
"""

from uuid import UUID

from django.db import transaction

from accounts.locks import lock_users_shared
from streaming.services.access import lock_track
from veza_site.transactions import (
    NotAllowed,
    NotFound,
    check_number,
    check_text,
    execute,
    fetch_row,
)


@transaction.atomic
def comment_track(
    *, track_id: UUID, user_id: UUID, content: str, timestamp_seconds: int | None = None
) -> UUID:
    """
    Comment a live track, at a position in it or as a whole, and return the comment's id.

    Locks the user (FOR KEY SHARE), then the track. Inserts into track_comments and adds 1 to
    comment_count.

    Raises NotFound, and Invalid for a text that has not 1 to 2,000 characters or a position below
    0.

    Statements: 4.
    """
    _check_content(content)
    if timestamp_seconds is not None:
        check_number("The position", timestamp_seconds)
    lock_users_shared(user_id)
    lock_track(track_id)
    return _insert(track_id, user_id, content, timestamp_seconds=timestamp_seconds)


@transaction.atomic
def reply_to_comment(*, comment_id: UUID, user_id: UUID, content: str) -> UUID:
    """
    Reply to a live comment, or to a reply, on a live track, and return the new one's id.

    Locks the user (FOR KEY SHARE), then the track, then the comment (FOR KEY SHARE). Inserts into
    track_comments and adds 1 to comment_count.

    Raises NotFound, and Invalid for a text that has not 1 to 2,000 characters.

    Statements: 6.
    """
    _check_content(content)
    track_id, _ = _track_and_author(comment_id)
    lock_users_shared(user_id)
    lock_track(track_id)
    if not fetch_row(
        """
        SELECT id FROM track_comments
        WHERE id = %(comment_id)s AND deleted_at IS NULL
        FOR KEY SHARE
        """,
        comment_id=comment_id,
    ):
        raise NotFound(f"There is no comment {comment_id}.")
    return _insert(track_id, user_id, content, parent_id=comment_id)


@transaction.atomic
def edit_comment(*, comment_id: UUID, content: str, actor_id: UUID) -> None:
    """
    Give a live comment on a live track another text; only its author may.

    Locks the actor (FOR KEY SHARE), then the comment. Changes content and edited_at in
    track_comments.

    Raises NotFound, NotAllowed, and Invalid for a text that has not 1 to 2,000 characters.

    Statements: 3.
    """
    _check_content(content)
    lock_users_shared(actor_id)
    comment = fetch_row(
        """
        SELECT track_comments.user_id
        FROM track_comments
        JOIN tracks ON tracks.id = track_comments.track_id
        WHERE track_comments.id = %(comment_id)s
            AND track_comments.deleted_at IS NULL
            AND tracks.deleted_at IS NULL
        FOR NO KEY UPDATE OF track_comments
        """,
        comment_id=comment_id,
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


@transaction.atomic
def delete_comment(*, comment_id: UUID, actor_id: UUID, as_staff: bool = False) -> None:
    """
    Soft-delete a comment; its replies stay.

    Its author and the track's creator may; `as_staff` says that the caller has found the actor to
    be one of the platform's staff who may, also on a deleted track. Locks the actor (FOR KEY
    SHARE), then the track, then the comment. Sets deleted_at in track_comments and takes 1 from
    comment_count.

    Raises NotFound, also for one that is deleted already, and NotAllowed.

    Statements: 5.
    """
    track_id, author_id = _track_and_author(comment_id)
    lock_users_shared(actor_id)
    creator_id = lock_track(track_id, even_deleted=as_staff)
    if actor_id not in (author_id, creator_id) and not as_staff:
        raise NotAllowed(f"Comment {comment_id} is not for user {actor_id} to delete.")
    deleted = execute(
        """
        UPDATE track_comments SET deleted_at = CURRENT_TIMESTAMP
        WHERE id = %(comment_id)s AND deleted_at IS NULL
        """,
        comment_id=comment_id,
    )
    if not deleted:
        raise NotFound(f"There is no comment {comment_id}.")
    _count(track_id, -1)


@transaction.atomic
def restore_comment(*, comment_id: UUID, actor_id: UUID) -> None:
    """
    Restore a soft-deleted comment, for the platform's staff alone.

    Who is staff, and may, the caller has found out. The locks are those of `delete_comment`, and as
    there the track may be a deleted one. Clears deleted_at in track_comments and adds 1 to
    comment_count.

    Raises NotFound, also for one that is not deleted.

    Statements: 5.
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
    _count(track_id, 1)


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
    return comment


def _insert(
    track_id: UUID,
    user_id: UUID,
    content: str,
    *,
    parent_id: UUID | None = None,
    timestamp_seconds: int | None = None,
) -> UUID:
    (comment_id,) = fetch_row(
        """
        INSERT INTO track_comments (track_id, user_id, parent_id, content, timestamp_seconds)
        VALUES (
            %(track_id)s, %(user_id)s, %(parent_id)s, %(content)s, %(timestamp_seconds)s
        )
        RETURNING id
        """,
        track_id=track_id,
        user_id=user_id,
        parent_id=parent_id,
        content=content,
        timestamp_seconds=timestamp_seconds,
    )
    _count(track_id, 1)
    return comment_id


def _count(track_id: UUID, change: int) -> None:
    execute(
        "UPDATE tracks SET comment_count = comment_count + %(change)s WHERE id = %(track_id)s",
        track_id=track_id,
        change=change,
    )
