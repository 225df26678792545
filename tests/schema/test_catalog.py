"""The migrated database is V1, to the letter."""

import json

from django.db import connection, transaction
from django.test import TestCase

from tests.support.databases import (
    SPECIFICATION,
    apply_specification,
    connect,
    empty_database,
    migrated_catalog,
)
from veza_site.schema.catalog import Catalog
from veza_site.schema.reader import read_catalog


class MigratedCatalog(TestCase):
    maxDiff = None

    def setUp(self):
        self.migrated = migrated_catalog()

    def test_equals_the_specification(self):
        if not SPECIFICATION.exists():
            self.skipTest(f"no specification in {SPECIFICATION}; schema/catalog.json stands for it")
        with empty_database() as name, connect(name) as server:
            apply_specification(server)
            specified = read_catalog(server.cursor())
        self.assertEqual(json.loads(self.migrated.as_json()), json.loads(specified.as_json()))

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
