"""What the environment may say, and the line in which an error in it is told."""

from unittest import mock

import psycopg
from django.core.management import CommandError, call_command
from django.db import NotSupportedError, connection
from django.test import SimpleTestCase, TestCase, tag
from psycopg import sql

from tests.support.databases import connect, database_url, empty_database, manage, role
from veza_site.environment import database, seconds_or_none
from veza_site.errors import explain

SECRET = "hunter2"


class DatabaseUrl(SimpleTestCase):
    def test_gives_what_libpq_would_take_from_it(self):
        read = database(
            "postgresql://veza:p%40ss@db.example:6432/veza?sslmode=verify-full&connect_timeout=5"
        )
        self.assertEqual(
            read,
            {
                "NAME": "veza",
                "USER": "veza",
                "PASSWORD": "p@ss",
                "HOST": "db.example",
                "PORT": "6432",
                "OPTIONS": {"sslmode": "verify-full", "connect_timeout": "5"},
            },
        )

    def test_may_name_several_hosts(self):
        read = database("postgresql://one,two:5433/veza")
        self.assertEqual((read["HOST"], read["PORT"]), ("one,two", ",5433"))

    def test_may_name_a_socket(self):
        read = database("postgres:///veza?host=/run/postgresql")
        self.assertEqual((read["HOST"], read["NAME"]), ("/run/postgresql", "veza"))

    def test_that_is_malformed_is_refused_without_showing_the_password(self):
        for url in [
            "",
            "veza",
            f"mysql://veza:{SECRET}@db.example/veza",
            f"postgresql://veza:{SECRET}@db.example",
            f"postgresql://veza:{SECRET}@db.example/",
            f"postgresql://veza:{SECRET}@db.example:port/veza",
            f"postgresql://veza:{SECRET}@db.example/veza?sslmoode=require",
            f"postgresql://veza:{SECRET}%zz@db.example/veza",
        ]:
            with self.subTest(url), self.assertRaises(ValueError) as refusal:
                database(url)
            self.assertNotIn(SECRET, str(refusal.exception))


class Seconds(SimpleTestCase):
    def test_may_be_none_but_not_less_and_not_more_than_a_time_may_have(self):
        self.assertEqual([seconds_or_none(text) for text in ("0", "0.5", "10")], [0, 0.5, 10])
        for text in ("-1", "", "soon", "nan", "inf", "1e12"):
            with self.subTest(text), self.assertRaises(ValueError):
                seconds_or_none(text)


