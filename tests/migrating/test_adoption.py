"""`manage.py schema adopt` takes over a database whose V1 was built by SQL files."""

from django.test import TestCase, tag
from psycopg import sql

from tests.schema.test_audit import FOREIGN
from tests.support.databases import (
    SPECIFICATION,
    apply_export,
    apply_specification,
    connect,
    database_url,
    empty_database,
    manage,
    migrated_database,
    role,
    start,
)
from veza_site.schema import contract
from veza_site.schema.reader import read_catalog


class Adopt(TestCase):
    maxDiff = None

    def setUp(self):
        self.name = self.enterContext(empty_database())
        self.server = self.enterContext(connect(self.name))

    def adopt(self, **environment):
        return manage("schema", "adopt", database=self.name, **environment)

    def state(self):
        """Return all that an adoption could have changed in `public`, and every row's place."""
        cursor = self.server.cursor()
        catalog = read_catalog(cursor)
        files = self.server.execute(
            "SELECT relname, oid, relfilenode FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace ORDER BY relname"
        ).fetchall()
        rows = {
            table: self.server.execute(
                sql.SQL("SELECT xmin, ctid, t FROM public.{} AS t").format(sql.Identifier(table))
            ).fetchall()
            for table in catalog.tables
        }
        return catalog, files, rows

    def test_records_the_migrations_and_touches_no_row(self):
        apply_export(self.server)
        self.server.execute("COMMENT ON SCHEMA public IS NULL")
        self.server.execute(
            "INSERT INTO users (email, username, password_hash) VALUES ('a@b.c', 'abc', '!');"
            "INSERT INTO rooms (name, creator_id) SELECT 'one', id FROM users"
        )
        before = self.state()
        adopted = self.adopt()
        self.assertEqual((adopted.returncode, adopted.stderr), (0, ""))
        self.assertIn(contract.load_newest().fingerprint, adopted.stdout)
        self.assertEqual(self.state(), before)
        migrated = manage("migrate", database=self.name)
        self.assertIn("No migrations to apply.", migrated.stdout)
        diff = manage("schema", "diff", database=self.name)
        self.assertEqual(diff.returncode, 0, diff.stdout)
        # As every `migrate` does, this one creates the system roles, and touches nothing else.
        catalog, files, rows = self.state()
        for table in ("permissions", "role_permissions", "roles"):
            self.assertEqual(before[2].pop(table), [])
            self.assertTrue(rows.pop(table))
        self.assertEqual((catalog, files, rows), before)

    def test_leaves_the_database_as_migrate_does(self):
        apply_export(self.server)
        self.adopt()
        with migrated_database() as name, connect(name) as other:
            for what in [
                "SELECT app, name FROM django.django_migrations ORDER BY app, name",
                "SELECT app, name, sql_sha256, source_sha256 FROM django.migration_sql"
                " ORDER BY app, name",
                "SELECT app_label, model FROM django.django_content_type ORDER BY app_label, model",
                "SELECT codename FROM django.auth_permission ORDER BY codename",
                "SELECT obj_description('public'::regnamespace)",
            ]:
                with self.subTest(what):
                    self.assertEqual(
                        self.server.execute(what).fetchall(), other.execute(what).fetchall()
                    )
            for schema in ("public", "django"):
                self.assertEqual(
                    read_catalog(self.server.cursor(), schema),
                    read_catalog(other.cursor(), schema),
                )

    @tag("slow")  # it builds databases from SQL
    def test_takes_over_what_the_specification_built(self):
        if not SPECIFICATION.exists():
            self.skipTest(f"no specification in {SPECIFICATION}")
        apply_specification(self.server)
        adopted = self.adopt()
        self.assertEqual((adopted.returncode, adopted.stderr), (0, ""))
        self.assertIn("contract 1,", adopted.stdout)
        # It has version 1. What has come since is for `migrate`.
        self.assertEqual(manage("migrate", database=self.name).returncode, 0)
        diff = manage("schema", "diff", database=self.name)
        self.assertEqual(diff.returncode, 0, diff.stdout)

    @tag("slow")  # it builds databases from SQL
    def test_twice_does_nothing_the_second_time(self):
        apply_export(self.server)
        self.adopt()
        before = self.state()
        again = self.adopt()
        self.assertEqual((again.returncode, again.stderr), (0, ""))
        self.assertIn("nothing to do", again.stdout)
        self.assertEqual(self.state(), before)

    @tag("slow")  # it builds databases from SQL
    def test_at_once_is_done_once(self):
        apply_export(self.server)
        both = [start("schema", "adopt", database=self.name) for _ in range(2)]
        ended = [(*process.communicate(), process.returncode) for process in both]
        self.assertEqual([(errors, status) for _, errors, status in ended], [("", 0)] * 2)
        self.assertEqual(sum("nothing to do" in output for output, *_ in ended), 1)

    @tag("slow")  # it builds databases from SQL
    def test_refuses_what_is_nearly_v1_says_the_difference_and_changes_nothing(self):
        for drift, difference in [
            ("DROP INDEX idx_rooms_creator_id", "index idx_rooms_creator_id"),
            ("ALTER TABLE rooms ALTER max_members SET DEFAULT 5", "column rooms.max_members"),
            ("CREATE TABLE schema_migrations (version bigint)", "table schema_migrations"),
            ("ALTER TABLE rooms DISABLE TRIGGER USER", "trigger update_rooms_updated_at"),
        ]:
            with (
                self.subTest(drift),
                empty_database() as self.name,
                connect(self.name) as self.server,
            ):
                apply_export(self.server)
                self.server.execute(drift)
                before = self.state()
                refused = self.adopt()
                self.assertEqual(refused.returncode, 1)
                self.assertIn(difference, refused.stdout)
                self.assertIn("This is not V1: 1 object differs", refused.stderr)
                self.assertEqual(self.state(), before)
                self.assertEqual(self.schemas(), ["public"])

    def schemas(self):
        return [
            name
            for (name,) in self.server.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'"
            ).fetchall()
        ]

    @tag("slow")  # it builds databases from SQL
    def test_refuses_a_foreign_and_an_empty_database(self):
        for build in ["SELECT 1", FOREIGN]:
            with self.subTest(build):
                self.server.execute(build)
                refused = self.adopt()
                self.assertEqual(refused.returncode, 1)
                self.assertIn("This is not V1", refused.stderr)
                self.assertEqual(self.schemas(), ["public"])

    @tag("slow")  # it builds databases from SQL
    def test_refuses_a_schema_django_that_is_in_the_way(self):
        apply_export(self.server)
        self.server.execute("CREATE SCHEMA django; CREATE TABLE django.django_session (id int)")
        refused = self.adopt()
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(
            refused.stderr, r"^CommandError: Not adopted: .*\. Nothing was changed\.\n$"
        )
        self.assertEqual(
            read_catalog(self.server.cursor(), "django").tables.keys(), {"django_session"}
        )

    def test_refuses_a_role_that_could_not_migrate_later(self):
        apply_export(self.server)
        with role(self.server) as user:
            refused = self.adopt(DATABASE_URL=database_url(self.name, user=user, password="x"))
        self.assertEqual(refused.returncode, 1)
        self.assertIn(f"The role {user} may not create the schema django", refused.stderr)
        self.assertEqual(len(refused.stderr.splitlines()), 1)

    @tag("slow")  # it builds databases from SQL
    def test_gives_up_when_a_writer_holds_users_and_changes_nothing(self):
        apply_export(self.server)
        before = self.state()
        with connect(self.name) as writer, writer.transaction():
            writer.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
            refused = self.adopt(MIGRATE_LOCK_TIMEOUT="0.2", MIGRATE_PATIENCE="0.1")
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(
            refused.stderr, r"^CommandError: Not adopted: .*lock timeout\. Nothing was changed\.\n$"
        )
        self.assertEqual(self.state(), before)
        self.assertEqual(self.schemas(), ["public"])
