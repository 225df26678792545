"""Editing, duplicating and sharing the work on playlists."""

from functools import partial
from uuid import UUID, uuid4

from django.db import transaction
from django.test import tag
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from streaming import services
from streaming.models import Playlist, PlaylistPermission, Track
from tests.support.examples.streaming import playlist, track, track_at, tracks_of, user
from tests.support.invariants import find_unsound
from tests.support.rows import rows
from tests.support.services import ServiceTests, statements
from veza_site.transactions import Conflict, Invalid, NotAllowed, NotFound

READ, WRITE, ADMIN = PlaylistPermission


class PlaylistTests(ServiceTests):
    def setUp(self):
        super().setUp()
        call = playlist(self.rows, 5)
        self.playlist, self.owner = call["playlist_id"], call["actor_id"]
        self.tracks = tracks_of(self.rows, self.playlist)

    def call(self, service, **arguments):
        """Call a service on the playlist, as its owner unless said otherwise."""
        return service(**{"playlist_id": self.playlist, "actor_id": self.owner} | arguments)

    def collaborator(self, permission, *, accepted=True):
        user_id = user(self.rows)
        self.call(services.invite_collaborator, user_id=user_id, permission=permission)
        if accepted:
            services.accept_invitation(playlist_id=self.playlist, user_id=user_id)
        return user_id

    def assert_tracks(self, *expected):
        self.assertEqual(tracks_of(self.rows, self.playlist), list(expected))
        self.assert_sound()


