"""The database backend gives later migrations the names of the Standard too."""

import unittest
from io import StringIO
from unittest import mock

import psycopg
from django.core import management
from django.core.management import call_command
from django.db import Error, IntegrityError, connection, migrations, models, transaction
from django.db.backends.postgresql import base
from django.db.migrations.state import ProjectState
from django.test import SimpleTestCase, TestCase
from django.test.utils import isolate_apps

from tests.support.rows import rows
from veza_site.indexes import Index
from veza_site.migrating.operations import CreateTables, updated_at_trigger
from veza_site.models import AppendOnlyModel, MutableModel
from veza_site.postgresql.names import foreign_key_name, index_name
from veza_site.schema.checks import check_names
from veza_site.schema.reader import read_catalog
from veza_site.schema.standard import find_breaches


class LaterMigration(TestCase):
    """A table is added as CONTRIBUTING.md, “Adding a table”, says."""

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
        self.assertEqual(find_breaches(catalog), [])
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


STOCK = """
CREATE TABLE parents (id uuid PRIMARY KEY);
CREATE TABLE children (
    id uuid PRIMARY KEY,
    parent_id uuid NOT NULL CONSTRAINT children_parent_fk REFERENCES parents {},
    place integer CONSTRAINT children_place UNIQUE DEFERRABLE INITIALLY DEFERRED
);
"""
WRITES = """
INSERT INTO children VALUES (gen_random_uuid(), '{0}', 1), (gen_random_uuid(), '{0}', 1);
UPDATE children SET place = CASE WHEN ctid = (SELECT max(ctid) FROM children) THEN 2 ELSE 1 END;
INSERT INTO parents VALUES ('{0}');
"""


class PendingChecks(TestCase):
    """What a migration has written may be checked only at its end; its DDL does not wait."""

    def apply(self, deferrable, *operations):
        """Apply operations on tables that Django's own backend made, after writes to them."""
        state = ProjectState()
        fields = [
            ("id", models.UUIDField(primary_key=True)),
            ("parent", models.ForeignKey("later.Parents", models.CASCADE)),
            ("place", models.IntegerField(null=True)),
        ]
        models_of_it = migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel("Parents", fields[:1], {"db_table": "parents"}),
                migrations.CreateModel("Children", fields, {"db_table": "children"}),
            ]
        )
        writes = WRITES.format("00000000-0000-0000-0000-000000000001")
        if not deferrable:  # the row that is referred to goes first
            *others, insert = writes.strip().split(";\n")
            writes = ";\n".join([insert.rstrip(";"), *others])
        migration = migrations.Migration("later", "later")
        migration.operations = [
            migrations.RunSQL(STOCK.format(deferrable)),
            models_of_it,
            migrations.RunSQL(writes),
            *operations,
        ]
        with connection.schema_editor() as editor:
            migration.apply(state, editor)

    def foreign_keys(self, table):
        with connection.cursor() as cursor:
            return [
                name
                for name, found in connection.introspection.get_constraints(cursor, table).items()
                if found["foreign_key"]
            ]

    def test_let_a_foreign_key_be_dropped_deferrable_or_not(self):
        field = models.ForeignKey("later.Parents", models.CASCADE, db_constraint=False)
        for deferrable in ("DEFERRABLE INITIALLY DEFERRED", "DEFERRABLE", ""):
            with self.subTest(deferrable), transaction.atomic():
                deferred = "INITIALLY" in deferrable
                drop = migrations.AlterField("Children", "parent", field)
                self.apply(deferrable if deferred else "", drop)
                self.assertEqual(self.foreign_keys("children"), [])
                transaction.set_rollback(True)

    def test_let_a_table_be_altered(self):
        index = models.Index(fields=["place"], name="idx_children_place")
        for operation in [
            migrations.AddField("Children", "size", models.IntegerField(default=1)),
            migrations.AlterField("Children", "place", models.BigIntegerField(null=True)),
            migrations.RemoveField("Children", "parent"),
            migrations.RenameField("Children", "place", "position"),
            migrations.AddIndex("Children", index),
            migrations.AlterModelTable("Children", "offspring"),
            migrations.DeleteModel("Children"),
            migrations.RunSQL("/* once /* more */ */ ALTER TABLE children ADD size integer"),
            migrations.RunSQL("-- all of it\nTRUNCATE children"),
        ]:
            with self.subTest(operation.describe()), transaction.atomic():
                self.apply("DEFERRABLE INITIALLY DEFERRED", operation)
                transaction.set_rollback(True)

    def test_are_made_before_the_ddl_and_deferred_again_after_it(self):
        missing = "INSERT INTO children VALUES (gen_random_uuid(), gen_random_uuid(), 9)"
        later = "INSERT INTO parents SELECT parent_id FROM children WHERE place = 9"
        add = migrations.RunSQL("ALTER TABLE children ADD size integer")
        with transaction.atomic():
            self.apply(
                "DEFERRABLE INITIALLY DEFERRED",
                add,
                migrations.RunSQL([missing, later]),
                migrations.RunSQL("ALTER TABLE children ADD weight integer"),
            )
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE children, parents")
        with self.assertRaisesMessage(IntegrityError, "children_parent_fk"), transaction.atomic():
            self.apply("DEFERRABLE INITIALLY DEFERRED", migrations.RunSQL(missing), add)


