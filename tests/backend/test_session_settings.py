"""What a role or a database has set for its sessions changes nothing here."""

import json
import subprocess
import sys

from django.conf import settings
from django.test import TestCase, tag

from tests.support.databases import (
    connect,
    database_url,
    empty_database,
    manage,
    migrated_database,
    process_environment,
    role,
    schema,
)
from tests.support.late import LateDomain
from veza_site.management.commands import schema as schema_command
from veza_site.postgresql import session
from veza_site.schema import contract
from veza_site.schema.diff.database import compare_with_code
from veza_site.schema.digests import read_digests
from veza_site.schema.reader import read_catalog

# Each is another than a server has by itself.
ODD = {
    "array_nulls": "off",
    "backslash_quote": "on",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "datestyle": "German",
    "extra_float_digits": "-15",
    "intervalstyle": "sql_standard",
    "lc_monetary": "POSIX",
    "lc_numeric": "POSIX",
    "lc_time": "POSIX",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "timezone": "Asia/Kolkata",
    "timezone_abbreviations": "India",
    "transform_null_equals": "on",
    "xmlbinary": "hex",
    "xmloption": "document",
}
# Long enough for the first statements of a session on a busy machine, before they are lifted.
SHORT = {
    "statement_timeout": "200ms",
    "lock_timeout": "200ms",
    "idle_session_timeout": "2s",
    "idle_in_transaction_session_timeout": "2s",
}

SITE = """
import django
django.setup()
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from accounts.models import User
client = Client(headers={"host": "veza.example"})
root = User.objects.create_superuser(email="root@veza.example", username="root", password="x" * 20)
client.force_login(root)
for url in ["/healthz", "/admin/"]:
    print(url, client.get(url, secure=True).status_code)
for model in admin.site._registry:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    print(url, client.get(url, secure=True).status_code)
"""


def set_for(server, whose, values):
    for name, value in values.items():
        server.execute(f"ALTER {whose} SET {name} = '{value}'")


class Settings(TestCase):
    def test_that_change_how_text_is_written_are_all_tried_here(self):
        self.assertEqual(ODD.keys(), session.TEXT.keys())

    @tag("slow")  # it tries each setting
    def test_make_no_difference_one_by_one(self):
        expected = contract.load_catalog()
        with migrated_database() as name:
            with connect(name) as server:
                digests = read_digests(server.cursor())
            for setting, value in ODD.items():
                with self.subTest(setting), connect(name, options=f"-c {setting}={value}") as odd:
                    cursor = odd.cursor()
                    self.assertEqual(compare_with_code(cursor).differences, [])
                    self.assertEqual(read_catalog(cursor), expected)
                    self.assertEqual(read_digests(cursor), digests)
                    kept = odd.execute("SELECT current_setting(%s)", [setting]).fetchone()[0]
                    self.assertEqual(kept.split(",")[0].lower(), value.lower())

    @tag("slow")  # it tries each setting
    def test_of_a_database_are_in_nobodys_way(self):
        with empty_database() as name:
            self.assert_works(name, f"DATABASE {name}")

    @tag("slow")  # it tries each setting
    def test_of_a_role_are_in_nobodys_way(self):
        with empty_database() as name, connect(name) as server, role(server) as user:
            server.execute(f"ALTER DATABASE {name} OWNER TO {user}")
            try:
                url = database_url(name, user=user, password="x")
                self.assert_works(name, f"ROLE {user}", DATABASE_URL=url)
            finally:
                server.execute(f"REASSIGN OWNED BY {user} TO CURRENT_USER")

    def assert_works(self, name, whose, **environment):
        """`migrate`, `schema diff`, a probe and the pages of the admin do as if nothing was set."""
        with connect(name) as server:
            set_for(server, whose, ODD | SHORT)
        for _ in range(2):
            migrated = manage("migrate", database=name, **environment)
            self.assertEqual((migrated.returncode, migrated.stderr), (0, ""))
            self.assertNotIn("is not what the migrations make", migrated.stdout)
        diff = manage("schema", "diff", "--format", "json", database=name, **environment)
        report = json.loads(diff.stdout)
        self.assertEqual((diff.returncode, report["differences"]), (0, []), diff.stderr)
        self.assertEqual(report["found"], contract.load_newest().fingerprint)
        self.assertEqual(report["contract"]["fingerprint"], contract.load_newest().fingerprint)
        with connect(name) as server:  # a site that may not pause is closed by these, rightly
            for limit in SHORT:
                server.execute(f"ALTER {whose} RESET {limit}")
        site = subprocess.run(
            [sys.executable, "-c", SITE],
            cwd=settings.BASE_DIR,
            env=process_environment(
                name, DJANGO_SETTINGS_MODULE="veza_site.settings", **environment
            ),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.assertEqual(site.returncode, 0, site.stderr)
        answers = [line.split() for line in site.stdout.splitlines()]
        self.assertGreater(len(answers), 27)
        self.assertEqual([answer for answer in answers if answer[1] != "200"], [])

    def test_are_none_of_the_exports_business(self):
        """The SQL files make V1 and know it for V1 in any session."""
        with empty_database() as name:
            with connect(name) as server:
                set_for(server, f"DATABASE {name}", ODD)
            files = sorted((settings.BASE_DIR / "schema").glob("*.sql"))
            with connect(name) as server:
                for _ in range(2):
                    for file in files:
                        server.execute(file.read_bytes())
                kept = server.execute("SELECT current_setting('quote_all_identifiers')").fetchone()
                self.assertEqual(kept, ("on",))
                self.assertEqual(
                    contract.read(server.cursor()).fingerprint, contract.load_newest().fingerprint
                )


class OtherDatabases(TestCase):
    def test_are_read_by_their_url_whatever_they_have_set(self):
        with empty_database() as name:
            with connect(name) as server:
                set_for(server, f"DATABASE {name}", ODD | {"client_encoding": "SQL_ASCII"})
            status, output = schema("diff", database=database_url(name), format="json")
            self.assertEqual((status, json.loads(output)["contract"]), (1, None))


class Limits(TestCase):
    def test_of_a_role_do_not_end_a_migration(self):
        late = LateDomain(self)
        late.write("0001_slow", "SELECT pg_sleep(0.5)")
        with migrated_database() as name, connect(name) as server:
            set_for(server, f"DATABASE {name}", SHORT)
            migrated = manage("migrate", database=name, **late.environment)
        self.assertEqual((migrated.returncode, migrated.stderr), (0, ""))

    def test_of_a_role_do_not_end_what_reads_the_catalog(self):
        with empty_database() as name:
            with connect(name) as server:
                set_for(server, f"DATABASE {name}", SHORT)
            with schema_command.open_cursor(database_url(name)) as cursor:
                for limit in SHORT:
                    cursor.execute("SELECT current_setting(%s)", [limit])
                    self.assertEqual(cursor.fetchone(), ("0",), limit)
