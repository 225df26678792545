"""`migrate` on many machines at once, beside running services, and when the server goes away."""

import contextlib
import subprocess
import sys
import threading
import time

from django.conf import settings
from django.db import DataError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.test import TestCase, tag
from psycopg import sql

from tests.support.databases import (
    apply_export,
    connect,
    copy_of,
    database_url,
    empty_database,
    interrupted_migrate,
    manage,
    migrated_catalog,
    migrated_database,
    process_environment,
    role,
    start,
)
from tests.support.effort import ROUNDS, need
from tests.support.late import LateDomain
from tests.support.servers import Pooler, Server
from veza_site.migrating.patience import Patience
from veza_site.migrating.turn import LOCK
from veza_site.schema import contract
from veza_site.schema.plan import v1_plan
from veza_site.schema.reader import read_catalog

# Reads the names of databases, and runs four migrates at once on each: forked, to start quickly.
FOUR = """
import os, sys, traceback
import django
django.setup()
from django.core.management import call_command
from django.db import connections

def migrate(name):
    connections["default"].settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

for line in sys.stdin:
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            migrate(line.strip())
        children.append(child)
    print([os.waitpid(child, 0)[1] for child in children], flush=True)
"""

# Of this database: in a copy made beside it, by another process of tests, a table has the same OID.
LOCKS_HERE = (
    "pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

# Lets USER own what the role that migrates owns.
GIVE = """
DO $$
DECLARE
    owned text;
BEGIN
    FOR owned IN
        SELECT format('TABLE %I.%I', schemaname, tablename) FROM pg_tables
        WHERE schemaname IN ('public', 'django')
        UNION ALL
        SELECT format('SCHEMA %I', nspname) FROM pg_namespace
        WHERE nspname IN ('public', 'django')
    LOOP
        EXECUTE format('ALTER %s OWNER TO "USER"', owned);
    END LOOP;
END
$$
"""


class Migrated(TestCase):
    """A test with databases that are copies of a migrated one."""

    def setUp(self):
        self.name = self.enterContext(migrated_database())
        self.server = self.enterContext(connect(self.name))


class FourAtOnce(TestCase):
    def migrated_at_once(self, template):
        """Let four migrates at once finish copies of a database, again and again."""
        migrated = migrated_catalog(), self.carried()
        four = subprocess.Popen(
            [sys.executable, "-c", FOUR],
            cwd=settings.BASE_DIR,
            env=process_environment(template, DJANGO_SETTINGS_MODULE="veza_site.settings"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with four:
            for number in range(ROUNDS):
                with self.subTest(number), copy_of(template) as name, connect(name) as server:
                    print(name, file=four.stdin, flush=True)
                    self.assertEqual(four.stdout.readline(), "[0, 0, 0, 0]\n")
                    finished = read_catalog(server.cursor()), contract.read(server.cursor())
                    self.assertEqual(finished, migrated)
            four.stdin.close()

    def carried(self):
        with connection.cursor() as cursor:
            return contract.read(cursor)

    def test_on_an_empty_database(self):
        with empty_database() as name:
            self.migrated_at_once(name)

    def test_on_a_database_that_is_migrated_in_part(self):
        with empty_database() as name:
            manage("migrate", "streaming", database=name)
            self.migrated_at_once(name)


class Turn(Migrated):
    def test_waits_for_a_migrate_elsewhere_and_says_who_it_is(self):
        self.server.execute("SET application_name = 'migrate on db-admin-2'")
        self.server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        waiting = start("migrate", database=self.name)
        line = waiting.stdout.readline()
        pid = self.server.info.backend_pid
        self.assertIn("Waiting for another migrate of this database to end", line)
        self.assertIn(f"pid {pid}, application migrate on db-admin-2", line)
        self.server.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
        output, errors = waiting.communicate()
        self.assertEqual((waiting.returncode, errors), (0, ""))
        self.assertIn("No migrations to apply.", output)

    def test_gives_up_after_its_time(self):
        self.server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        refused = manage("migrate", database=self.name, MIGRATE_TURN_TIMEOUT="0.3")
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(
            refused.stderr, r"^CommandError: Another migrate of this database \(pid \d+, .*\) did"
        )
        self.assertEqual(len(refused.stderr.splitlines()), 1)

    def test_is_not_taken_to_look_only(self):
        self.server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        for options in (["--plan"], ["--check"]):
            with self.subTest(options):
                looked = manage("migrate", *options, database=self.name)
                self.assertEqual((looked.returncode, looked.stderr), (0, ""))

    def test_ends_with_a_migrate_that_was_killed(self):
        late = LateDomain(self)
        late.write("0001_slow", "SELECT pg_sleep(3600)")
        killed = start("migrate", database=self.name, **late.environment)
        self.wait_until_running("SELECT pg_sleep(3600)")
        killed.kill()
        killed.communicate()
        # The server notices, and lets the next one have its turn.
        self.assertEqual(manage("migrate", database=self.name).returncode, 0)

    def wait_until_running(self, query):
        end = time.monotonic() + 60
        running = (
            "SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND query LIKE %s AND pid <> pg_backend_pid()"
        )
        while not self.server.execute(running, [f"%{query}%"]).fetchall():
            self.assertLess(time.monotonic(), end)


class Locks(Migrated):
    """A migration adds a column to `tracks`, where a reader holds ACCESS SHARE."""

    bound = 0.5

    def setUp(self):
        super().setUp()
        self.late = LateDomain(self)
        self.late.write("0001_mood", "ALTER TABLE tracks ADD COLUMN mood text")
        self.reader = self.enterContext(connect(self.name, application_name="stream-server"))
        self.reader.execute("BEGIN")
        self.reader.execute("SELECT count(*) FROM tracks WHERE title = 'hunter2'")

    def start(self, patience=30, **environment):
        return start(
            "migrate",
            database=self.name,
            MIGRATE_LOCK_TIMEOUT=str(self.bound),
            MIGRATE_PATIENCE=str(patience),
            **self.late.environment,
            **environment,
        )

    def wait_for_line(self, process, text):
        """Return the next line of what a process writes that has `text` in it."""
        line = next((line for line in process.stdout if text in line), None)
        self.assertIsNotNone(line, f"it ended without a word of {text!r}")
        return line

    def has_column(self):
        return "mood" in read_catalog(self.server.cursor()).tables["tracks"].columns

    @tag("slow")  # it waits for locks
    def test_other_readers_never_wait_over_the_bound_and_it_succeeds_when_the_reader_ends(self):
        waits, done = [], threading.Event()
        other = self.enterContext(connect(self.name))

        def read():
            while not done.is_set():
                start = time.monotonic()
                other.execute("SELECT FROM tracks LIMIT 1")
                waits.append(time.monotonic() - start)

        others = threading.Thread(target=read)
        others.start()
        try:
            migrate = self.start()
            for _ in range(3):
                self.wait_for_line(migrate, "the others go first")
            self.reader.execute("COMMIT")
            output, errors = migrate.communicate()
        finally:
            done.set()
            others.join()
        self.assertEqual((migrate.returncode, errors), (0, ""))
        self.assertIn("OK", output)
        self.assertTrue(self.has_column())
        # Somebody did wait, and not as long as the reader, which was there for three tries.
        self.assertGreater(max(waits), self.bound / 2)
        self.assertLess(max(waits), self.bound + 1)

    def test_says_for_whom_it_waits_without_what_is_in_the_query(self):
        migrate = self.start()
        line = self.wait_for_line(migrate, "waiting for")
        self.reader.execute("COMMIT")
        migrate.communicate()
        pid = self.reader.info.backend_pid
        self.assertRegex(
            line,
            rf"^  waiting for pid {pid}, application stream-server, \d+\.\d s: idle in transaction,"
            r" last SELECT count\(\*\) FROM tracks WHERE title = '…'$",
        )

    def test_says_what_it_may_know_of_another_role(self):
        with role(self.server) as user:
            self.reader.execute("COMMIT")
            self.server.execute(GIVE.replace("USER", user))
            self.reader.execute("BEGIN")
            self.reader.execute("SELECT FROM tracks")
            url = database_url(self.name, user=user, password="x")
            migrate = self.start(DATABASE_URL=url)
            line = self.wait_for_line(migrate, "waiting for")
            self.reader.execute("COMMIT")
            _, errors = migrate.communicate()
            self.server.execute(GIVE.replace("USER", self.server.info.user))
        self.assertEqual((migrate.returncode, errors), (0, ""))
        pid = self.reader.info.backend_pid
        self.assertEqual(line, f"  waiting for pid {pid}, application stream-server\n")

    @tag("slow")  # it waits for locks
    def test_fails_cleanly_when_the_reader_does_not_end(self):
        migrate = self.start(patience=1)
        _, errors = migrate.communicate()
        self.assertEqual(migrate.returncode, 1)
        self.assertRegex(
            errors,
            r"^CommandError: late\.0001_mood failed: canceling statement due to lock timeout\. 0 of"
            r" 1 migrations were applied, and nothing of late\.0001_mood\. Mend the cause, and run"
            r" `python manage\.py migrate` again\.$",
        )
        self.assertFalse(self.has_column())
        # The reader is still there: nobody's session is killed.
        self.reader.execute("SELECT FROM tracks")
        self.reader.execute("COMMIT")
        again = self.start()
        again.communicate()
        self.assertEqual(again.returncode, 0)
        self.assertTrue(self.has_column())

    def test_are_given_back_between_two_tries(self):
        """Nobody waits for what one statement has locked while another one is waited for."""
        self.late.write(
            "0001_mood",
            "ALTER TABLE rooms ADD COLUMN mood text",
            "ALTER TABLE tracks ADD COLUMN mood text",
        )
        migrate = self.start()
        self.wait_for_line(migrate, "the others go first")
        self.server.execute("SET lock_timeout = '5s'; SELECT FROM rooms")
        self.reader.execute("COMMIT")
        migrate.communicate()
        self.assertEqual(migrate.returncode, 0)

    def test_of_several_statements_in_one_script_have_the_bound_together(self):
        """Each waits for another reader: the first table is locked no longer than the bound."""
        tables = ["rooms", "tracks", "playlists", "roles"]
        script = "; ".join(f"ALTER TABLE {table} ADD COLUMN mood text" for table in tables)
        self.late.write("0001_mood", script)
        migrate = self.start()
        self.wait_for_line(migrate, "the others go first")
        # The next try may have begun by now; between two tries there is a moment with no lock.
        end = time.monotonic() + 30
        locks = f"SELECT count(*) FROM {LOCKS_HERE} AND relation = 'rooms'::regclass"
        while self.server.execute(locks).fetchone() != (0,):
            self.assertLess(time.monotonic(), end, "rooms stays locked")
        self.reader.execute("COMMIT")
        migrate.communicate()
        self.assertEqual(migrate.returncode, 0)

    def test_of_a_migration_without_a_transaction_are_tried_for_again_too(self):
        self.late.write(
            "0001_mood",
            "ALTER TABLE tracks ADD COLUMN mood text",
            "CREATE INDEX CONCURRENTLY idx_tracks_mood ON tracks (mood)",
            atomic=False,
        )
        migrate = self.start()
        self.wait_for_line(migrate, "the others go first")
        self.reader.execute("COMMIT")
        migrate.communicate()
        self.assertEqual(migrate.returncode, 0)
        indexes = read_catalog(self.server.cursor()).tables["tracks"].indexes
        self.assertTrue(indexes["idx_tracks_mood"].valid)


@tag("slow")  # each holds a lock for as long as migrate waits
class Held(Migrated):
    """What a migration holds, others wait for no longer than MIGRATE_HOLD_TIMEOUT."""

    bound = 0.5

    def migrate(self, *statements, **options):
        late = LateDomain(self)
        late.write("0001_mood", *statements, **options)
        return start(
            "migrate",
            database=self.name,
            MIGRATE_HOLD_TIMEOUT=str(self.bound),
            **late.environment,
        )

    def wait_until(self, condition, parameters=()):
        """Return when a condition of SQL is true."""
        end = time.monotonic() + 60
        while not self.server.execute(f"SELECT {condition}", parameters).fetchone()[0]:
            self.assertLess(time.monotonic(), end, f"never: {condition}")

    def wait_until_locked(self, mode):
        """Return when a session has `tracks` in a mode."""
        held = "relation = 'tracks'::regclass AND mode = %s AND granted"
        self.wait_until(f"EXISTS (SELECT FROM {LOCKS_HERE} AND {held})", [mode])

    def assert_stopped(self, migrate):
        _, errors = migrate.communicate()
        self.assertEqual(migrate.returncode, 1)
        self.assertRegex(
            errors,
            r"^CommandError: late\.0001_mood failed: others had waited \d\.\d s for a lock that it"
            r" held, so it was stopped\. Put what takes long into a migration of its own",
        )
        self.assertEqual(len(errors.splitlines()), 1)
        self.assertNotIn("mood", read_catalog(self.server.cursor()).tables["tracks"].columns)

    def test_not_by_who_alters_a_table_and_then_works_on(self):
        migrate = self.migrate("ALTER TABLE tracks ADD COLUMN mood text; SELECT pg_sleep(20)")
        self.wait_until_locked("AccessExclusiveLock")
        began = time.monotonic()
        self.server.execute("SELECT FROM tracks LIMIT 1")
        self.assertLess(time.monotonic() - began, self.bound + 2)
        self.assert_stopped(migrate)

    def test_not_by_who_does_one_short_thing_after_the_other(self):
        short = ["SELECT pg_sleep(0.05)"] * 200
        migrate = self.migrate("ALTER TABLE tracks ADD COLUMN mood text", *short)
        self.wait_until_locked("AccessExclusiveLock")
        self.server.execute("SELECT FROM tracks LIMIT 1")
        self.assert_stopped(migrate)

    def test_not_by_who_has_written_rows(self):
        self.server.execute(
            "INSERT INTO users (email, username, password_hash) VALUES ('a@b.c', 'abc', 'x')"
        )
        migrate = self.migrate("UPDATE users SET username = 'abcd'; SELECT pg_sleep(20)")
        self.wait_until(
            "EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND query LIKE %s AND state = 'active' AND pid <> pg_backend_pid())",
            ["SELECT pg_sleep(20)%"],
        )
        began = time.monotonic()
        self.server.execute("UPDATE users SET username = 'abcde'")
        self.assertLess(time.monotonic() - began, self.bound + 2)
        self.assert_stopped(migrate)

    def test_by_who_is_in_nobodys_way(self):
        migrate = self.migrate(
            "ALTER TABLE tracks ADD COLUMN mood text; SELECT pg_sleep(1)",
        )
        _, errors = migrate.communicate()
        self.assertEqual((migrate.returncode, errors), (0, ""))

    def test_by_who_only_keeps_other_ddl_waiting(self):
        migrate = self.migrate(
            "LOCK TABLE tracks IN SHARE UPDATE EXCLUSIVE MODE; SELECT pg_sleep(1.5)"
        )
        self.wait_until_locked("ShareUpdateExclusiveLock")
        self.server.execute("CREATE INDEX CONCURRENTLY slow ON tracks (title)")
        _, errors = migrate.communicate()
        self.assertEqual((migrate.returncode, errors), (0, ""))


class Savepoint(TestCase):
    def test_that_is_rolled_back_in_a_migration_does_it_no_harm(self):
        def migrate():
            with connection.cursor() as cursor:
                with contextlib.suppress(DataError), transaction.atomic():
                    cursor.execute("SELECT 1 / 0")
                cursor.execute("SELECT 1")
                return cursor.fetchone()

        patience = Patience(connection, lock_timeout=2, hold_timeout=2, patience=2, say=print)
        self.assertEqual(patience.run(migrate), (1,))


@tag("slow")  # each starts processes on databases of its own
class Preflight(Migrated):
    def setUp(self):
        super().setUp()
        self.late = LateDomain(self)
        self.late.write("0001_mood", "ALTER TABLE tracks ADD COLUMN mood text")

    def assert_refused(self, *messages, **environment):
        before = read_catalog(self.server.cursor())
        options = {"database": self.name, **self.late.environment, **environment}
        refused = manage("migrate", **options)
        self.assertEqual(refused.returncode, 1)
        self.assertEqual(len(refused.stderr.splitlines()), 1, refused.stderr)
        for message in [*messages, "Nothing was changed."]:
            self.assertIn(message, refused.stderr)
        self.assertEqual(read_catalog(self.server.cursor()), before)

    def test_refuses_a_role_that_lacks_a_right(self):
        with role(self.server) as user:
            url = database_url(self.name, user=user, password="x")
            steps = [
                ("may not use the schema django", "GRANT USAGE ON SCHEMA django TO {}"),
                ("may not create in the schema public", "GRANT CREATE ON SCHEMA public TO {}"),
                ("does not own the schema public", "ALTER SCHEMA public OWNER TO {}"),
                ("may not create in the schema django", "GRANT CREATE ON SCHEMA django TO {}"),
                ("does not own auth_group, ", None),
            ]
            self.server.execute(
                sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA django TO {}").format(
                    sql.Identifier(user)
                )
            )
            for message, remedy in steps:
                with self.subTest(message):
                    self.assert_refused(f"The role {user} {message}", DATABASE_URL=url)
                if remedy:
                    self.server.execute(sql.SQL(remedy).format(sql.Identifier(user)))
            self.server.execute("ALTER SCHEMA public OWNER TO pg_database_owner")

    def test_refuses_a_pooler(self):
        need("pgbouncer", ["pgbouncer"])
        url = Pooler(self).url(self.name)
        self.assert_refused("There is a connection pooler between", DATABASE_URL=url)

    def test_refuses_an_invalid_index_and_says_how_to_mend_it(self):
        self.server.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_tracks_genre'::regclass"
        )
        self.assert_refused(
            "The index idx_tracks_genre is invalid",
            "Run REINDEX INDEX CONCURRENTLY idx_tracks_genre;",
        )

    def test_says_to_drop_an_invalid_index_that_a_migration_is_to_build(self):
        index = "CREATE INDEX CONCURRENTLY idx_tracks_title ON tracks (title)"
        self.late.write("0001_mood", index, atomic=False)
        self.server.execute(index)
        self.server.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_tracks_title'::regclass"
        )
        self.assert_refused("Run DROP INDEX CONCURRENTLY idx_tracks_title;")

    def test_says_to_drop_what_a_failed_reindex_has_left(self):
        for leftover in ["idx_tracks_genre_ccnew", "idx_tracks_genre_ccold1", "somebodys"]:
            with self.subTest(leftover):
                self.server.execute(f"CREATE INDEX {leftover} ON tracks (genre)")
                invalidate = (
                    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass"
                )
                self.server.execute(invalidate, [leftover])
                self.assert_refused(f"Run DROP INDEX CONCURRENTLY {leftover};")
                self.server.execute(f"DROP INDEX {leftover}")

    def test_refuses_to_work_without_triggers_and_foreign_keys(self):
        url = database_url(self.name, options="-c session_replication_role=replica")
        self.assert_refused(
            "works as a replica here", "RESET session_replication_role", DATABASE_URL=url
        )

    def test_refuses_a_record_that_is_gone(self):
        self.server.execute("DELETE FROM django.django_migrations WHERE name LIKE '0041%'")
        self.assert_refused(
            "Applied here, and not recorded any more: streaming.0041_streaming_analytics."
        )

    def test_lets_an_invalid_index_be_where_nothing_is_to_be_applied(self):
        self.server.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_tracks_genre'::regclass"
        )
        self.assertEqual(manage("migrate", database=self.name).returncode, 0)

    def test_refuses_a_migration_that_touches_the_schema_of_the_chat_server(self):
        for statement in [
            "CREATE TABLE chat.moods (id uuid)",
            'DROP TABLE IF EXISTS "chat"."messages"',
            "ALTER TABLE ONLY chat . messages ADD mood text",
            "DROP SCHEMA IF EXISTS chat CASCADE",
            "CREATE SCHEMA IF NOT EXISTS chat",
            "SET LOCAL search_path = chat, public; DROP TABLE messages",
        ]:
            with self.subTest(statement):
                self.late.write("0001_mood", statement)
                self.assert_refused("late.0001_mood touches the schema chat")

    def test_looks_into_lists_of_statements_and_past_other_ones_for_that(self):
        for statement in [
            ["ALTER TABLE rooms ADD mood text", "DROP TABLE chat.messages"],
            [("INSERT INTO chat.messages VALUES (%s)", [1])],
            "SELECT 1 AS chat; DROP TABLE chat.messages",
        ]:
            with self.subTest(statement):
                self.late.write("0001_mood", statement)
                self.assert_refused("late.0001_mood touches the schema chat")

    def test_lets_a_migration_talk_of_chat(self):
        self.late.write(
            "0001_mood",
            "/* not chat.messages */ ALTER TABLE rooms ADD chat_mood text -- chat.x",
            "COMMENT ON TABLE rooms IS 'The old chat. See https://chat.veza.example/'",
            "UPDATE rooms SET name = chat.name FROM rooms AS chat WHERE chat.id = rooms.id",
        )
        migrated = manage("migrate", database=self.name, **self.late.environment)
        self.assertEqual((migrated.returncode, migrated.stderr), (0, ""))


