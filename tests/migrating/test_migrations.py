"""`migrate`: forward only, again without effect, after a crash to the end."""

import dataclasses
import io
import signal
from unittest import mock

from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TestCase, tag

from tests.support.databases import (
    alias,
    connect,
    empty_database,
    interrupted_migrate,
    manage,
    migrated_catalog,
    migrated_database,
    start,
)
from veza_site.schema.reader import read_catalog

# Run by a process, it ends that one in an instant.
KILL = ["sh", "-c", "kill -KILL $PPID"]


def answering(answer):
    """Answer the next question at the terminal; an empty answer is the end of the input."""
    return mock.patch("builtins.input", side_effect=[answer] if answer else EOFError)


class Migrate(TestCase):
    def test_again_does_nothing(self):
        before = migrated_catalog()
        output = io.StringIO()
        call_command("migrate", stdout=output)
        self.assertIn("No migrations to apply.", output.getvalue())
        self.assertEqual(migrated_catalog(), before)

    def test_has_no_changes_left_to_make(self):
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)

    def test_leaves_nothing_but_v1_in_public(self):
        with connection.cursor() as cursor:
            django = read_catalog(cursor, "django")
        self.assertEqual(migrated_catalog().others, {})
        self.assertEqual(
            set(django.tables),
            {
                "auth_group",
                "auth_group_permissions",
                "auth_permission",
                "django_admin_log",
                "django_content_type",
                "django_migrations",
                "django_session",
                "migration_sql",
            },
        )

    @tag("slow")  # it migrates in steps
    def test_of_one_domain_only_leaves_a_state_that_the_next_run_finishes(self):
        with empty_database() as name, connect(name) as server:
            self.assertEqual(manage("migrate", "rbac", database=name).returncode, 0)
            self.assertEqual(manage("migrate", database=name).returncode, 0)
            self.assertEqual(read_catalog(server.cursor()), migrated_catalog())

    @tag("slow")  # it starts processes
    def test_at_once_on_an_empty_database_builds_it_once(self):
        with empty_database() as name, connect(name) as server:
            running = [start("migrate", database=name) for _ in range(3)]
            ended = [(*process.communicate(), process.returncode) for process in running]
            self.assertEqual([(error, status) for _, error, status in ended], [("", 0)] * 3)
            waited = [output for output, *_ in ended if "Waiting for another migrate" in output]
            self.assertTrue(waited)
            self.assertEqual(read_catalog(server.cursor()), migrated_catalog())


