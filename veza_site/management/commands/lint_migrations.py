from typing import Any

from django.core.management import BaseCommand, CommandError

from veza_site.migration_lint import lint, migrations_after_v1, out_of_line


class Command(BaseCommand):
    help = "Refuse migrations after V1 that services would have to wait for, or that break them."

    def handle(self, **options: Any) -> None:
        if places := out_of_line():
            raise CommandError(
                f"{'; '.join(places)}. Each migration depends on the last one before it, whatever "
                "its app: add the older of the two to the `dependencies` of the newer."
            )
        migrations = migrations_after_v1()
        findings = [finding for migration in migrations for finding in lint(migration)]
        for finding in findings:
            self.stderr.write(finding)
        if findings:
            raise CommandError(
                "What has to be done all the same is written as RunSQL, with the reason in a "
                "comment, and in the next line “-- squawk-ignore RULE”."
            )
        self.stdout.write(f"Migrations after V1: {len(migrations)}, with nothing to refuse")