class Error(TestCase):
    """Each ends the command with one line, status 1 and no traceback."""

    def assert_one_line(self, ended, *words):
        self.assertEqual(ended.returncode, 1)
        (line,) = ended.stderr.splitlines()
        self.assertIn("error: ", line.lower())
        for word in words:
            self.assertIn(word, line)

    @tag("slow")  # it starts a process for each variable
    def test_names_the_variable(self):
        name = connection.settings_dict["NAME"]
        for wrong, variable in [
            ({"DATABASE_URL": ""}, "DATABASE_URL"),
            ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL"),
            ({"SECRET_KEY": None}, "SECRET_KEY"),
            ({"SECRET_KEY": ""}, "SECRET_KEY"),
            ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS"),
            ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
            ({"ALLOWED_HOSTS": ","}, "ALLOWED_HOSTS"),
            ({"ALLOWED_HOSTS": "https://veza.example"}, "ALLOWED_HOSTS"),
            ({"SECRET_KEY": "  "}, "SECRET_KEY"),
            ({"DATABASE_URL": "postgresql:///x?connect_timeout=soon"}, "DATABASE_URL"),
            ({"DEBUG": "perhaps"}, "DEBUG"),
            ({"BEHIND_TLS_PROXY": "perhaps"}, "BEHIND_TLS_PROXY"),
        ]:
            with self.subTest(wrong):
                self.assert_one_line(manage("check", database=name, **wrong), variable)

    def test_names_the_variable_in_development(self):
        for wrong in [{"DEBUG": "perhaps"}, {"SECRET_KEY": ""}]:
            with self.subTest(wrong):
                self.assert_one_line(manage("check", **wrong), *wrong)

    def test_of_a_server_that_does_not_answer(self):
        url = f"postgresql://veza:{SECRET}@127.0.0.1:1/veza"
        ended = manage("migrate", database="", DATABASE_URL=url)
        self.assert_one_line(ended, "no connection to PostgreSQL", "127.0.0.1", "port 1")
        self.assertNotIn(SECRET, ended.stderr)

    def test_of_a_database_that_is_not_there(self):
        self.assert_one_line(manage("migrate", database="nowhere"), "nowhere", "does not exist")

    def test_of_a_role_without_the_right_to_create(self):
        with empty_database() as name, connect(name) as server, role(server) as user:
            url = database_url(name, user=user, password="x")
            ended = manage("migrate", database=name, DATABASE_URL=url)
            self.assert_one_line(ended, f"The role {user} may not create the schema django")
            tables = server.execute("SELECT FROM pg_tables WHERE schemaname = 'public'")
            self.assertEqual(tables.rowcount, 0)

    def test_of_a_role_that_may_only_read(self):
        with empty_database() as name:
            url = database_url(name, options="-c default_transaction_read_only=on")
            ended = manage("migrate", database=name, DATABASE_URL=url)
            self.assert_one_line(ended, "has only read-only transactions here")

    def test_of_a_role_that_may_not_see_the_applied_migrations(self):
        with empty_database() as name, connect(name) as server, role(server) as user:
            server.execute("CREATE SCHEMA django")
            server.execute(
                sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(user))
            )
            url = database_url(name, user=user, password="x")
            ended = manage("migrate", database=name, DATABASE_URL=url)
            self.assertIn("may not use the schema django", ended.stderr)
            self.assertNotIn("Traceback", ended.stderr)
            tables = server.execute("SELECT FROM pg_tables WHERE schemaname = 'public'")
            self.assertEqual(tables.rowcount, 0)

    def test_of_a_server_that_is_too_old(self):
        with (
            mock.patch.object(type(connection.features), "minimum_database_version", (99,)),
            self.assertRaises(NotSupportedError) as refusal,
        ):
            connection.check_database_version_supported()
        self.assertRegex(
            explain(refusal.exception), r"^PostgreSQL 99 or later is required \(found 1[5-9]"
        )

    def test_that_is_another_one_keeps_its_traceback(self):
        self.assertIsNone(explain(psycopg.errors.UniqueViolation("x")))
        self.assertIsNone(explain(psycopg.errors.DeadlockDetected("x")))
        ended = manage("migrate", "--traceback", database="nowhere")
        self.assertIn("Traceback", ended.stderr)


class Production(TestCase):
    def run_python(self, expression, **environment):
        name = connection.settings_dict["NAME"]
        command = f"from django.conf import settings; print({expression})"
        ended = manage("shell", "-v0", "-c", command, database=name, **environment)
        self.assertEqual(ended.stderr, "")
        return ended.stdout.strip()

    def test_passes_the_deployment_checks(self):
        name = connection.settings_dict["NAME"]
        ended = manage("check", "--deploy", "--fail-level", "DEBUG", database=name)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))

    def test_has_debug_off_unless_asked_for(self):
        self.assertEqual(self.run_python("settings.DEBUG"), "False")
        self.assertEqual(self.run_python("settings.DEBUG", DEBUG="true"), "True")

    def test_takes_the_hosts_as_a_list(self):
        hosts = self.run_python("settings.ALLOWED_HOSTS", ALLOWED_HOSTS="a.example, b.example")
        self.assertEqual(hosts, "['a.example', 'b.example']")

    def test_trusts_a_proxy_only_when_told(self):
        header = "getattr(settings, 'SECURE_PROXY_SSL_HEADER', None)"
        self.assertEqual(self.run_python(header), "None")
        self.assertIn("X_FORWARDED_PROTO", self.run_python(header, BEHIND_TLS_PROXY="true"))

    def test_keeps_the_options_of_the_url_beside_the_search_path(self):
        url = database_url(connection.settings_dict["NAME"], options="-c work_mem=8MB")
        options = self.run_python("settings.DATABASES['default']['OPTIONS']", DATABASE_URL=url)
        self.assertIn("-c work_mem=8MB -c search_path=public,django", options)


class Development(SimpleTestCase):
    def test_is_on_this_machine_only(self):
        ended = manage(
            "shell",
            "-v0",
            "-c",
            "from django.conf import settings; print(settings.DEBUG, *settings.ALLOWED_HOSTS)",
        )
        self.assertEqual(ended.stdout.strip(), "True localhost 127.0.0.1 [::1]")


class DemoCatalogue(TestCase):
    def test_is_refused_outside_development(self):
        with (
            self.settings(DEVELOPMENT=False),
            self.assertRaisesMessage(CommandError, "Nothing was changed."),
        ):
            call_command("load_demo")
