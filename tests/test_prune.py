"""Old rows are deleted where a setting says so, and nothing is lost but them."""

from datetime import timedelta
from functools import partial
from io import StringIO
from unittest.mock import patch

from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import SimpleTestCase, override_settings

from streaming import services
from streaming.models import Track, TrackPlay
from tests.support.examples.streaming import OLD, played_track, user
from tests.support.services import ServiceTests, v1_tables
from tests.support.terminal import Terminal
from veza_site.batches import AIM, BatchSize
from veza_site.environment import days
from veza_site.transactions import Invalid

DAY = timedelta(days=1)
EVERY_DAY = dict.fromkeys(
    (
        "PRUNE_TRACK_PLAYS_DAYS",
        "PRUNE_TRANSCODE_JOBS_DAYS",
        "PRUNE_BITRATE_LOGS_DAYS",
        "PRUNE_ADMIN_LOG_DAYS",
    ),
    1,
)


def make_old(where="true"):
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE track_plays SET created_at = %s, recorded_at = %s WHERE {where}", [OLD, OLD]
        )


def prune_all(**options):
    deleted, after = 0, None
    while True:
        batch = services.prune_plays(older_than=DAY, after=after, **options)
        deleted += batch.deleted
        after = batch.after
        if after is None:
            return deleted


class PrunePlays(ServiceTests):
    def setUp(self):
        super().setUp()
        self.track = played_track(self.rows, 7)
        services.count_plays(window=DAY)
        make_old()

    def test_deletes_the_old_ones_in_batches_and_keeps_their_number(self):
        played_track(self.rows, 2)
        services.record_play(track_id=self.track)
        self.assertEqual(prune_all(limit=3), 7)
        self.assertEqual(TrackPlay.objects.count(), 3)
        counted = Track.objects.get(pk=self.track)
        self.assertEqual((counted.play_count, counted.pruned_play_count), (7, 7))
        self.assertEqual(services.count_plays(window=DAY), 2)
        self.assertEqual(Track.objects.get(pk=self.track).play_count, 8)
        self.assertEqual(services.repair_tracks().off, [])
        self.assert_sound()

    def test_leaves_the_counters_such_that_a_repair_mends_them(self):
        prune_all()
        Track.objects.update(play_count=1)
        services.repair_tracks()
        self.assertEqual(Track.objects.get().play_count, 7)

    def test_deletes_what_python_has_no_time_for(self):
        for never in ("-infinity", "0044-03-15 BC"):
            self.rows.insert(
                "track_plays", track_id=self.track, created_at=never, recorded_at=never
            )
        self.assertEqual(prune_all(limit=1), 9)

    def test_leaves_what_was_uploaded_late_until_it_is_counted(self):
        self.rows.insert("track_plays", track_id=self.track, created_at=OLD)
        self.assertEqual(prune_all(), 7)
        services.count_plays(window=DAY)
        self.assertEqual(Track.objects.get().play_count, 8)

    def test_passes_over_what_is_locked(self):
        other = played_track(self.rows, 2)
        make_old()
        with transaction.atomic():
            Track.objects.select_for_update(no_key=True).get(pk=self.track)
            self.assertEqual(self.at_once(partial(prune_all, limit=1)), [2])
        self.assertEqual(Track.objects.get(pk=other).pruned_play_count, 2)
        self.assertEqual(prune_all(limit=1), 7)

    def test_at_once_shares_the_work_while_plays_are_recorded_and_counted(self):
        for _ in range(4):
            played_track(self.rows, 50)
        make_old()
        fan = user(self.rows)

        def play():
            for number in range(30):
                services.record_play(track_id=self.track, user_id=fan)
                services.set_like(track_id=self.track, user_id=fan, liked=number % 2 == 0)
                services.count_plays(window=DAY)

        run = partial(prune_all, limit=7)
        outcomes = self.at_once(run, run, play)
        self.assertIsNone(outcomes[2])
        self.assertEqual(sum(outcomes[:2]) + prune_all(), 207)
        self.assert_sound()
        services.repair_tracks()
        self.assertEqual(Track.objects.get(pk=self.track).play_count, 37)

    def test_is_refused_for_what_is_no_age_and_no_batch(self):
        for arguments in [{"older_than": timedelta()}, {"older_than": DAY, "limit": 0}]:
            with self.subTest(arguments), self.assertRaises(Invalid):
                services.prune_plays(**arguments)


