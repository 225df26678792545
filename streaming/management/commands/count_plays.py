"""`manage.py count_plays`: play_count lags behind the plays until this has run."""

from argparse import ArgumentParser
from datetime import timedelta
from functools import partial
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils.translation import ngettext

from streaming.services import count_plays
from veza_site.retrying import retry
from veza_site.transactions import Refused


class Command(BaseCommand):
    help = "Bring play_count up to date for recently played tracks. Run it every minute or so."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--minutes",
            type=float,
            default=10,
            help="How far back to look for plays (10): longer than the time between two runs.",
        )

    def handle(self, *, minutes: float, verbosity: int, **options: Any) -> None:
        try:
            behind = retry(partial(count_plays, window=timedelta(minutes=minutes)))
        except (ValueError, OverflowError) as error:  # nan, or more than a timedelta holds
            raise CommandError(
                f"--minutes must be a positive number, at most 100 years, not {minutes}."
            ) from error
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        if verbosity:
            told = ngettext(
                "%d track had more plays than its play_count.",
                "%d tracks had more plays than their play_count.",
                behind,
            )
            self.stdout.write(told % behind)
