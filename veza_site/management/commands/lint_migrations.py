import textwrap
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from veza_site.migrating.lint import lint, migrations_after_v1, out_of_line
from veza_site.migrating.lint.rules import RULES


class Command(BaseCommand):
    help = "Refuse migrations after V1 that services would have to wait for, or that break them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--rules",
            action="store_true",
            help="print this project's own rules, why they are, and what to do instead",
        )

    def handle(self, *, rules: bool, **options: Any) -> None:
        if rules:
            words = [
                f"{name}\n    {rule.what}\n    Instead: {rule.instead}"
                for name, rule in RULES.items()
            ]
            words.append("squawk's rules, and which of them are off, are in .squawk.toml.")
            self.stdout.write("\n".join(words))
            return
        if places := out_of_line():
            raise CommandError(
                f"{'; '.join(places)}. Each migration depends on the last one before it, whatever "
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
                "What has to be done all the same needs a reason in the migration: the comment "
                "“-- lint-ignore RULE: reason” before the statement in its RunSQL; for another "
                "operation “# lint-ignore RULE: reason” in the lines above it. `manage.py "
                "lint_migrations --rules` explains the rules."
            )
        self.stdout.write(f"Migrations after V1: {len(migrations)}, with nothing to refuse")