class Editing(PlaylistTests):
    def test_adds_at_the_end(self):
        new = track(self.rows)
        self.call(services.add_track, track_id=new)
        self.assert_tracks(*self.tracks, new)

    def test_adds_to_an_empty_playlist(self):
        self.playlist = self.rows.insert("playlists", owner_id=self.owner)
        new = track(self.rows)
        self.call(services.add_track, track_id=new)
        self.assert_tracks(new)

    def test_inserts_at_every_position(self):
        for position in (0, 3, 7):
            new = track(self.rows)
            self.call(services.insert_track, track_id=new, position=position)
            self.tracks.insert(position, new)
            self.assert_tracks(*self.tracks)

    def test_moves_from_everywhere_to_everywhere(self):
        for start in range(5):
            for end in range(5):
                with self.subTest(start=start, end=end):
                    moved = self.tracks.pop(start)
                    self.tracks.insert(end, moved)
                    self.call(services.move_track, track_id=moved, position=end)
                    self.assert_tracks(*self.tracks)

    def test_a_move_touches_only_what_is_between(self):
        Playlist.objects.get().playlist_tracks.update(added_by=None)  # moves updated_at
        before = dict(Playlist.objects.get().playlist_tracks.values_list("track_id", "updated_at"))
        self.call(services.move_track, track_id=self.tracks[1], position=3)
        after = dict(Playlist.objects.get().playlist_tracks.values_list("track_id", "updated_at"))
        touched = {track_id for track_id in self.tracks if before[track_id] != after[track_id]}
        self.assertEqual(touched, set(self.tracks[1:4]))

    def test_removes_without_a_hole(self):
        for position in (4, 0, 1):
            self.call(services.remove_track, track_id=self.tracks.pop(position))
            self.assert_tracks(*self.tracks)

    def test_a_deleted_track_keeps_its_place_and_can_be_removed(self):
        Track.objects.filter(pk=self.tracks[2]).soft_delete()
        self.call(services.move_track, track_id=self.tracks[2], position=0)
        self.call(services.remove_track, track_id=self.tracks.pop(2))
        self.assert_tracks(*self.tracks)

    def test_reorders_as_a_whole(self):
        self.call(services.reorder_tracks, track_ids=self.tracks[::-1])
        self.assert_tracks(*self.tracks[::-1])

    def test_reorders_nothing(self):
        self.playlist = self.rows.insert("playlists", owner_id=self.owner)
        self.call(services.reorder_tracks, track_ids=[])
        self.assert_tracks()

    def hide(self, *numbers):
        """Soft-delete a track of the playlist, and make the others private."""
        deleted, *private = [self.tracks[number] for number in numbers]
        Track.objects.filter(pk=deleted).soft_delete()
        Track.objects.filter(pk__in=private).update(is_public=False)

    def test_reorders_those_that_are_seen_and_leaves_the_hidden_where_they_are(self):
        first, deleted, second, private, third = self.tracks
        self.hide(1, 3)
        self.call(services.reorder_tracks, track_ids=[third, first, second])
        self.assert_tracks(third, deleted, first, private, second)
        self.call(services.reorder_tracks, track_ids=self.tracks)
        self.assert_tracks(*self.tracks)
        for track_ids in [[first, second], [first, second, second], [first, deleted, second]]:
            with self.subTest(track_ids), self.assertRaises(Conflict):
                self.call(services.reorder_tracks, track_ids=track_ids)
        self.assert_tracks(*self.tracks)

    def test_counts_the_positions_of_those_that_are_seen(self):
        first, deleted, second, private, third = self.tracks
        self.hide(1, 3)
        self.call(services.move_track, track_id=third, position=1)
        self.assert_tracks(first, deleted, third, second, private)
        self.call(services.move_track, track_id=first, position=2)
        self.assert_tracks(deleted, third, second, first, private)
        self.call(services.move_track, track_id=first, position=0)
        self.assert_tracks(deleted, first, third, second, private)
        with self.assertRaisesMessage(Invalid, "must be 0 to 2, not 3"):
            self.call(services.move_track, track_id=first, position=3)
        new, last = track(self.rows), track(self.rows)
        self.call(services.insert_track, track_id=new, position=1)
        self.assert_tracks(deleted, first, new, third, second, private)
        self.call(services.insert_track, track_id=last, position=4)
        self.assert_tracks(deleted, first, new, third, second, private, last)
        with self.assertRaisesMessage(Invalid, "must be 0 to 5, not 6"):
            self.call(services.insert_track, track_id=track(self.rows), position=6)

    def test_takes_a_private_track_from_its_creator_alone(self):
        private = track(self.rows, is_public=False)
        own = track(self.rows, is_public=False, creator_id=self.owner)
        for service, more in [(services.add_track, {}), (services.insert_track, {"position": 0})]:
            with self.subTest(service), self.assertRaises(NotFound):
                self.call(service, track_id=private, **more)
        self.call(services.add_track, track_id=own)
        self.assert_tracks(*self.tracks, own)

    def test_removes_even_where_the_counter_is_wrong(self):
        Playlist.objects.update(track_count=0)
        for track_id in self.tracks:
            self.call(services.remove_track, track_id=track_id)
        self.assert_tracks()

    def test_refuses_an_order_of_other_tracks(self):
        first, *others = self.tracks
        for track_ids in [
            [],
            others,
            [*self.tracks, track(self.rows)],
            [*others, track(self.rows)],
            [*self.tracks, first],
            [*others, others[0]],
        ]:
            with self.subTest(track_ids), self.assertRaises(Conflict):
                self.call(services.reorder_tracks, track_ids=track_ids)
        self.assert_tracks(*self.tracks)

    def test_refuses_positions_outside(self):
        new = track(self.rows)
        for position in (-1, 6, 10**12):
            with self.subTest(position):
                with self.assertRaises(Invalid):
                    self.call(services.insert_track, track_id=new, position=position)
                with self.assertRaises(Invalid):
                    self.call(
                        services.move_track, track_id=self.tracks[0], position=max(position, -1)
                    )
        with self.assertRaises(Invalid):
            self.call(services.move_track, track_id=self.tracks[0], position=5)
        self.assert_tracks(*self.tracks)

    def test_refuses_a_track_that_is_in_it_already(self):
        for service, more in [(services.add_track, {}), (services.insert_track, {"position": 0})]:
            with self.subTest(service), self.assertRaises(Conflict):
                self.call(service, track_id=self.tracks[2], **more)
        self.assert_tracks(*self.tracks)

    def test_refuses_what_is_not_there(self):
        deleted = track(self.rows, deleted_at="2001-02-03T04:05:06Z")
        for track_id in (uuid4(), deleted):
            for service, more in [
                (services.add_track, {}),
                (services.insert_track, {"position": 0}),
                (services.move_track, {"position": 0}),
                (services.remove_track, {}),
            ]:
                with self.subTest(service), self.assertRaises(NotFound):
                    self.call(service, track_id=track_id, **more)
        for of_whom in [{"playlist_id": uuid4()}, {"actor_id": uuid4()}]:
            with self.subTest(of_whom), self.assertRaises(NotFound):
                self.call(services.add_track, track_id=track(self.rows), **of_whom)
        self.assert_tracks(*self.tracks)


