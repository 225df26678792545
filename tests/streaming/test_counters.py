"""Counters that SQL left wrong are found and repaired from the rows."""

from functools import partial
from io import StringIO
from threading import Thread
from unittest.mock import patch

from django.core.management import CommandError, call_command
from django.db import connection, transaction

from streaming import services
from streaming.management.commands import repair_counters
from streaming.models import Playlist, Track
from streaming.services import Off
from tests.support.examples.streaming import (
    commented_track,
    followed_playlist,
    liked_track,
    played_track,
    playlist,
    track,
    track_at,
    tracks_of,
    user,
)
from tests.support.invariants import find_unsound
from tests.support.services import ServiceTests
from tests.support.terminal import Terminal
from veza_site.transactions import Invalid


def execute(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


class Repair(ServiceTests):
    def setUp(self):
        super().setUp()
        self.track = liked_track(self.rows, 3)["track_id"]
        self.playlist = playlist(self.rows, 4)["playlist_id"]
        commented_track(self.rows, 2)
        followed_playlist(self.rows, 2)

    def off(self, **options):
        return [
            *services.repair_tracks(**options).off,
            *services.repair_playlists(**options).off,
        ]

    def test_finds_nothing_in_sound_data(self):
        before = self.content()
        self.assertEqual(self.off(), [])
        self.assertEqual(self.content(), before)

    def test_mends_every_counter(self):
        for table, counters in [
            ("tracks", ["play_count", "like_count", "share_count", "comment_count"]),
            ("playlists", ["track_count", "follower_count"]),
        ]:
            for counter in counters:
                for wrong in (0, 1_000):
                    with self.subTest(counter, wrong=wrong):
                        before = self.content()
                        self.rows.cursor.execute(
                            f"SELECT id, {counter} FROM {table} WHERE {counter} <> {wrong}"
                        )
                        expected = {
                            Off(row_id, counter, wrong, right)
                            for row_id, right in self.rows.cursor.fetchall()
                        }
                        execute(f"UPDATE {table} SET {counter} = {wrong}")
                        self.assertEqual(set(self.off(dry_run=True)), expected)
                        self.assertEqual(set(self.off()), expected)
                        self.assertEqual(self.off(), [])
                        self.assert_sound()
                        self.assertEqual(self.content().keys(), before.keys())

    def test_closes_the_hole_that_a_deleted_track_leaves(self):
        left = tracks_of(self.rows, self.playlist)
        for position in (2, 0):
            execute("DELETE FROM tracks WHERE id = %s", left.pop(position))
        self.assertIn(Off(self.playlist, "positions", 2, 0), self.off())
        self.assertEqual(tracks_of(self.rows, self.playlist), left)
        self.assert_sound()

    def test_counts_what_a_deleted_user_took_along(self):
        execute("DELETE FROM users WHERE id IN (SELECT user_id FROM track_likes LIMIT 1)")
        self.assertNotEqual(find_unsound(), {})
        self.off()
        self.assert_sound()

    def test_goes_through_all_in_batches(self):
        execute("UPDATE tracks SET like_count = 99")
        seen, after = 0, None
        while (batch := services.repair_tracks(after_id=after, limit=2)).last_id:
            self.assertLessEqual(batch.size, 2)
            seen, after = seen + batch.size, batch.last_id
        self.assertEqual(seen, Track.objects.count())
        self.assert_sound()
        with self.assertRaises(Invalid):
            services.repair_tracks(limit=0)

    def test_counts_what_was_committed_while_it_waited(self):
        fan = user(self.rows)
        like = partial(services.set_like, track_id=self.track, user_id=fan, liked=True)
        self.assertEqual(self.behind(like, services.repair_tracks).off, [])
        self.assert_sound()

    def test_of_a_dry_run_waits_for_nobody(self):
        with transaction.atomic():
            Track.objects.select_for_update().get(pk=self.track)
            Playlist.objects.select_for_update().get(pk=self.playlist)
            self.assertEqual(self.at_once(partial(self.off, dry_run=True)), [[]])


class Command(ServiceTests):
    def run_command(self, *arguments, stderr=None, **options):
        output = StringIO()
        call_command(
            "repair_counters", *arguments, stdout=output, stderr=stderr or StringIO(), **options
        )
        return output.getvalue()

    def test_reports_what_was_off_and_mends_it(self):
        played_track(self.rows, 7)
        call = playlist(self.rows, 3)
        execute("DELETE FROM tracks WHERE id = %s", track_at(self.rows, call["playlist_id"], 0))
        off = (
            "playlists.positions: off in 1 row, by 2\n"
            "playlists.track_count: off in 1 row, by 1\n"
            "tracks.play_count: off in 1 row, by 7\n"
        )
        self.assertEqual(self.run_command("--dry-run"), off + "Nothing was changed.\n")
        self.assertEqual(self.run_command(), off)
        self.assertEqual(self.run_command("--batch", "1"), "Every counter is right.\n")
        self.assert_sound()

    def test_shows_a_bar_on_a_terminal_only(self):
        playlist(self.rows, 4)
        terminal, file = Terminal(), StringIO()
        self.run_command("--batch", "2", stderr=terminal)
        self.assertIn("50% 2", terminal.getvalue())
        self.assertIn("100% 4", terminal.getvalue())
        self.run_command("--batch", "2", stderr=file)
        self.assertEqual(file.getvalue(), "")

    def test_writes_a_line_now_and_then_where_there_is_no_terminal(self):
        playlist(self.rows, 4)
        file = StringIO()
        with patch("veza_site.management.progress.SECONDS_BETWEEN_LINES", -1):
            self.run_command("--batch", "2", stderr=file)
        self.assertEqual(file.getvalue(), "tracks: 2 of 4\ntracks: 4 of 4\nplaylists: 1 of 1\n")

    def test_refuses_what_is_no_size_of_a_batch_in_one_line(self):
        for batch, message in [
            ("0", "A batch must be 1 to 2147483647, not 0."),
            ("-3", "A batch must be 1 to 2147483647, not -3."),
            (str(10**30), f"A batch must be 1 to 2147483647, not {10**30}."),
            *[(text, f"invalid int value: '{text}'") for text in ("nan", "inf", "1.5", "many", "")],
        ]:
            with self.subTest(batch), self.assertRaisesMessage(CommandError, message):
                self.run_command(f"--batch={batch}")

    def test_tries_a_batch_again_that_met_a_deadlock(self):
        first, second = sorted(track(self.rows, like_count=7) for _ in range(2))

        outcomes = []
        repair = Thread(target=lambda: outcomes.extend(self.at_once(self.run_command)))
        with transaction.atomic():
            execute("UPDATE tracks SET title = title WHERE id = %s", second)
            repair.start()
            self.until_waiting()
            # The repair holds this one, and will have waited for longer: it is the victim.
            execute("UPDATE tracks SET title = title WHERE id = %s", first)
        repair.join()
        self.assertEqual(outcomes, ["tracks.like_count: off in 2 rows, by 14\n"])
        self.assert_sound()

    def test_tells_what_it_has_mended_when_it_fails(self):
        for _ in range(2):
            track(self.rows, like_count=7)
        output = StringIO()
        with (
            patch.object(repair_counters, "REPAIRS", [(Track, self.fail_at_the_second())]),
            self.assertRaises(RuntimeError),
        ):
            call_command("repair_counters", "--batch=1", stdout=output, stderr=StringIO())
        self.assertEqual(output.getvalue(), "tracks.like_count: off in 1 row, by 7\n")

    def fail_at_the_second(self):
        calls = []

        def repair(**arguments):
            calls.append(arguments)
            if len(calls) > 1:
                raise RuntimeError
            return services.repair_tracks(**arguments)

        return repair

    def test_counts_rows_in_words(self):
        execute("UPDATE tracks SET like_count = 7")
        playlist(self.rows, 2)
        execute("UPDATE tracks SET like_count = 7")
        self.assertIn("tracks.like_count: off in 2 rows, by 14\n", self.run_command())

    def test_finds_nothing_where_there_is_nothing(self):
        self.assertEqual(self.run_command(), "Every counter is right.\n")
