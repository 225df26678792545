"""What probes are told, and what nobody is told."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from unittest import mock

from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.test import SimpleTestCase, TestCase, TransactionTestCase, tag
from django.test.utils import CaptureQueriesContext

from tests.support.databases import (
    connect,
    database_url,
    empty_database,
    process_environment,
    v1_models,
)
from veza_site import health
from veza_site.schema import contract

OK = {"status": "ok"}

PROBE = """
import os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "veza_site.settings"
import django
django.setup()
from django.test import Client
for path in sys.argv[1:]:
    started = time.monotonic()
    answer = Client().get(path, headers={"host": "10.1.2.3"})
    print(time.monotonic() - started, answer.status_code, answer.text)
"""


def failing(*checks):
    return {"status": "failing", "failing": list(checks)}


def probe(*paths, url):
    """Probe a process that has this DATABASE_URL; return the answers, and the seconds they took."""
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, *paths],
        cwd=settings.BASE_DIR,
        env=process_environment("", DATABASE_URL=url),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers = [line.split(" ", 2) for line in ended.stdout.splitlines()]
    took = sum(float(seconds) for seconds, *_ in answers)
    return [(int(status), json.loads(answer)) for _, status, answer in answers], took


class Healthz(TestCase):
    def setUp(self):
        contract.write(connection, MigrationLoader(connection))

    def assert_answers(self, status, body):
        answer = self.client.get("/healthz")
        self.assertEqual((answer.status_code, answer.json()), (status, body))
        self.assertEqual(answer["Cache-Control"], "no-store")

    def test_answers_200_when_all_is_well(self):
        self.assert_answers(200, OK)

    def test_answers_503_while_a_migration_is_missing(self):
        with connection.cursor() as cursor:
            for app in ["rbac", "veza_site", "sessions"]:
                cursor.execute("DELETE FROM django_migrations WHERE app = %s", [app])
                self.assert_answers(503, failing("migrations"))

    def test_knows_no_difference_where_the_database_has_more_migrations(self):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO django_migrations VALUES (-1, 'rbac', '0099_x', now())")
        self.assert_answers(200, OK)

    def test_answers_503_where_the_database_carries_another_contract(self):
        other = contract.Contract(version=1, fingerprint="0" * 64, migration="")
        with connection.cursor() as cursor:
            for comment in [other.as_json(), "standard public schema", "[]", "{}", "7", ""]:
                with self.subTest(comment):
                    cursor.execute("COMMENT ON SCHEMA public IS %s", [comment])
                    self.assert_answers(503, failing("fingerprint"))

    def test_answers_200_with_a_warning_where_the_contract_is_newer(self):
        """As during a rolling deployment, when new code has migrated already."""
        newer = contract.Contract(contract.load_newest().version + 1, "0" * 64, "rbac.0099_x")
        with connection.cursor() as cursor:
            cursor.execute("COMMENT ON SCHEMA public IS %s", [newer.as_json()])
        with self.assertLogs("veza_site.health") as log:
            self.assert_answers(200, OK | {"warnings": ["newer contract"]})
        known = contract.load_newest().version
        self.assertIn(f"carries contract {known + 1}, newer than {known}", log.output[0])

    def test_answers_503_where_the_contract_is_older(self):
        older = contract.Contract(0, contract.load_newest().fingerprint[::-1], "")
        with connection.cursor() as cursor:
            cursor.execute("COMMENT ON SCHEMA public IS %s", [older.as_json()])
        self.assert_answers(503, failing("fingerprint"))

    def test_answers_503_where_a_table_or_a_column_of_a_model_is_gone(self):
        for statement in [
            "DROP TABLE django.django_session",
            "ALTER TABLE django.django_admin_log DROP action_time",
            "ALTER TABLE rooms DROP description",
            "ALTER TABLE rooms RENAME TO chat_rooms",
        ]:
            with self.subTest(statement), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
                self.assert_answers(503, failing("tables"))
                transaction.set_rollback(True)

    def test_names_all_that_fails(self):
        with connection.cursor() as cursor:
            cursor.execute("COMMENT ON SCHEMA public IS NULL")
            cursor.execute("DELETE FROM django_migrations")
        self.assert_answers(503, failing("migrations", "fingerprint"))

    def test_parses_the_contract_s_file_only_once(self):
        health._load_contract.cache_clear()
        with mock.patch.object(contract, "parse", wraps=contract.parse) as parse:
            for _ in range(3):
                self.assert_answers(200, OK)
        self.assertEqual(parse.call_count, 1)

    def test_takes_two_queries_and_reads_no_row_of_v1(self):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            self.client.get("/healthz")
        statements = [query["sql"] for query in captured.captured_queries]
        asked = [sql for sql in statements if sql.startswith("SELECT")]
        self.assertEqual(len(asked), 2)
        rest = {sql.split()[0] for sql in statements} - {"SELECT"}
        self.assertLessEqual(rest, {"SAVEPOINT", "RELEASE", "SET"})
        for model in v1_models():
            for sql in asked:
                self.assertNotRegex(sql, rf"\b{model._meta.db_table}\b")


class HealthzBesideALock(TransactionTestCase):
    def test_does_not_wait_for_a_lock_and_recovers(self):
        contract.write(connection, MigrationLoader(connection))
        with connect(connection.settings_dict["NAME"]) as other, other.transaction():
            other.execute("LOCK TABLE django.django_migrations")
            started = time.monotonic()
            with self.assertLogs("veza_site.health") as log:
                answer = self.client.get("/healthz")
            self.assertLess(time.monotonic() - started, 4)
        self.assertEqual((answer.status_code, answer.json()), (503, failing("database")))
        self.assertIn("statement timeout", log.output[0])
        self.assertEqual(self.client.get("/healthz").json(), OK)


@tag("slow")  # each waits for a server that does not answer
class HealthzElsewhere(TestCase):
    """Probes of processes whose database is not as it should be."""

    def test_of_an_empty_database(self):
        with empty_database() as name:
            answers, _ = probe("/healthz", url=database_url(name))
        self.assertEqual(answers, [(503, failing("migrations", "fingerprint"))])

    def test_of_a_server_that_is_not_there(self):
        url = "postgresql://veza:hunter2@127.0.0.1:1/veza"
        answers, _ = probe("/healthz", "/livez", url=url)
        self.assertEqual(answers, [(503, failing("database")), (200, OK)])

    def test_of_a_server_that_does_not_answer_who_connects(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            url = f"postgresql://veza:hunter2@127.0.0.1:{port}/veza?connect_timeout=2"
            answers, took = probe("/healthz", url=url)
        self.assertEqual(answers, [(503, failing("database"))])
        self.assertLess(took, 8)

    def test_of_a_server_that_hangs_later(self):
        with connect(connection.settings_dict["NAME"]) as other, falling_silent() as port:
            url = database_url(other.info.dbname, host="127.0.0.1", port=port)
            answers, took = probe("/healthz", url=url)
        self.assertEqual(answers, [(503, failing("database"))])
        self.assertLess(took, 8)


@contextlib.contextmanager
def falling_silent() -> Iterator[int]:
    """Stand before the tests' server, at the port that is yielded, until it is asked something."""
    host, port = connection.settings_dict["HOST"], connection.settings_dict["PORT"] or 5432
    lines = []

    def forward(source, target):
        with contextlib.suppress(OSError):
            while (data := source.recv(65536)) and b"statement_timeout" not in data:
                target.sendall(data)

    def serve():
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                client, _ = listener.accept()
                if host.startswith("/"):
                    server = socket.socket(socket.AF_UNIX)
                    server.connect(f"{host}/.s.PGSQL.{port}")
                else:
                    server = socket.create_connection((host, port))
                lines.extend([client, server])
                threading.Thread(target=forward, args=(server, client), daemon=True).start()
                threading.Thread(target=forward, args=(client, server), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # to close would not wake who waits for it
            for line in lines:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
                line.close()


class Imports(SimpleTestCase):
    def test_of_probes_and_of_migrate_have_no_part_of_the_diff_and_the_standard(self):
        """Both work without them, and importing them takes time."""
        script = (
            "import django, sys; django.setup(); import veza_site.health;"
            "import veza_site.management.commands.migrate;"
            "print(*[name for name in sys.modules if name.startswith('veza_site.schema.')])"
        )
        ended = subprocess.run(
            [sys.executable, "-c", script],
            cwd=settings.BASE_DIR,
            env=process_environment(None, DJANGO_SETTINGS_MODULE="veza_site.settings"),
            capture_output=True,
            text=True,
            check=True,
        )
        imported = ended.stdout.split()
        self.assertIn("veza_site.schema.contract", imported)
        for part in ["diff", "standard", "dictionary", "sql_files", "models_as_catalog"]:
            with self.subTest(part):
                found = [name for name in imported if name.split(".")[2] == part]
                self.assertEqual(found, [])


class Livez(TestCase):
    def test_answers_for_the_process_alone(self):
        with self.assertNumQueries(0):
            answer = self.client.get("/livez")
        self.assertEqual((answer.status_code, answer.json()), (200, OK))
        self.assertEqual(answer["Cache-Control"], "no-store")

    async def test_answers_under_asgi(self):
        answer = await self.async_client.get("/livez")
        self.assertEqual(answer.status_code, 200)


class Probes(TestCase):
    def test_come_by_any_host_and_plain_http_and_nothing_else_does(self):
        contract.write(connection, MigrationLoader(connection))
        strict = self.settings(
            ALLOWED_HOSTS=["veza.example"], SECURE_SSL_REDIRECT=True, DEBUG=False
        )
        with strict, self.assertLogs("django.security.DisallowedHost"):
            for path, status in {
                "/livez": 200,
                "/healthz": 200,
                "/livez?x=1": 200,
                "/": 400,
                "/admin/": 400,
                "/admin/livez": 400,
                "/healthz/": 400,
                "/healthz/../admin/": 400,
                "//healthz": 400,
                "/HEALTHZ": 400,
            }.items():
                with self.subTest(path):
                    answer = self.client.get(path, headers={"host": "10.1.2.3:8000"})
                    self.assertEqual(answer.status_code, status)
            answer = self.client.get("/admin/", headers={"host": "veza.example"})
            self.assertRedirects(
                answer,
                "https://veza.example/admin/",
                status_code=301,
                fetch_redirect_response=False,
            )

    def test_get_or_head_and_nothing_else(self):
        contract.write(connection, MigrationLoader(connection))
        for path in ["/livez", "/healthz"]:
            head = self.client.head(path)
            self.assertEqual((head.status_code, head.content), (200, b""))
            for method in [
                self.client.post,
                self.client.put,
                self.client.delete,
                self.client.options,
            ]:
                with self.subTest(path=path, method=method.__name__), self.assertNumQueries(0):
                    answer = method(path)
                    self.assertEqual(answer.status_code, 405)
                    self.assertEqual(answer["Allow"], "GET, HEAD")
                    self.assertEqual(answer["Cache-Control"], "no-store")
                    self.assertEqual(answer.content, b"")

    def test_leave_no_cookie(self):
        self.assertEqual(self.client.get("/healthz").cookies, {})
