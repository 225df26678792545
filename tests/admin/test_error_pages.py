"""What an error says, on a page and in a log: no secret and no row."""

import io
import logging
import uuid
from unittest import mock
from urllib.parse import quote

import psycopg
from django.contrib import admin
from django.db import DatabaseError, connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory, SimpleTestCase, TestCase, override_settings, tag
from django.urls import path, reverse
from django.views.debug import ExceptionReporter

from accounts.models import User
from media.models import HlsTranscodeJob
from rbac.models import UserProfile
from streaming.models import TrackPlay
from tests.support.databases import v1_models
from tests.support.rows import rows
from veza_site.admin.apps import discover
from veza_site.errors import first_line

CANARY = "canary-5e1f"
NOBODY = uuid.UUID(int=0)


def insert_twice(request):
    """Break two constraints of a token, so that PostgreSQL quotes its hash."""
    password = request.POST.get("password", CANARY)
    user = User.objects.get().pk
    for _ in range(2):
        rows().insert("refresh_tokens", token_hash=password, user_id=user)
    return HttpResponse("Never")


discover()
urlpatterns = [
    path("admin/", ([path("twice/", insert_twice), *admin.site.get_urls()], "admin", "admin")),
]


class ErrorOfTheDatabase(TestCase):
    """Each shows its first line; code still finds all that the server sent."""

    def setUp(self):
        self.user = rows().insert("users")

    def error(self, run):
        with (
            self.assertRaises((DatabaseError, connection.Database.Error)) as raised,
            connection.cursor() as cursor,
        ):
            run(cursor)
        error = raised.exception
        for said in (error, error.__cause__, error.__context__):
            self.assertNotIn(CANARY, str(said))
            self.assertNotIn("\n", str(said))
        return error

    def test_of_a_statement(self):
        insert = "INSERT INTO refresh_tokens (user_id, token_hash, expires_at) VALUES (%s, %s, %s)"
        values = [self.user, CANARY, None]
        error = self.error(lambda cursor: cursor.execute(insert, values))
        self.assertIn("null value in column", str(error))
        self.assertIn(CANARY, error.__cause__.diag.message_detail)

    def test_of_many_statements(self):
        insert = "INSERT INTO refresh_tokens (user_id, token_hash, expires_at) VALUES (%s, %s, %s)"
        values = [(self.user, CANARY, None)] * 2
        self.error(lambda cursor: cursor.executemany(insert, values))

    def test_of_a_statement_that_is_malformed(self):
        self.error(lambda cursor: cursor.execute("SELEC %s", [CANARY]))

    def test_of_a_row_that_is_fetched(self):
        # A server-side cursor computes its rows when they are fetched.
        with connection.chunked_cursor() as cursor:
            cursor.execute(
                "SELECT CASE WHEN n < 100 THEN 1 ELSE (%s || chr(10) || n || %s)::integer END"
                " FROM generate_series(1, 200) AS n",
                ["many", CANARY],
            )
            self.error(lambda _: cursor.fetchall())

    def test_of_a_copy(self):
        for debug in (False, True):
            with (
                self.subTest(debug=debug),
                mock.patch.object(connection, "force_debug_cursor", debug),
            ):
                error = self.error(self.copy)
                self.assertIn(CANARY, error.diag.message_detail)

    def copy(self, cursor):
        with (
            transaction.atomic(),
            cursor.copy(
                "COPY refresh_tokens (user_id, token_hash, expires_at) FROM STDIN"
            ) as lines,
        ):
            lines.write_row((self.user, CANARY, None))

    def test_that_quotes_a_value(self):
        for sql, value in [
            ("SELECT %s::uuid", CANARY),
            ("SELECT %s::integer", CANARY),
            ("SELECT %s::integer", f'a"{CANARY}'),
            ("SELECT %s::integer", f'a"b\n{CANARY}"'),
            ("SELECT %s::integer", f"{CANARY}\na"),
            ("SELECT %s::user_role", CANARY),
            ("SELECT %s::integer[]", CANARY),
            ("SELECT %s::int4range", CANARY),
            ("SELECT %s::timestamptz", CANARY),
            ("SELECT now() AT TIME ZONE %s", CANARY),
            ("SELECT to_date(%s, 'YYYY')", CANARY),
            ("SELECT decode(%s, 'hex')", CANARY),
            ("SELECT set_config('lock_timeout', %s, true)", CANARY),
            ("SELECT 1 %s", CANARY),
            (f"SELECT 1 AS a {CANARY.replace('-', '_')}", None),
            (f"SELECT '{CANARY}", None),
        ]:
            with self.subTest(sql, value=value):
                error = self.error(
                    lambda cursor, sql=sql, value=value: self.run_in(cursor, sql, value)
                )
                self.assertIn("…", str(error))
                self.assertNotIn("…", error.__cause__.diag.message_primary)

    def run_in(self, cursor, sql, value):
        with transaction.atomic():
            cursor.execute(sql, None if value is None else [value])

    def test_that_has_a_value_without_quotes(self):
        for sql in ("SELECT make_date(4711, 13, 1)", "SELECT convert_from('\\x4711ff', 'UTF8')"):
            with self.assertRaises(DatabaseError) as raised, transaction.atomic():
                connection.cursor().execute(sql)
            self.assertNotRegex(str(raised.exception), "4711|0xff")

    def test_that_psycopg_makes_of_a_value(self):
        with self.assertRaises(DatabaseError) as raised, connection.cursor() as cursor:
            cursor.execute("SELECT '24:00:00'::time")
            cursor.fetchone()
        self.assertNotIn("24:00", str(raised.exception))

    def test_that_names_a_column_a_table_or_a_constraint_keeps_the_name(self):
        for sql, name in [
            ("SELECT nothing FROM users", 'column "nothing"'),
            ("SELECT 1 FROM nothing", 'relation "nothing"'),
            ("SELECT nothing()", "function nothing()"),
            ("INSERT INTO refresh_tokens DEFAULT VALUES", 'column "user_id" of'),
            (f"UPDATE users SET id = '{NOBODY}'", "users_pkey"),
        ]:
            rows().insert("users")
            with (
                self.subTest(sql),
                self.assertRaises(DatabaseError) as raised,
                transaction.atomic(),
            ):
                connection.cursor().execute(sql)
            self.assertIn(name, str(raised.exception))

    def test_of_a_stream(self):
        for debug in (False, True):
            with (
                self.subTest(debug=debug),
                mock.patch.object(connection, "force_debug_cursor", debug),
            ):
                error = self.error(self.stream)
                self.assertIn(CANARY, error.diag.message_primary)

    def stream(self, cursor):
        with transaction.atomic():
            list(cursor.stream("SELECT (%s || n)::integer FROM generate_series(1, 9) n", [CANARY]))

    def test_of_a_cursor_that_is_moved(self):
        with transaction.atomic(), connection.chunked_cursor() as cursor:
            cursor.execute("SELECT (%s || n)::integer FROM generate_series(1, 9) n", [CANARY])
            self.error(lambda _: self.in_savepoint(cursor.scroll, 2))

    def in_savepoint(self, run, *arguments):
        with transaction.atomic():
            run(*arguments)


