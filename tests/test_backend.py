"""The database backend gives later migrations the names of the Standard too."""

import unittest
from io import StringIO
from unittest import mock

import psycopg
from django.core import management
from django.core.management import call_command
from django.db import Error, connection, migrations, models
from django.db.backends.postgresql import base
from django.db.migrations.state import ProjectState
from django.test import TestCase

from tests.rows import rows
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


class ErrorTexts(TestCase):
    """Cursors of another class than Django's say no more than others; see test_error_pages."""

    def connect(self, **options):
        """Return a connection of its own with these OPTIONS."""
        other = connection.copy()
        other.settings_dict["OPTIONS"] = {**other.settings_dict["OPTIONS"], **options}
        other.connect()
        self.addCleanup(other.close)
        return other

    def assert_says_no_value(self, other):
        def copy(cursor):
            with cursor.copy("COPY users (id) FROM STDIN") as lines:
                lines.write_row(["hunter2"])

        for run in (
            lambda cursor: cursor.execute("SELECT %s::text::uuid", ["hunter2"]),
            lambda cursor: list(cursor.stream("SELECT %s::text::uuid", ["hunter2"])),
            copy,
        ):
            with self.assertRaises((Error, psycopg.Error)) as raised, other.cursor() as cursor:
                run(cursor)
            self.assertIn("uuid", str(raised.exception))
            self.assertNotIn("hunter2", str(raised.exception))

    def test_are_cut_with_a_cursor_factory_of_the_settings(self):
        class Factory(base.Cursor):
            pass

        other = self.connect(cursor_factory=Factory)
        self.assertIs(other.connection.cursor_factory, Factory)
        self.assert_says_no_value(other)

    def test_are_cut_with_parameters_that_the_server_binds(self):
        other = self.connect(server_side_binding=True)
        self.assertIs(other.connection.cursor_factory, base.ServerBindingCursor)
        self.assert_says_no_value(other)


class Features(TestCase):
    def test_say_that_no_foreign_key_is_deferred(self):
        self.assertFalse(connection.features.can_defer_constraint_checks)
        self.assertFalse(connection.features.supports_forward_references)
        self.assertTrue(connection.features.supports_deferrable_unique_constraints)

    def test_let_a_collector_delete_rows_that_refer_to_each_other(self):
        state = ProjectState()
        create = migrations.CreateModel(
            "Node",
            # As a third app has it: the database does nothing by itself.
            [
                ("id", models.AutoField(primary_key=True)),
                ("next", models.ForeignKey("self", models.CASCADE, null=True)),
            ],
        )
        create.state_forwards("third", state)
        Node = state.apps.get_model("third", "Node")
        with connection.schema_editor(atomic=False) as editor:
            editor.create_model(Node)
        one = Node.objects.create()
        other = Node.objects.create(next=one)
        one.next = other
        one.save()
        self.assertEqual(one.delete()[0], 2)


class TestRun(TestCase):
    def test_checks_deferred_constraints_at_the_end_of_a_test(self):
        class Position(TestCase):
            def runTest(self):
                playlist = rows().insert("playlists")
                for _ in range(2):
                    rows().insert("playlist_tracks", playlist_id=playlist, position=1)

        result = unittest.TestResult()
        Position()(result)
        ((_, error),) = result.errors
        self.assertIn("IntegrityError", error)
        self.assertIn("playlist_tracks", error)

    def other_creation(self):
        """Return what makes and destroys the database of this run, without making anything."""
        other = connection.copy()
        name = connection.settings_dict["NAME"]
        other.settings_dict["TEST"] = {**other.settings_dict["TEST"], "NAME": name}
        # Whoever waits for the lock gives up.
        options = other.settings_dict["OPTIONS"]
        limit = f"{options.get('options', '')} -c lock_timeout=5s"
        other.settings_dict["OPTIONS"] = {**options, "options": limit}
        for of, what in [
            (other.creation, "_create_test_db"),
            (other.creation, "_destroy_test_db"),
            (other, "ensure_connection"),
            (management, "call_command"),
        ]:
            self.enterContext(mock.patch.object(of, what))
        return other.creation

    def turns(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND objid = hashtext(%s)::oid",
                [connection.settings_dict["NAME"]],
            )
            return cursor.fetchone()[0]

    def test_does_not_wait_for_itself_where_a_test_makes_its_database(self):
        held = self.turns()
        for _ in range(2):
            creation = self.other_creation()
            creation.create_test_db(verbosity=0, autoclobber=True)
            one = self.other_creation()
            one.create_test_db(verbosity=0, autoclobber=True)
            one.destroy_test_db(verbosity=0)
            self.assertGreaterEqual(self.turns(), held)
            creation.destroy_test_db(verbosity=0)
            self.assertEqual(self.turns(), held)

    def test_holds_its_turn_on_the_server(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
                " WHERE locktype = 'advisory' AND granted AND datname = 'postgres'"
            )
            self.assertGreaterEqual(cursor.fetchone()[0], 1)
