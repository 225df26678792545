import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import models

from streaming.models import Playlist, Track
from streaming.services import Batch, repair_playlists, repair_tracks
from veza_site.transactions import Refused

BAR_WIDTH = 40
SECONDS_BETWEEN_LINES = 10  # of the progress where there is no terminal


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
        for model, repair in [(Track, repair_tracks), (Playlist, repair_playlists)]:
            for done in self._progress(model, repair, limit=batch, dry_run=dry_run):
                for off in done.off:
                    counter = f"{model._meta.db_table}.{off.counter}"
                    rows[counter] += 1
                    differences[counter] += abs(off.counted - off.stored)
                    if verbosity > 1:
                        self.stdout.write(
                            f"{counter} of {off.id} was {off.stored}, counted {off.counted}"
                        )
        for counter, number in sorted(rows.items()):
            self.stdout.write(f"{counter}: off in {number} rows, by {differences[counter]}")
        if not rows:
            self.stdout.write("Every counter is right.")
        elif dry_run:
            self.stdout.write("Nothing was changed.")

    def _progress(
        self, model: type[models.Model], repair: Callable[..., Batch], **options: Any
    ) -> Iterator[Batch]:
        """
        Repair batch by batch, yield each, and show on stderr how far it is: a bar on a terminal,
        a line now and then elsewhere.
        """
        table, total, done, after_id = model._meta.db_table, model.objects.count(), 0, None
        shown = time.monotonic()
        while True:
            try:
                batch = repair(after_id=after_id, **options)
            except Refused as refusal:
                raise CommandError(str(refusal)) from refusal
            after_id = batch.last_id
            if after_id is None:
                break
            yield batch
            done += batch.size
            part = min(done / max(total, 1), 1)
            if self.stderr.isatty():
                bar = ("#" * round(part * BAR_WIDTH)).ljust(BAR_WIDTH, ".")
                self.stderr.write(f"\r{table:10} {bar} {part:4.0%} {done}", str, ending="")
            elif time.monotonic() - shown > SECONDS_BETWEEN_LINES:
                self.stderr.write(f"{table}: {done} of {total}", str)
                shown = time.monotonic()
        if self.stderr.isatty() and done:
            self.stderr.write("", str)  # the end of the bar's line
