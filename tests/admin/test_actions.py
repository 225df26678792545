"""What staff do to rows: confirmed, all or nothing, logged, and only with the right to."""

import gc
from datetime import timedelta
from unittest import mock

from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import FederatedIdentity, RefreshToken, User
from legacy_chat.models import Room
from media.models import HlsStream, HlsTranscodeJob
from rbac.models import Permission, Role, RoleGrant, RolePermission
from streaming.models import Playlist, Track, TrackComment
from tests.support.admin import STAFF, admin_url
from tests.support.examples.media import STREAM
from tests.support.invariants import find_unsound
from tests.support.rows import rows
from veza_site.admin.actions import batches
from veza_site.admin.actions.soft_deletion import SoftDelete

DELETED = "2001-02-03T04:05:06Z"
EVERY = "?deleted=all"  # the list with soft-deleted rows


class ActionTests(TestCase):
    """Tests that choose actions as a browser does, as a super_admin unless they sign in."""

    @classmethod
    def setUpTestData(cls):
        for role in STAFF:
            User.objects.create_user(f"{role}@veza.example", role, role=role)
        cls.staff = {user.role: user for user in User.objects.all()}
        User.objects.create_user("nora@veza.example", "nora")
        cls.nora = User.objects.get(username="nora")

    def setUp(self):
        self.rows = rows()
        self.sign_in("super_admin")

    def sign_in(self, role):
        self.client.force_login(self.staff[role])

    def choose(self, model, action, *chosen, everything=False, query="", **values):
        """Choose an action on the list, for these rows or for all that match; return the answer."""
        parameters = {
            "action": action,
            "_selected_action": [row.pk for row in chosen] or [self.nora.pk],
            "select_across": int(everything),
        }
        url = admin_url(model, "changelist") + query
        return self.client.post(url, parameters | values, secure=True)

    def choose_on_page(self, row, action, **values):
        """Choose an action on the row's own page; return the answer."""
        parameters = {"CHANGE_FORM-action": action, "_selected_action": row.pk}
        url = admin_url(type(row), "change", row.pk)
        return self.client.post(url, parameters | values, secure=True)

    def confirm(self, model, action, *chosen, **options):
        """Choose an action on the list and confirm it; return the message."""
        return self.read_message(self.choose(model, action, *chosen, confirmed="yes", **options))

    def confirm_on_page(self, row, action, **values):
        """Choose an action on the row's own page and confirm it; return the message."""
        return self.read_message(self.choose_on_page(row, action, confirmed="yes", **values))

    def read_message(self, answer):
        """Return the last message after a redirect back to where the action was chosen."""
        self.assertEqual(answer.status_code, 302, answer.context and answer.context.get("errors"))
        return [str(message) for message in get_messages(answer.wsgi_request)][-1]

    def log(self):
        """Return the rows and the messages of the admin's log."""
        return list(LogEntry.objects.order_by("pk").values_list("object_repr", "change_message"))

    def assert_refused(self, told, why):
        """Assert that the message says why, and that the log is empty."""
        self.assertIn(why, told)
        self.assertTrue(told.endswith("; nothing was changed."), told)
        self.assertEqual(self.log(), [])

    def track(self, **values):
        return Track.objects.get(pk=self.rows.insert("tracks", **values))

    def user(self, **values):
        return User.objects.get(pk=self.rows.insert("users", **values))


