"""`manage.py schema export` writes V1 as SQL that makes V1, and schema/ is what it writes."""

import io
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import TestCase, tag
from psycopg import errors

from tests.support.databases import (
    apply_export,
    connect,
    database_url,
    empty_database,
    migrated_catalog,
    v1_models,
)
from tests.support.golden import assert_golden
from veza_site.schema import contract, plan, sql_files
from veza_site.schema.reader import read_catalog
from veza_site.schema.source_comments import comments_in_meta

COMMITTED = settings.BASE_DIR / "schema"


class Export(TestCase):
    maxDiff = None

    def export(self, directory):
        output = io.StringIO()
        call_command("schema", "export", str(directory), stdout=output)
        return output.getvalue()

    def setUp(self):
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory())) / "new"

    def files(self, directory):
        return {file.name: file.read_text(encoding="utf-8") for file in directory.iterdir()}

    @tag("golden")
    def test_is_committed(self):
        with connection.cursor() as cursor:
            sql_files.write(self.directory, cursor, str(plan.newest_migration()))
        files = self.files(self.directory)
        # What nothing writes any more is removed, or services would apply it.
        for name in sorted({*files, *self.files(COMMITTED)}):
            assert_golden(self, COMMITTED / name, files.get(name))

    def test_writes_what_is_committed(self):
        self.export(self.directory)
        self.assertEqual(self.files(self.directory), self.files(COMMITTED))

    def test_says_above_each_index_what_its_model_says_it_is_for(self):
        self.export(self.directory)
        lines = "\n".join(self.files(self.directory).values()).splitlines()
        indexes = {index.name for model in v1_models() for index in model._meta.indexes}
        comments = {
            name: comment
            for model in v1_models()
            for name, comment in comments_in_meta(model).items()
            if name in indexes
        }
        self.assertGreater(len(comments), 50)
        for name, comment in comments.items():
            with self.subTest(name):
                (place,) = [
                    number
                    for number, line in enumerate(lines)
                    if line.startswith(f"CREATE INDEX IF NOT EXISTS {name} ON ")
                ]
                self.assertEqual(lines[place - 1], f"-- {comment}")
                self.assertRegex(comment, r"[.…]$")

    def test_makes_the_same_catalog_in_an_empty_database_when_applied_once_and_twice(self):
        with empty_database() as name, connect(name) as server:
            for _ in range(2):
                apply_export(server)
                self.assertEqual(read_catalog(server.cursor()), migrated_catalog())

    def test_makes_a_database_that_carries_the_contract(self):
        with empty_database() as name, connect(name) as server:
            apply_export(server)
            carried = contract.read(server.cursor())
        with connection.cursor() as cursor:
            self.assertEqual(carried, contract.read(cursor))
        self.assertEqual(carried.fingerprint, contract.load_newest().fingerprint)

    def test_writes_no_contract_into_a_database_that_is_not_v1_and_says_what_differs(self):
        for drift, named in [
            ("ALTER TABLE rooms DROP description", "table rooms"),
            ("ALTER TYPE room_type ADD VALUE 'forum'", "enum room_type"),
            ("CREATE TABLE notes (id uuid)", "table notes"),
            ("CREATE VIEW names AS SELECT name FROM rooms", "other object public.names"),
        ]:
            with self.subTest(drift), empty_database() as name, connect(name) as server:
                apply_export(server)
                server.execute(f"{drift}; COMMENT ON SCHEMA public IS 'old'")
                with self.assertRaisesMessage(errors.RaiseException, f"was written: {named}"):
                    apply_export(server)
                comment = server.execute("SELECT obj_description('public'::regnamespace)")
                self.assertEqual(comment.fetchone(), ("old",))

    def test_refuses_a_database_that_migrate_has_not_built(self):
        with empty_database() as name, connect(name) as server:
            apply_export(server)
            url = database_url(name)
            with self.assertRaisesMessage(CommandError, "The database has no schema django."):
                call_command("schema", "export", str(self.directory), database=url)
        self.assertFalse(self.directory.exists())

    def test_takes_a_tuned_database_for_v1(self):
        with empty_database() as name, connect(name) as server:
            apply_export(server)
            server.execute(
                "ALTER INDEX idx_users_email SET (fillfactor = 70);"
                "ALTER TABLE rooms SET (fillfactor = 70); COMMENT ON SCHEMA public IS NULL"
            )
            apply_export(server)
            self.assertEqual(contract.read(server.cursor()), contract.when_migrated())

    def test_shows_the_contract(self):
        expected = contract.load_newest()
        self.assertIn(
            f"contract {expected.version}, fingerprint {expected.fingerprint}",
            self.export(self.directory),
        )

    def test_refuses_a_database_that_differs_from_the_migrations_and_writes_nothing(self):
        for statement in [
            "CREATE TABLE notes (id uuid)",
            "DROP TABLE track_plays",
            "ALTER TABLE rooms ADD topic text",
            "ALTER TABLE rooms DISABLE TRIGGER update_rooms_updated_at",
        ]:
            with self.subTest(statement), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
                with self.assertRaisesMessage(CommandError, "differs from the migrations: see"):
                    self.export(self.directory)
                transaction.set_rollback(True)
            self.assertFalse(self.directory.exists())

    def test_of_a_new_version_refuses_other_tables_than_the_migrations_make(self):
        for statement, table in [
            ("CREATE TABLE notes (id uuid)", "notes"),
            ("DROP TABLE track_plays", "track_plays"),
        ]:
            with self.subTest(statement), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
                with self.assertRaisesMessage(CommandError, f"{table} and perhaps others differ"):
                    sql_files.write(self.directory, cursor, "streaming.0042_notes")
                transaction.set_rollback(True)
            self.assertFalse(self.directory.exists())

    def test_says_where_it_can_not_write(self):
        self.directory.touch()
        with self.assertRaisesMessage(CommandError, "can't be written: File exists."):
            self.export(self.directory)


class Contract(TestCase):
    def test_has_a_new_version_when_another_migration_makes_another_catalog(self):
        first = contract.load_newest()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE rooms ADD topic text")
            changed = read_catalog(cursor)
        self.assertEqual(
            contract.parse(contract.history_as_json(changed, "legacy_chat.0051_topic")),
            [
                *contract.load_history(),
                contract.Contract(
                    first.version + 1, contract.fingerprint(changed), "legacy_chat.0051_topic"
                ),
            ],
        )

    def test_is_replaced_while_its_migration_is_worked_on(self):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE rooms ADD topic text")
            changed = read_catalog(cursor)
        history = contract.history_as_json(changed, contract.load_newest().migration)
        self.assertEqual(len(contract.parse(history)), len(contract.load_history()))

    def test_stays_when_only_what_is_each_servers_own_business_changes(self):
        expected = contract.load_newest()
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE rooms SET (fillfactor = 70), ALTER name SET STATISTICS 500;"
                "COMMENT ON TABLE rooms IS 'old'"
            )
            changed = read_catalog(cursor)
        self.assertEqual(contract.fingerprint(changed), expected.fingerprint)
        history = contract.history_as_json(changed, "legacy_chat.0051_topic")
        self.assertEqual(contract.parse(history), contract.load_history())

    def test_is_not_a_comment_of_somebody_else(self):
        for comment in ["NULL", "'standard public schema'", "'{}'", "'[1]'", "'1'"]:
            with self.subTest(comment), connection.cursor() as cursor:
                cursor.execute(f"COMMENT ON SCHEMA public IS {comment}")
                self.assertIsNone(contract.read(cursor))
