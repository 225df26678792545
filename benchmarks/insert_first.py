"""
A track that comes first in a playlist of 50,000, so that all others move.

    .venv/bin/python -m benchmarks.insert_first [ROUNDS]

The service beside its UPDATE alone on tables with fewer indexes, which V1 can't do without: they
show what the time goes into.
"""

import sys
from functools import partial

from django.db import connection, transaction

from benchmarks.databases import migrated_database
from benchmarks.measure import in_turns, timed
from streaming.services import insert_track
from tests.support.examples.streaming import playlist, track
from tests.support.rows import Rows, rows

TRACKS = 50_000

# The last row first: each finds its new position free, and COMMIT has nothing to check again.
LAST_FIRST = """
    UPDATE {table} SET position = {table}.position + 1
    FROM (
        SELECT ctid AS place FROM {table} WHERE playlist_id = %(playlist_id)s
        ORDER BY position DESC OFFSET 0
    ) AS moved
    WHERE {table}.ctid = moved.place
"""
MOVE_ALL = "UPDATE {table} SET position = position + 1 WHERE playlist_id = %(playlist_id)s"

# Copies of playlist_tracks, and what each lacks.
COPIES = {
    "without_two_indexes": "DROP INDEX {table}_track_id_idx, {table}_added_by_id_idx",
    "with_hot_updates": (
        "ALTER TABLE {table} DROP CONSTRAINT {table}_playlist_id_position_key,"
        " SET (fillfactor = 50)"
    ),
}


def copy_table(made: Rows, table: str, change: str) -> None:
    made.cursor.execute(f"CREATE TABLE {table} (LIKE playlist_tracks INCLUDING ALL)")
    made.cursor.execute(change.format(table=table))
    made.cursor.execute(
        f"CREATE TRIGGER updated_at BEFORE UPDATE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()"
    )
    made.cursor.execute(f"INSERT INTO {table} SELECT * FROM playlist_tracks")
    made.cursor.execute(f"VACUUM ANALYZE {table}")


def insert_first(made: Rows, source: dict[str, object]) -> float:
    """Time an insert of a new track at 0, and report its WAL."""
    call = source | {"track_id": track(made), "position": 0}
    before = made.fetch("SELECT pg_current_wal_insert_lsn()")
    seconds = timed(lambda: insert_track(**call))
    wal = made.fetch("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)", before)
    print(f"  {wal / 2**20:.0f} MB of WAL")
    made.cursor.execute("VACUUM playlist_tracks")
    return seconds


def move_all(made: Rows, source: dict[str, object], table: str, sql: str = MOVE_ALL) -> float:
    with transaction.atomic():
        seconds = timed(lambda: made.cursor.execute(sql.format(table=table), source))
        seconds += timed(lambda: made.cursor.execute("SET CONSTRAINTS ALL IMMEDIATE"))
    made.cursor.execute(f"VACUUM {table}")
    return seconds


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with migrated_database():
        made = rows()
        source = playlist(made, TRACKS)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        for table, change in COPIES.items():
            copy_table(made, table, change)
        medians = in_turns(
            rounds,
            service=partial(insert_first, made, source),
            last_first=partial(move_all, made, source, "playlist_tracks", LAST_FIRST),
            **{table: partial(move_all, made, source, table) for table in COPIES},
        )
    for other in ("last_first", *COPIES):
        print(f"{other} takes {medians[other] / medians['service']:.2f} of the service's time")


if __name__ == "__main__":
    main()