class EveryAction(ActionTests):
    def setUp(self):
        super().setUp()
        self.tracks = [self.track(title=f"Song {number:02}") for number in range(12)]

    def test_asks_first_how_many_rows_it_is_about_and_names_ten(self):
        answer = self.choose(Track, "soft_delete", *self.tracks)
        self.assertContains(answer, "Soft-delete 12 tracks?")
        self.assertContains(answer, " – Song ", count=10)
        self.assertEqual(Track.objects.alive().count(), 12)
        self.assertEqual(self.log(), [])

    def test_counts_no_further_than_a_thousand(self):
        self.rows.cursor.execute(
            "INSERT INTO tracks (creator_id, title, slug, artist, file_path, file_size, mime_type)"
            " SELECT %s, 'x', gen_random_uuid()::text, 'x', 'x', 1, 'x'"
            " FROM generate_series(1, 1000)",
            [self.nora.pk],
        )
        answer = self.choose(Track, "soft_delete", everything=True)
        self.assertContains(answer, "Soft-delete 1,000+ tracks?")

    def test_asks_with_what_has_to_be_sent_again(self):
        answer = self.choose(Track, "soft_delete", *self.tracks[:2])
        for track in self.tracks[:2]:
            self.assertContains(answer, f'name="_selected_action" value="{track.pk}"')
        self.assertContains(answer, 'name="action" value="soft_delete"')
        self.assertNotContains(answer, "select_across")
        answer = self.choose(Track, "soft_delete", *self.tracks, everything=True)
        self.assertContains(answer, 'name="select_across" value="1"')
        self.assertContains(answer, 'name="_selected_action"', count=1)
        answer = self.choose_on_page(self.tracks[0], "soft_delete")
        self.assertContains(answer, 'name="CHANGE_FORM-action" value="soft_delete"')

    def test_takes_the_action_of_the_box_whose_button_was_pressed(self):
        boxes = ["restore", "soft_delete"]
        answer = self.choose(Track, boxes, self.tracks[0], index="1")
        self.assertContains(answer, 'name="action" value="soft_delete"')

    def test_is_done_to_the_chosen_rows_and_told(self):
        told = self.confirm(Track, "soft_delete", *self.tracks[:3])
        self.assertEqual(told, "3 tracks soft-deleted.")
        self.assertEqual(Track.objects.deleted().count(), 3)
        self.assertCountEqual(
            self.log(), [(str(track), "Soft-deleted.") for track in self.tracks[:3]]
        )
        self.assertEqual(LogEntry.objects.first().user, self.staff["super_admin"])

    def test_is_done_to_a_row_from_its_page(self):
        told = self.confirm_on_page(self.tracks[4], "soft_delete")
        self.assertEqual(told, "1 track soft-deleted.")
        self.assertEqual(Track.objects.deleted().get(), self.tracks[4])
        self.assertEqual(self.confirm_on_page(self.tracks[4], "restore"), "1 track restored.")
        self.assertEqual(len(self.log()), 2)

    def test_leaves_rows_alone_that_are_as_they_should_be_and_counts_them_not(self):
        self.tracks[0].soft_delete()
        told = self.confirm(Track, "soft_delete", *self.tracks[:3], query=EVERY)
        self.assertEqual(told, "2 tracks soft-deleted. 1 left as before.")

    def test_sent_twice_does_nothing_more(self):
        self.confirm(Track, "soft_delete", self.tracks[0], query=EVERY)
        before = Track.objects.deleted().get().deleted_at
        told = self.confirm(Track, "soft_delete", self.tracks[0], query=EVERY)
        self.assertEqual(told, "Nothing was changed: no row needed it.")
        self.assertEqual(Track.objects.deleted().get().deleted_at, before)
        self.assertEqual(len(self.log()), 1)

    def test_is_done_to_all_that_match_in_batches(self):
        with mock.patch.object(batches, "SIZE", 5), CaptureQueriesContext(connection) as sent:
            told = self.confirm(Track, "soft_delete", everything=True)
        self.assertEqual(told, "12 tracks soft-deleted.")
        for statement in ('UPDATE "tracks"', 'INSERT INTO "django_admin_log"'):
            found = [query for query in sent if query["sql"].startswith(statement)]
            self.assertEqual(len(found), 3, statement)

    def test_has_no_more_than_a_batch_in_memory(self):
        found = []

        def note(action, request, rows, values):
            gc.collect()
            found.append(sum(isinstance(value, Track) for value in gc.get_objects()))
            return apply(action, request, rows, values)

        del self.tracks
        apply = SoftDelete.apply
        with mock.patch.object(batches, "SIZE", 5), mock.patch.object(SoftDelete, "apply", note):
            self.confirm(Track, "soft_delete", everything=True)
        on_page = 12  # the list reads its first page, too
        self.assertEqual(len(found), 3)
        self.assertLessEqual(max(found), on_page + 5)

    def test_on_all_that_match_obeys_the_filters_of_the_list(self):
        chosen = self.tracks[3]
        query = f"?creator__id__exact={chosen.creator_id}"
        told = self.confirm(Track, "soft_delete", everything=True, query=query)
        self.assertEqual(told, "1 track soft-deleted.")
        self.assertEqual(Track.objects.deleted().get(), chosen)

    def test_does_nothing_where_it_is_only_asked_for_by_a_link(self):
        url = admin_url(Track, "changelist")
        parameters = {
            "action": "soft_delete",
            "_selected_action": self.tracks[0].pk,
            "confirmed": "yes",
        }
        self.client.get(url, parameters, secure=True)
        self.assertEqual(Track.objects.alive().count(), 12)

    def test_refuses_a_key_that_is_none(self):
        for key in ("all", "\0", "1' OR 1=1"):
            answer = self.choose(Track, "soft_delete", _selected_action=key)
            self.assertEqual(answer.status_code, 400)

    def test_asks_nothing_about_rows_that_are_not_there(self):
        self.assertEqual(
            self.read_message(self.choose(Track, "soft_delete")), "No row matches any more."
        )

    def test_of_whom_may_not_is_not_offered_and_not_done(self):
        self.sign_in("moderator")
        playlist = Playlist.objects.get(pk=self.rows.insert("playlists"))
        self.choose(Playlist, "soft_delete", playlist, confirmed="yes")
        self.choose_on_page(playlist, "soft_delete", confirmed="yes")
        self.choose(User, "grant_role", self.nora, confirmed="yes")
        self.assertFalse(Playlist.objects.deleted().exists())
        self.assertEqual(self.log(), [])


