"""
How many of the updates that likes make in tracks are HOT, by the table's fillfactor.

    .venv/bin/python -m benchmarks.like_tracks [LIKES]
"""

import random
import sys

import benchmarks.measure  # noqa: F401  sets Django up
from benchmarks.databases import migrated_database
from streaming.services import toggle_like
from tests.support.examples.streaming import users
from tests.support.rows import Rows, rows

TRACKS = 20_000
LIKED = (TRACKS // 100, TRACKS // 10, TRACKS)


def make_tracks(made: Rows) -> None:
    """Make tracks as long as real ones, about 600 bytes."""
    made.cursor.execute(
        """
        INSERT INTO tracks (
            creator_id, title, slug, artist, file_path, file_size, mime_type, is_public,
            description, tags, genre, status, checksum_sha256, cover_url
        )
        SELECT
            %s, 'The title of song ' || number, gen_random_uuid(), 'Some artist',
            'tracks/' || gen_random_uuid() || '/original.flac', 12345678, 'audio/flac', TRUE,
            repeat('words ', 20), ARRAY['house', 'techno'], 'electronic', 'ready',
            repeat(md5(number::text), 2), 'https://cdn.example/covers/' || gen_random_uuid()
        FROM generate_series(1, %s) AS number
        """,
        [made.insert("users"), TRACKS],
    )


def count_updates(made: Rows) -> tuple[int, int]:
    """Return how many rows of tracks have been updated, and how many of these by a HOT update."""
    made.cursor.execute("SELECT pg_stat_force_next_flush()")
    made.cursor.execute(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'tracks'"
    )
    updates, hot = made.cursor.fetchone()
    return updates, hot


def like(made: Rows, number: int, likes: int, fans: list) -> str:
    """Like and unlike so many tracks, and say what it cost."""
    made.cursor.execute("SELECT id FROM tracks ORDER BY slug LIMIT %s", [number])
    ids = [track_id for (track_id,) in made.cursor.fetchall()]
    updates, hot = count_updates(made)
    start = made.fetch("SELECT pg_current_wal_insert_lsn()")
    choice = random.Random(1).choice
    for _ in range(likes):
        toggle_like(track_id=choice(ids), user_id=choice(fans))
    wal = made.fetch("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)", start)
    all_updates, all_hot = count_updates(made)
    share = (all_hot - hot) / (all_updates - updates)
    return f"{share:.0%} of them HOT, {wal / likes:.0f} bytes of WAL each"


def main() -> None:
    likes = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    for fillfactor in (100, 95, 90):
        with migrated_database():
            made = rows()
            made.cursor.execute(f"ALTER TABLE tracks SET (fillfactor = {fillfactor})")
            make_tracks(made)
            fans = users(made, 200)
            made.cursor.execute("VACUUM ANALYZE")
            for number in LIKED:
                print(
                    f"fillfactor {fillfactor}, likes of {number:,} tracks:",
                    like(made, number, likes, fans),
                    flush=True,
                )


if __name__ == "__main__":
    main()
