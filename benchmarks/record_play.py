"""
Plays of one track by 8 processes, beside a counter that every play raises with F().

    .venv/bin/python -m benchmarks.record_play [ROUNDS]

Also prints how long a recount of a million plays takes.
"""

import sys
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from benchmarks.databases import by_processes, migrated_database
from benchmarks.measure import in_turns, timed
from streaming.models import Track, TrackPlay
from streaming.services import count_plays, record_play
from tests.support.rows import rows

WRITERS, PLAYS = 8, 250
MANY = 1_000_000


def naive(*, track_id: UUID, user_id: UUID) -> None:
    with transaction.atomic():
        TrackPlay.objects.create(track_id=track_id, user_id=user_id)
        Track.objects.filter(pk=track_id).update(play_count=F("play_count") + 1)


def plays(play, **arguments: UUID) -> float:
    """Return how many seconds the writers take for their plays, the counting included."""
    TrackPlay.objects.all().delete()
    Track.objects.update(play_count=0)

    def write() -> None:
        for _ in range(PLAYS):
            play(**arguments)

    seconds = by_processes(WRITERS, write)
    if play is record_play:
        seconds += timed(recount)
    assert Track.objects.get().play_count == WRITERS * PLAYS
    return seconds


def recount() -> int:
    return count_plays(window=timedelta(days=1))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with migrated_database():
        made = rows()
        arguments = {"track_id": made.insert("tracks"), "user_id": made.insert("users")}
        medians = in_turns(
            rounds,
            service=partial(plays, record_play, **arguments),
            naive=partial(plays, naive, **arguments),
        )
        ratio = medians["naive"] / medians["service"]
        print(f"{WRITERS * PLAYS} plays and their recount are {ratio:.1f} times as fast\n")

        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO track_plays (track_id) SELECT %s FROM generate_series(1, %s)",
                [arguments["track_id"], MANY],
            )
            cursor.execute("VACUUM ANALYZE track_plays")
        print(f"a recount of a track with {MANY:,} plays: {timed(recount):.3f} s")


if __name__ == "__main__":
    main()