@tag("slow")  # it starts a migrate for each name
class Names(TestCase):
    """A database that has already what migrate would make."""

    def assert_refused(self, name, *messages):
        with connect(name) as server:
            before = self.everything(server)
            refused = manage("migrate", database=name)
            self.assertEqual(refused.returncode, 1)
            self.assertEqual(len(refused.stderr.splitlines()), 1, refused.stderr)
            for message in [*messages, "Nothing was changed."]:
                self.assertIn(message, refused.stderr)
            self.assertEqual(self.everything(server), before)

    def everything(self, server):
        schemas = server.execute("SELECT nspname FROM pg_namespace ORDER BY 1").fetchall()
        return schemas, read_catalog(server.cursor())

    def test_is_told_to_adopt_v1_that_was_built_from_sql(self):
        with empty_database() as name:
            with connect(name) as server:
                apply_export(server)
            self.assert_refused(name, "`manage.py schema adopt` takes it over")
            self.assertEqual(manage("schema", "adopt", database=name).returncode, 0)
            migrated = manage("migrate", database=name)
            self.assertIn("No migrations to apply.", migrated.stdout)

    def test_is_refused_by_name_where_something_else_has_it(self):
        for something, named in [
            ("CREATE TABLE playlists (id int)", "public.playlists"),
            ("CREATE VIEW users AS SELECT 1 AS id", "public.users"),
            ("CREATE TYPE user_role AS ENUM ('boss')", "public.user_role"),
            ("CREATE DOMAIN room_type AS text", "public.room_type"),
            ("CREATE SEQUENCE tracks", "public.tracks"),
            ("CREATE TABLE foo (a int); CREATE INDEX idx_users_email ON foo (a)", "public.idx_use"),
            (
                "CREATE FUNCTION update_updated_at_column() RETURNS int LANGUAGE sql RETURN 1",
                "public.update_updated_at_column()",
            ),
            ("CREATE TABLE auth_group (id int)", "public.auth_group"),
            ("CREATE SCHEMA django; CREATE TABLE django.auth_group ()", "django.auth_group"),
        ]:
            with self.subTest(something), empty_database() as name:
                with connect(name) as server:
                    server.execute(something)
                self.assert_refused(name, f"by a name that migrate needs: {named}")


