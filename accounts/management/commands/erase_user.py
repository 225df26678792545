"""`manage.py erase_user`: what a person asks for who leaves, however much they leave behind."""

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.management import BaseCommand, CommandError
from django.utils.translation import ngettext

from accounts.erasing import erase_user, find_user, prepare_erasure
from veza_site.erasing import Erasure, Reference
from veza_site.management.progress import Progress
from veza_site.transactions import Refused


class Command(BaseCommand):
    help = (
        "Delete a user for good, with everything that belongs to them, in batches. Safe beside "
        "running services. If it is interrupted, run it again: it goes on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="An id or an email address.")
        parser.add_argument("--dry-run", action="store_true", help="Count only; change nothing.")
        parser.add_argument(
            "--noinput", "--no-input", action="store_false", dest="interactive", help="Do not ask."
        )

    def handle(self, *, user: str, dry_run: bool, interactive: bool, **options: Any) -> None:
        try:
            user_id, email = find_user(user)
            erasure = prepare_erasure(user_id)
            found = erasure.count()
            if dry_run:
                self._tell(found, "would be ")
                self.stdout.write("Nothing was changed.")
                return
            if interactive and not self._confirm(email, found):
                raise CommandError("Not confirmed. Nothing was changed.")
            self._erase(user_id, erasure, sum(found.values()))
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(
            f"User {email} is erased. The longest batch took {erasure.longest:.2f} s."
        )

    def _erase(self, user_id: UUID, erasure: Erasure, total: int) -> None:
        try:
            with Progress(self.stderr, "rows", total) as progress:
                for done in erase_user(user_id, erasure):
                    progress.show(done)
        finally:
            self._tell(erasure.rows)

    def _confirm(self, email: str, found: Mapping[Reference, int]) -> bool:
        self._tell(found, "will be ")
        try:
            answer = input(
                f"This deletes the user {email} FOR GOOD.\nType the email address to go on: "
            )
        except EOFError:
            self.stdout.write("")
            return False
        return answer.strip() == email

    def _tell(self, rows: Mapping[Reference, int], when: str = "") -> None:
        """Tell of each table how many rows are deleted, and how many lose the reference."""
        numbers: Counter[tuple[str, str]] = Counter()
        for reference, number in rows.items():
            numbers[reference.table, "deleted" if reference.deletes else "detached"] += number
        for (table, done), number in sorted(numbers.items()):
            told = ngettext("%s row", "%s rows", number) % f"{number:,}"
            self.stdout.write(f"{table}: {told} {when}{done}")
