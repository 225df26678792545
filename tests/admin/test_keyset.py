"""Pages by keyset: every row once, at any depth, whatever is inserted meanwhile."""

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
from django.db import connection
from django.test import SimpleTestCase, TestCase, TransactionTestCase
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from streaming.models import TrackPlay
from tests.support.databases import connect
from tests.support.rows import rows
from veza_site.admin.lists.keyset import BrokenCursor, Cursor, Order, fetch_page

MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)
NEWEST = Order(TrackPlay._meta.get_field("created_at"), descending=True)
OLDEST = NEWEST.reverse()
BY_KEY = Order(TrackPlay._meta.pk, descending=True)


def plays(number, ties=7, start=MOMENT):
    """Insert `number` plays of one track, `ties` of them at a time with the same created_at."""
    made = rows()
    track = made.insert("tracks")
    made.cursor.execute(
        "INSERT INTO track_plays (track_id, created_at)"
        " SELECT %s, %s::timestamptz + (i / %s) * interval '1 second'"
        " FROM generate_series(1, %s) AS i",
        [track, start, ties, number],
    )
    return track


def walk(queryset, order, size, start="first", between=lambda: None):
    """Return the keys of all pages from `start` on, in the list's order, by cursors from a URL."""
    backwards = start == "last"
    cursor, pages = Cursor(start), []
    while cursor:
        found = fetch_page(queryset, order, Cursor.decode(cursor.encode(order), order), size)
        pages.append([row.pk for row in found.rows])
        cursor = found.previous if backwards else found.next
        between()
    if backwards:
        pages.reverse()
    return [key for keys in pages for key in keys]


class Pages(TestCase):
    def assert_all_once(self, queryset, order, size):
        expected = [row.pk for row in order.sort(queryset)]
        self.assertEqual(walk(queryset, order, size), expected)
        self.assertEqual(walk(queryset, order, size, "last"), expected)

    def test_show_each_row_once_among_ties_forwards_and_backwards(self):
        plays(50)
        for order in (NEWEST, OLDEST, BY_KEY, BY_KEY.reverse()):
            for size in (1, 4, 7, 10, 49, 50, 51):
                with self.subTest(order=order.name, size=size):
                    self.assert_all_once(TrackPlay.objects.all(), order, size)

    def test_show_each_row_once_where_all_have_one_time(self):
        plays(30, ties=100)
        self.assert_all_once(TrackPlay.objects.all(), NEWEST, 7)

    def test_follow_a_text_up_and_down(self):
        for name in ("zoe", "amy%", "Ann", "ann", "émile", "o'hara", 'quo"te', "日本"):
            User.objects.create(email=f"{name}@veza.example", username=f"{name}___")
        by_email = Order(User._meta.get_field("email"), descending=False)
        for order in (by_email, by_email.reverse()):
            for size in (1, 3, 8):
                with self.subTest(order=order.name, size=size):
                    self.assert_all_once(User.objects.all(), order, size)

    def test_follow_a_number(self):
        user = rows().insert("users")
        for number in range(-2, 3):
            TrackPlay.objects.create(
                track_id=rows().insert("tracks"), user_id=user, duration_played_seconds=abs(number)
            )
        order = Order(TrackPlay._meta.get_field("duration_played_seconds"), descending=True)
        self.assert_all_once(TrackPlay.objects.all(), order, 2)

    def test_compare_rows_in_sql(self):
        plays(5)
        first = fetch_page(TrackPlay.objects.all(), NEWEST, Cursor("first"), 2)
        for cursor, sign in [(first.next, "<"), (first.next, ">")]:
            if sign == ">":
                second = fetch_page(TrackPlay.objects.all(), NEWEST, first.next, 2)
                cursor = second.previous
            with CaptureQueriesContext(connection) as sent:
                fetch_page(TrackPlay.objects.all(), NEWEST, cursor, 2)
            self.assertEqual(len(sent), 2)
            sql = sent[0]["sql"]
            columns = '("track_plays"."created_at", "track_plays"."id")'
            self.assertIn(f"WHERE {columns} {sign} ('2026-", sql)
            self.assertNotIn("OFFSET", sql)
            self.assertNotIn(" OR ", sql)

    def test_read_a_deep_page_from_the_index_alone(self):
        plays(5000, ties=3)
        track = plays(1500, ties=3, start=MOMENT - timedelta(days=1))
        connection.cursor().execute("ANALYZE track_plays")
        for queryset in [TrackPlay.objects.all(), TrackPlay.objects.filter(track=track)]:
            with self.subTest(str(queryset.query.where)):
                deep = queryset.order_by("created_at")[1000]
                query = NEWEST.skip_to(NEWEST.sort(queryset), (deep.created_at, deep.pk))[:101]
                # With so few rows PostgreSQL would read all of a track and sort them.
                connection.cursor().execute("SET LOCAL enable_bitmapscan = off")
                scan = json.loads(query.explain(format="json", analyze=True))[0]["Plan"]
                while "Plans" in scan:
                    scan = scan["Plans"][0]
                self.assertIn("created_at", scan["Index Cond"])
                self.assertLess(scan["Actual Rows"], 300)

    def test_that_are_empty_lead_to_the_nearest_rows(self):
        plays(10)
        every = TrackPlay.objects.all()
        ends = {"after": (datetime(2000, 1, 1, tzinfo=UTC), uuid.UUID(int=0))}
        ends["before"] = (datetime(2100, 1, 1, tzinfo=UTC), uuid.UUID(int=0))
        expected = [row.pk for row in NEWEST.sort(every)]
        last = fetch_page(every, NEWEST, Cursor("after", ends["after"]), 4)
        self.assertEqual([row.pk for row in last.rows], expected[-4:])
        first = fetch_page(every, NEWEST, Cursor("before", ends["before"]), 4)
        self.assertEqual([row.pk for row in first.rows], expected[:4])
        nothing = fetch_page(every.none(), NEWEST, Cursor("after", ends["after"]), 4)
        self.assertEqual((nothing.rows, nothing.previous, nothing.next), ([], None, None))

    def test_say_where_there_is_no_other_page(self):
        plays(8)
        every = TrackPlay.objects.all()
        first = fetch_page(every, NEWEST, Cursor("first"), 4)
        self.assertIsNone(first.previous)
        second = fetch_page(every, NEWEST, first.next, 4)
        self.assertIsNone(second.next)
        self.assertIsNone(fetch_page(every, NEWEST, second.previous, 4).previous)
        self.assertIsNone(fetch_page(every, NEWEST, Cursor("last"), 8).previous)
        whole = fetch_page(every, NEWEST, Cursor("first"), 8)
        self.assertEqual((whole.previous, whole.next), (None, None))