@tag("slow")  # each migrates a database twice
class History(Migrated):
    """What was applied is what the code says."""

    def setUp(self):
        super().setUp()
        self.late = LateDomain(self)
        self.late.write("0001_mood", "ALTER TABLE tracks ADD COLUMN mood text")
        self.assertEqual(self.migrate().returncode, 0)

    def migrate(self, *options):
        return manage("migrate", *options, database=self.name, **self.late.environment)

    def assert_refused(self, *messages):
        for options in ([], ["--plan"]):
            refused = self.migrate(*options)
            self.assertEqual(refused.returncode, 1)
            for message in messages:
                self.assertIn(message, refused.stderr)
            self.assertEqual(len(refused.stderr.splitlines()), 1)

    def test_refuses_an_applied_migration_that_was_changed(self):
        self.late.write("0001_mood", "ALTER TABLE tracks ADD COLUMN mood varchar(50)")
        self.assert_refused("Applied here, and changed since: late.0001_mood.")

    def test_refuses_an_applied_migration_with_a_statement_more(self):
        self.late.write(
            "0001_mood",
            "ALTER TABLE tracks ADD COLUMN mood text",
            "ALTER TABLE rooms ADD COLUMN mood text",
        )
        self.assert_refused("Applied here, and changed since: late.0001_mood.")

    def test_takes_another_layout_and_other_comments_for_the_same(self):
        self.late.write(
            "0001_mood", "ALTER TABLE tracks -- of the catalogue\n    ADD COLUMN mood text;"
        )
        for _ in range(2):
            again = self.migrate()
            self.assertEqual((again.returncode, again.stderr), (0, ""))

    def test_refuses_migrations_that_the_code_does_not_have(self):
        self.late.delete("0001_mood")
        self.assert_refused("migrations that this code does not: late.0001_mood.")
        older = manage("migrate", database=self.name)
        self.assertEqual(older.returncode, 1)
        self.assertIn("late.0001_mood", older.stderr)

    def test_is_kept_for_v1_too(self):
        kept = "SELECT count(*), count(DISTINCT sql_sha256) FROM django.migration_sql"
        migrations = len(v1_plan(MigrationLoader(None))) + 1  # with late's
        # Two have no SQL, so the same.
        self.assertEqual(self.server.execute(kept).fetchone(), (migrations, migrations - 1))

    def test_that_a_crash_has_left_out_is_kept_by_the_next_run(self):
        rows = "SELECT * FROM django.migration_sql ORDER BY app, name"
        before = self.server.execute(rows).fetchall()
        self.server.execute("TRUNCATE django.migration_sql")
        self.assertEqual(self.migrate().returncode, 0)
        self.assertEqual(self.server.execute(rows).fetchall(), before)

    def test_is_kept_of_what_was_applied_before_an_error(self):
        first = ("late", "0001_mood")
        self.late.write("0002_more", "ALTER TABLE rooms ADD COLUMN mood text", after=first)
        second = ("late", "0002_more")
        self.late.write("0003_worse", "ALTER TABLE nowhere ADD COLUMN mood text", after=second)
        self.assertEqual(self.migrate().returncode, 1)
        self.late.write("0003_worse", "SELECT 1", after=second)
        self.late.write("0002_more", "ALTER TABLE rooms ADD COLUMN mood int", after=first)
        self.assert_refused("Applied here, and changed since: late.0002_more.")