class SoftDeletingAndRestoring(ActionTests):
    def rows_of_every_table(self):
        """Return a live row of each table that can be soft-deleted."""
        stream = {"status": "ready", **STREAM}
        return [
            self.nora,
            FederatedIdentity.objects.get(pk=self.rows.insert("federated_identities")),
            Role.objects.get(pk=self.rows.insert("roles")),
            self.track(),
            Playlist.objects.get(pk=self.rows.insert("playlists")),
            self.comment(),
            HlsStream.objects.get(pk=self.rows.insert("hls_streams", **stream)),
            Room.objects.get(pk=self.rows.insert("rooms")),
        ]

    def comment(self):
        track_id = self.rows.insert("tracks", comment_count=1)
        return TrackComment.objects.get(pk=self.rows.insert("track_comments", track_id=track_id))

    def test_is_there_for_every_table_that_has_deleted_at(self):
        for row in self.rows_of_every_table():
            model = type(row)
            with self.subTest(model):
                self.assertIn("soft-deleted", self.confirm(model, "soft_delete", row))
                self.assertIsNotNone(model.objects.get(pk=row.pk).deleted_at)
                self.assertIn("restored", self.confirm(model, "restore", row, query=EVERY))
                self.assertIsNone(model.objects.get(pk=row.pk).deleted_at)
                self.assertEqual(find_unsound(), {})

    def test_is_for_moderators_where_they_moderate_and_for_admins_but_of_roles(self):
        for role, allowed in [
            ("moderator", {Track, TrackComment, Room}),
            ("admin", {type(row) for row in self.rows_of_every_table()} - {Role}),
        ]:
            self.sign_in(role)
            for row in self.rows_of_every_table():
                with self.subTest(role=role, row=row):
                    self.choose_on_page(row, "soft_delete", confirmed="yes")
                    row.refresh_from_db()
                    self.assertEqual(row.deleted_at is not None, type(row) in allowed)
            self.nora.restore()

    def test_of_comments_keeps_their_track_s_count(self):
        track = self.track(comment_count=3)
        for _ in range(3):
            self.rows.insert("track_comments", track_id=track.pk)
        comments = list(TrackComment.objects.all())
        self.confirm(TrackComment, "soft_delete", *comments[:2])
        self.assertEqual(Track.objects.get(pk=track.pk).comment_count, 1)
        self.confirm(TrackComment, "restore", comments[0], query=EVERY)
        self.assertEqual(find_unsound(), {})

    def test_says_which_live_row_has_the_name_and_changes_nothing(self):
        old = self.track(slug="song", deleted_at=DELETED)
        other = self.track(deleted_at=DELETED)
        new = self.track(slug="song")
        told = self.confirm(Track, "restore", old, other, query=EVERY)
        self.assert_refused(told, f"“{old}”: the live track “{new}” ({new.pk}) has the slug song")
        self.assertEqual(Track.objects.deleted().count(), 2)

    def test_says_which_of_the_restored_rows_have_the_same_name(self):
        tracks = [self.track(slug="song", deleted_at=DELETED) for _ in range(2)]
        told = self.confirm(Track, "restore", *tracks, query=EVERY)
        self.assert_refused(told, "has the slug song too")

    def test_by_a_service_says_it_too(self):
        deleted = {"deleted_at": DELETED}
        track = self.rows.insert("tracks")
        for table, values, told in [
            ("users", {"email": "ina@veza.example"}, "has the email ina@veza.example"),
            ("users", {"username": "ina"}, "has the username ina"),
            ("playlists", {"slug": "late"}, "has the slug late"),
            ("hls_streams", {"track_id": track, "codec": "opus"}, "and codec opus"),
            ("roles", {"name": "support"}, "has the name support"),
            ("rooms", {"name": "lobby"}, None),
        ]:
            model = {
                "users": User,
                "playlists": Playlist,
                "hls_streams": HlsStream,
                "roles": Role,
                "rooms": Room,
            }[table]
            old = model.objects.get(pk=self.rows.insert(table, **values, **deleted))
            self.rows.insert(table, **values)
            with self.subTest(table):
                said = self.confirm_on_page(old, "restore")
                if told is None:
                    continue
                self.assert_refused(said, told)
                self.assertIsNotNone(model.objects.get(pk=old.pk).deleted_at)

    def test_of_a_system_role_is_refused(self):
        role = Role.objects.get(name="moderator")
        other = Role.objects.get(pk=self.rows.insert("roles"))
        told = self.confirm(Role, "soft_delete", other, role)
        self.assert_refused(told, "“moderator”: The role moderator is a system role")
        self.assertFalse(Role.objects.deleted().exists())


