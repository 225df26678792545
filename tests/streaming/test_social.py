"""Likes, follows, shares and comments, and their counters."""

import contextlib
from functools import partial
from random import Random
from uuid import UUID, uuid4

from django.db import OperationalError, connection, transaction

from accounts.models import User, UserStatus
from streaming import services
from streaming.models import Playlist, Track, TrackComment, TrackLike, TrackShare
from tests.support.examples.streaming import playlist, track, tracks_of, user
from tests.support.services import ServiceTests, all_examples, statements
from veza_site.transactions import Conflict, Invalid, NotAllowed, NotFound, Refused

LONG_AGO = "2001-02-03T04:05:06Z"
NOT_VISIBLE = ["", " \n", "\u200b", "\u2800\u200d"]
NOT_STORABLE = ["a\0b", "nice \ud83d"]


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
                outcome = self.behind(partial(execute, delete), liked)
                self.assertIsInstance(outcome, NotFound)

    def test_end_even_where_the_counter_is_wrong(self):
        for unlike in (partial(self.set, False), self.toggle):
            self.rows.insert("track_likes", track_id=self.track, user_id=self.user)
            unlike()
            self.assert_likes(0)


def execute(sql):
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

    def test_are_not_for_the_owner_who_can_end_one_that_is_there(self):
        self.user = Playlist.objects.get().owner_id
        for follow in (self.toggle, partial(self.set, True)):
            with self.assertRaises(Conflict):
                follow()
        self.assert_followers(0)
        self.rows.insert("playlist_follows", playlist_id=self.playlist, user_id=self.user)
        self.assertTrue(self.set(False))
        self.assert_followers(0)

    def test_end_even_where_the_counter_is_wrong(self):
        for unfollow in (partial(self.set, False), self.toggle):
            self.rows.insert("playlist_follows", playlist_id=self.playlist, user_id=self.user)
            unfollow()
            self.assert_followers(0)


class Shares(ServiceTests):
    def test_are_counted_each_time(self):
        track_id, user_id = track(self.rows), user(self.rows)
        share = partial(services.share_track, track_id=track_id, user_id=user_id)
        shares = self.at_once(*[partial(share, platform="x")] * 4)
        self.assertEqual(set(shares), set(TrackShare.objects.values_list("pk", flat=True)))
        self.assertEqual(Track.objects.get().share_count, 4)
        for platform in ("x" * 51, *NOT_VISIBLE, *NOT_STORABLE):
            with self.subTest(ascii(platform)), self.assertRaises(Invalid):
                share(platform=platform)
        self.assert_sound()

    def test_of_one_id_count_once(self):
        call = {"track_id": track(self.rows), "user_id": user(self.rows), "platform": "x"}
        share = partial(services.share_track, **call, share_id=uuid4())
        (share_id,) = set(self.at_once(*[share] * 4))
        self.assertEqual(share_id, share.keywords["share_id"])
        self.assertEqual(len(statements(share)), 4)
        for name, other in [
            ("track_id", track(self.rows)),
            ("user_id", user(self.rows)),
            ("platform", "link"),
        ]:
            with self.subTest(name), self.assertRaises(Conflict):
                share(**{name: other})
        self.assertEqual(TrackShare.objects.get().pk, share_id)
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
        for content in ("x" * 2001, *NOT_VISIBLE, *NOT_STORABLE):
            with self.subTest(ascii(content)):
                with self.assertRaises(Invalid):
                    self.comment(content)
                with self.assertRaises(Invalid):
                    services.edit_comment(comment_id=comment, content=content, actor_id=self.author)
                with self.assertRaises(Invalid):
                    services.reply_to_comment(
                        comment_id=comment, content=content, user_id=self.author
                    )
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

    def test_of_one_id_count_once(self):
        comment = partial(self.comment, comment_id=uuid4())
        (comment_id,) = set(self.at_once(*[comment] * 4))
        reply = partial(
            services.reply_to_comment,
            comment_id=comment_id,
            user_id=self.author,
            content="And me.",
            reply_id=uuid4(),
        )
        (reply_id,) = set(self.at_once(*[reply] * 4))
        self.assertEqual(
            (comment_id, reply_id), (comment.keywords["comment_id"], reply.keywords["reply_id"])
        )
        self.assertEqual((len(statements(comment)), len(statements(reply))), (4, 6))
        self.assert_comments(2)

    def test_of_one_id_stay_as_they_were_edited_or_deleted_since(self):
        comment = partial(self.comment, comment_id=uuid4())
        comment_id = comment()
        services.edit_comment(comment_id=comment_id, content="Edited.", actor_id=self.author)
        self.assertEqual(comment(), comment_id)
        self.assertEqual(TrackComment.objects.get().content, "Edited.")
        self.delete(comment_id)
        self.assertEqual(comment(), comment_id)
        self.assert_comments(0)

    def test_of_an_id_that_another_has_are_refused(self):
        first = self.comment()
        reply = self.reply(first)
        for call in [
            partial(self.comment, comment_id=reply),
            partial(
                services.comment_track,
                track_id=self.track,
                user_id=self.creator,
                content="Mine!",
                comment_id=first,
            ),
            partial(
                services.comment_track,
                track_id=track(self.rows),
                user_id=self.author,
                content="Elsewhere!",
                comment_id=first,
            ),
            partial(
                services.reply_to_comment,
                comment_id=first,
                user_id=self.author,
                content="Me too.",
                reply_id=first,
            ),
        ]:
            with self.subTest(call), self.assertRaises(Conflict):
                call()
        self.assertEqual(TrackComment.objects.count(), 2)

    def test_are_deleted_even_where_the_counter_is_wrong(self):
        comment = self.comment()
        Track.objects.update(comment_count=0)
        self.delete(comment)
        self.assert_comments(0)


