"""`manage.py purge_expired`: what `prune` does with expired tokens, for who runs it alone."""

from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils.translation import ngettext

from accounts.pruning import count_expired
from accounts.services import Purged, purge_expired
from veza_site.management.progress import Progress
from veza_site.retrying import retry
from veza_site.transactions import Refused


class Command(BaseCommand):
    help = (
        "Delete expired tokens and sessions, in batches. Safe beside running services. It may be "
        "interrupted and run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--batch",
            type=int,
            default=1000,
            help="How many rows of each table a transaction deletes (1000).",
        )

    def handle(self, *, batch: int, **options: Any) -> None:
        purged = Purged(0, 0, 0, 0)
        try:
            with Progress(self.stderr, "expired rows", count_expired()) as progress:
                while any(deleted := retry(partial(purge_expired, limit=batch))):
                    purged = Purged(*map(sum, zip(purged, deleted, strict=True)))
                    progress.show(sum(purged))
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        finally:
            for table, rows in purged._asdict().items():
                self.stdout.write(f"{table}: deleted {rows:,}")
        if left := count_expired():
            told = ngettext(
                "%s expired row is left, because it or its chain is in use.",
                "%s expired rows are left, because they or their chains are in use.",
                left,
            )
            self.stdout.write(told % f"{left:,}")