class UserActions(ActionTests):
    def setUp(self):
        super().setUp()
        self.rows.insert("refresh_tokens", user_id=self.nora.pk)
        self.rows.insert("user_sessions", user_id=self.nora.pk)

    def status(self, user):
        return User.objects.get(pk=user.pk).status

    def test_suspend_ban_and_reactivate_by_every_staff_role(self):
        for role in STAFF:
            self.sign_in(role)
            for action, done, status in [
                ("suspend", "suspended", "suspended"),
                ("ban", "banned", "banned"),
                ("reactivate", "reactivated", "active"),
            ]:
                with self.subTest(role=role, action=action):
                    self.assertEqual(self.confirm(User, action, self.nora), f"1 user {done}.")
                    self.assertEqual(self.status(self.nora), status)

    def test_say_in_the_log_what_changed(self):
        self.confirm_on_page(self.nora, "suspend")
        self.confirm_on_page(self.nora, "reactivate")
        self.assertEqual(
            self.log(),
            [
                (
                    "nora",
                    "Status active → suspended: 1 refresh token and 1 session revoked.",
                ),
                ("nora", "Status suspended → active."),
            ],
        )

    def test_sign_out_everywhere(self):
        before = self.nora.token_version
        told = self.confirm(User, "sign_out", self.nora)
        self.assertEqual(told, "1 user signed out everywhere.")
        self.nora.refresh_from_db()
        self.assertEqual(self.nora.token_version, before + 1)
        self.assertFalse(RefreshToken.objects.filter(revoked_at=None).exists())

    def test_lift_a_lock_after_failed_sign_ins(self):
        User.objects.filter(pk=self.nora.pk).update(
            locked_until=timezone.now() + timedelta(minutes=9), failed_login_attempts=5
        )
        self.confirm(User, "reactivate", self.nora)
        self.assertIsNone(User.objects.get(pk=self.nora.pk).locked_until)
        self.assertEqual(self.log(), [("nora", "Lock after failed sign-ins lifted.")])

    def test_are_done_to_nobody_who_may_more(self):
        self.sign_in("moderator")
        for action in ("suspend", "ban", "sign_out"):
            for above in ("admin", "super_admin"):
                with self.subTest(action=action, above=above):
                    told = self.confirm(User, action, self.nora, self.staff[above])
                    self.assert_refused(told, "nobody acts on people with more rights")
        self.assertEqual(self.status(self.nora), "active")

    def test_leave_the_last_super_admin(self):
        for action in ("suspend", "ban", "soft_delete"):
            with self.subTest(action):
                told = self.confirm(User, action, self.nora, self.staff["super_admin"])
                self.assert_refused(told, "This would leave no permanent super_admin")
        self.assertEqual(self.status(self.nora), "active")
        self.user(role="super_admin")
        told = self.confirm(User, "suspend", self.staff["super_admin"])
        self.assertEqual(told, "1 user suspended.")

    def test_on_all_that_match_are_all_or_nothing(self):
        self.user()
        told = self.confirm(User, "suspend", everything=True)
        self.assert_refused(told, "This would leave no permanent super_admin")
        self.assertFalse(User.objects.filter(status="suspended").exists())

    def test_end_the_sessions_of_a_suspended_user_at_the_next_request(self):
        url = admin_url(User, "changelist")
        self.sign_in("moderator")
        self.assertEqual(self.client.get(url, secure=True).status_code, 200)
        other = self.client_class()
        other.force_login(self.staff["super_admin"])
        self.client, mine = other, self.client
        self.confirm(User, "suspend", self.staff["moderator"])
        self.assertEqual(mine.get(url, secure=True).status_code, 302)


