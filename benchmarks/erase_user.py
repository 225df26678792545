"""
Erasing a user with a million plays, beside one DELETE.

    .venv/bin/python -m benchmarks.erase_user [PLAYS]

Prints how long each took, how long it held a lock at most, and how much WAL it wrote.
"""

import sys
from uuid import UUID

from django.db import connection

from benchmarks.databases import migrated_database
from benchmarks.measure import timed

# isort: split
from accounts.erasing import erase_user, prepare_erasure  # it needs Django to be set up

TRACKS = 10_000

TRACKS_OF_OTHERS = """
    INSERT INTO users (email, username, password_hash) VALUES ('creator', 'creator', '!');
    INSERT INTO tracks (creator_id, title, slug, artist, file_path, file_size, mime_type)
    SELECT users.id, number, number, 'x', 'x', 0, 'audio/flac'
    FROM users, generate_series(1, {tracks}) AS number;
    CREATE TABLE listed AS SELECT id, row_number() OVER () AS number FROM tracks;
    CREATE UNIQUE INDEX ON listed (number);
"""


def execute(sql: str, *parameters: object) -> list:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def listener(name: str, plays: int) -> UUID:
    """Make a user who has played so often, a minute after each other."""
    ((user_id,),) = execute(
        "INSERT INTO users (email, username, password_hash) VALUES (%s, %s, '!') RETURNING id",
        name,
        name,
    )
    execute("SET session_replication_role = replica")  # the keys are right, and need no check
    execute(
        "INSERT INTO track_plays (track_id, user_id, created_at)"
        " SELECT listed.id, %s, CURRENT_TIMESTAMP - make_interval(mins => %s - play)"
        " FROM generate_series(1, %s) AS play"
        " JOIN listed ON number = 1 + play * 7919::bigint %% %s",
        user_id,
        plays,
        plays,
        TRACKS,
    )
    execute("RESET session_replication_role")
    return user_id


def measured(run) -> tuple[float, float]:
    """Return the seconds that it took, and the megabytes of WAL."""
    execute("VACUUM ANALYZE track_plays")
    execute("CHECKPOINT")
    ((before,),) = execute("SELECT pg_current_wal_lsn()::text")
    seconds = timed(run)
    ((wal,),) = execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", before)
    return seconds, float(wal) / 1e6


def main() -> None:
    plays = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with migrated_database():
        execute(TRACKS_OF_OTHERS.format(tracks=TRACKS))
        erased = listener("erased", plays)
        erasure = prepare_erasure(erased)
        seconds, wal = measured(lambda: list(erase_user(erased, erasure)))
        print(
            f"erase_user: {seconds:.0f} s, locks for {erasure.longest * 1000:.0f} ms at most, "
            f"{wal:.0f} MB of WAL",
            flush=True,
        )
        deleted = listener("deleted", plays)
        seconds, wal = measured(lambda: execute("DELETE FROM users WHERE id = %s", deleted))
        print(f"one DELETE: {seconds:.0f} s, and locks as long, {wal:.0f} MB of WAL")


if __name__ == "__main__":
    main()
