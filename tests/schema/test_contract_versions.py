"""A migration made as CONTRIBUTING.md says comes last, and its contract is a new version."""

import json

from django.test import TestCase, tag

from tests.support.databases import connect, empty_database
from tests.support.project import Project
from veza_site.schema import contract

NOTE = """

class TrackNote(MutableModel):
    \"\"\"What somebody noted on a track.\"\"\"

    track = models.ForeignKey("streaming.Track", models.DB_CASCADE, db_index=False)
    note = models.TextField()

    class Meta(MutableModel.Meta):
        db_table = "track_notes"
        indexes = [Index(fields=["track"], name="idx_track_notes_track_id")]
"""


@tag("slow")  # it runs a dozen commands in a copy of the project, and twice its tests
class Versions(TestCase):
    def setUp(self):
        name = self.enterContext(empty_database())
        self.server = self.enterContext(connect(name))
        self.project = Project(self, name)

    def manage(self, *arguments, **environment):
        ended = self.project.manage(*arguments, **environment)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        return ended.stdout

    def add_table(self):
        """Add a table to streaming as CONTRIBUTING.md says; return its migration."""
        self.project.append("streaming/models/playlist.py", NOTE)
        self.manage("makemigrations", "streaming", "--name", "notes")
        migration = self.project.migration("streaming", "notes")
        self.project.replace(
            migration,
            "from django.db import",
            "from veza_site.migrating.operations import updated_at_trigger\nfrom django.db import",
        )
        self.project.append(migration, '    operations.append(updated_at_trigger("track_notes"))\n')
        return f"streaming.{migration.stem}"

    def add_column(self):
        """Add a column in accounts, the first app by name; return its migration."""
        self.project.replace(
            "accounts/models/user.py",
            "    class Meta",
            "    motto = models.TextField(null=True, blank=True)\n\n    class Meta",
        )
        self.manage("makemigrations", "accounts", "--name", "motto")
        return f"accounts.{self.project.migration('accounts', 'motto').stem}"

    def write_contract(self):
        self.manage(
            "test",
            "tests.schema.test_export.Export.test_is_committed",
            "--noinput",
            UPDATE_GOLDEN="1",
        )

    def history(self):
        versions = json.loads((self.project.directory / "schema" / "contract.json").read_text())
        return [(version["version"], version["migration"]) for version in versions]

    def carried(self):
        self.manage("migrate", "--verbosity", "0")
        with self.server.cursor() as cursor:
            carried = contract.read(cursor)
        return carried.version, carried.migration

    def test_of_one_migration_after_another_are_kept(self):
        landed = [(version.version, version.migration) for version in contract.load_history()]

        table = (landed[-1][0] + 1, self.add_table())
        self.assertIn("nothing to refuse", self.manage("lint_migrations"))
        self.write_contract()
        self.assertEqual(self.history(), [*landed, table])
        self.assertEqual(self.carried(), table)  # on an empty database

        column = (table[0] + 1, self.add_column())
        self.assertIn("nothing to refuse", self.manage("lint_migrations"))
        self.write_contract()
        self.assertEqual(self.history(), [*landed, table, column])
        self.assertEqual(self.carried(), column)

        self.manage("schema", "diff")