class PagesBesideWriters(TransactionTestCase):
    def test_show_each_row_that_was_there_once(self):
        plays(60)
        before = {row.pk for row in TrackPlay.objects.all()}
        for order in (NEWEST, OLDEST, BY_KEY):
            for start in ("first", "last"):
                with (
                    self.subTest(order=order.name, start=start),
                    connect(connection.settings_dict["NAME"]) as other,
                ):
                    seen = walk(
                        TrackPlay.objects.all(), order, 7, start, lambda o=other: self.insert(o)
                    )
                    self.assertEqual(len(seen), len(set(seen)))
                    self.assertEqual(set(seen) & before, before)

    written = 0

    def insert(self, other: psycopg.Connection):
        """Insert some rows from another connection: at both ends, and among the ties."""
        if self.written >= 60:
            return
        self.written += 3
        other.execute(
            "INSERT INTO track_plays (track_id, created_at)"
            " SELECT (SELECT track_id FROM track_plays LIMIT 1), made FROM"
            " unnest(%s::timestamptz[]) AS made",
            [[MOMENT - timedelta(days=1), MOMENT + timedelta(seconds=4), datetime.now(UTC)]],
        )


class Cursors(SimpleTestCase):
    def test_come_back_as_they_were_written(self):
        place = (MOMENT.replace(microsecond=123456), uuid.uuid4())
        for cursor in (
            Cursor("first"),
            Cursor("last"),
            Cursor("after", place),
            Cursor("before", place),
        ):
            with self.subTest(cursor.side):
                self.assertEqual(Cursor.decode(cursor.encode(NEWEST), NEWEST), cursor)

    def test_of_another_order_are_broken(self):
        text = Cursor("after", (MOMENT, uuid.uuid4())).encode(NEWEST)
        for order in (OLDEST, BY_KEY):
            with self.subTest(order.name), self.assertRaises(BrokenCursor):
                Cursor.decode(text, order)

    def test_that_are_none_are_broken(self):
        key, time = str(uuid.uuid4()), MOMENT.isoformat()
        for broken in (
            "2",
            "after",
            "after.",
            "sideways.e30",
            "after.é",
            "after.%%%",
            "after." + "A" * 10001,
            self.encoded("no list"),
            self.encoded(None),
            self.encoded(["-created_at"]),
            self.encoded(["-created_at", time]),
            self.encoded(["-created_at", time, key, key]),
            self.encoded(["-created_at", time, "no key"]),
            self.encoded(["-created_at", "no time", key]),
            self.encoded(["-created_at", "2026-01-01", key]),
            self.encoded(["-created_at", "2026-13-01T00:00:00Z", key]),
            self.encoded(["-created_at", None, key]),
            self.encoded(["-created_at", 5, key]),
            self.encoded(["-created_at", [time], key]),
            self.encoded(["-created_at", time, 1]),
            "after." + base64.urlsafe_b64encode(b"[" * 100_000).decode(),
            "after." + base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        ):
            with self.subTest(broken[:60]), self.assertRaises(BrokenCursor):
                Cursor.decode(broken, NEWEST)

    def test_with_text_that_postgresql_refuses_are_broken(self):
        order = Order(User._meta.get_field("email"), descending=False)
        for text in ("a\0b", "\ud800"):
            encoded = self.encoded(["email", text, str(uuid.uuid4())])
            with self.subTest(ascii(text)), self.assertRaises(BrokenCursor):
                Cursor.decode(encoded, order)

    def encoded(self, content):
        return "after." + base64.urlsafe_b64encode(json.dumps(content).encode()).decode()
