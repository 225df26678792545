"""
Duplicating a playlist of 10,000 tracks: the service beside the loop of an ordinary view.

    .venv/bin/python -m benchmarks.duplicate_playlist [ROUNDS]
"""

import sys
from functools import partial
from uuid import UUID

from django.db import connection, transaction

from benchmarks.databases import migrated_database
from benchmarks.measure import in_turns, timed
from streaming.models import Playlist, PlaylistTrack
from streaming.services import duplicate_playlist
from tests.examples.streaming import playlist
from tests.rows import rows

TRACKS = 10_000


def loop(*, playlist_id: UUID, actor_id: UUID) -> UUID:
    """Duplicate a playlist row by row, as Django's tutorial teaches to write rows."""
    with transaction.atomic():
        source = Playlist.objects.get(pk=playlist_id)
        copy = Playlist.objects.create(
            owner_id=actor_id,
            title=source.title,
            slug=f"{source.slug}-copy",
            duplicated_from=source,
        )
        for row in source.playlist_tracks.select_related("track").order_by("position"):
            if row.track.deleted_at is None:
                PlaylistTrack.objects.create(
                    playlist=copy, track=row.track, added_by_id=actor_id, position=copy.track_count
                )
                copy.track_count += 1
        copy.save()
    return copy.pk


def duplicate(run, source: dict[str, UUID]) -> float:
    """Time one duplicate, and take it away again."""
    copies = []
    seconds = timed(lambda: copies.append(run(**source)))
    copy = Playlist.objects.get(pk=copies[0])
    assert copy.track_count == copy.playlist_tracks.count() == TRACKS
    copy.delete()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM playlist_tracks")
    return seconds


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with migrated_database():
        source = playlist(rows(), TRACKS)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        medians = in_turns(
            rounds,
            service=partial(duplicate, duplicate_playlist, source),
            loop=partial(duplicate, loop, source),
        )
    print(f"the service is {medians['loop'] / medians['service']:.1f} times as fast")


if __name__ == "__main__":
    main()