class FirstLine(SimpleTestCase):
    """The first line of a server's error, in any language, without the value."""

    def test_is_without_what_is_quoted_in_any_language(self):
        for line, cut in [
            (
                "ungültige Eingabesyntax für Typ uuid: »x«",
                "ungültige Eingabesyntax für Typ uuid: »…«",
            ),
            (
                "syntaxe invalide pour le type uuid : « x »",
                "syntaxe invalide pour le type uuid : «…»",
            ),
            ("l'encodage n'est pas « x »", "l'encodage n'est pas «…»"),
            ("„x“ ist zu groß", "„…“ ist zu groß"),
            ("„x” jest za duże", "„…” jest za duże"),
            ('"x"型の入力構文が不正です: "y"', '"…"'),
            (
                'value "x" is out of range for type integer',
                'value "…" is out of range for type integer',
            ),
            ("can't parse date 'x'", "can't parse date '…'"),
            (
                "invalid input syntax for type uuid: \"x'",
                "invalid input syntax for type uuid: \"…'",
            ),
            ('cut off "x', 'cut off "…"'),
            ("value too long for type character varying(5)", None),
            ("division by zero", None),
            ("text fields cannot contain NUL (0x00) bytes", None),
        ]:
            with self.subTest(line):
                said = first_line(psycopg.errors.InvalidTextRepresentation(line))
                self.assertEqual(said, cut or line)
                self.assertEqual(first_line(psycopg.errors.InvalidTextRepresentation(said)), said)

    def test_keeps_the_names_in_other_errors(self):
        line = "doppelter Schlüsselwert verletzt Unique-Constraint »users_pkey«"
        self.assertEqual(first_line(psycopg.errors.UniqueViolation(f"{line}\nDETAIL: x")), line)


