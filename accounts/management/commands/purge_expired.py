"""`manage.py purge_expired`: run it daily, since nothing else deletes expired tokens."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils.translation import ngettext

from accounts.services import Purged, purge_expired
from veza_site.management.progress import Progress
from veza_site.transactions import Refused, fetch_one


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
        with Progress(self.stderr, "expired rows", count_expired()) as progress:
            while True:
                try:
                    deleted = purge_expired(limit=batch)
                except Refused as refusal:
                    raise CommandError(str(refusal)) from refusal
                if not any(deleted):
                    break
                purged = Purged(*map(sum, zip(purged, deleted, strict=True)))
                progress.show(sum(purged))
        for table, rows in purged._asdict().items():
            self.stdout.write(f"{table}: deleted {rows:,}")
        if left := count_expired():
            told = ngettext(
                "%s expired row is left, because it or its chain is in use.",
                "%s expired rows are left, because they or their chains are in use.",
                left,
            )
            self.stdout.write(told % f"{left:,}")


def count_expired() -> int:
    """Return how many rows have expired, of all the tables that are purged."""
    counts = " + ".join(
        f"(SELECT count(*) FROM {table} WHERE expires_at <= statement_timestamp())"
        for table in Purged._fields
    )
    (count,) = fetch_one(f"SELECT {counts}")
    return int(count)