class Command(ServiceTests):
    def setUp(self):
        super().setUp()
        self.track = played_track(self.rows, 5)
        make_old()
        stream = self.rows.insert("hls_streams", track_id=self.track)
        for created_at in (OLD, "-infinity", "2999-01-01T00:00:00Z"):
            self.rows.insert("bitrate_adaptation_logs", stream_id=stream, created_at=created_at)
        for status, finished_at in [
            ("completed", OLD),
            ("failed", OLD),
            ("cancelled", OLD),
            ("failed", "2999-01-01T00:00:00Z"),
            ("pending", None),
        ]:
            self.rows.insert(
                "hls_transcode_queue",
                track_id=self.track,
                status=status,
                created_at=OLD,
                finished_at=finished_at,
            )
        fan = user(self.rows)
        self.rows.insert("user_sessions", user_id=fan, session_token_hash="x", expires_at=OLD)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django.django_session VALUES ('old', '', %s), ('new', '', 'infinity')",
                [OLD],
            )
            cursor.execute(
                "INSERT INTO django.django_admin_log"
                " (action_time, user_id, object_repr, action_flag, change_message)"
                " VALUES (%s, %s, '', 1, ''), (now(), %s, '', 1, '')",
                [OLD, fan, fan],
            )
        self.addCleanup(lambda: connection.cursor().execute("DELETE FROM django.django_session"))

    def prune(self, *arguments, **options):
        output = StringIO()
        call_command("prune", *arguments, stdout=output, stderr=StringIO(), **options)
        return output.getvalue()

    def numbers(self):
        tables = [*v1_tables(), "django.django_session", "django.django_admin_log"]
        return {table: self.rows.fetch(f"SELECT count(*) FROM {table}") for table in tables}

    def assert_deleted(self, deleted, run):
        before = self.numbers()
        output = run()
        after = self.numbers()
        gone = {table: before[table] - after[table] for table in before}
        self.assertEqual({table: rows for table, rows in gone.items() if rows}, deleted)
        return output

    def test_deletes_what_has_expired_and_nothing_else_by_default(self):
        told = self.assert_deleted({"user_sessions": 1, "django.django_session": 1}, self.prune)
        self.assertIn("track_plays: kept, since PRUNE_TRACK_PLAYS_DAYS is not set.\n", told)
        self.assertIn("expired tokens and sessions: deleted 1 row.\n", told)

    @override_settings(**EVERY_DAY)
    def test_deletes_what_is_older_than_the_settings_say(self):
        told = self.prune("--dry-run")
        self.assertIn("track_plays: 5 rows would be deleted.\n", told)
        self.assertEqual(self.numbers()["track_plays"], 5)
        told = self.assert_deleted(
            {
                "user_sessions": 1,
                "track_plays": 5,
                "hls_transcode_queue": 3,
                "bitrate_adaptation_logs": 2,
                "django.django_session": 1,
                "django.django_admin_log": 1,
            },
            partial(self.prune, "--batch=1"),
        )
        self.assertIn("hls_transcode_queue: deleted 3 rows.\n", told)
        self.assertNotIn("left", told)
        self.assert_deleted({}, self.prune)

    @override_settings(**EVERY_DAY)
    def test_says_what_it_had_to_leave(self):
        with transaction.atomic():
            Track.objects.select_for_update(no_key=True).get(pk=self.track)
            (told,) = self.at_once(self.prune)
        self.assertIn("track_plays: deleted 0 rows.\n", told)
        self.assertIn("track_plays: 5 old rows are left, because they are in use.\n", told)

    @override_settings(**EVERY_DAY)
    def test_tells_what_it_has_done_when_it_fails(self):
        output, batches = StringIO(), []

        def fail_at_the_second(**arguments):
            if batches:
                raise RuntimeError
            batches.append(services.prune_plays(**arguments))
            return batches[0]

        with (
            patch("streaming.pruning.prune_plays", fail_at_the_second),
            self.assertRaises(RuntimeError),
        ):
            call_command("prune", "--batch=2", stdout=output, stderr=StringIO())
        self.assertIn("track_plays: deleted 2 rows.\n", output.getvalue())

    @override_settings(**EVERY_DAY)
    def test_at_once_deletes_each_row_once(self):
        self.assert_deleted(
            {
                "user_sessions": 1,
                "track_plays": 5,
                "hls_transcode_queue": 3,
                "bitrate_adaptation_logs": 2,
                "django.django_session": 1,
                "django.django_admin_log": 1,
            },
            lambda: (self.at_once(self.prune, self.prune), self.prune()),
        )
        self.assert_sound()

    @override_settings(**EVERY_DAY)
    def test_shows_a_bar_on_a_terminal(self):
        terminal = Terminal()
        call_command("prune", "--batch=2", stdout=StringIO(), stderr=terminal)
        self.assertIn(" 80% 4", terminal.getvalue())

    def test_refuses_what_is_no_size_of_a_batch(self):
        for batch in ("0", "-1"):
            with self.assertRaisesMessage(CommandError, "at least 1 row"):
                self.prune(f"--batch={batch}")


class Settings(SimpleTestCase):
    def test_are_whole_numbers_of_days(self):
        self.assertEqual(days(" 30"), 30)
        for value in ("", "0", "-1", "1.5", "36501", "many", "²"):
            with self.subTest(value), self.assertRaises(ValueError):
                days(value)


class Batches(SimpleTestCase):
    def run_batch(self, size, seconds):
        with patch("veza_site.batches.time.monotonic", side_effect=[0.0, seconds]), size.timed():
            pass
        return size.rows

    def test_shrink_faster_than_they_grow(self):
        size = BatchSize(100, most=1000)
        self.assertEqual(self.run_batch(size, AIM * 10), 50)
        self.assertEqual(self.run_batch(size, AIM / 10), 76)
        for _ in range(30):
            self.run_batch(size, AIM / 1000)
        self.assertEqual(size.rows, 1000)
        for _ in range(20):
            self.run_batch(size, AIM * 1000)
        self.assertEqual(size.rows, 1)
        self.assertGreater(self.run_batch(size, AIM / 1000), 1)
        self.assertEqual(size.longest, AIM * 1000)
