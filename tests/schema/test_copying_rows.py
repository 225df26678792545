"""docs/operating.md's way to copy rows is run as it stands; commands that would break V1 refuse."""

import os
import re
import subprocess
import tempfile

from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import TestCase, tag

from accounts.models import User
from tests.support.databases import (
    connect,
    database_url,
    manage,
    migrated_database,
    v1_models,
)
from tests.support.servers import programs

DOCUMENT = (settings.BASE_DIR / "docs" / "operating.md").read_text(encoding="utf-8")
ALL_ROWS, SOME_TABLES = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)

LOAD_DEMO = """
from django.core.management import call_command
from django.test import override_settings
with override_settings(DEVELOPMENT=True):
    call_command("load_demo")
"""

TABLES = [model._meta.db_table for model in v1_models()]
USERS = """
pg_dump --data-only --table=public.users "$FROM" > rows.sql
psql -q -1 -v ON_ERROR_STOP=1 -f rows.sql "$TO"
"""

REFUSED = [
    (["dumpdata", "accounts", "--indent", "2"], "docs/operating.md"),
    (["dumpdata", "sessions"], "docs/operating.md"),
    (["loaddata", "rows.json", "--ignorenonexistent"], "docs/operating.md"),
    (["dumpscript", "rbac"], "docs/operating.md"),
    (["syncdata", "rows.json"], "docs/operating.md"),
    (["flush", "--noinput"], "reset_db"),
    (["reset_schema", "--noinput"], "reset_db"),
    (["migrate", "--fake"], "schema adopt"),
    (["migrate", "streaming", "--fake-initial"], "schema adopt"),
]


class CopyingRows(TestCase):
    """From a database with the demo to one as `migrate` leaves it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source = cls.enterClassContext(migrated_database())
        loaded = manage("shell", "-c", LOAD_DEMO, database=cls.source)
        assert loaded.returncode == 0, loaded.stderr

    def setUp(self):
        self.target = self.enterContext(migrated_database())

    def rows(self, name):
        """Return all rows of V1 in a database, by their tables."""
        with connect(name) as server:
            return {
                table: server.execute(f"SELECT t::text FROM {table} AS t ORDER BY id").fetchall()
                for table in TABLES
            }

    def test_brings_all_of_them_as_they_are_once(self):
        self.assertNotEqual(self.rows(self.source), self.rows(self.target))
        copied = self.copy(ALL_ROWS)
        self.assertEqual(copied.returncode, 0, copied.stderr)
        self.assertEqual(self.rows(self.source), self.rows(self.target))

        again = self.copy(ALL_ROWS)
        self.assertNotEqual(again.returncode, 0)
        self.assertEqual(self.rows(self.source), self.rows(self.target))

    def test_brings_the_tables_of_one_app(self):
        users = self.copy(USERS)
        self.assertEqual(users.returncode, 0, users.stderr)
        copied = self.copy(SOME_TABLES)
        self.assertEqual(copied.returncode, 0, copied.stderr)
        before, after = self.rows(self.source), self.rows(self.target)
        for model in apps.get_app_config("streaming").get_models():
            table = model._meta.db_table
            with self.subTest(table):
                self.assertTrue(before[table])
                self.assertEqual(after[table], before[table])

    def test_brings_the_tables_of_rbac_in_place_of_the_system_roles(self):
        users = self.copy(USERS)
        self.assertEqual(users.returncode, 0, users.stderr)
        tables = [model._meta.db_table for model in apps.get_app_config("rbac").get_models()]
        commands = ALL_ROWS.replace("--schema=public", f"--table='public.({'|'.join(tables)})'")
        copied = self.copy(commands)
        self.assertEqual(copied.returncode, 0, copied.stderr)
        before, after = self.rows(self.source), self.rows(self.target)
        for table in tables:
            with self.subTest(table):
                self.assertTrue(before[table])
                self.assertEqual(after[table], before[table])

    def copy(self, commands):
        """Run commands as the document has them, from the source to the target."""
        return subprocess.run(
            ["sh", "-ec", commands],
            cwd=self.enterContext(tempfile.TemporaryDirectory()),
            env=os.environ
            | {
                "PATH": f"{programs()}:{os.environ['PATH']}",
                "FROM": database_url(self.source),
                "TO": database_url(self.target),
            },
            capture_output=True,
            text=True,
        )


@tag("slow")  # it starts each command
class Refused(TestCase):
    def test_in_one_line_that_says_what_works(self):
        for command, instead in REFUSED:
            with self.subTest(command):
                ended = manage(*command)
                self.assertNotEqual(ended.returncode, 0)
                self.assertEqual(ended.stdout, "")
                (line,) = ended.stderr.splitlines()
                self.assertTrue(line.startswith(f"CommandError: {command[0]} "), line)
                self.assertIn(instead, line)
                self.assertTrue(line.endswith(" Nothing was changed."), line)

    def test_also_where_code_calls_them(self):
        User.objects.create_user("nadia@veza.example", "nadia")
        for command, instead in REFUSED:
            with self.subTest(command), self.assertRaisesMessage(CommandError, instead):
                call_command(*command)
        self.assertEqual(User.objects.count(), 1)