class PrivateTracks(ServiceTests):
    """They are there for their creator alone; but what others have left there, they may take."""

    def setUp(self):
        super().setUp()
        self.creator, self.other = user(self.rows), user(self.rows)
        self.track = track(self.rows, creator_id=self.creator)
        arguments = {"track_id": self.track, "user_id": self.other}
        self.comment = services.comment_track(**arguments, content="Before it was private.")
        self.like = partial(services.set_like, **arguments, liked=True)
        self.unlike = partial(services.set_like, **arguments, liked=False)
        self.toggle = partial(services.toggle_like, **arguments)
        self.delete = partial(services.delete_comment, comment_id=self.comment, actor_id=self.other)
        self.edit = partial(
            services.edit_comment, comment_id=self.comment, actor_id=self.other, content="x"
        )
        self.reply = partial(
            services.reply_to_comment, comment_id=self.comment, user_id=self.other, content="x"
        )
        self.write = partial(services.comment_track, **arguments, content="x")
        self.share = partial(services.share_track, **arguments, platform="x")

    def hide(self):
        Track.objects.update(is_public=False)

    def test_are_not_there_for_others(self):
        self.hide()
        for call in [self.like, self.toggle, self.edit, self.reply, self.write, self.share]:
            with self.subTest(call), self.assertRaises(NotFound):
                call()
        with self.assertRaises(NotFound):
            self.delete(actor_id=user(self.rows))
        self.assertEqual(Track.objects.get().comment_count, 1)
        self.assert_sound()

    def test_are_there_for_their_creator(self):
        self.hide()
        for call in [self.like, self.toggle, self.reply, self.write, self.share]:
            call(user_id=self.creator)
        self.delete(actor_id=self.creator)
        self.assert_sound()

    def test_give_back_what_others_left_there(self):
        for unlike in (self.unlike, self.toggle):
            Track.objects.update(is_public=True)
            self.like()
            self.hide()
            unlike()
            self.assertEqual(Track.objects.get().like_count, 0)
        self.delete()
        self.assert_sound()

    def test_that_become_private_meanwhile_get_nothing_more(self):
        for call in (self.like, self.write, self.share):
            with self.subTest(call):
                Track.objects.update(is_public=True)
                self.assertIsInstance(self.behind(self.hide, call), NotFound)


class Inactive(ServiceTests):
    """Who is not active does nothing, through any service that names who does it."""

    def test_users_do_nothing(self):
        for example, service, prepare in all_examples():
            app, _, _ = example.partition(".")
            if app != "streaming":
                continue
            for status in set(UserStatus) - {UserStatus.ACTIVE}:
                call = prepare(self.rows, 3)
                actor = call.get("actor_id") or call.get("user_id")
                if actor is None or service is services.record_play:
                    continue
                User.objects.filter(pk=actor).update(status=status)
                with (
                    self.subTest(example, status=status),
                    self.assertRaisesMessage(NotAllowed, f"is {status}"),
                ):
                    service(**call)

    def test_users_may_be_invited_and_removed(self):
        call = playlist(self.rows, 1)
        other = self.rows.insert("users", status="suspended")
        services.invite_collaborator(**call, user_id=other, permission="read")
        services.remove_collaborator(**call, user_id=other)


class ForeignWriters(ServiceTests):
    """SQL that knows no counters, beside the services."""

    def test_make_no_service_fail(self):
        fans = [user(self.rows) for _ in range(4)]
        song = track(self.rows)
        call = playlist(self.rows, 6, is_public=True)
        songs = tracks_of(self.rows, call["playlist_id"])
        spoil = [
            "DELETE FROM track_likes",
            "DELETE FROM playlist_follows",
            "DELETE FROM track_comments",
            "UPDATE tracks SET like_count = 0, comment_count = 0",
            "UPDATE playlists SET follower_count = 0, track_count = 0",
            "INSERT INTO track_likes (track_id, user_id)"
            " SELECT tracks.id, users.id FROM tracks, users ON CONFLICT DO NOTHING",
            "INSERT INTO playlist_follows (playlist_id, user_id)"
            " SELECT playlists.id, users.id FROM playlists, users ON CONFLICT DO NOTHING",
            "INSERT INTO track_comments (track_id, user_id, content)"
            " SELECT tracks.id, users.id, 'x' FROM tracks, users",
        ]

        def use(random):
            for _ in range(25):
                fan = random.choice(fans)
                comment = TrackComment.objects.alive().first()
                moved = random.choice(songs)
                for service in [
                    partial(services.toggle_like, track_id=song, user_id=fan),
                    partial(services.set_like, track_id=song, user_id=fan, liked=False),
                    partial(services.toggle_follow, playlist_id=call["playlist_id"], user_id=fan),
                    comment
                    and partial(
                        services.delete_comment, comment_id=comment.pk, actor_id=comment.user_id
                    ),
                    partial(services.remove_track, **call, track_id=moved),
                    partial(services.add_track, **call, track_id=moved),
                ]:
                    with contextlib.suppress(Refused):
                        service and service()

        def bypass(random):
            for _ in range(60):
                # It waits for no lock, since it takes them in another order than the services.
                with contextlib.suppress(OperationalError), transaction.atomic():
                    execute("SET LOCAL lock_timeout = '1ms'")
                    execute(random.choice(spoil))

        outcomes = self.at_once(
            *[partial(use, Random(seed)) for seed in range(3)],
            *[partial(bypass, Random(seed)) for seed in range(2)],
        )
        self.assertEqual(outcomes, [None] * 5)
        services.repair_tracks()
        services.repair_playlists()
        self.assert_sound()
