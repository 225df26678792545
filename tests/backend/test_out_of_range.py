"""Times that PostgreSQL holds and Python doesn't are read, shown in words, and kept as they are."""

import copy
import pickle
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from unittest import mock
from zoneinfo import ZoneInfo

from django.db import connection
from django.test import TestCase
from django.utils import timezone

from accounts.models import User
from veza_site.postgresql.out_of_range import OutOfRange
from veza_site.transactions import execute, fetch_one

# What PostgreSQL sends, and what people read.
MOMENTS = {
    "infinity": "never",
    "-infinity": "before all time",
    "10000-01-01 00:00:00+00": "after the year 9999",
    "294276-12-31 23:59:59.999999+00": "after the year 9999",
    "0001-12-31 23:59:59.999999+00 BC": "before the year 1",
    "4714-11-24 00:00:00+00 BC": "before the year 1",
}
DATES = {
    "infinity": "never",
    "-infinity": "before all time",
    "10000-01-01": "after the year 9999",
    "0044-03-15 BC": "before the year 1",
}
INTERVALS = ["1500000000 days", "-1500000000 days"]


def read(text, type_name):
    (value,) = fetch_one(f"SELECT %(text)s::{type_name}", text=text)
    return value


@contextmanager
def connection_in(zone):
    """Let the connection work in another time zone, which Django reads from DATABASES."""
    with mock.patch.object(connection, "timezone", ZoneInfo(zone)):
        execute("SELECT set_config('timezone', %(zone)s, false)", zone=zone)
        try:
            yield
        finally:
            execute("SELECT set_config('timezone', 'UTC', false)")


class Moments(TestCase):
    def test_are_read_and_say_what_they_are(self):
        for text, words in MOMENTS.items():
            with self.subTest(text):
                moment = read(text, "timestamptz")
                self.assertIsInstance(moment, OutOfRange)
                self.assertEqual((str(moment), moment.words), (text, words))
                self.assertEqual((f"{moment:%H:%M}", moment.isoformat()), (words, text))

    def test_leave_what_python_holds_as_it_was(self):
        for moment in [
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            datetime(2026, 2, 28, 12, 30, 1, 5, tzinfo=UTC),
        ]:
            self.assertIs(type(read(moment, "timestamptz")), datetime)
            self.assertEqual(read(moment, "timestamptz"), moment)

    def test_compare_as_the_edges_of_time(self):
        now = timezone.now()
        last, first = read("infinity", "timestamptz"), read("0044-03-15 BC", "timestamptz")
        self.assertLess(first, now)
        self.assertLess(now, last)
        self.assertGreater(last - now, timedelta(days=365))

    def test_go_through_time_zones_copies_and_pickles(self):
        for text in MOMENTS:
            moment = read(text, "timestamptz")
            for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago"]:
                with timezone.override(zone):
                    self.assertEqual(str(timezone.localtime(moment)), text)
                self.assertEqual(str(moment.astimezone(ZoneInfo(zone))), text)
            self.assertEqual(str(copy.deepcopy(moment)), text)
            self.assertEqual(str(pickle.loads(pickle.dumps(moment))), text)

    def test_become_plain_as_soon_as_something_is_computed(self):
        moment = read("infinity", "timestamptz")
        for plain in [moment - timedelta(days=1), moment.replace(year=2000)]:
            self.assertIs(type(plain), datetime)

    def test_are_sent_back_as_they_were(self):
        for text in MOMENTS:
            moment = read(text, "timestamptz")
            for value in [moment, [moment], [moment, timezone.now()], [timezone.now(), moment]]:
                with self.subTest(value):
                    (same,) = fetch_one(
                        "SELECT %(text)s::timestamptz = ANY (%(values)s::timestamptz[])",
                        text=text,
                        values=value if isinstance(value, list) else [value],
                    )
                    self.assertTrue(same)

    def test_are_sent_back_as_they_were_when_the_server_binds(self):
        with connection.connection.cursor() as cursor:
            for text in MOMENTS:
                moment = read(text, "timestamptz")
                cursor.execute("SELECT %s::text", [moment])
                self.assertEqual(cursor.fetchone(), (text,))

    def test_stay_in_a_row_that_is_saved(self):
        user = User.objects.create_user("late@veza.example", "late")
        for text in MOMENTS:
            with self.subTest(text):
                execute(
                    "UPDATE users SET locked_until = %(text)s::timestamptz WHERE id = %(id)s",
                    text=text,
                    id=user.pk,
                )
                user = User.objects.get(pk=user.pk)
                user.save()
                self.assertTrue(User.objects.filter(locked_until=user.locked_until).exists())
                self.assertEqual(
                    fetch_one("SELECT locked_until::text FROM users WHERE id=%(id)s", id=user.pk),
                    (text,),
                )

    def test_are_read_from_named_cursors_and_arrays(self):
        (moments,) = fetch_one("SELECT ARRAY['infinity', now()]::timestamptz[]")
        self.assertEqual(str(moments[0]), "infinity")
        User.objects.create_user("late@veza.example", "late")
        User.objects.update(locked_until=moments[0])
        self.assertEqual(
            {str(user.locked_until) for user in User.objects.iterator(chunk_size=1)}, {"infinity"}
        )

    def test_are_read_in_any_time_zone_of_a_connection(self):
        for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago"]:
            with self.subTest(zone), connection_in(zone):
                for text in [*MOMENTS, "9999-12-31 23:59:59+00", "0001-01-01 00:00:00+00"]:
                    moment = read(text, "timestamptz")
                    (same,) = fetch_one(
                        "SELECT %(moment)s::timestamptz = %(text)s", moment=moment, text=text
                    )
                    self.assertTrue(same)
                self.assertEqual(str(read("2026-02-28", "timestamptz").tzinfo), zone)


class Dates(TestCase):
    def test_are_read_and_sent_back(self):
        for text, words in DATES.items():
            with self.subTest(text):
                day = read(text, "date")
                self.assertIsInstance(day, OutOfRange)
                self.assertEqual((str(day), day.words), (text, words))
                self.assertEqual(fetch_one("SELECT %(day)s::date::text", day=day), (text,))
                self.assertEqual(str(pickle.loads(pickle.dumps(day))), text)
        self.assertEqual(read("2026-02-28", "date"), date(2026, 2, 28))


class Intervals(TestCase):
    def test_are_read_and_sent_back(self):
        texts = [*INTERVALS]
        if connection.pg_version >= 170000:
            texts += ["infinity", "-infinity"]
        for text in texts:
            with self.subTest(text):
                span = read(text, "interval")
                self.assertIsInstance(span, OutOfRange)
                self.assertEqual(str(span), text)
                self.assertEqual(
                    fetch_one("SELECT %(span)s = %(text)s::interval", span=span, text=text),
                    (True,),
                )
                self.assertEqual(str(pickle.loads(pickle.dumps(span))), text)
        self.assertEqual(read("1 day 00:00:01", "interval"), timedelta(days=1, seconds=1))
