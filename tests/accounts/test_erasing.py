"""A user is erased with everything that depends on them, as one DELETE would do it."""

from functools import partial
from io import StringIO
from itertools import islice
from unittest.mock import patch
from uuid import uuid4

from django.core.management import CommandError, call_command
from django.db import connection, transaction

from accounts.erasing import erase_user, prepare_erasure
from accounts.models import User, UserSession
from accounts.services import restore_user
from streaming import services
from streaming.models import Track
from tests.support.demo import copy_demo
from tests.support.examples.streaming import playlist, track, tracks_of, user
from tests.support.services import ServiceTests, v1_tables
from tests.support.terminal import Terminal
from veza_site.batches import BatchSize
from veza_site.erasing import read_references
from veza_site.transactions import Conflict, NotFound


def execute(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def erase(user_id, batches=None):
    return list(islice(erase_user(user_id, prepare_erasure(user_id)), batches))


def content():
    """Return the rows of each table, without the times that an UPDATE leaves."""
    with connection.cursor() as cursor:
        found = {}
        for table in [*v1_tables(), "django.django_admin_log"]:
            cursor.execute(f"SELECT to_jsonb({table.split('.')[-1]}) - 'updated_at' FROM {table}")
            found[table] = sorted(row for (row,) in cursor.fetchall())
        return found


def repair():
    return [*services.repair_tracks(limit=9999).off, *services.repair_playlists(limit=9999).off]


class SmallBatches:
    """Batches of few rows, and few of these are read at a time."""

    most = 3

    def setUp(self):
        super().setUp()
        for what in [
            patch("veza_site.erasing.BatchSize", partial(BatchSize, self.most, most=self.most)),
            patch("veza_site.erasing.READ", 3 * self.most),
        ]:
            what.start()
            self.addCleanup(what.stop)


class OfTheDemo(SmallBatches, ServiceTests):
    most = 20

    def setUp(self):
        super().setUp()
        copy_demo()
        services.repair_tracks(limit=9999)
        self.users = [
            user_id
            for (user_id,) in self.query(
                "SELECT id FROM users WHERE role <> 'super_admin' ORDER BY ("
                " SELECT count(*) FROM tracks WHERE creator_id = users.id) DESC, id"
            )
        ]

    def query(self, sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def test_leaves_what_a_delete_and_a_repair_would_leave(self):
        for user_id in [self.users[0], self.users[-1]]:
            with self.subTest(user_id):
                with transaction.atomic():
                    execute("DELETE FROM users WHERE id = %s", user_id)
                    repair()
                    expected = content()
                    transaction.set_rollback(True)
                erase(user_id)
                self.assertEqual(content(), expected)
                self.assertEqual(repair(), [])
                self.assert_sound()

    def test_goes_on_where_it_was_interrupted_and_is_sound_at_every_moment(self):
        user_id = self.users[0]
        erased = 0
        while User.objects.filter(pk=user_id).exists():
            erased += bool(erase(user_id, batches=7))
            self.assertEqual(repair(), [])
            self.assert_sound()
        self.assertGreater(erased, 3)

    def test_counts_what_it_will_do(self):
        for user_id in self.users[1:3]:
            erasure = prepare_erasure(user_id)
            counted = erasure.count()
            list(erase_user(user_id, erasure))
            for reference, rows in erasure.rows.items():
                self.assertGreaterEqual(counted.get(reference, 0), rows, reference)


class OfUsers(SmallBatches, ServiceTests):
    def setUp(self):
        super().setUp()
        self.user = self.rows.insert("users", email="ada@veza.example")

    def test_signs_them_out_first(self):
        for _ in range(4):
            self.rows.insert("user_sessions", user_id=self.user, session_token_hash=uuid4())
        erase(self.user, batches=1)
        self.assertTrue(User.objects.deleted().filter(pk=self.user).exists())
        self.assertFalse(UserSession.objects.filter(revoked_at=None).exists())

    def test_ends_when_somebody_restores_them(self):
        for _ in range(9):
            self.rows.insert("track_plays", user_id=self.user)
        erase(self.user, batches=2)
        erasing = erase_user(self.user, prepare_erasure(self.user))
        next(erasing)
        restore_user(user_id=self.user)
        with self.assertRaisesMessage(Conflict, "was restored meanwhile"):
            list(erasing)
        self.assertTrue(User.objects.alive().filter(pk=self.user).exists())

    def test_closes_the_holes_in_the_playlists_of_others(self):
        call = playlist(self.rows, 9)
        listed = tracks_of(self.rows, call["playlist_id"])
        for track_id in listed[::2]:
            execute("UPDATE tracks SET creator_id = %s WHERE id = %s", self.user, track_id)
        erase(self.user)
        self.assertEqual(tracks_of(self.rows, call["playlist_id"]), listed[1::2])
        self.assert_sound()

    def test_takes_replies_along_however_deep_and_even_in_a_circle(self):
        track_id = track(self.rows, comment_count=60)
        other = user(self.rows)
        comments = [uuid4() for _ in range(60)]
        execute(
            "INSERT INTO track_comments (id, track_id, user_id, parent_id, content)"
            " SELECT id, %s, CASE number WHEN 1 THEN %s ELSE %s END,"
            " lag(id) OVER (ORDER BY number), 'x'"
            " FROM unnest(%s) WITH ORDINALITY AS listed (id, number)",
            track_id,
            self.user,
            other,
            comments,
        )
        execute("UPDATE track_comments SET parent_id = %s WHERE id = %s", comments[-1], comments[0])
        erase(self.user)
        self.assertEqual(Track.objects.get().comment_count, 0)
        self.assert_sound()

    def test_goes_on_while_others_listen_like_and_follow(self):
        tracks = [
            track(
                self.rows, is_public=True, creator_id=self.user if number % 2 else user(self.rows)
            )
            for number in range(6)
        ]
        owned = playlist(self.rows, 5, owner_id=self.user, is_public=True)["playlist_id"]
        fans = [self.user, *(user(self.rows) for _ in range(5))]
        for track_id in tracks:
            for fan in fans:
                services.record_play(track_id=track_id, user_id=fan)
                services.set_like(track_id=track_id, user_id=fan, liked=True)
                services.comment_track(track_id=track_id, user_id=fan, content="!")

        def live(fan):
            for track_id in tracks * 5:
                for call in [
                    partial(services.toggle_like, track_id=track_id, user_id=fan),
                    partial(services.comment_track, track_id=track_id, user_id=fan, content="!"),
                    partial(services.toggle_follow, playlist_id=owned, user_id=fan),
                ]:
                    try:
                        call()
                    except NotFound:
                        continue

        outcomes = self.at_once(
            partial(erase, self.user), *[partial(live, fan) for fan in fans[1:4]]
        )
        self.assertIsInstance(outcomes[0], list)
        self.assertEqual(outcomes[1:], [None] * 3)
        self.assertFalse(User.objects.filter(pk=self.user).exists())
        self.assert_sound()

    def test_waits_for_a_lock_without_holding_one(self):
        track_id = track(self.rows, is_public=True)
        services.set_like(track_id=track_id, user_id=self.user, liked=True)
        outcome = self.behind(
            lambda: Track.objects.select_for_update(no_key=True).get(pk=track_id),
            partial(erase, self.user),
        )
        self.assertIsInstance(outcome, list)
        self.assert_sound()

    def test_says_when_rows_stay(self):
        self.rows.insert("track_plays", user_id=self.user)
        execute(
            "CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN RETURN NULL; END';"
            "CREATE TRIGGER refuse BEFORE UPDATE ON track_plays FOR EACH ROW"
            " EXECUTE FUNCTION pg_temp.refuse()"
        )
        self.addCleanup(execute, "DROP TRIGGER refuse ON track_plays")
        with self.assertRaisesMessage(Conflict, "Rows of track_plays stay"):
            erase(self.user)

    def test_refuses_a_foreign_key_that_would_forbid_it(self):
        execute("CREATE TABLE public.others (id int PRIMARY KEY, user_id uuid REFERENCES users)")
        self.addCleanup(execute, "DROP TABLE others")
        with self.assertRaisesMessage(Conflict, "others_user_id_fkey"):
            read_references("users")


class Command(ServiceTests):
    def setUp(self):
        super().setUp()
        self.user = self.rows.insert("users", email="ada@veza.example")
        for _ in range(3):
            self.rows.insert("track_plays", user_id=self.user)
        self.rows.insert("tracks", creator_id=self.user)

    def run_command(self, *arguments, stderr=None):
        output = StringIO()
        call_command("erase_user", *arguments, stdout=output, stderr=stderr or StringIO())
        return output.getvalue()

    def test_erases_by_id_and_by_address(self):
        other = self.rows.insert("users")
        self.assertIn("is erased", self.run_command(str(other), "--no-input"))
        told = self.run_command("ADA@veza.example", "--no-input")
        self.assertIn("track_plays: 3 rows detached\n", told)
        self.assertIn("tracks: 1 row deleted\n", told)
        self.assertIn("User ada@veza.example is erased.", told)
        self.assertFalse(User.objects.filter(pk__in=[self.user, other]).exists())

    def test_changes_nothing_in_a_dry_run(self):
        before = self.content()
        told = self.run_command(str(self.user), "--dry-run")
        self.assertIn("track_plays: 3 rows would be detached\n", told)
        self.assertIn("tracks: 1 row would be deleted\n", told)
        self.assertEqual(self.content(), before)

    def test_asks_first(self):
        for answer in ("", "yes", "ADA"):
            with (
                self.subTest(answer),
                patch("builtins.input", return_value=answer),
                self.assertRaisesMessage(CommandError, "Not confirmed"),
            ):
                self.run_command(str(self.user))
        with (
            patch("builtins.input", side_effect=EOFError),
            self.assertRaisesMessage(CommandError, "Not confirmed"),
        ):
            self.run_command(str(self.user))
        with patch("builtins.input", return_value="ada@veza.example"):
            self.run_command(str(self.user))
        self.assertFalse(User.objects.filter(pk=self.user).exists())

    def test_refuses_whom_it_can_not_name(self):
        self.rows.insert("users", email="ada@veza.example", deleted_at="2001-02-03T04:05:06Z")
        for name, message in [
            ("ada@veza.example", "2 users have the address ada@veza.example"),
            ("nobody@veza.example", "There is no user nobody@veza.example."),
            (str(uuid4()), "There is no user"),
        ]:
            with self.subTest(name), self.assertRaisesMessage(CommandError, message):
                self.run_command(name, "--no-input")

    def test_refuses_the_last_super_admin_and_changes_nothing(self):
        execute("UPDATE users SET role = 'super_admin' WHERE id = %s", self.user)
        before = self.content()
        with self.assertRaisesMessage(CommandError, "no permanent super_admin"):
            self.run_command(str(self.user), "--no-input")
        self.assertEqual(self.content(), before)

    def test_shows_a_bar_on_a_terminal(self):
        terminal = Terminal()
        self.run_command(str(self.user), "--no-input", stderr=terminal)
        self.assertIn("100% 4", terminal.getvalue())
