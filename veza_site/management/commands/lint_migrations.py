"""`manage.py lint_migrations`: what a new migration may not do beside running services."""

import textwrap
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from veza_site.migrating.lint import find_branches, lint, migrations_after_v1
from veza_site.migrating.lint.rules import RULES


class Command(BaseCommand):
    help = "Refuse migrations after V1 that services would have to wait for, or that break them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--rules",
            action="store_true",
            help="print this project's own rules, the reasons, and what to do instead",
        )

    def handle(self, *, rules: bool, **options: Any) -> None:
        if rules:
            words = [
                f"{name}\n    {rule.what}\n    Instead: {rule.instead}"
                for name, rule in RULES.items()
            ]
            words.append("Which of squawk's rules are off, and why, is in .squawk.toml.")
            self.stdout.write("\n".join(words))
            return
        if places := find_branches():
            raise CommandError(
                f"{'; '.join(places)}. Each migration has to depend on the one before it, whatever "
                "its app: add the older of the two to the `dependencies` of the newer."
            )
        migrations = migrations_after_v1()
        refused = False
        for migration in migrations:
            if findings := lint(migration):
                refused = True
                self.stderr.write(f"{migration}")
                for finding in findings:
                    self.stderr.write(textwrap.indent(str(finding), "  "))
        if refused:
            raise CommandError(
                "If it has to be done all the same, give the reason in the migration: the comment "
                "“-- lint-ignore RULE: reason” before the statement in its RunSQL, or “# "
                "lint-ignore RULE: reason” in the lines above any other operation. `manage.py "
                "lint_migrations --rules` explains the rules."
            )
        self.stdout.write(f"Migrations after V1: {len(migrations)}, with nothing to refuse")
