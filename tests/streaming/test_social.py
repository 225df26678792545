"""Likes, follows, shares and comments, and their counters."""

from functools import partial
from uuid import UUID, uuid4

from django.db import connection

from streaming import services
from streaming.models import Playlist, Track, TrackComment, TrackLike, TrackShare
from tests.support.examples.streaming import track, user
from tests.support.services import ServiceTests
from veza_site.transactions import Invalid, NotAllowed, NotFound

LONG_AGO = "2001-02-03T04:05:06Z"


class Likes(ServiceTests):
    def setUp(self):
        super().setUp()
        self.track, self.user = track(self.rows), user(self.rows)

    def set(self, liked):
        return services.set_like(track_id=self.track, user_id=self.user, liked=liked)

    def toggle(self):
        return services.toggle_like(track_id=self.track, user_id=self.user)

    def assert_likes(self, number):
        self.assertEqual(Track.objects.get().like_count, number)
        self.assert_sound()

    def test_are_set_to_the_state_asked_for(self):
        for liked, changed, number in [
            (False, False, 0),
            (True, True, 1),
            (True, False, 1),
            (False, True, 0),
            (False, False, 0),
        ]:
            self.assertEqual(self.set(liked), changed)
            self.assert_likes(number)

    def test_are_toggled(self):
        for liked in (True, False, True):
            self.assertEqual(self.toggle(), liked)
            self.assert_likes(int(liked))

    def test_set_at_once_count_once(self):
        outcomes = self.at_once(*[partial(self.set, True)] * 6)
        self.assertEqual(sorted(outcomes), [False] * 5 + [True])
        self.assert_likes(1)
        outcomes = self.at_once(*[partial(self.set, False)] * 6)
        self.assertEqual(sorted(outcomes), [False] * 5 + [True])
        self.assert_likes(0)

    def test_toggled_at_once_count_each_time(self):
        outcomes = self.at_once(*[self.toggle] * 7)
        self.assertEqual(sorted(outcomes), [False] * 3 + [True] * 4)
        self.assert_likes(1)

    def test_of_one_user_set_and_toggled_at_once_do_not_wait_for_each_other(self):
        for outcome in self.at_once(*[self.toggle, partial(self.set, False)] * 4):
            self.assertIsInstance(outcome, bool)
        self.assert_sound()

    def test_of_many_users_at_once_are_all_counted(self):
        fans = [user(self.rows) for _ in range(8)]
        self.at_once(
            *[
                partial(services.set_like, track_id=self.track, user_id=fan, liked=True)
                for fan in fans
            ]
        )
        self.assert_likes(8)

    def test_refuse_what_is_not_there(self):
        gone = {
            "track_id": [uuid4(), track(self.rows, deleted_at=LONG_AGO)],
            "user_id": [uuid4(), self.rows.insert("users", deleted_at=LONG_AGO)],
        }
        for name, ids in gone.items():
            for absent in ids:
                arguments = {"track_id": self.track, "user_id": self.user} | {name: absent}
                with self.subTest(name):
                    with self.assertRaises(NotFound):
                        services.set_like(**arguments, liked=True)
                    with self.assertRaises(NotFound):
                        services.toggle_like(**arguments)
        self.assertFalse(TrackLike.objects.exists())

    def test_are_refused_when_the_track_is_deleted_meanwhile(self):
        for delete, liked in [
            ("UPDATE tracks SET deleted_at = now()", partial(self.set, True)),
            ("DELETE FROM tracks", self.toggle),
        ]:
            with self.subTest(delete):
                Track.objects.update(deleted_at=None)
                outcome = self.behind(partial(self.execute, delete), liked)
                self.assertIsInstance(outcome, NotFound)

    def execute(self, sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)


class Follows(ServiceTests):
    def setUp(self):
        super().setUp()
        self.playlist = self.rows.insert("playlists", is_public=True)
        self.user = user(self.rows)

    def set(self, following):
        return services.set_follow(
            playlist_id=self.playlist, user_id=self.user, following=following
        )

    def toggle(self):
        return services.toggle_follow(playlist_id=self.playlist, user_id=self.user)

    def assert_followers(self, number):
        self.assertEqual(Playlist.objects.get().follower_count, number)
        self.assert_sound()

    def test_are_set_to_the_state_asked_for(self):
        for following, changed, number in [
            (False, False, 0),
            (True, True, 1),
            (True, False, 1),
            (False, True, 0),
        ]:
            self.assertEqual(self.set(following), changed)
            self.assert_followers(number)

    def test_toggled_at_once_count_each_time(self):
        outcomes = self.at_once(*[self.toggle] * 7)
        self.assertEqual(sorted(outcomes), [False] * 3 + [True] * 4)
        self.assert_followers(1)

    def test_are_for_those_who_may_read_and_can_always_be_ended(self):
        self.set(True)
        Playlist.objects.update(is_public=False)
        self.assertFalse(self.toggle())
        for follow in (self.toggle, partial(self.set, True)):
            with self.assertRaises(NotFound):
                follow()
        self.assert_followers(0)