class UserForm(ActionTests):
    def change(self, user, **values):
        page = admin_url(User, "change", user.pk)
        fields = {"username": user.username, "email": user.email, "role": user.role}
        return self.client.post(page, fields | values, secure=True)

    def test_changes_the_role_by_whom_may_change_grants(self):
        before = self.nora.token_version
        self.read_message(self.change(self.nora, role="moderator"))
        self.nora.refresh_from_db()
        self.assertEqual((self.nora.role, self.nora.token_version), ("moderator", before + 1))
        self.sign_in("admin")
        self.read_message(self.change(self.nora, role="admin"))
        self.nora.refresh_from_db()
        self.assertEqual(self.nora.role, "moderator")

    def test_leaves_one_s_own_role_and_the_last_super_admin(self):
        root = self.staff["super_admin"]
        self.assertContains(self.change(root, role="admin"), "Nobody changes their own roles")
        self.assertEqual(User.objects.get(pk=root.pk).role, "super_admin")

    def test_leaves_people_alone_who_may_more(self):
        self.sign_in("admin")
        root = self.staff["super_admin"]
        answer = self.change(root, email="mine@veza.example")
        self.assertContains(answer, "nobody acts on people with more rights")
        self.assertEqual(User.objects.get(pk=root.pk).email, root.email)

    def test_deletes_neither_the_last_super_admin_nor_who_may_more(self):
        root = self.staff["super_admin"]
        for url, values in [
            (admin_url(User, "delete", root.pk), {"post": "yes"}),
            (
                admin_url(User, "changelist"),
                {"action": "delete_selected", "_selected_action": root.pk, "post": "yes"},
            ),
        ]:
            told = self.read_message(self.client.post(url, values, secure=True))
            self.assertIn("This would leave no permanent super_admin", told)
        self.assertTrue(User.objects.filter(pk=root.pk).exists())


