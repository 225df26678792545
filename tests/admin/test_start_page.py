"""The numbers above the list of apps: exact for few rows, cheap for many."""

import re
from datetime import timedelta
from unittest import mock

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import SimpleTestCase, TestCase, TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.text import capfirst

from accounts.models import User
from accounts.start_page import SignIns
from media.start_page import TranscodeQueue
from rbac.system_roles import create_missing
from streaming.start_page import PlaysADay
from tests.support.databases import connect, v1_models
from tests.support.demo import load_demo
from tests.support.rows import rows
from veza_site.admin.apps import discover
from veza_site.admin.lists.counts import say_estimate
from veza_site.admin.start_page import panels
from veza_site.admin.start_page.charts import Bar, draw_columns, draw_lines

discover()

TRANSACTIONS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")


class Viewer:
    """Somebody who may see the tables of these permissions."""

    def __init__(self, *permissions):
        self.permissions = permissions

    def has_perm(self, permission):
        return permission in self.permissions or not self.permissions


def fill(kind):
    """Return the content of a panel and its facts as a dictionary."""
    with mock.patch.object(panels, "panels", [kind]):
        (panel,) = panels.fill_panels(Viewer())
    content = panel["content"]
    return content, {fact.label: fact.text for fact in content.facts}


def execute(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def lines_of(html):
    """Return the text of each line of a chart's tables, by its label."""
    found = re.findall(r'<tr>\s*<th scope="row">(.*?)</th>(.*?)</tr>', html, re.DOTALL)
    strip = re.compile(r"<svg.*?</svg>|<[^>]*>", re.DOTALL)
    return {strip.sub("", label): strip.sub("", rest).split() for label, rest in found}


class Plays(TestCase):
    def setUp(self):
        self.track = rows().insert("tracks")

    def play(self, ago, times=1):
        execute(
            "INSERT INTO track_plays (track_id, created_at)"
            " SELECT %s, now() - %s::interval FROM generate_series(1, %s)",
            self.track,
            ago,
            times,
        )

    def test_are_counted_by_day_where_they_are_few(self):
        self.play("0 days", 3)
        self.play("29 days", 2)
        self.play("31 days", 5)
        content, facts = fill(PlaysADay)
        self.assertEqual(facts["The last 30 days together"], "5")
        days = list(lines_of(content.chart).values())
        self.assertEqual((len(days), days[0], days[-1]), (30, ["2"], ["3"]))
        self.assertEqual(content.note, "")

    def test_are_nought_where_there_are_none(self):
        content, facts = fill(PlaysADay)
        self.assertEqual(facts["The last 30 days together"], "0")
        self.assertEqual(len(lines_of(content.chart)), 30)

    def test_are_the_planner_s_and_say_so_where_they_are_many(self):
        self.play("3 days", 400)
        execute("ANALYZE track_plays")
        with mock.patch("streaming.start_page.COUNTABLE", 100):
            content, facts = fill(PlaysADay)
        self.assertIn("about ", facts["The last 30 days together"])
        for number in lines_of(content.chart).values():
            self.assertEqual(number[0], "about")
        self.assertEqual(content.chart.count("bar estimate"), 30)
        self.assertIn("planner", content.note)

    def test_are_never_a_part_of_them_where_the_planner_is_wrong(self):
        execute("ANALYZE track_plays")  # when it was still empty
        self.play("3 days", 150)
        with mock.patch("streaming.start_page.COUNTABLE", 100):
            _, facts = fill(PlaysADay)
        self.assertIn("about ", facts["The last 30 days together"])


class Queue(TestCase):
    def job(self, status, waiting="1 hour", made="0", **values):
        job = rows().insert("hls_transcode_queue", status=status, **values)
        execute(
            "UPDATE hls_transcode_queue SET available_at = now() - %s::interval,"
            " created_at = now() - %s::interval WHERE id = %s",
            waiting,
            made,
            job,
        )
        return job

    def test_is_counted_by_state(self):
        for status, number in [("pending", 2), ("failed", 3), ("cancelled", 1)]:
            for _ in range(number):
                self.job(status)
        content, _ = fill(TranscodeQueue)
        self.assertEqual(
            lines_of(content.chart),
            {
                "Pending": ["2"],
                "Processing": ["0"],
                "Completed": ["0"],
                "Failed": ["3"],
                "Cancelled": ["1"],
            },
        )
        self.assertIn("status__exact=failed", content.chart)

    def test_counts_the_open_jobs_by_their_indexes_where_there_are_many_of_others(self):
        for status in ["pending", *["completed"] * 5]:
            self.job(status)
        execute("ANALYZE hls_transcode_queue")
        with mock.patch("media.start_page.COUNTABLE", 4):
            content, _ = fill(TranscodeQueue)
        found = lines_of(content.chart)
        self.assertEqual((found["Pending"], found["Completed"]), (["1"], ["about", "5"]))
        self.assertIn("planner", content.note)

    def test_says_about_of_so_many_open_jobs_that_they_are_not_counted(self):
        for _ in range(4):
            self.job("pending")
        execute("ANALYZE hls_transcode_queue")
        with (
            mock.patch("media.start_page.COUNTABLE", 2),
            mock.patch("media.start_page.OPEN_COUNTABLE", 3),
        ):
            content, _ = fill(TranscodeQueue)
        self.assertEqual(lines_of(content.chart)["Pending"], ["about", "4"])

    def test_names_the_job_that_waits_longest_whatever_its_priority(self):
        self.job("pending", "2 hours", priority=1)
        oldest = self.job("pending", "3 hours", priority=9)
        self.job("completed", "5 hours")
        content, facts = fill(TranscodeQueue)
        self.assertEqual(facts["Oldest waiting job"].replace("\xa0", " "), "for 3 hours")
        self.assertIn(str(oldest), content.facts[0].url)

    def test_does_not_take_a_job_for_waiting_that_is_not_due(self):
        self.job("pending", "-1 hour")
        _, facts = fill(TranscodeQueue)
        self.assertEqual(facts["Oldest waiting job"], "none is waiting")

    def test_names_the_transaction_that_is_open_longest_if_that_is_long(self):
        label = "Old transaction, slows the queue down"
        with connect(connection.settings_dict["NAME"], application_name="old <b>") as other:
            other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            other.execute("SELECT FROM users")
            execute("SELECT pg_stat_clear_snapshot()")  # of an earlier test's sessions
            _, facts = fill(TranscodeQueue)
            self.assertNotIn(label, facts)
            with mock.patch("media.start_page.LONG_OPEN", timedelta(0)):
                _, facts = fill(TranscodeQueue)
            session = other.info.backend_pid
        self.assertRegex(facts[label], rf"^session {session} \(old <b>\), for 0.minutes$")

    def test_counts_the_failed_among_the_newest(self):
        self.job("failed", made="1 day")
        self.job("failed", made="1 hour")
        self.job("completed")
        with mock.patch("media.start_page.NEWEST", 2):
            content, facts = fill(TranscodeQueue)
        self.assertEqual(facts["Failed jobs"], "1 of the last 2")
        self.assertIn("status__exact=failed", content.facts[1].url)


class Locked(TestCase):
    def setUp(self):
        for until in ("2100-01-01", "2000-01-01", None):
            rows().insert("users", locked_until=until)

    def test_sign_ins_are_counted(self):
        content, facts = fill(SignIns)
        self.assertEqual((facts["Locked right now"], content.note), ("1", ""))

    def test_sign_ins_are_the_planner_s_where_there_are_many_users(self):
        execute("ANALYZE users")
        with mock.patch("accounts.start_page.COUNTABLE_USERS", 2):
            content, facts = fill(SignIns)
        self.assertEqual(facts["Locked right now"], "about 1")
        self.assertIn("planner", content.note)


class Page(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.user = User.objects.create_superuser("nadia@veza.example", "nadia", "s3cret of nadia")

    def get(self):
        self.client.force_login(self.user)
        with CaptureQueriesContext(connection) as captured:
            answer = self.client.get(reverse("admin:index"), secure=True)
        self.assertEqual(answer.status_code, 200)
        return answer, [
            query["sql"] for query in captured if not query["sql"].startswith(TRANSACTIONS)
        ]

    def test_takes_eighteen_queries_at_most_and_reads_no_large_table(self):
        self.client.force_login(self.user)
        answer, queries = self.get()
        self.assertLessEqual(len(queries), 18, queries)
        for title in ("Plays a day", "Transcode queue", "Sign-ins", "Tables"):
            self.assertContains(answer, f">{title}</h2>")

    def test_links_each_table_with_its_size_and_rows(self):
        execute("ANALYZE roles")
        answer, _ = self.get()
        self.assertContains(answer, reverse("admin:rbac_role_changelist"))
        found = lines_of(answer.text)
        self.assertEqual(found["Roles"][2], "about")
        self.assertRegex(found["Track plays"][0], r"^\d")

    def test_leaves_out_a_panel_of_what_the_viewer_may_not_read(self):
        only = [panel["title"] for panel in panels.fill_panels(Viewer("accounts.view_user"))]
        self.assertEqual(only, ["Sign-ins", "Tables"])
        (_, tables) = panels.fill_panels(Viewer("accounts.view_user"))
        self.assertEqual(set(lines_of(tables["content"].chart)), {"Users"})

    def test_has_nothing_for_who_may_read_nothing(self):
        self.assertEqual(panels.fill_panels(AnonymousUser()), [])


class BesideALock(TransactionTestCase):
    def test_opens_without_its_numbers(self):
        user = User.objects.create_superuser("nadia@veza.example", "nadia", "s3cret of nadia")
        self.client.force_login(user)
        with (
            self.settings(ADMIN_STATEMENT_TIMEOUT=0.2),
            connect(connection.settings_dict["NAME"]) as migration,
            migration.transaction(),
        ):
            migration.execute("LOCK TABLE track_plays IN ACCESS EXCLUSIVE MODE")
            answer = self.client.get(reverse("admin:index"), secure=True)
        self.assertContains(answer, "so there are no numbers here")
        self.assertContains(answer, reverse("admin:rbac_role_changelist"))


class Indexes(TestCase):
    """The queries on large tables use the index that they were written for."""

    @classmethod
    def setUpTestData(cls):
        made = rows()
        made.insert("track_plays")
        for status in ("pending", "completed", "completed", "failed", "cancelled"):
            made.insert("hls_transcode_queue", status=status)
        # So that the planner forgets what other tests left behind.
        made.cursor.execute("ANALYZE track_plays, hls_transcode_queue")

    def plan(self, kind, part):
        """Return the plan of a panel's only query with this text."""
        with CaptureQueriesContext(connection) as captured:
            kind().fill(Viewer())
        queries = [query["sql"] for query in captured if not query["sql"].startswith("EXPLAIN")]
        (sql,) = [sql for sql in queries if part in sql]
        with connection.cursor() as cursor:
            # With so few rows PostgreSQL would choose any other way.
            for way in ("seqscan", "bitmapscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
            cursor.execute(f"EXPLAIN {sql}")
            return "\n".join(line for (line,) in cursor.fetchall())

    def test_serve_each_query(self):
        for kind, part, index in [
            (PlaysADay, "FROM track_plays", "idx_track_plays_created_at"),
            (TranscodeQueue, "LATERAL", "idx_hls_transcode_queue_priority_available_at_id"),
            (TranscodeQueue, "ORDER BY created_at", "idx_hls_transcode_queue_created_at"),
            (TranscodeQueue, '"attempts" <', "idx_hls_transcode_queue_started_at"),
            (TranscodeQueue, '"attempts" >=', "idx_hls_transcode_queue_started_at_last"),
        ]:
            # Count the open jobs by their indexes.
            with self.subTest(part), mock.patch("media.start_page.COUNTABLE", 0):
                self.assertIn(index, self.plan(kind, part))


class Chart(SimpleTestCase):
    BARS = [
        Bar("Monday", 200, "200"),
        Bar("Tuesday", 0, "0"),
        Bar("<b>", 1, "about 1", "", "", True),
    ]

    def test_draws_bars_in_proportion(self):
        html = draw_columns("Plays", ["Day", "Plays"], self.BARS)
        self.assertEqual(re.findall(r' height="([\d.]+)"', html), ["100.0", "0", "1"])
        self.assertEqual(html.count("bar estimate"), 1)
        self.assertIn('role="img"', html)

    def test_says_every_number_as_text(self):
        for draw in (draw_columns, draw_lines):
            html = draw("Plays", ["Day", "Plays"], self.BARS)
            self.assertEqual(
                lines_of(html), {"Monday": ["200"], "Tuesday": ["0"], "&lt;b&gt;": ["about", "1"]}
            )

    def test_folds_away_the_lines_after_the_first_few(self):
        html = draw_lines("Tables", ["Table", "Rows"], [Bar(f"t{n}", n, str(n)) for n in range(20)])
        self.assertIn("<summary>12 more</summary>", html)
        self.assertEqual(len(lines_of(html)), 20)

    def test_can_be_of_nothing(self):
        self.assertEqual(lines_of(draw_lines("Tables", ["Table", "Rows"], [])), {})


class AfterTheDemoIsLoaded(TestCase):
    def test_knows_how_many_rows_each_table_has(self):
        """The planner knows; a TRUNCATE makes it forget."""
        execute("TRUNCATE users, roles, permissions CASCADE")
        create_missing()
        load_demo()
        content, _ = fill(panels.Tables)
        found = lines_of(content.chart)
        for model in v1_models():
            with self.subTest(model):
                rows_of = found[capfirst(model._meta.verbose_name_plural)][2:]
                self.assertEqual(" ".join(rows_of), say_estimate(model.objects.count()))
