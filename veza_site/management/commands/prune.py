"""`manage.py prune`: run it daily, since nothing else deletes old rows."""

from argparse import ArgumentParser
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.utils.translation import ngettext

from veza_site.batches import BatchSize
from veza_site.management.progress import Progress
from veza_site.pruning import PRUNINGS, Batch, Pruning
from veza_site.retrying import retry
from veza_site.transactions import Refused


class Command(BaseCommand):
    """Each app's module `pruning` has a list PRUNINGS."""

    help = (
        "Delete what has expired, and the rows that are older than the settings PRUNE_…_DAYS say, "
        "in batches. Safe beside running services. It may be interrupted and run again, and run "
        "twice at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Count only; delete nothing.")
        parser.add_argument(
            "--batch",
            type=int,
            default=5000,
            help="How many rows a transaction deletes at most (5000); fewer while that is slow.",
        )

    def handle(self, *, dry_run: bool, batch: int, **options: Any) -> None:
        if batch < 1:
            raise CommandError(f"A batch must have at least 1 row, not {batch}.")
        for pruning in list_prunings():
            if pruning.age is None:
                self.stdout.write(f"{pruning.table}: kept, since {pruning.setting} is not set.")
            elif dry_run:
                rows = pruning.count(pruning.age)
                told = ngettext("%s row would be deleted", "%s rows would be deleted", rows)
                self.stdout.write(f"{pruning.table}: {told % f'{rows:,}'}.")
            else:
                self._prune(pruning, BatchSize(most=batch))

    def _prune(self, pruning: Pruning, size: BatchSize) -> None:
        """Delete a table's old rows, and tell how many they were, however this ends."""
        deleted = 0
        age = pruning.age
        assert age is not None
        try:
            with Progress(self.stderr, pruning.table, pruning.count(age)) as progress:
                batch = Batch(0, None)
                while True:
                    delete = partial(pruning.delete, age, batch.after, size.rows)
                    with size.timed():
                        batch = retry(delete)
                    deleted += batch.deleted
                    progress.show(deleted)
                    if batch.after is None:
                        break
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        finally:
            told = ngettext("deleted %s row", "deleted %s rows", deleted)
            self.stdout.write(f"{pruning.table}: {told % f'{deleted:,}'}.")
        if left := pruning.count(age):
            told = ngettext(
                "%s old row is left, because it is in use.",
                "%s old rows are left, because they are in use.",
                left,
            )
            self.stdout.write(f"{pruning.table}: {told % f'{left:,}'}")


def list_prunings() -> Iterator[Pruning]:
    """Yield what every app prunes, and what Django's own tables need."""
    for app in settings.V1_APPS:
        if find_spec(f"{app}.pruning"):
            yield from import_module(f"{app}.pruning").PRUNINGS
    yield from PRUNINGS