class Grants(ActionTests):
    def setUp(self):
        super().setUp()
        self.role = Role.objects.get(pk=self.rows.insert("roles", name="support"))
        self.later = timezone.now().replace(microsecond=0) + timedelta(days=30)

    def grant(self, *users, role=None, **values):
        values = {"role": (role or self.role).pk} | values
        return self.confirm(User, "grant_role", *users, **values)

    def test_are_made_for_good_or_until_a_time(self):
        told = self.grant(self.nora, self.staff["moderator"], expires_at=self.later.isoformat())
        self.assertEqual(told, "Role granted to 2 users.")
        grant = RoleGrant.objects.get(user=self.nora)
        self.assertEqual((grant.role, grant.expires_at), (self.role, self.later))
        self.assertEqual(grant.granted_by, self.staff["super_admin"])
        until = f"{self.later:%Y-%m-%d %H:%M} UTC"
        self.assertIn(("nora", f"Granted role support until {until}."), self.log())
        self.grant(self.nora)
        self.assertIn(("nora", "Granted role support permanently."), self.log())

    def test_take_a_time_in_any_zone(self):
        self.grant(self.nora, expires_at="2099-01-31T18:00+01:00")
        self.assertEqual(RoleGrant.objects.get().expires_at.hour, 17)

    def test_ask_again_for_what_is_wrong_or_missing(self):
        for values in [
            {"role": ""},
            {"role": "x"},
            {"expires_at": "soon"},
            {"expires_at": "2001-02-03 04:05"},
            {"expires_at": "9999-12-31T23:59-10:00"},
        ]:
            with self.subTest(values):
                values = {"role": self.role.pk, "confirmed": "yes"} | values
                answer = self.choose(User, "grant_role", self.nora, **values)
                self.assertContains(answer, "Please correct the errors below.")
                self.assertContains(answer, f'name="_selected_action" value="{self.nora.pk}"')
        self.assertFalse(RoleGrant.objects.exists())

    def test_are_not_for_oneself(self):
        told = self.grant(self.nora, self.staff["super_admin"])
        self.assert_refused(told, "Nobody changes their own roles")
        self.assertFalse(RoleGrant.objects.exists())

    def test_are_made_by_nobody_beyond_their_own_rights(self):
        everything = Permission.objects.get(resource="*", action="*")
        create, _ = Permission.objects.get_or_create(resource="user_roles", action="create")
        RolePermission.objects.create(role=self.role, permission=create)
        self.rows.insert("user_roles", user_id=self.staff["admin"].pk, role_id=self.role.pk)
        wide = Role.objects.get(pk=self.rows.insert("roles", name="wide"))
        RolePermission.objects.create(role=wide, permission=everything)
        self.sign_in("admin")
        self.assertEqual(self.grant(self.nora), "Role granted to 1 user.")
        LogEntry.objects.all().delete()
        for role in (wide, Role.objects.get(name="super_admin")):
            told = self.grant(self.nora, role=role)
            self.assert_refused(told, "which you don't have yourself")

    def test_are_for_super_admins_to_make_and_revoke(self):
        self.rows.insert("user_roles", user_id=self.nora.pk, role_id=self.role.pk)
        other = self.user()
        for role in ("moderator", "admin"):
            self.sign_in(role)
            values = {"role": self.role.pk, "confirmed": "yes"}
            self.choose(User, "grant_role", other, **values)
            self.choose(User, "revoke_role", self.nora, **values)
            self.choose(RoleGrant, "revoke", RoleGrant.objects.get(), confirmed="yes")
        self.assertEqual(RoleGrant.objects.get().user, self.nora)

    def test_are_revoked_from_users(self):
        self.grant(self.nora)
        told = self.confirm(User, "revoke_role", self.nora, self.staff["admin"], role=self.role.pk)
        self.assertEqual(told, "Role revoked from 1 user. 1 left as before.")
        self.assertEqual(self.log()[-1], ("nora", "Revoked role support."))

    def test_are_revoked_on_their_own_list_and_page(self):
        for confirm in (
            lambda grant: self.confirm(RoleGrant, "revoke", grant),
            lambda grant: self.confirm_on_page(grant, "revoke"),
        ):
            self.grant(self.nora)
            self.assertEqual(confirm(RoleGrant.objects.get()), "1 role grant revoked.")
            self.assertFalse(RoleGrant.objects.exists())
            self.assertEqual(self.log()[-1], ("nora", "Revoked role support."))

    def test_of_the_last_super_admin_stay(self):
        role = Role.objects.get(name="super_admin")
        root = self.user(role="moderator")
        self.rows.insert("user_roles", user_id=root.pk, role_id=role.pk)
        User.objects.exclude(pk=root.pk).filter(role="super_admin").update(status="inactive")
        helper = self.user(role="admin")
        everything = Role.objects.get(pk=self.rows.insert("roles", name="wide"))
        RolePermission.objects.create(
            role=everything, permission=Permission.objects.get(resource="*", action="*")
        )
        self.rows.insert("user_roles", user_id=helper.pk, role_id=everything.pk)
        self.client.force_login(helper)
        grant = RoleGrant.objects.get(user=root)
        why = "This would leave no permanent super_admin"
        self.assert_refused(self.confirm(RoleGrant, "revoke", grant), why)
        page = admin_url(RoleGrant, "change", grant.pk)
        soon = {"expires_at_0": "2099-01-01", "expires_at_1": "00:00:00"}
        self.assertContains(self.client.post(page, soon, secure=True), why)
        answer = self.client.post(
            admin_url(RoleGrant, "delete", grant.pk), {"post": "yes"}, secure=True
        )
        self.assertIn(why, self.read_message(answer))
        grant.refresh_from_db()
        self.assertIsNone(grant.expires_at)

    def add(self, user, role, **values):
        values = {"user": user.pk, "role": role.pk} | values
        return self.client.post(admin_url(RoleGrant, "add"), values, secure=True)

    def test_are_made_on_their_own_page_by_the_same_rules(self):
        self.read_message(self.add(self.nora, self.role))
        grant = RoleGrant.objects.get()
        self.assertEqual(grant.granted_by, self.staff["super_admin"])
        self.assertIn(("nora", "Granted role support permanently."), self.log())
        root = self.staff["super_admin"]
        self.assertContains(self.add(root, self.role), "Nobody changes their own roles")
        self.assertEqual(RoleGrant.objects.get(), grant)

    def test_change_their_expiry_and_nothing_else(self):
        self.read_message(self.add(self.nora, self.role))
        grant = RoleGrant.objects.get()
        values = {
            "user": self.staff["admin"].pk,
            "role": Role.objects.get(name="super_admin").pk,
            "expires_at_0": "2099-01-01",
            "expires_at_1": "00:00:00",
        }
        self.read_message(
            self.client.post(admin_url(RoleGrant, "change", grant.pk), values, secure=True)
        )
        grant.refresh_from_db()
        self.assertEqual((grant.user, grant.role), (self.nora, self.role))
        self.assertEqual(grant.expires_at.year, 2099)