class ForwardOnly(TestCase):
    def test_refuses_to_unapply_and_changes_nothing(self):
        before, applied = migrated_catalog(), self.applied()
        for target in [
            ("accounts", "zero"),
            ("veza_site", "0900"),
            ("veza_site", "0001_extensions_and_types"),
            ("streaming", "0040"),
            ("sessions", "zero"),  # 0901 needs it
        ]:
            for options in [{}, {"fake": True}]:
                with (
                    self.subTest(target=target, options=options),
                    self.assertRaisesMessage(CommandError, "forward-only"),
                ):
                    call_command("migrate", *target, **options, verbosity=0)
        self.assertEqual((migrated_catalog(), self.applied()), (before, applied))

    def applied(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT app, name FROM django_migrations ORDER BY id")
            return cursor.fetchall()

    def test_says_what_to_do_instead(self):
        with self.assertRaisesMessage(CommandError, "restore a backup; in development"):
            call_command("migrate", "accounts", "zero", verbosity=0)


@tag("slow")  # four databases are migrated three times each
class Crash(TestCase):
    def test_leaves_a_migration_boundary_from_which_the_next_run_finishes(self):
        for statement in [
            # In the middle of a migration.
            'CREATE TABLE "playlists"',
            # The migration's tables are made, and it is about to be recorded.
            "'accounts', '0010_auth_and_users'",
            # While the table of the migrations moves.
            "ALTER TABLE public.django_migrations",
            # After the last migration.
            'INSERT INTO "auth_permission"',
        ]:
            with self.subTest(statement), empty_database() as name, connect(name) as server:
                killed = interrupted_migrate(statement, *KILL, database=name)
                self.assertEqual(killed.returncode, -signal.SIGKILL)
                next_run = manage("migrate", database=name)
                self.assertEqual((next_run.returncode, next_run.stderr), (0, ""))
                self.assertEqual(read_catalog(server.cursor()), migrated_catalog())
                last_run = manage("migrate", database=name)
                self.assertIn("No migrations to apply.", last_run.stdout)


@tag("slow")  # it migrates a database, and resets it
class Chat(TestCase):
    """The schema of the Rust chat server."""

    MESSAGES = """
        CREATE SCHEMA chat;
        CREATE TABLE chat.messages (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(), body text NOT NULL, sent_at timestamp
        );
        INSERT INTO chat.messages (body) VALUES ('one'), ('two');
    """

    def test_is_untouched_by_migrate_and_by_a_reset(self):
        with empty_database() as name, alias(name, self), connect(name) as server:
            server.execute(self.MESSAGES)
            before = self.state(server)
            call_command("migrate", database=name, verbosity=0)
            self.assertEqual(self.state(server), before)
            with self.settings(DEVELOPMENT=True):
                call_command("reset_db", database=name, interactive=False, verbosity=0)
            self.assertEqual(self.state(server), before)

    def test_stops_a_reset_that_would_take_from_it(self):
        with migrated_database() as name, alias(name, self), connect(name) as server:
            server.execute(self.MESSAGES)
            server.execute(
                "ALTER TABLE chat.messages ADD author uuid REFERENCES public.users,"
                " ADD mood public.user_status;"
                "CREATE VIEW chat.authors AS SELECT id FROM public.users"
            )
            before = self.state(server)
            with (
                self.settings(DEVELOPMENT=True),
                self.assertRaisesMessage(
                    CommandError, "constraint messages_author_fkey"
                ) as refusal,
            ):
                call_command("reset_db", database=name, interactive=False, verbosity=0)
            for taken in ["column mood of table chat.messages", "view chat.authors"]:
                self.assertIn(taken, str(refusal.exception))
            self.assertEqual(self.state(server), before)
            self.assertEqual(read_catalog(server.cursor()), migrated_catalog())

    def state(self, server):
        catalog = read_catalog(server.cursor(), "chat")
        rows = server.execute("SELECT xmin, ctid, * FROM chat.messages").fetchall()
        # V1's extensions are the database's, and listed with every schema.
        return dataclasses.replace(catalog, extensions=()), rows


@tag("slow")  # each migrates a database anew
class ResetDb(TestCase):
    def test_builds_v1_again_and_empty_and_can_be_run_twice(self):
        with empty_database() as name, alias(name, self), connect(name) as server:
            for _ in range(2):
                with self.settings(DEVELOPMENT=True):
                    call_command("reset_db", database=name, interactive=False, verbosity=0)
                self.assertEqual(server.execute("SELECT count(*) FROM users").fetchone(), (0,))
                self.assertEqual(read_catalog(server.cursor()), migrated_catalog())
                server.execute(
                    "INSERT INTO users (email, username, password_hash) VALUES ('x', 'xyz', '!');"
                    "CREATE TABLE public.leftover (id int)"
                )

    def test_leaves_public_open_to_other_roles_as_in_a_new_database(self):
        usage = "SELECT has_schema_privilege('public', 'public', 'USAGE')"
        with empty_database() as name, alias(name, self), connect(name) as server:
            before = server.execute(usage).fetchone()
            with self.settings(DEVELOPMENT=True):
                call_command("reset_db", database=name, interactive=False, verbosity=0)
            self.assertEqual(server.execute(usage).fetchone(), before)

    def test_is_refused_outside_development(self):
        with migrated_database() as name:
            for debug in ["true", "false"]:
                refused = manage("reset_db", "--noinput", database=name, DEBUG=debug)
                self.assertEqual(refused.returncode, 1)
                self.assertIn("only in development", refused.stderr)
                self.assertNotIn("Traceback", refused.stderr)
            with connect(name) as server:
                self.assertEqual(read_catalog(server.cursor()), migrated_catalog())

    def test_asks_first_and_no_answer_is_no(self):
        with empty_database() as name, alias(name, self), connect(name) as server:
            for answer in ["", "no", "public"]:
                with (
                    self.subTest(answer),
                    self.settings(DEVELOPMENT=True),
                    answering(answer),
                    self.assertRaisesMessage(CommandError, "Nothing was changed."),
                ):
                    call_command("reset_db", database=name, verbosity=0)
            self.assertEqual(read_catalog(server.cursor()).tables, {})
            with self.settings(DEVELOPMENT=True), answering(name):
                call_command("reset_db", database=name, verbosity=0)
            self.assertEqual(read_catalog(server.cursor()), migrated_catalog())

    def test_says_so_when_another_session_is_in_the_way(self):
        with (
            migrated_database() as name,
            alias(name, self),
            connect(name) as server,
            server.transaction(),
            self.settings(DEVELOPMENT=True),
            self.assertRaisesMessage(CommandError, "Another session is using these tables"),
        ):
            server.execute("SELECT FROM users")
            call_command("reset_db", database=name, interactive=False, verbosity=0)
