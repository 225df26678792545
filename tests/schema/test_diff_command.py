"""What `manage.py schema diff` writes, and how it ends; what it notices is in test_diff."""

import json

from django.core.management import CommandError
from django.db import connection
from django.test import TestCase, tag

from tests.support.databases import (
    connect,
    database_url,
    empty_database,
    migrated_database,
    role,
    schema,
)
from veza_site.schema import contract
from veza_site.schema.diff.database import LEFT_OUT


class Diff(TestCase):
    def diff(self, **options):
        return schema("diff", **options)

    def test_says_that_nothing_differs_and_shows_the_fingerprint(self):
        status, output = self.diff()
        fingerprint = contract.load_newest().fingerprint
        self.assertEqual(status, 0)
        self.assertEqual(output.count(fingerprint), 3)
        self.assertEqual(output.splitlines()[-2:], ["0 differences", LEFT_OUT])

    def test_fails_with_the_object_what_was_expected_and_found_the_cause_and_the_sql(self):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE rooms DISABLE TRIGGER update_rooms_updated_at")
        status, output = self.diff()
        self.assertEqual(status, 1)
        for line in [
            "trigger update_rooms_updated_at\n",
            "    expected  ENABLE\n",
            "    found     DISABLE\n",
            "    cause     switched off for a bulk load or a restore, and never on again\n",
            "    mend      ALTER TABLE public.rooms ENABLE TRIGGER update_rooms_updated_at;\n",
            "1 difference\n",
        ]:
            self.assertIn(line, output)

    def test_is_for_programs_too(self):
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX idx_rooms_creator_id")
        status, output = self.diff(format="json")
        report = json.loads(output)
        self.assertEqual(status, 1)
        self.assertEqual(
            [difference["object"] for difference in report["differences"]],
            ["index idx_rooms_creator_id"],
        )
        self.assertEqual(report["expected"], contract.load_newest().fingerprint)
        self.assertNotEqual(report["found"], report["expected"])

    def test_compares_with_another_database(self):
        with migrated_database() as name, connect(name) as server, role(server) as user:
            server.execute("CREATE TABLE public.notes (id int)")
            url = database_url(name, user=user, password="x")
            status, output = self.diff(against=url, format="json")
            self.assertEqual(status, 1)
            (difference,) = json.loads(output)["differences"]
            self.assertEqual(difference["object"], "table notes")
            status, _ = self.diff(database=url, against=url)
            self.assertEqual(status, 0)

    @tag("slow")  # it compares two databases many times
    def test_compares_the_rights_and_the_settings_of_two_databases(self):
        with (
            migrated_database() as one,
            migrated_database() as two,
            connect(one) as ours,
            connect(two) as theirs,
            role(ours) as user,
        ):
            urls = {"database": database_url(one), "against": database_url(two)}

            def compare():
                found = json.loads(self.diff(**urls, format="json")[1])["differences"]
                # Other tests may change the settings of their roles between the two readings.
                return [
                    each
                    for each in found
                    if user in each["object"] or not each["object"].startswith("setting ")
                ]

            self.assertEqual(compare(), [])
            for change, named in [
                (f"GRANT SELECT ON users TO {user}", f"rights of {user} on TABLE public.users"),
                (
                    f"GRANT SELECT (email), UPDATE (email) ON users TO {user} WITH GRANT OPTION",
                    f"rights of {user} on TABLE public.users",
                ),
                (
                    "REVOKE EXECUTE ON FUNCTION update_updated_at_column FROM PUBLIC",
                    "rights of PUBLIC on ROUTINE public.update_updated_at_column()",
                ),
                (
                    "REVOKE USAGE ON TYPE user_role FROM PUBLIC",
                    "rights of PUBLIC on TYPE public.user_role",
                ),
                (
                    f"GRANT CREATE ON SCHEMA public TO {user}",
                    f"rights of {user} on SCHEMA public",
                ),
                (
                    f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {user}",
                    f"rights of {user} on DEFAULT PRIVILEGES FOR ROLE {ours.info.user}"
                    " IN SCHEMA public ON TABLES",
                ),
                (
                    f"ALTER ROLE {user} IN DATABASE {one} SET lock_timeout = '2s'",
                    f"setting lock_timeout of role {user} in the database",
                ),
            ]:
                with self.subTest(change):
                    ours.execute(change)
                    self.assertEqual(self.diff(**urls)[0], 1)
                    (found,) = compare()
                    self.assertEqual(found["object"], named)
                    ours.execute(found["mend"])
                    self.assertEqual(compare(), [])
            theirs.execute(f"GRANT SELECT ON users TO {user}")
            (found,) = compare()
            self.assertEqual(found["mend"], f"GRANT SELECT ON TABLE public.users TO {user};")
            theirs.execute(f"DROP OWNED BY {user}")

    def test_lists_every_table_of_an_empty_database_as_missing(self):
        with empty_database() as name:
            status, output = self.diff(database=database_url(name), format="json")
        self.assertEqual(status, 1)
        missing = [found["object"] for found in json.loads(output)["differences"]]
        self.assertEqual(sum(name.startswith("table ") for name in missing), 27)
        self.assertIn("comment on SCHEMA public", missing)

    def test_says_what_it_does_not_know(self):
        for options in [{"database": "nowhere"}, {"against": "nowhere"}]:
            with (
                self.subTest(options),
                self.assertRaisesMessage(CommandError, "nowhere is no database of the settings"),
            ):
                self.diff(**options)