class Deleting(PlaylistTests):
    def test_is_undone_by_restoring(self):
        self.call(services.delete_playlist)
        for service, more in [
            (services.delete_playlist, {}),
            (services.add_track, {"track_id": track(self.rows)}),
            (services.duplicate_playlist, {}),
        ]:
            with self.subTest(service), self.assertRaises(NotFound):
                self.call(service, **more)
        self.call(services.restore_playlist)
        with self.assertRaises(NotFound):
            self.call(services.restore_playlist)
        self.assert_tracks(*self.tracks)

    def test_is_for_the_owner_and_for_staff(self):
        staff, admin = user(self.rows), self.collaborator(ADMIN)
        for actor, refusal in [(admin, NotAllowed), (staff, NotFound)]:
            with self.subTest(refusal), self.assertRaises(refusal):
                self.call(services.delete_playlist, actor_id=actor)
        self.call(services.delete_playlist, actor_id=staff, as_staff=True)
        with self.assertRaises(NotAllowed):
            self.call(services.restore_playlist, actor_id=admin)
        self.call(services.restore_playlist, actor_id=staff, as_staff=True)

    def test_can_not_be_undone_once_the_slug_is_taken(self):
        slug = Playlist.objects.get().slug
        self.call(services.delete_playlist)
        self.rows.insert("playlists", slug=slug)
        with self.assertRaises(Conflict):
            self.call(services.restore_playlist)
        self.assertIsNotNone(Playlist.objects.get(pk=self.playlist).deleted_at)