class LaterTable(CreateTables):
    """A migration whose first table refers to one that it makes after that."""

    operations = [
        migrations.CreateModel(
            "Covers",
            [
                ("id", models.UUIDField(primary_key=True)),
                ("album", models.ForeignKey("later.Albums", models.DB_CASCADE, db_index=False)),
                ("other", models.ForeignKey("self", models.DB_CASCADE, db_index=False)),
                ("labels", models.ManyToManyField("later.Labels")),
            ],
            {"db_table": "covers"},
        ),
        migrations.CreateModel(
            "Albums",
            [
                ("id", models.UUIDField(primary_key=True)),
                ("cover", models.ForeignKey("later.Covers", models.DB_CASCADE, db_index=False)),
            ],
            {"db_table": "albums"},
        ),
        migrations.CreateModel(
            "Labels", [("id", models.UUIDField(primary_key=True))], {"db_table": "labels"}
        ),
    ]


class ForeignKeyToALaterTable(TestCase):
    def statements(self, collect_sql):
        editor = connection.schema_editor(collect_sql=collect_sql, atomic=False)
        with editor:
            LaterTable("later", "later").apply(ProjectState(), editor, collect_sql=collect_sql)
            self.assertEqual(editor.deferred_sql, [])  # so that it is recorded with the tables
        if collect_sql:
            shown = [line for line in editor.collected_sql if not line.startswith("--")]
            self.assertEqual(shown, [f"{statement};" for statement in editor.statements])
        return editor.statements

    def test_is_made_as_soon_as_that_is_there(self):
        made = self.statements(collect_sql=False)
        keys = [sql.split('"')[3] for sql in made if "FOREIGN KEY" in sql]
        self.assertEqual(
            [key for key in keys if key.startswith(("covers_album", "albums"))],
            ["covers_album_id_fkey", "albums_cover_id_fkey"],
        )
        self.assertEqual(len(keys), 5)
        position = next(i for i, sql in enumerate(made) if "covers_album_id_fkey" in sql)
        self.assertIn('CREATE TABLE "albums"', made[position - 1])

    def test_is_shown_in_the_place_where_it_is_made(self):
        before = self.statements(collect_sql=True)
        made = self.statements(collect_sql=False)
        self.assertEqual(before, made)
        self.assertEqual(self.statements(collect_sql=True), made)  # when it is applied, too

    def test_is_made_for_apps_without_migrations(self):
        state = ProjectState()
        for operation in LaterTable.operations:
            operation.state_forwards("later", state)
        with connection.schema_editor() as editor:
            for model in state.apps.get_models():
                editor.create_model(model)
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, "covers")
        self.assertIn("covers_album_id_fkey", found)


