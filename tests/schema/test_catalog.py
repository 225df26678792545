"""The migrations up to V1 make V1, to the letter."""

import json

from django.db import connection, transaction
from django.test import TestCase

from tests.support.databases import (
    SPECIFICATION,
    apply_specification,
    connect,
    empty_database,
    manage,
    migrated_catalog,
)
from veza_site.schema import contract
from veza_site.schema.catalog import Catalog
from veza_site.schema.reader import read_catalog


class MigratedCatalog(TestCase):
    maxDiff = None

    def setUp(self):
        self.migrated = migrated_catalog()

    def read_specification(self):
        if not SPECIFICATION.exists():
            self.skipTest(
                f"no specification in {SPECIFICATION}; schema/contract.json stands for it"
            )
        with empty_database() as name, connect(name) as server:
            apply_specification(server)
            return read_catalog(server.cursor())

    def test_of_version_1_equals_the_specification(self):
        specified = self.read_specification()
        app, migration = contract.load_history()[0].migration.split(".")
        with empty_database() as name, connect(name) as server:
            manage("migrate", app, migration, database=name)
            first = read_catalog(server.cursor())
        self.assertEqual(json.loads(first.as_json()), json.loads(specified.as_json()))

    def test_has_everything_of_the_specification_that_services_rely_on(self):
        """Later versions add: only indexes that nobody relies on may go, and functions change."""
        specified = self.read_specification()
        self.assertEqual(self.migrated.enums, specified.enums)
        self.assertLessEqual(specified.functions.keys(), self.migrated.functions.keys())
        self.assertEqual(list(self.migrated.tables), list(specified.tables))
        for name, table in specified.tables.items():
            migrated = self.migrated.tables[name]
            for kind in ["columns", "constraints", "triggers"]:
                with self.subTest(f"{kind} of {name}"):
                    of_both = getattr(table, kind).keys() & getattr(migrated, kind).keys()
                    now = {key: getattr(migrated, kind)[key] for key in of_both}
                    self.assertEqual(now, getattr(table, kind))
            unique = {key: index for key, index in table.indexes.items() if index.unique}
            with self.subTest(f"unique indexes of {name}"):
                self.assertEqual({key: migrated.indexes.get(key) for key in unique}, unique)

    def test_is_the_same_when_it_was_written_down_and_read_again(self):
        self.assertEqual(Catalog.from_json(self.migrated.as_json()), self.migrated)


class Reader(TestCase):
    def test_sees_what_could_hide(self):
        with connection.cursor() as cursor:
            before = read_catalog(cursor)
            for statement in [
                "CREATE TYPE mood AS ENUM ()",
                "CREATE DOMAIN moment AS timestamp",
                'ALTER TABLE rooms ALTER name TYPE varchar(100) COLLATE "C"',
                "CREATE AGGREGATE last(text) (sfunc = textcat, stype = text)",
                "CREATE VIEW names AS SELECT name FROM rooms",
            ]:
                with self.subTest(statement), transaction.atomic():
                    cursor.execute(statement)
                    self.assertNotEqual(read_catalog(cursor), before)
                    transaction.set_rollback(True)

    def test_leaves_the_search_path_as_it_was(self):
        with connection.cursor() as cursor:
            read_catalog(cursor)
            cursor.execute("SHOW search_path")
            self.assertEqual(cursor.fetchone(), ("public,django",))
