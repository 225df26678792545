"""`manage.py repair_counters`: after SQL that bypassed the services, or just to be sure."""

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils.translation import ngettext

from streaming.models import Playlist, Track
from streaming.services import Batch, repair_playlists, repair_tracks
from veza_site.management.progress import Progress
from veza_site.retrying import retry
from veza_site.transactions import Refused

REPAIRS: list[tuple[type[Track | Playlist], Callable[..., Batch]]] = [
    (Track, repair_tracks),
    (Playlist, repair_playlists),
]


class Command(BaseCommand):
    help = (
        "Set every counter of tracks and playlists to the number of its rows, and close holes in "
        "playlists; report what was off. Safe beside running services. It may be interrupted and "
        "run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Report only; change nothing.")
        parser.add_argument(
            "--batch",
            type=int,
            default=500,
            help="How many tracks or playlists are locked at a time (500).",
        )

    def handle(self, *, dry_run: bool, batch: int, verbosity: int, **options: Any) -> None:
        rows: Counter[str] = Counter()
        differences: Counter[str] = Counter()
        try:
            for model, repair in REPAIRS:
                table = model._meta.db_table
                for repaired in self._repair(model, repair, limit=batch, dry_run=dry_run):
                    for off in repaired.off:
                        counter = f"{table}.{off.counter}"
                        rows[counter] += 1
                        differences[counter] += abs(off.counted - off.stored)
                        if verbosity > 1:
                            self.stdout.write(
                                f"{counter} of {off.id} was {off.stored}, counted {off.counted}"
                            )
        finally:
            # What was mended is told, also where the rest couldn't be.
            for counter, number in sorted(rows.items()):
                told = ngettext("%s: off in %s row, by %s", "%s: off in %s rows, by %s", number)
                self.stdout.write(told % (counter, f"{number:,}", f"{differences[counter]:,}"))
        if not rows:
            self.stdout.write("Every counter is right.")
        elif dry_run:
            self.stdout.write("Nothing was changed.")

    def _repair(
        self, model: type[Track | Playlist], repair: Callable[..., Batch], **options: Any
    ) -> Iterator[Batch]:
        """Repair a table batch by batch, and yield each."""
        done = 0
        with Progress(self.stderr, model._meta.db_table, model.objects.count()) as progress:
            batch = Batch(size=0, last_id=None, off=[])
            while True:
                try:
                    batch = retry(partial(repair, after_id=batch.last_id, **options))
                except Refused as refusal:
                    raise CommandError(str(refusal)) from refusal
                if batch.last_id is None:
                    return
                yield batch
                done += batch.size
                progress.show(done)
