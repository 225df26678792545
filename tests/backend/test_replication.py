"""The recipes of docs/replication.md, on a server that has what they need."""

import re
import subprocess
import time
from pathlib import Path

from django.conf import settings
from django.test import TestCase, tag

from tests.support.databases import manage
from tests.support.rows import Rows
from tests.support.servers import Server

DOCUMENT = settings.BASE_DIR / "docs" / "replication.md"

# What a subscription that has copied everything no longer finds.
INCOMPLETE = "SELECT srrelid::regclass::text FROM pg_subscription_rel WHERE srsubstate <> 'r'"


@tag("slow")  # it starts a server and migrates two databases
class Recipes(TestCase):
    @classmethod
    def setUpTestData(cls):
        (cls.truncate,) = re.findall(r"^TRUNCATE [^;]*;", DOCUMENT.read_text(), re.MULTILINE)

    def setUp(self):
        self.server = Server(self, wal_level="logical", max_replication_slots=60)
        for name in ["source", "target"]:
            with self.server.connect() as session:
                session.execute(f"CREATE DATABASE {name}")
            migrated = manage("migrate", database=name, DATABASE_URL=self.server.url(name))
            self.assertEqual(migrated.returncode, 0, migrated.stderr)
        self.source = self.enterContext(self.server.connect("source"))
        self.target = self.enterContext(self.server.connect("target"))
        rows = Rows(self.source.cursor())
        self.tables = list(rows.catalog.tables)
        for table in self.tables:
            rows.insert(table)
        for table, column in [
            ("track_comments", "parent_id"),
            ("refresh_tokens", "replaced_by_id"),
        ]:
            rows.insert(table, **{column: rows.insert(table)})
        self.source.execute("UPDATE users SET email = email || 'x'")
        self.target.execute(self.truncate)

    def content(self, session):
        return {
            table: session.execute(
                f"SELECT md5(string_agg(row::text, ',' ORDER BY id)) FROM {table} AS row"
            ).fetchone()
            for table in self.tables
        }

    def wait(self, is_so, what):
        end = time.monotonic() + 60
        while not is_so():
            self.assertLess(time.monotonic(), end, what)

    def test_of_logical_replication_bring_every_table_and_every_change(self):
        self.source.execute("CREATE PUBLICATION v1 FOR TABLES IN SCHEMA public")
        # In one server the slot has to be there before, or each waits for the other.
        self.source.execute("SELECT pg_create_logical_replication_slot('v1', 'pgoutput')")
        self.target.execute(
            f"CREATE SUBSCRIPTION v1 CONNECTION '{self.server.url('source')}' PUBLICATION v1"
            " WITH (create_slot = false)"
        )
        self.wait(lambda: not self.target.execute(INCOMPLETE).fetchall(), "the copy is incomplete")
        self.assertEqual(self.content(self.target), self.content(self.source))
        self.source.execute("UPDATE tracks SET title = title || 'x'")
        self.source.execute("DELETE FROM playlists")
        self.wait(
            lambda: self.content(self.target) == self.content(self.source), "a change is missing"
        )

    def test_of_a_dump_of_the_data_bring_every_table(self):
        dump = Path(self.server.socket_directory) / "data.sql"
        dumped = subprocess.run(
            [
                self.server.programs / "pg_dump",
                "--data-only",
                "-n",
                "public",
                self.server.url("source"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        dump.write_text(dumped.stdout)
        subprocess.run(
            [
                self.server.programs / "psql",
                "-X1",
                "-v",
                "ON_ERROR_STOP=1",
                "-f",
                dump,
                self.server.url("target"),
            ],
            capture_output=True,
            check=True,
        )
        self.assertEqual(self.content(self.target), self.content(self.source))