class Permissions(ActionTests):
    def setUp(self):
        super().setUp()
        self.role = Role.objects.get(pk=self.rows.insert("roles", name="support"))
        self.read = Permission.objects.get(resource="*", action="read")

    def add(self, role, permission):
        values = {"role": role.pk, "permission": permission.pk}
        return self.client.post(admin_url(RolePermission, "add"), values, secure=True)

    def test_are_given_to_and_taken_from_roles(self):
        self.read_message(self.add(self.role, self.read))
        allowed = RolePermission.objects.get(role=self.role)
        url = admin_url(RolePermission, "delete", allowed.pk)
        self.read_message(self.client.post(url, {"post": "yes"}, secure=True))
        self.assertFalse(RolePermission.objects.filter(role=self.role).exists())

    def test_of_one_s_own_roles_stay_as_they_are(self):
        role = Role.objects.get(name="super_admin")
        self.assertContains(self.add(role, self.read), "nobody edits their own roles")
        allowed = RolePermission.objects.get(role=role)
        url = admin_url(RolePermission, "delete", allowed.pk)
        told = self.read_message(self.client.post(url, {"post": "yes"}, secure=True))
        self.assertIn("nobody edits their own roles", told)
        self.assertTrue(RolePermission.objects.filter(pk=allowed.pk).exists())

    def test_are_not_exchanged_in_place(self):
        allowed = RolePermission.objects.filter(role__name="moderator").first()
        url = admin_url(RolePermission, "change", allowed.pk)
        self.assertEqual(self.client.post(url, {}, secure=True).status_code, 403)

    def test_leave_system_roles_their_names(self):
        role = Role.objects.get(name="moderator")
        url = admin_url(Role, "change", role.pk)
        values = {"name": "x", "display_name": "Moderators", "is_system": ""}
        self.read_message(self.client.post(url, values, secure=True))
        role.refresh_from_db()
        self.assertEqual((role.name, role.display_name), ("moderator", "Moderators"))
        self.assertTrue(role.is_system)
        answer = self.client.post(admin_url(Role, "delete", role.pk), {"post": "yes"}, secure=True)
        self.assertIn("which is never deleted", self.read_message(answer))