class Shares(ServiceTests):
    def test_are_counted_each_time(self):
        track_id, user_id = track(self.rows), user(self.rows)
        share = partial(services.share_track, track_id=track_id, user_id=user_id)
        shares = self.at_once(*[partial(share, platform="x")] * 4)
        self.assertEqual(set(shares), set(TrackShare.objects.values_list("pk", flat=True)))
        self.assertEqual(Track.objects.get().share_count, 4)
        for platform in ("", " ", "x" * 51, "a\0b"):
            with self.subTest(platform), self.assertRaises(Invalid):
                share(platform=platform)
        self.assert_sound()


class Comments(ServiceTests):
    def setUp(self):
        super().setUp()
        self.creator, self.author = user(self.rows), user(self.rows)
        self.track = track(self.rows, creator_id=self.creator)

    def comment(self, content="That bass line!", **arguments):
        return services.comment_track(
            track_id=self.track, user_id=self.author, content=content, **arguments
        )

    def reply(self, comment_id):
        return services.reply_to_comment(
            comment_id=comment_id, user_id=self.creator, content="Thank you!"
        )

    def delete(self, comment_id, actor_id=None, **arguments):
        return services.delete_comment(
            comment_id=comment_id, actor_id=actor_id or self.author, **arguments
        )

    def assert_comments(self, number):
        self.assertEqual(Track.objects.get().comment_count, number)
        self.assert_sound()

    def test_and_replies_are_counted(self):
        comment = self.comment(timestamp_seconds=0)
        reply = self.reply(comment)
        self.assertEqual(TrackComment.objects.get(pk=reply).parent_id, comment)
        self.assertEqual(TrackComment.objects.get(pk=reply).track_id, self.track)
        self.reply(reply)
        self.assert_comments(3)

    def test_leave_their_replies_when_they_are_deleted(self):
        comment = self.comment()
        reply = self.reply(comment)
        self.delete(comment)
        self.assertIsNone(TrackComment.objects.get(pk=reply).deleted_at)
        self.assert_comments(1)
        with self.assertRaises(NotFound):
            self.reply(comment)

    def test_are_deleted_once(self):
        delete = partial(self.delete, self.comment())
        self.assertIsInstance(self.behind(delete, delete), NotFound)
        with self.assertRaises(NotFound):
            delete()
        self.assert_comments(0)

    def test_are_restored_once_and_counted_again(self):
        comment = self.comment()
        restore = partial(services.restore_comment, comment_id=comment, actor_id=user(self.rows))
        with self.assertRaises(NotFound):
            restore()
        self.delete(comment)
        self.assertIsInstance(self.behind(restore, restore), NotFound)
        self.assert_comments(1)

    def test_are_deleted_and_restored_by_staff_on_a_deleted_track_too(self):
        comment = self.comment()
        Track.objects.get().soft_delete()
        staff = user(self.rows)
        self.delete(comment, staff, as_staff=True)
        self.assert_comments(0)
        services.restore_comment(comment_id=comment, actor_id=staff)
        self.assert_comments(1)

    def test_get_no_reply_once_they_are_deleted(self):
        comment = self.comment()
        outcome = self.behind(partial(self.delete, comment), partial(self.reply, comment))
        self.assertIsInstance(outcome, NotFound)
        self.assert_comments(0)

    def test_are_deleted_by_author_creator_and_staff(self):
        staff = user(self.rows)
        self.delete(self.comment(), self.author)
        self.delete(self.comment(), self.creator)
        comment = self.comment()
        with self.assertRaises(NotAllowed):
            self.delete(comment, staff)
        self.delete(comment, staff, as_staff=True)
        self.assert_comments(0)

    def test_are_edited_by_their_author(self):
        comment = self.comment()
        edit = partial(services.edit_comment, comment_id=comment, content="Été ☀")
        with self.assertRaises(NotAllowed):
            edit(actor_id=self.creator)
        self.assertIsNone(TrackComment.objects.get().edited_at)
        edit(actor_id=self.author)
        self.assertEqual(TrackComment.objects.get().content, "Été ☀")
        self.assertIsNotNone(TrackComment.objects.get().edited_at)
        self.delete(comment)
        with self.assertRaises(NotFound):
            edit(actor_id=self.author)

    def test_have_1_to_2_000_characters(self):
        comment = self.comment("☀" * 2000)
        for content in ("", " \n", "x" * 2001, "a\0b"):
            with self.subTest(content):
                with self.assertRaises(Invalid):
                    self.comment(content)
                with self.assertRaises(Invalid):
                    services.edit_comment(comment_id=comment, content=content, actor_id=self.author)
        for position in (-1, 2**31):
            with self.subTest(position), self.assertRaises(Invalid):
                self.comment(timestamp_seconds=position)
        self.assert_comments(1)

    def test_are_gone_with_their_track(self):
        comment = self.comment()
        Track.objects.get().soft_delete()
        for call in [
            self.comment,
            partial(self.reply, comment),
            partial(self.delete, comment),
            partial(services.edit_comment, comment_id=comment, content="x", actor_id=self.author),
        ]:
            with self.subTest(call), self.assertRaises(NotFound):
                call()
        self.assert_comments(1)

    def test_of_many_at_once_are_all_counted(self):
        for outcome in self.at_once(*[self.comment] * 6):
            self.assertIsInstance(outcome, UUID)
        self.assert_comments(6)