class Duplicating(PlaylistTests):
    def duplicate(self, **arguments):
        copy = self.call(services.duplicate_playlist, **arguments)
        self.assert_sound()
        return Playlist.objects.get(pk=copy)

    def test_copies_the_live_tracks_without_holes(self):
        self.call(services.move_track, track_id=self.tracks[4], position=0)
        Track.objects.filter(pk=self.tracks[1]).soft_delete()
        copy = self.duplicate()
        self.assertEqual(
            tracks_of(self.rows, copy.pk), [self.tracks[number] for number in (4, 0, 2, 3)]
        )
        self.assertEqual(copy.track_count, 4)
        self.assertEqual({row.added_by_id for row in copy.playlist_tracks.all()}, {self.owner})

    def test_leaves_out_the_private_tracks_of_others(self):
        private, own = self.tracks[1:3]
        Track.objects.filter(pk__in=[private, own]).update(is_public=False)
        Track.objects.filter(pk=own).update(creator=self.owner)
        copy = self.duplicate()
        self.assertEqual(
            tracks_of(self.rows, copy.pk), [track for track in self.tracks if track != private]
        )

    def test_of_one_id_is_made_once(self):
        duplicate = partial(self.call, services.duplicate_playlist, copy_id=uuid4())
        (copy,) = set(self.at_once(*[duplicate] * 4))
        self.assertEqual(copy, duplicate.keywords["copy_id"])
        self.call(services.remove_track, playlist_id=copy, track_id=self.tracks[0])
        self.assertEqual(duplicate(), copy)
        self.assertEqual(len(statements(duplicate)), 4)
        self.assertEqual(tracks_of(self.rows, copy), self.tracks[1:])
        Playlist.objects.filter(pk=self.playlist).update(is_public=True)
        for other in [{"actor_id": user(self.rows)}, {"copy_id": self.playlist}]:
            with self.subTest(other), self.assertRaises(Conflict):
                duplicate(**other)
        self.assertEqual(Playlist.objects.count(), 2)
        self.assert_sound()

    def test_makes_a_private_playlist_of_the_actor(self):
        Playlist.objects.update(is_public=True, description="slowly", cover_url="https://x")
        listener = user(self.rows)
        copy = self.duplicate(actor_id=listener)
        self.assertEqual(copy.owner_id, listener)
        self.assertEqual(copy.duplicated_from_id, self.playlist)
        self.assertEqual((copy.is_public, copy.is_collaborative, copy.follower_count), (0, 0, 0))
        self.assertEqual(
            (copy.title, copy.description, copy.cover_url),
            ("Late train home", "slowly", "https://x"),
        )

    def test_is_for_those_who_may_read(self):
        stranger, invited = user(self.rows), self.collaborator(READ, accepted=False)
        for actor in (stranger, invited):
            with self.assertRaises(NotFound):
                self.duplicate(actor_id=actor)
        self.duplicate(actor_id=self.collaborator(READ))
        Playlist.objects.filter(pk=self.playlist).update(is_public=True)
        self.duplicate(actor_id=stranger)

    def test_makes_a_free_slug_from_any_title(self):
        for title, base in [
            ("Late train home", "late-train-home"),
            ("Дорога домой", "playlist"),
            ("", "playlist"),
            ("Été — à la mer!", "ete-a-la-mer"),
            ("x" * 255, "x" * 222),
            ("x" * 221 + " y", "x" * 221),
        ]:
            with self.subTest(title):
                Playlist.objects.filter(pk=self.playlist).update(title=title)
                copies = [self.duplicate(), self.duplicate()]
                self.assertEqual(
                    [copy.slug for copy in copies], [f"{base}-{copy.pk.hex}" for copy in copies]
                )

    def test_succeeds_for_all_who_do_it_at_once(self):
        copies = self.at_once(*[partial(self.call, services.duplicate_playlist)] * 6)
        self.assertEqual({type(copy) for copy in copies}, {UUID})
        self.assertEqual(len(set(copies)), 6)
        self.assert_sound()

    def test_does_not_wait_for_an_edit_and_copies_nothing_of_it(self):
        with transaction.atomic():
            self.call(services.remove_track, track_id=self.tracks[0])
            (copy,) = self.at_once(partial(self.call, services.duplicate_playlist))
        self.assertEqual(tracks_of(self.rows, copy), self.tracks)
        self.assert_sound()


class LargePlaylist(ServiceTests):
    few_rows = False

    @tag("slow")  # it has ten thousand tracks
    def test_is_duplicated_in_order(self):
        large = playlist(self.rows, 30_000)
        copy = services.duplicate_playlist(**large)
        self.assertEqual(Playlist.objects.get(pk=copy).track_count, 30_000)
        self.assertEqual(tracks_of(self.rows, copy), tracks_of(self.rows, large["playlist_id"]))
        self.assert_sound()


