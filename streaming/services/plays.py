"""
Plays, the busiest write.

A play is one INSERT and changes no row that another play changes: the lock that its foreign key
takes on the track is shared. So it leaves `play_count` alone; count_plays() brings that up to date
from the rows, every minute or so (`manage.py count_plays`).
"""

from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from django.db import transaction

from veza_site.transactions import (
    Invalid,
    NotFound,
    check_number,
    check_text,
    execute,
    fetch_row,
    fetch_rows,
)

LONGEST_WINDOW = timedelta(days=36_525)  # in range of PostgreSQL's times, and longer than V1 lives


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
) -> UUID:
    """
    Record one play of a live track, by a live user or (None) an anonymous listener.

    Inserts into track_plays; count_plays() counts it.

    Locks: the track and the user (FOR KEY SHARE), so that plays of one track don't wait for each
    other.

    Statements: 1. It is the transaction, or a part of the caller's, without a savepoint.

    Returns the play's id.

    Raises NotFound, and Invalid for a value that doesn't fit its column.
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
            WHERE id = %(user_id)s::uuid AND deleted_at IS NULL
            FOR KEY SHARE
        )
        INSERT INTO track_plays (
            track_id, user_id, duration_played_seconds, completion_percentage, source, device_type,
            country_code, ip_address
        )
        SELECT
            tracks.id, listener.id, %(duration_played_seconds)s, %(completion_percentage)s,
            %(source)s, %(device_type)s, %(country_code)s, %(ip_address)s::inet
        FROM tracks
        LEFT JOIN listener ON true
        WHERE tracks.id = %(track_id)s
            AND tracks.deleted_at IS NULL
            AND (%(user_id)s::uuid IS NULL OR listener.id IS NOT NULL)
        FOR KEY SHARE OF tracks
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
    )
    if play is None:
        listener = "" if user_id is None else f", or there is no user {user_id}"
        raise NotFound(f"There is no track {track_id}{listener}.")
    play_id: UUID = play[0]
    return play_id


@transaction.atomic
def count_plays(*, window: timedelta) -> int:
    """
    Raise the play_count of recently played tracks to the number of their plays.

    `window` is how far back to look for plays. It must be longer than the time between two runs
    plus the longest transaction that records a play; repair_tracks() finds what came later still.

    This counts the rows instead of adding to a counter, and a track's plays never become fewer. So
    runs may overlap: a play that commits meanwhile is counted by the next run, and a run that
    counted earlier than another one changes nothing after it.

    Locks: nothing while it counts; then the tracks that are behind, in the order of their ids.

    Statements: 3.

    Returns how many tracks were behind.

    Raises Invalid for a window that is not positive or is over a hundred years.
    """
    if not timedelta() < window <= LONGEST_WINDOW:
        raise Invalid(f"The window must be positive, and at most 100 years, not {window}.")
    behind = fetch_rows(
        """
        WITH played AS (
            SELECT DISTINCT track_id FROM track_plays
            WHERE created_at >= CURRENT_TIMESTAMP - %(window)s::interval
        ), counted AS (
            SELECT
                track_id,
                (SELECT count(*) FROM track_plays WHERE track_id = played.track_id) AS plays
            FROM played
        )
        SELECT tracks.id, counted.plays
        FROM counted
        JOIN tracks ON tracks.id = counted.track_id
        WHERE tracks.play_count < counted.plays
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
