"""The database backend gives later migrations the names of the Standard too."""

from io import StringIO

from django.core.management import call_command
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState
from django.test import TestCase

from veza_site.catalog import read_catalog
from veza_site.models import AppendOnlyModel, MutableModel
from veza_site.standard import findings
from veza_site.triggers import updated_at_trigger


class LaterMigration(TestCase):
    """A table is added as README, “Adding a table”, has it."""

    def apply(self, *operations):
        state = ProjectState()
        migration = migrations.Migration("later", "later")
        migration.operations = operations
        with connection.schema_editor(atomic=False) as editor:
            migration.apply(state, editor)
        with connection.cursor() as cursor:
            return read_catalog(cursor)

    def create(self, name, base, **fields):
        abstract = [(f.name, f.clone()) for f in base._meta.local_fields]
        return migrations.CreateModel(
            name, [*abstract, *fields.items()], {"db_table": name.lower()}
        )

    def test_adds_a_table_that_keeps_the_standard(self):
        catalog = self.apply(
            self.create("Albums", MutableModel, title=models.CharField(max_length=255)),
            updated_at_trigger("albums"),
            self.create("Covers", AppendOnlyModel),
            # Foreign keys added to a table that is there.
            migrations.AddField(
                "Covers",
                "album",
                models.OneToOneField("later.Albums", models.DB_CASCADE, related_name="+"),
            ),
            migrations.AddField(
                "Covers",
                "original",
                models.ForeignKey("self", models.DB_SET_NULL, null=True, db_index=False),
            ),
            migrations.AddIndex(
                "Covers", models.Index(fields=["original"], name="idx_covers_original_id")
            ),
        )
        self.assertEqual(findings(catalog), [])
        self.assertTrue(catalog.tables["covers"].indexes["idx_covers_album_id"].unique)

    def test_can_drop_a_foreign_key_and_its_column(self):
        catalog = self.apply(
            self.create("Albums", AppendOnlyModel),
            self.create(
                "Covers",
                AppendOnlyModel,
                album=models.ForeignKey("later.Albums", models.DB_CASCADE, db_index=False),
            ),
            migrations.AlterField(
                "Covers",
                "album",
                models.ForeignKey("later.Albums", models.DB_SET_NULL, null=True, db_index=False),
            ),
            migrations.RemoveField("Covers", "album"),
        )
        self.assertEqual(set(catalog.tables["covers"].columns), {"id", "created_at"})

    def test_can_be_shown_as_sql(self):
        shown = call_command("sqlmigrate", "legacy_chat", "0050", stdout=StringIO())
        self.assertIn('CONSTRAINT "rooms_creator_id_fkey"', shown)


class TestRun(TestCase):
    def test_holds_its_turn_on_the_server(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
                " WHERE locktype = 'advisory' AND granted AND datname = 'postgres'"
            )
            self.assertGreaterEqual(cursor.fetchone()[0], 1)