class Names(TestCase):
    """What this backend names keeps the Standard's names, however it came to be."""

    # On the border of 63 bytes, in characters of two bytes.
    LONG = "ä" * 22

    def apply(self, *operations):
        state = ProjectState()
        migration = migrations.Migration("later", "later")
        album = [("id", models.UUIDField(primary_key=True))]
        migration.operations = [
            migrations.CreateModel("Albums", album, {"db_table": "albums"}),
            *operations,
        ]
        with connection.schema_editor(atomic=False) as editor:
            migration.apply(state, editor)
            shown = connection.schema_editor(collect_sql=True, atomic=False)
        return editor, shown

    def covers(self, table="covers", **fields):
        key = models.UUIDField(primary_key=True)
        return migrations.CreateModel("Covers", [("id", key), *fields.items()], {"db_table": table})

    def key(self, field=models.ForeignKey, **options):
        return field("later.Albums", models.DB_CASCADE, related_name="+", **options)

    def names(self, table):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(%s)"
                " AND contype <> 'n' UNION SELECT relname FROM pg_index"
                " JOIN pg_class ON oid = indexrelid WHERE indrelid = to_regclass(%s)",
                [table, table],
            )
            return {name for (name,) in cursor.fetchall()}

    def test_of_a_table_in_another_schema(self):
        for table in ('"shelf"."covers"', 'shelf"."covers'):
            with self.subTest(table), transaction.atomic():
                self.apply(
                    migrations.RunSQL("CREATE SCHEMA shelf"),
                    self.covers(
                        table,
                        album=self.key(db_index=False),
                        first=self.key(models.OneToOneField),
                    ),
                    migrations.AddField("Covers", "last", self.key(db_index=False, null=True)),
                    migrations.RenameField("Covers", "first", "only"),
                    migrations.AddIndex("Covers", Index(fields=["last"], name="last")),
                    migrations.AddIndex("Covers", Index(fields=["last"], name="again")),
                    migrations.RenameIndex("Covers", "idx_covers_last", old_name="last"),
                    migrations.RemoveIndex("Covers", "again"),
                )
                self.assertEqual(
                    self.names("shelf.covers"),
                    {
                        "covers_pkey",
                        "covers_album_id_fkey",
                        "covers_only_id_fkey",
                        "covers_last_id_fkey",
                        "idx_covers_only_id",
                        "idx_covers_last",
                    },
                )
                transaction.set_rollback(True)

    def test_of_columns_that_begin_alike_are_different_and_whole(self):
        fields = {
            f"{self.LONG}_{name}": self.key(field, db_column=f"{self.LONG}_{name}", **options)
            for name in ("one", "other")
            for field, options in [(models.OneToOneField, {})]
        }
        table = "covers_of_albums"
        self.apply(self.covers(table, **fields))
        names = self.names(table)
        self.assertEqual(len(names), 5)
        for name in names:
            self.assertLessEqual(len(name.encode()), 63)
        expected = {foreign_key_name(table, column) for column in fields}
        expected |= {index_name(table, column) for column in fields}
        self.assertEqual(names, {f"{table}_pkey", *expected})

    def test_of_a_foreign_key_that_becomes_one_to_one_and_back(self):
        one_to_one = migrations.AlterField("Covers", "album", self.key(models.OneToOneField))
        self.apply(self.covers(album=self.key(db_index=False)), one_to_one)
        expected = {"covers_pkey", "covers_album_id_fkey", "idx_covers_album_id"}
        self.assertEqual(self.names("covers"), expected)

    def test_of_a_one_to_one_that_becomes_a_foreign_key(self):
        foreign_key = migrations.AlterField("Covers", "album", self.key(db_index=False))
        self.apply(self.covers(album=self.key(models.OneToOneField)), foreign_key)
        self.assertEqual(self.names("covers"), {"covers_pkey", "covers_album_id_fkey"})

    def test_follow_a_column_that_is_renamed(self):
        for rename in [
            migrations.RenameField("Covers", "album", "work"),
            migrations.AlterField(
                "Covers", "album", self.key(models.OneToOneField, db_column="work_id")
            ),
        ]:
            with self.subTest(rename.describe()), transaction.atomic():
                self.apply(self.covers(album=self.key(models.OneToOneField)), rename)
                expected = {"covers_pkey", "covers_work_id_fkey", "idx_covers_work_id"}
                self.assertEqual(self.names("covers"), expected)
                transaction.set_rollback(True)

    def test_follow_a_table_that_is_renamed(self):
        self.apply(
            self.covers(album=self.key(models.OneToOneField), other=self.key(db_index=False)),
            migrations.AlterModelTable("Covers", "sleeves"),
        )
        expected = {"pkey", "album_id_fkey", "other_id_fkey"}
        self.assertEqual(
            self.names("sleeves"),
            {"idx_sleeves_album_id", *(f"sleeves_{name}" for name in expected)},
        )

    def test_of_a_table_that_django_s_backend_made_are_left(self):
        self.apply(
            migrations.RunSQL(
                "CREATE TABLE covers (id uuid PRIMARY KEY,"
                " album_id uuid CONSTRAINT a UNIQUE CONSTRAINT b REFERENCES albums)"
            ),
            migrations.SeparateDatabaseAndState(
                state_operations=[self.covers(album=self.key(models.OneToOneField))]
            ),
            migrations.AlterModelTable("Covers", "sleeves"),
        )
        self.assertEqual(self.names("sleeves"), {"sleeves_pkey", "a", "b"})


class NamesOfModels(SimpleTestCase):
    """The system check refuses names that PostgreSQL would not keep, in a sentence."""

    def refusals(self, registry, table="covers", options=None, **fields):
        options = {"app_label": "legacy_chat", "db_table": table, **(options or {})}
        attributes = {**fields, "__module__": __name__, "Meta": type("Meta", (), options)}
        type("Covers", (AppendOnlyModel,), attributes)
        return [error.id for error in check_names(registry.get_app_configs())]

    def test_passes_v1(self):
        self.assertEqual(check_names(None), [])

    def test_refuses_what_can_t_be_made(self):
        index = Index(fields=["album"], name="idx_covers_album_id")
        long = Index(fields=["album"], name="idx_" + "ä" * 30)
        one_to_one = {"to": "self", "on_delete": models.DB_CASCADE, "null": True}
        for refused, arguments in [
            ("name-of-schema", {"table": '"shelf"."covers"'}),
            ("name-of-schema", {"table": 'shelf"."covers'}),
            ("name-too-long", {"table": "ä" * 32}),
            ("name-too-long", {"size": models.IntegerField(db_column="ä" * 32)}),
            (
                "name-too-long",
                {"album": models.ForeignKey(**one_to_one), "options": {"indexes": [long]}},
            ),
            (
                "name-taken",
                {"album": models.OneToOneField(**one_to_one), "options": {"indexes": [index]}},
            ),
        ]:
            with self.subTest(arguments), isolate_apps("legacy_chat") as registry:
                refusals = self.refusals(registry, **arguments)
                self.assertEqual(set(refusals), {f"veza_site.{refused}"})


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
            (other.creation, "_execute_create_test_db"),
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
