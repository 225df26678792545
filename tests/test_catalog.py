"""The migrated database is V1, to the letter."""

import json
import os

from django.conf import settings
from django.db import connection
from django.test import TestCase

from tests.databases import SPECIFICATION, apply_specification, connect, empty_database
from veza_site.catalog import read_catalog

GOLDEN = settings.BASE_DIR / "schema" / "catalog.json"


class MigratedCatalog(TestCase):
    maxDiff = None

    def setUp(self):
        with connection.cursor() as cursor:
            self.migrated = read_catalog(cursor)

    def test_equals_the_specification(self):
        if not SPECIFICATION.exists():
            self.skipTest(f"no specification in {SPECIFICATION}; the golden catalog stands for it")
        with empty_database() as name, connect(name) as server:
            apply_specification(server)
            specified = read_catalog(server.cursor())
        self.assertEqual(json.loads(self.migrated.as_json()), json.loads(specified.as_json()))

    def test_equals_the_golden_catalog(self):
        if os.environ.get("UPDATE_GOLDEN"):
            GOLDEN.write_text(self.migrated.as_json())
        self.assertEqual(json.loads(self.migrated.as_json()), json.loads(GOLDEN.read_text()))