class State(Migrated):
    """After an error, one line tells the state and what to do next."""

    def test_is_told_when_the_database_is_not_what_the_migrations_make(self):
        self.server.execute("CREATE TABLE schema_migrations (version bigint)")
        migrated = manage("migrate", database=self.name)
        self.assertEqual(migrated.returncode, 0)
        self.assertIn("not what the migrations make: see `manage.py schema diff`", migrated.stdout)

    def test_after_an_error_in_a_migration(self):
        late = LateDomain(self)
        late.write("0001_mood", "ALTER TABLE tracks ADD COLUMN mood text")
        first = ("late", "0001_mood")
        late.write("0002_worse", "ALTER TABLE nowhere ADD COLUMN mood text", after=first)
        failed = manage("migrate", database=self.name, **late.environment)
        self.assertEqual(failed.returncode, 1)
        self.assertEqual(
            failed.stderr,
            'CommandError: late.0002_worse failed: relation "nowhere" does not exist. 1 of 2'
            " migrations were applied, and nothing of late.0002_worse. Mend the cause, and run"
            " `python manage.py migrate` again.\n",
        )
        self.assertRegex(failed.stdout, r"Applying 1 of 2, late\.0001_mood\.\.\. OK \(\d+\.\d s\)")
        late.write("0002_worse", "SELECT 1", after=first)
        self.assertEqual(manage("migrate", database=self.name, **late.environment).returncode, 0)

    def test_after_an_error_in_a_migration_without_a_transaction(self):
        late = LateDomain(self)
        late.write(
            "0001_mood", "SELECT 1", "ALTER TABLE nowhere ADD COLUMN mood text", atomic=False
        )
        failed = manage("migrate", database=self.name, **late.environment)
        self.assertIn("a part of late.0001_mood: see `manage.py schema diff`", failed.stderr)


