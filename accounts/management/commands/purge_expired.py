from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError

from accounts.services import Purged, purge_expired
from veza_site.transactions import Refused, fetch_row

BAR_WIDTH = 40


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
        total, purged = sum(expired()), Purged(0, 0, 0, 0)
        while True:
            try:
                deleted = purge_expired(limit=batch)
            except Refused as refusal:
                raise CommandError(str(refusal)) from refusal
            if not any(deleted):
                break
            purged = Purged(*map(sum, zip(purged, deleted, strict=True)))
            self._show(sum(purged), total)
        if self.stderr.isatty() and any(purged):
            self.stderr.write("")
        for table, rows in purged._asdict().items():
            self.stdout.write(f"{table}: deleted {rows}")
        if left := sum(expired()):
            self.stdout.write(f"{left} expired rows are left: they are in use, or their chain is.")

    def _show(self, done: int, total: int) -> None:
        """Draw how far it is, on a terminal; more may have expired since the rows were counted."""
        if self.stderr.isatty():
            part = min(done / max(total, 1), 1)
            bar = ("█" * round(part * BAR_WIDTH)).ljust(BAR_WIDTH, "·")
            self.stderr.write(f"\r{bar} {part:4.0%} {done}", ending="")


def expired() -> tuple[int, ...]:
    """Return how many rows of each table have expired, in the order of Purged."""
    counts = ", ".join(
        f"(SELECT count(*) FROM {table} WHERE expires_at <= statement_timestamp())"
        for table in Purged._fields
    )
    return fetch_row(f"SELECT {counts}")
