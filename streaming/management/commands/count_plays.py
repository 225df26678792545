from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management import BaseCommand, CommandError

from streaming.services import count_plays
from veza_site.transactions import Refused


class Command(BaseCommand):
    help = "Bring play_count up to date for the tracks played lately. Run it every minute or so."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--minutes",
            type=float,
            default=10,
            help="How far back to look for plays (10): longer than the time between two runs.",
        )

    def handle(self, *, minutes: float, verbosity: int, **options: Any) -> None:
        try:
            behind = count_plays(window=timedelta(minutes=minutes))
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        if verbosity:
            self.stdout.write(f"{behind} tracks had more plays than their play_count.")