@override_settings(ROOT_URLCONF=__name__)
class ReportOfAnError(TestCase):
    def setUp(self):
        User.objects.create_superuser("nadia@veza.example", "nadia")
        self.client.raise_request_exception = False

    def report(self):
        """Return the answer and the log of a view that breaks a constraint."""
        # Django's own handler would print it among the dots of the tests.
        self.enterContext(mock.patch.object(logging.getLogger("django"), "handlers", []))
        log = io.StringIO()
        handler = logging.StreamHandler(log)
        logger = logging.getLogger()
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        self.client.cookies["other"] = CANARY
        answer = self.client.post(
            "/admin/twice/", {"password": CANARY}, secure=True, headers={"x-key": CANARY}
        )
        self.assertEqual(answer.status_code, 500)
        self.assertIn("Traceback", log.getvalue())
        self.assertIn("violates unique constraint", log.getvalue())
        return answer.text + log.getvalue()

    def test_has_no_value_in_it(self):
        self.assertNotIn(CANARY, self.report())

    @override_settings(DEBUG=True)
    def test_has_no_value_in_it_where_debug_is_on(self):
        report = self.report()
        self.assertNotIn(CANARY, report)
        self.assertIn("token_hash=password", report)  # the line of code

    def test_that_is_mailed_has_no_value_in_it(self):
        for debug in (False, True):
            with self.settings(DEBUG=debug):
                self.assertNotIn(CANARY, self.mailed(RequestFactory().post("/", {"a": CANARY})))

    def test_is_without_the_process_s_environment(self):
        # runserver puts it among the request's headers.
        request = RequestFactory().get("/", DATABASE_URL=f"postgresql://veza:{CANARY}@db/veza")
        self.assertNotIn(CANARY, self.mailed(request))

    def mailed(self, request):
        """Return the mail to ADMINS about an error."""
        secret = CANARY
        try:
            {}["missing"]
        except KeyError as error:
            reporter = ExceptionReporter(
                request, type(error), error, error.__traceback__, is_email=True
            )
        self.assertTrue(secret)
        report = reporter.get_traceback_text() + reporter.get_traceback_html()
        self.assertIn('{}["missing"]', report)
        return report


class BadInput(TestCase):
    """A meaningless address is refused, and is never an error 500."""

    GARBAGE = ["\0", "garbage", "1" * 400, "(", "\ud7ff%"]
    PARAMETERS = [
        "p",
        "q",
        "o",
        "e",
        "deleted",
        "id__exact",
        "created_at__gte",
        "_to_field",
        "x__y",
    ]

    @classmethod
    def setUpTestData(cls):
        cls.user = User.objects.create_superuser("nadia@veza.example", "nadia", "s3cret of nadia")

    def setUp(self):
        self.client.force_login(self.user)

    def assert_no_error(self, address, **parameters):
        with self.subTest(address, **parameters):
            answer = self.client.get(address, parameters, secure=True)
            self.assertIn(answer.status_code // 100, (2, 3, 4))

    def changelist(self, model):
        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    @tag("slow")  # it opens a row of every table
    def test_as_a_row_s_address(self):
        for model in v1_models():
            for garbage in self.GARBAGE:
                self.assert_no_error(f"{self.changelist(model)}{quote(garbage)}/change/")
            for page in ("delete", "history"):
                self.assert_no_error(f"{self.changelist(model)}garbage/{page}/")

    @tag("slow")  # it opens every list
    def test_as_a_list_s_parameter(self):
        for model in (User, TrackPlay, HlsTranscodeJob):
            for parameter in self.PARAMETERS:
                for garbage in self.GARBAGE:
                    self.assert_no_error(self.changelist(model), **{parameter: garbage})

    def test_elsewhere(self):
        for address in (
            "/admin/r/1/x/",
            "/admin/r/x/y/",
            "/admin/x/",
            "/admin/%00/",
            "/admin/jsi18n/",
        ):
            self.assert_no_error(address)
        for garbage in self.GARBAGE:
            self.assert_no_error(
                "/admin/autocomplete/",
                app_label="rbac",
                model_name="rolegrant",
                field_name="user",
                term=garbage,
            )
            self.assert_no_error(
                "/admin/autocomplete/", app_label=garbage, model_name=garbage, field_name=garbage
            )

    def test_as_a_form_s_value_that_only_the_database_refuses(self):
        profile = UserProfile.objects.create(user=self.user)
        answer = self.client.post(
            reverse("admin:rbac_userprofile_change", args=[profile.pk]),
            {"user": self.user.pk, "social_links": r'{"a": "\u0000"}'},
            secure=True,
        )
        self.assertIn(answer.status_code, (200, 400))
        profile.refresh_from_db()
        self.assertEqual(profile.social_links, {})