class Rights(PlaylistTests):
    """What each may do, from a stranger to the owner."""

    def setUp(self):
        super().setUp()
        self.services = {
            READ: [(services.duplicate_playlist, dict)],
            WRITE: [
                (services.add_track, lambda: {"track_id": track(self.rows)}),
                (services.insert_track, lambda: {"track_id": track(self.rows), "position": 0}),
                (services.move_track, lambda: {"track_id": self.first(), "position": 1}),
                (services.remove_track, lambda: {"track_id": self.first()}),
                (services.reorder_tracks, lambda: {"track_ids": self.reversed()}),
            ],
            ADMIN: [
                (
                    services.invite_collaborator,
                    lambda: {"user_id": user(self.rows), "permission": READ},
                ),
                (
                    services.remove_collaborator,
                    lambda: {"user_id": self.collaborator(READ)},
                ),
            ],
        }

    def first(self):
        return track_at(self.rows, self.playlist, 0)

    def reversed(self):
        return tracks_of(self.rows, self.playlist)[::-1]

    def assert_rights(self, actor, allowed, refusal):
        for needed, calls in self.services.items():
            for service, arguments in calls:
                with self.subTest(service.__name__, needed=needed):
                    call = partial(self.call, service, actor_id=actor, **arguments())
                    if needed in allowed:
                        call()
                    else:
                        self.assertRaises(refusal, call)

    def test_of_the_owner(self):
        self.assert_rights(self.owner, [READ, WRITE, ADMIN], None)

    def test_of_collaborators(self):
        self.assert_rights(self.collaborator(READ), [READ], NotAllowed)
        self.assert_rights(self.collaborator(WRITE), [READ, WRITE], NotAllowed)
        self.assert_rights(self.collaborator(ADMIN), [READ, WRITE, ADMIN], None)

    def test_of_strangers(self):
        self.assert_rights(user(self.rows), [], NotFound)
        Playlist.objects.update(is_public=True)
        self.assert_rights(user(self.rows), [READ], NotAllowed)

    def test_of_those_who_have_not_accepted(self):
        self.assert_rights(self.collaborator(ADMIN, accepted=False), [], NotFound)

    def test_of_a_deleted_owner(self):
        self.rows.cursor.execute("UPDATE users SET deleted_at = now() WHERE id = %s", [self.owner])
        for calls in list(self.services.values())[:2]:
            for service, arguments in calls:
                with self.subTest(service.__name__), self.assertRaises(NotFound):
                    self.call(service, **arguments())

    def test_end_at_once(self):
        """An edit that waited while the collaborator was removed is refused."""
        for after, refusal in [
            (services.remove_collaborator, NotFound),
            (partial(services.invite_collaborator, permission=READ), NotAllowed),
        ]:
            writer = self.collaborator(WRITE)
            edit = partial(
                self.call, services.remove_track, track_id=self.tracks[0], actor_id=writer
            )
            outcome = self.behind(partial(self.call, after, user_id=writer), edit)
            self.assertIsInstance(outcome, refusal)
        self.assert_tracks(*self.tracks)


class Collaborators(PlaylistTests):
    def test_are_invited_again_with_another_permission(self):
        writer = self.collaborator(READ)
        self.call(services.invite_collaborator, user_id=writer, permission=WRITE)
        self.call(services.add_track, track_id=track(self.rows), actor_id=writer)

    def test_accept_once(self):
        reader = self.collaborator(READ)
        accepted = "SELECT accepted_at FROM playlist_collaborators"
        first = self.rows.fetch(accepted)
        services.accept_invitation(playlist_id=self.playlist, user_id=reader)
        self.assertEqual(self.rows.fetch(accepted), first)

    def test_leave_by_themselves(self):
        reader = self.collaborator(READ)
        self.call(services.remove_collaborator, user_id=reader, actor_id=reader)
        with self.assertRaises(NotFound):
            self.call(services.remove_collaborator, user_id=reader, actor_id=reader)

    def test_are_not_the_owner_nor_of_unknown_permission(self):
        with self.assertRaises(Conflict):
            self.call(services.invite_collaborator, user_id=self.owner, permission=READ)
        with self.assertRaises(Invalid):
            self.call(services.invite_collaborator, user_id=user(self.rows), permission="root")
        with self.assertRaises(NotFound):
            self.call(services.invite_collaborator, user_id=uuid4(), permission=READ)
        with self.assertRaises(NotFound):
            services.accept_invitation(playlist_id=self.playlist, user_id=user(self.rows))