@tag("slow")  # it starts a server seven times
class Crash(TestCase):
    """The server is stopped in an instant, as `pg_ctl stop -m immediate` does."""

    def test_of_the_server_leaves_what_the_next_run_finishes(self):
        server = Server(self)
        self.name = connection.settings_dict["NAME"]  # of which only the other settings are taken
        for number, statement in enumerate(
            [
                # Between two migrations, and inside of some.
                "'rbac', '0020_rbac_and_profiles'",
                'CREATE TABLE "playlists"',
                "CREATE TRIGGER update_tracks_updated_at",
                "ALTER TABLE public.django_migrations",
                "INSERT INTO django.migration_sql",
                "COMMENT ON SCHEMA public",
            ]
        ):
            with self.subTest(statement):
                with server.connect() as postgres:
                    postgres.execute(f"CREATE DATABASE crash_{number}")
                url = server.url(f"crash_{number}")
                stopped = interrupted_migrate(
                    statement,
                    *server.stopping(),
                    user=server.user,
                    database=self.name,
                    DATABASE_URL=url,
                )
                self.assertEqual(stopped.returncode, 1, stopped.stderr)
                self.assertIn("run `python manage.py migrate` again", stopped.stderr)
                self.assertEqual(len(stopped.stderr.splitlines()), 1, stopped.stderr)
                server.start()
                next_run = manage("migrate", database=self.name, DATABASE_URL=url)
                self.assertEqual((next_run.returncode, next_run.stderr), (0, ""))
                diff = manage("schema", "diff", "--database", url)
                self.assertEqual(diff.returncode, 0, diff.stdout)
