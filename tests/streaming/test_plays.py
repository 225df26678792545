"""Plays don't wait for each other, and every one is counted once."""

from datetime import timedelta
from functools import partial
from io import StringIO
from ipaddress import ip_address
from uuid import uuid4

from django.core.management import CommandError, call_command
from django.db import connection, transaction

from accounts.models import UserStatus
from streaming import services
from streaming.models import Track, TrackPlay
from tests.support.examples.streaming import track, user
from tests.support.services import ServiceTests, statements
from veza_site.transactions import Conflict, Invalid, NotAllowed, NotFound

WINDOW = timedelta(minutes=10)


class Plays(ServiceTests):
    def setUp(self):
        super().setUp()
        self.track = track(self.rows, is_public=True)

    def play(self, **arguments):
        return services.record_play(**{"track_id": self.track} | arguments)

    def count(self):
        return services.count_plays(window=WINDOW)

    def test_are_recorded_as_they_were(self):
        listener = user(self.rows)
        play = self.play(
            user_id=listener,
            duration_played_seconds=187,
            completion_percentage=100,
            source="radio",
            device_type="web",
            country_code="FR",
            ip_address=ip_address("2001:db8::1"),
        )
        recorded = TrackPlay.objects.get()
        self.assertEqual(recorded.pk, play)
        self.assertEqual((recorded.track_id, recorded.user_id), (self.track, listener))
        self.assertEqual(recorded.ip_address, "2001:db8::1")
        self.assertEqual(recorded.completion_percentage, 100)

    def test_may_be_anonymous(self):
        self.play()
        self.assertIsNone(TrackPlay.objects.get().user_id)

    def test_are_refused_where_track_or_listener_are_gone(self):
        gone = "2001-02-03T04:05:06Z"
        for arguments in [
            {"track_id": uuid4()},
            {"track_id": track(self.rows, is_public=True, deleted_at=gone)},
            {"user_id": uuid4()},
            {"user_id": self.rows.insert("users", deleted_at=gone)},
        ]:
            with self.subTest(arguments), self.assertRaises(NotFound):
                self.play(**arguments)
        self.assertFalse(TrackPlay.objects.exists())

    def test_of_a_private_track_are_its_creator_s(self):
        creator = user(self.rows)
        private = track(self.rows, creator_id=creator, is_public=False)
        for listener in (None, user(self.rows)):
            with self.subTest(listener), self.assertRaisesMessage(NotFound, f"no track {private}"):
                self.play(track_id=private, user_id=listener)
        play = self.play(track_id=private, user_id=creator)
        self.assertEqual(TrackPlay.objects.get().pk, play)

    def test_are_refused_for_who_is_not_active(self):
        for status in set(UserStatus) - {UserStatus.ACTIVE}:
            listener = self.rows.insert("users", status=status)
            with self.subTest(status), self.assertRaisesMessage(NotAllowed, "is not active"):
                self.play(user_id=listener)
        self.assertFalse(TrackPlay.objects.exists())

    def test_with_an_id_are_recorded_once_however_often_they_are_sent(self):
        listener = user(self.rows)
        call = partial(self.play, user_id=listener, play_id=uuid4())
        play = call()
        self.assertEqual(self.at_once(call, call, call), [play] * 3)
        Track.objects.update(is_public=False)
        self.assertEqual(len(statements(call)), 2)
        self.assertEqual(TrackPlay.objects.get().pk, play)

    def test_with_the_id_of_another_play_are_refused(self):
        listener = user(self.rows)
        play = self.play(user_id=listener)
        for arguments in [
            {"user_id": None},
            {"user_id": user(self.rows)},
            {"user_id": listener, "track_id": track(self.rows, is_public=True)},
        ]:
            with self.subTest(arguments), self.assertRaises(Conflict):
                self.play(**arguments, play_id=play)

    def test_are_refused_when_the_track_is_deleted_for_good_meanwhile(self):
        outcome = self.behind(
            lambda: self.rows.cursor.execute("DELETE FROM tracks WHERE id = %s", [self.track]),
            self.play,
        )
        self.assertIsInstance(outcome, NotFound)

    def test_have_values_that_fit(self):
        for arguments in [
            {"duration_played_seconds": -1},
            {"duration_played_seconds": 2**31},
            {"completion_percentage": 101},
            {"completion_percentage": -1},
            {"source": "x" * 51},
            {"device_type": "x" * 51},
            {"country_code": "FRA"},
            {"country_code": ""},
            {"source": "ra\0dio"},
            {"device_type": "\ud83d"},
            {"country_code": "\u200b\u200b"},
        ]:
            with self.subTest(arguments), self.assertRaises(Invalid):
                self.play(**arguments)

    def test_wait_neither_for_another_play_nor_for_a_like_nor_for_a_recount(self):
        fan = user(self.rows)
        self.play()
        with transaction.atomic():
            self.play()
            services.set_like(track_id=self.track, user_id=fan, liked=True)
            self.count()
            # All this is not committed, and holds its locks.
            (outcome,) = self.at_once(partial(self.with_patience, "100ms", self.play))
        self.assertEqual(TrackPlay.objects.filter(pk=outcome).count(), 1)

    def with_patience(self, lock_timeout, run):
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{lock_timeout}'")
        return run()

    def test_are_counted_once_by_any_number_of_recounts(self):
        others = [track(self.rows, is_public=True) for _ in range(3)]
        for track_id in [self.track, self.track, *others]:
            self.play(track_id=track_id)
        self.assertEqual(self.count(), 4)
        self.assertEqual(self.count(), 0)
        self.assertEqual(Track.objects.get(pk=self.track).play_count, 2)

    def test_that_commit_after_a_recount_are_counted_by_the_next(self):
        with transaction.atomic():
            self.play()
            self.at_once(self.play, self.count)
        self.count()
        self.assertEqual(Track.objects.get().play_count, 2)

    def test_are_counted_exactly_while_writers_and_recounts_go_on(self):
        """No reader ever sees a count fall, or more plays than there are."""
        writers, plays, ended = 4, 40, []

        def write():
            try:
                for _ in range(plays):
                    self.play()
            finally:
                ended.append(True)

        def recount():
            while len(ended) < writers:
                self.count()

        def watch():
            seen = []
            with connection.cursor() as cursor:
                while len(ended) < writers:
                    cursor.execute(
                        "SELECT play_count, (SELECT count(*) FROM track_plays) FROM tracks"
                    )
                    seen.append(cursor.fetchone())
            return seen

        *outcomes, seen = self.at_once(*[write] * writers, recount, recount, watch)
        self.assertEqual(outcomes, [None] * (writers + 2))
        counts = [count for count, _ in seen]
        self.assertEqual(counts, sorted(counts))
        self.assertEqual([count for count, plays in seen if count > plays], [])
        self.count()
        self.assertEqual(Track.objects.get().play_count, writers * plays)

    def test_are_looked_for_within_the_window(self):
        self.rows.insert("track_plays", track_id=self.track, recorded_at="2001-02-03T04:05:06Z")
        self.assertEqual(self.count(), 0)
        self.play()
        self.assertEqual(self.count(), 1)
        self.assertEqual(Track.objects.get().play_count, 2)
        for window in (timedelta(), timedelta(days=-1), timedelta.max):
            with self.subTest(window), self.assertRaises(Invalid):
                services.count_plays(window=window)

    def test_that_were_uploaded_late_are_counted_by_the_next_recount(self):
        self.rows.insert("track_plays", track_id=self.track, created_at="2001-02-03T04:05:06Z")
        self.assertEqual(self.count(), 1)
        self.assertEqual(Track.objects.get().play_count, 1)

    def test_are_counted_by_the_command(self):
        self.play()
        call_command("count_plays", verbosity=0)
        self.assertEqual(Track.objects.get().play_count, 1)

    def test_are_counted_by_the_command_in_words(self):
        for number, told in [
            (1, "1 track had more plays than its play_count."),
            (2, "2 tracks had more plays than their play_count."),
            (0, "0 tracks had more plays than their play_count."),
        ]:
            for _ in range(number):
                self.play(track_id=track(self.rows, is_public=True))
            output = StringIO()
            call_command("count_plays", stdout=output)
            self.assertEqual(output.getvalue(), told + "\n")

    def test_are_not_counted_over_what_is_no_length_of_time(self):
        far = "The window must be positive, and at most 100 years, not "
        for minutes, message in [
            *[
                (text, f"--minutes must be a positive number, at most 100 years, not {text}.")
                for text in ("nan", "inf", "-inf", "1e+300")
            ],
            *[(text, far) for text in ("0", "-3", "1e-300", "1e9")],
            *[(text, f"invalid float value: '{text}'") for text in ("many", "", "1:30")],
        ]:
            with self.subTest(minutes), self.assertRaisesMessage(CommandError, message):
                call_command("count_plays", f"--minutes={minutes}")