class AtOnce(PlaylistTests):
    def test_one_of_two_adds_of_the_same_track_is_refused(self):
        call = partial(self.call, services.add_track, track_id=track(self.rows))
        outcomes = self.at_once(call, call)
        self.assertEqual({type(outcome) for outcome in outcomes}, {type(None), Conflict})
        self.assert_sound()

    def test_every_add_counts(self):
        self.at_once(
            *[partial(self.call, services.add_track, track_id=track(self.rows)) for _ in range(8)]
        )
        self.assertEqual(Playlist.objects.get().track_count, 13)
        self.assert_sound()

    def test_a_track_is_removed_once(self):
        outcomes = self.at_once(
            *[partial(self.call, services.remove_track, track_id=self.tracks[0])] * 4
        )
        self.assertEqual(sum(outcome is None for outcome in outcomes), 1)
        self.assert_tracks(*self.tracks[1:])

    def test_an_order_that_is_old_is_refused(self):
        outcome = self.behind(
            partial(self.call, services.remove_track, track_id=self.tracks[0]),
            partial(self.call, services.reorder_tracks, track_ids=self.tracks[::-1]),
        )
        self.assertIsInstance(outcome, Conflict)
        self.assert_tracks(*self.tracks[1:])


class PlaylistMachine(RuleBasedStateMachine):
    """A playlist beside a Python list, through any sequence of edits."""

    @initialize(size=st.integers(0, 4))
    def create(self, size):
        self.rows = rows()
        call = playlist(self.rows, size)
        self.playlist, self.owner = call["playlist_id"], call["actor_id"]
        self.tracks = tracks_of(self.rows, self.playlist)
        self.deleted = False

    def call(self, service, **arguments):
        return service(playlist_id=self.playlist, actor_id=self.owner, **arguments)

    def is_live(self):
        return not self.deleted

    def has_tracks(self):
        return not self.deleted and self.tracks

    @precondition(is_live)
    @rule()
    def add(self):
        self.tracks.append(track(self.rows))
        self.call(services.add_track, track_id=self.tracks[-1])

    @precondition(is_live)
    @rule(data=st.data())
    def insert(self, data):
        position = data.draw(st.integers(0, len(self.tracks)))
        self.tracks.insert(position, track(self.rows))
        self.call(services.insert_track, track_id=self.tracks[position], position=position)

    @precondition(has_tracks)
    @rule(data=st.data())
    def move(self, data):
        positions = st.integers(0, len(self.tracks) - 1)
        moved = self.tracks.pop(data.draw(positions))
        position = data.draw(positions)
        self.tracks.insert(position, moved)
        self.call(services.move_track, track_id=moved, position=position)

    @precondition(has_tracks)
    @rule(data=st.data())
    def remove(self, data):
        position = data.draw(st.integers(0, len(self.tracks) - 1))
        self.call(services.remove_track, track_id=self.tracks.pop(position))

    @precondition(is_live)
    @rule(data=st.data())
    def reorder(self, data):
        self.tracks = data.draw(st.permutations(self.tracks))
        self.call(services.reorder_tracks, track_ids=self.tracks)

    @precondition(has_tracks)
    @rule(data=st.data())
    def refuse(self, data):
        known = data.draw(st.sampled_from(self.tracks))
        for refusal, service, arguments in [
            (Conflict, services.add_track, {"track_id": known}),
            (Conflict, services.insert_track, {"track_id": known, "position": 0}),
            (Conflict, services.reorder_tracks, {"track_ids": self.tracks[1:]}),
            (Invalid, services.move_track, {"track_id": known, "position": len(self.tracks)}),
            (NotFound, services.remove_track, {"track_id": uuid4()}),
        ]:
            try:
                self.call(service, **arguments)
            except refusal:
                continue
            raise AssertionError(f"{service.__name__} is not refused")

    @precondition(is_live)
    @rule()
    def go_on_with_a_copy(self):
        self.playlist = self.call(services.duplicate_playlist)

    @rule()
    def delete_or_restore(self):
        service = services.restore_playlist if self.deleted else services.delete_playlist
        self.call(service)
        self.deleted = not self.deleted

    @invariant()
    def equals_the_list(self):
        assert tracks_of(self.rows, self.playlist) == self.tracks
        assert find_unsound() == {}


class AnySequence(ServiceTests):
    def test_of_edits_leaves_what_a_list_would_be(self):
        run_state_machine_as_test(
            PlaylistMachine,
            settings=settings(
                max_examples=15,
                stateful_step_count=12,
                derandomize=True,
                database=None,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )
