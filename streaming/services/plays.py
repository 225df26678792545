"""
Plays, the busiest write.

A play is one INSERT and changes no row that another play changes: the lock that its foreign key
takes on the track is shared. So it leaves `play_count` alone; count_plays() brings that up to date
from the rows, every minute or so (`manage.py count_plays`).
"""

from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from veza_site.transactions import (
    Conflict,
    NotAllowed,
    NotFound,
    check_duration,
    check_number,
    check_text,
    execute,
    fetch_one,
    fetch_row,
    fetch_rows,
    in_transaction,
)


def record_play(
    *,
    track_id: UUID,
    user_id: UUID | None = None,
    duration_played_seconds: int = 0,
    completion_percentage: int = 0,
    source: str = "",
    device_type: str = "",
    country_code: str | None = None,
    ip_address: IPv4Address | IPv6Address | None = None,
    play_id: UUID | None = None,
) -> UUID:
    """
    Record one play of a live track, by a live and active user or (None) an anonymous listener.

    Inserts into track_plays; count_plays() counts it. A private track is played by its creator
    only. `play_id` makes the call one that may be repeated after a lost answer: it becomes the
    play's id, and a play of the same track and listener that has it already is the outcome. The
    admin's `prune` deletes old plays, and their ids are forgotten with them.

    Locks: the track and the user (FOR KEY SHARE), so that plays of one track don't wait for each
    other.

    Statements: 1; 2 where it is refused or was recorded before. The first is the transaction, or a
    part of the caller's, without a savepoint.

    Returns the play's id.

    Raises NotFound, also for a track that is private to somebody else, NotAllowed for a listener
    who is not active, Conflict for a `play_id` that another play has, and Invalid for a value that
    doesn't fit its column.
    """
    check_number("The duration", duration_played_seconds)
    check_number("The completion", completion_percentage, most=100)
    check_text("The source", source, most=50)
    check_text("The device type", device_type, most=50)
    if country_code is not None:
        check_text("The country code", country_code, least=2, most=2)
    play = fetch_row(
        """
        WITH listener AS (
            SELECT id FROM users
            WHERE id = %(user_id)s::uuid AND deleted_at IS NULL AND status = 'active'
            FOR KEY SHARE
        )
        INSERT INTO track_plays (
            id, track_id, user_id, duration_played_seconds, completion_percentage, source,
            device_type, country_code, ip_address
        )
        SELECT
            COALESCE(%(play_id)s::uuid, gen_random_uuid()), tracks.id, listener.id,
            %(duration_played_seconds)s, %(completion_percentage)s, %(source)s, %(device_type)s,
            %(country_code)s, %(ip_address)s::inet
        FROM tracks
        LEFT JOIN listener ON true
        WHERE tracks.id = %(track_id)s
            AND tracks.deleted_at IS NULL
            AND (tracks.is_public OR tracks.creator_id = %(user_id)s::uuid)
            AND (%(user_id)s::uuid IS NULL OR listener.id IS NOT NULL)
        FOR KEY SHARE OF tracks
        ON CONFLICT (id) DO NOTHING
        RETURNING id
        """,
        track_id=track_id,
        user_id=user_id,
        duration_played_seconds=duration_played_seconds,
        completion_percentage=completion_percentage,
        source=source,
        device_type=device_type,
        country_code=country_code,
        ip_address=ip_address,
        play_id=play_id,
    )
    return play[0] if play else _find_recorded(play_id, track_id, user_id)


def _find_recorded(play_id: UUID | None, track_id: UUID, user_id: UUID | None) -> UUID:
    """Return the play that was recorded before, or raise the reason why none was recorded."""
    is_the_same, is_active = fetch_one(
        """
        SELECT
            (
                SELECT track_id = %(track_id)s AND user_id IS NOT DISTINCT FROM %(user_id)s::uuid
                FROM track_plays WHERE id = %(play_id)s::uuid
            ),
            (
                SELECT status = 'active' FROM users
                WHERE id = %(user_id)s::uuid AND deleted_at IS NULL
            )
        """,
        play_id=play_id,
        track_id=track_id,
        user_id=user_id,
    )
    if play_id is not None and is_the_same:
        return play_id
    if is_the_same is False:
        raise Conflict(f"Play {play_id} is another listener's, or of another track.")
    if user_id is not None and is_active is None:
        raise NotFound(f"There is no user {user_id}.")
    if is_active is False:
        raise NotAllowed(f"User {user_id} is not active.")
    raise NotFound(f"There is no track {track_id}.")


@in_transaction()
def count_plays(*, window: timedelta) -> int:
    """
    Raise the play_count of tracks to the number of their plays, where some were recorded lately.

    `window` is how far back to look for plays by the time when they came here (`recorded_at`),
    however long ago somebody listened. It must be longer than the time between two runs plus the
    longest transaction that records a play; repair_tracks() finds what came later still.

    This counts the rows instead of adding to a counter, and a track's plays never become fewer:
    prune_plays() notes how many it deletes. So runs may overlap: a play that commits meanwhile is
    counted by the next run, and a run that counted earlier than another one changes nothing after
    it.

    Locks: nothing while it counts; then the tracks that are behind, in the order of their ids.

    Statements: 3.

    Returns how many tracks were behind.

    Raises Invalid for a window that is not positive or is over a hundred years.
    """
    check_duration("The window", window)
    behind = fetch_rows(
        """
        WITH played AS (
            SELECT DISTINCT track_id FROM track_plays
            WHERE recorded_at >= CURRENT_TIMESTAMP - %(window)s::interval
        ), counted AS (
            SELECT
                track_id,
                (SELECT count(*) FROM track_plays WHERE track_id = played.track_id) AS plays
            FROM played
        )
        SELECT tracks.id, pruned_play_count + counted.plays
        FROM counted
        JOIN tracks ON tracks.id = counted.track_id
        WHERE tracks.play_count < pruned_play_count + counted.plays
        """,
        window=window,
    )
    ids, counts = [track_id for track_id, _ in behind], [plays for _, plays in behind]
    execute(
        "SELECT id FROM tracks WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR NO KEY UPDATE",
        ids=ids,
    )
    return execute(
        """
        UPDATE tracks
        SET play_count = counted.plays
        FROM unnest(%(ids)s::uuid[], %(counts)s::bigint[]) AS counted (id, plays)
        WHERE tracks.id = counted.id AND tracks.play_count < counted.plays
        """,
        ids=ids,
        counts=counts,
    )