class JobActions(ActionTests):
    def job(self, status, **values):
        return HlsTranscodeJob.objects.get(
            pk=self.rows.insert("hls_transcode_queue", status=status, **values)
        )

    def test_retry_what_failed_or_was_cancelled(self):
        jobs = [self.job(status) for status in ("failed", "cancelled", "completed", "pending")]
        told = self.confirm(HlsTranscodeJob, "retry", *jobs)
        self.assertEqual(told, "2 transcode jobs pending again. 2 left as before.")
        self.assertEqual(HlsTranscodeJob.objects.filter(status="pending").count(), 3)
        self.assertIn("Retried: status failed → pending.", [message for _, message in self.log()])

    def test_cancel_what_is_open(self):
        jobs = [self.job(status) for status in ("pending", "failed")]
        told = self.confirm(HlsTranscodeJob, "cancel", everything=True)
        self.assertEqual(told, "1 transcode job cancelled. 1 left as before.")
        jobs[0].refresh_from_db()
        self.assertEqual(jobs[0].status, "cancelled")

    def test_are_refused_whole_where_one_can_t_be_done(self):
        fine, track = self.job("failed"), self.rows.insert("tracks")
        failed = self.job("failed", track_id=track)
        self.job("pending", track_id=track)
        told = self.confirm(HlsTranscodeJob, "retry", fine, failed)
        self.assert_refused(told, f"“{failed}”: The track {track} has another open job")
        fine.refresh_from_db()
        self.assertEqual(fine.status, "failed")

    def test_are_for_admins_and_not_for_moderators(self):
        job = self.job("failed")
        self.sign_in("moderator")
        self.choose(HlsTranscodeJob, "retry", job, confirmed="yes")
        self.assertEqual(HlsTranscodeJob.objects.get().status, "failed")
        self.sign_in("admin")
        self.confirm_on_page(job, "retry")
        self.assertEqual(HlsTranscodeJob.objects.get().status, "pending")
