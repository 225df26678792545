"""A domain after V1, for tests of how `migrate` applies a migration to a live database."""

import tempfile
from pathlib import Path

from veza_site.schema.plan import newest_migration

SETTINGS = """
from veza_site.settings import *
INSTALLED_APPS = [*INSTALLED_APPS, "late"]
V1_APPS = [*V1_APPS, "late"]
"""

MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = {dependencies}
    operations = [migrations.RunSQL(statement) for statement in {statements!r}]
"""


class LateDomain:
    """An app `late` outside of the project, whose migrations a test writes."""

    def __init__(self, test):
        directory = tempfile.TemporaryDirectory()
        test.addCleanup(directory.cleanup)
        self.migrations = Path(directory.name) / "late" / "migrations"
        self.migrations.mkdir(parents=True)
        for package in (self.migrations, self.migrations.parent):
            (package / "__init__.py").touch()
        (Path(directory.name) / "late_settings.py").write_text(SETTINGS)
        self.environment = {
            "PYTHONPATH": directory.name,
            "PYTHONDONTWRITEBYTECODE": "1",
            "DJANGO_SETTINGS_MODULE": "late_settings",
        }

    def write(self, name, *statements, atomic=True, after=None):
        """
        Write the migration `name`, which runs these statements and depends on `after`.

        That is V1's newest if not given.
        """
        newest = newest_migration()
        after = after or (newest.app_label, newest.name)
        (self.migrations / f"{name}.py").write_text(
            MIGRATION.format(atomic=atomic, dependencies=[after], statements=list(statements))
        )

    def delete(self, name):
        """Delete the migration `name`."""
        (self.migrations / f"{name}.py").unlink()
