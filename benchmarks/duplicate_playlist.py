"""
Duplicating a playlist of 10,000 tracks, beside the loop of an ordinary view and bulk_create.

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
from tests.support.examples.streaming import playlist
from tests.support.rows import rows

TRACKS = 10_000


def loop(*, playlist_id: UUID, actor_id: UUID) -> UUID:
    """Duplicate a playlist track by track, as a view does before anybody measures it."""
    with transaction.atomic():
        source, copy = start(playlist_id, actor_id)
        for row in source.playlist_tracks.order_by("position"):
            if row.track.deleted_at is None:
                copy.playlist_tracks.create(
                    track=row.track, added_by_id=actor_id, position=copy.track_count
                )
                copy.track_count += 1
        copy.save()
    return copy.pk


def bulk_create(*, playlist_id: UUID, actor_id: UUID) -> UUID:
    """Duplicate a playlist with as few queries as Django's ORM allows."""
    with transaction.atomic():
        source, copy = start(playlist_id, actor_id)
        rows = source.playlist_tracks.filter(track__deleted_at=None).order_by("position")
        copies = PlaylistTrack.objects.bulk_create(
            PlaylistTrack(
                playlist=copy, track_id=row.track_id, added_by_id=actor_id, position=position
            )
            for position, row in enumerate(rows)
        )
        copy.track_count = len(copies)
        copy.save()
    return copy.pk


def start(playlist_id: UUID, actor_id: UUID) -> tuple[Playlist, Playlist]:
    source = Playlist.objects.get(pk=playlist_id)
    copy = Playlist.objects.create(
        owner_id=actor_id,
        title=source.title,
        slug=f"{source.slug}-copy",
        duplicated_from=source,
    )
    return source, Playlist.objects.get(pk=copy.pk)


def duplicate(run, source: dict[str, UUID]) -> float:
    """Time one duplicate, and delete it again."""
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
            bulk_create=partial(duplicate, bulk_create, source),
        )
    for other in ("loop", "bulk_create"):
        ratio = medians[other] / medians["service"]
        print(f"the service is {ratio:.1f} times as fast as {other}")


if __name__ == "__main__":
    main()
