"""The page of one row: it shows every column, and saving it loses nobody's change."""

import json
import re
import threading
from functools import partial
from unittest import mock

from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client, RequestFactory, tag
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User, UserRole
from rbac.models import Role
from rbac.system_roles import create_missing
from streaming.models import Playlist, PlaylistTrack, Track, TrackComment, TrackPlay
from tests.support.admin import AdminTests, admin_of, admin_url
from tests.support.databases import connect
from tests.support.services import PATIENCE, ServiceTests
from veza_site.admin.lists.counts import CAP
from veza_site.admin.rows.forms import SHOWN
from veza_site.admin.rows.lines import flatten
from veza_site.admin.secrets import find_secrets
from veza_site.models import AppendOnlyModel
from veza_site.transactions import Refused


class Details(AdminTests):
    def test_have_every_column_once(self):
        for role in (UserRole.SUPER_ADMIN, UserRole.MODERATOR):
            request = RequestFactory().get(reverse("admin:index"))
            request.user = self.sign_in(role)
            for model, row in self.first_rows().items():
                with self.subTest(model, role=role):
                    shown = [
                        getattr(name, "__name__", name)
                        for _, options in admin_of(model).get_fieldsets(request, row)
                        for name in flatten(options["fields"])
                    ]
                    columns = {field.name for field in model._meta.local_fields}
                    self.assertEqual(sorted(columns), sorted(set(shown) & columns))
                    self.assertEqual(len(shown), len(set(shown)))

    def test_tell_of_a_secret_whether_it_is_set(self):
        for model, row in self.first_rows().items():
            answer = self.get(admin_url(model, "change", row.pk))
            for field in find_secrets(model):
                with self.subTest(field):
                    self.assertContains(answer, f"field-{field.name}")

    @tag("slow")  # it opens a page of every table
    def test_read_no_secret_of_any_row(self):
        """Nor do pages that add, change or delete one; of who is signed in, only the password."""
        me = self.sign_in(UserRole.SUPER_ADMIN)
        own = re.compile(rf"FROM users\s+WHERE id = '({me.pk}|{me.pk.hex})'")
        secret = re.compile(r'\w+(_hash|_secret)"?(,| FROM| AS)')
        others = User.objects.exclude(pk=me.pk).order_by("pk").first()
        for model, row in {**self.first_rows(), User: others}.items():
            delete = {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
            for ask, page, *arguments in [
                (self.get, admin_url(model, "add")),
                (self.get, admin_url(model, "change", row.pk)),
                (self.get, admin_url(model, "delete", row.pk)),
                (self.post, admin_url(model, "change", row.pk), {"reason": "no such field"}),
                (self.post, admin_url(model, "delete", row.pk), {"post": "yes"}),
                (self.post, admin_url(model, "changelist"), delete),
            ]:
                with transaction.atomic(), CaptureQueriesContext(connection) as sent:
                    ask(page, *arguments)
                    transaction.set_rollback(True)
                with self.subTest(page, ask=ask.__name__):
                    read = [q["sql"] for q in sent if secret.search(q["sql"])]
                    self.assertEqual([sql for sql in read if not own.search(sql)], [])
                    self.assertEqual(len(read), 1)

    def test_say_not_set_of_an_account_without_a_password(self):
        user = User.objects.filter(role=UserRole.USER).first()
        url = admin_url(User, "change", user.pk)
        line = '<div class="readonly">{}</div>'
        User.objects.filter(pk=user.pk).update(password="!", two_factor_secret="x")
        self.assertContains(self.get(url), line.format("not set"), count=1, html=True)
        User.objects.filter(pk=user.pk).update(password="x")
        self.assertNotContains(self.get(url), line.format("not set"), html=True)

    def test_of_append_only_tables_can_only_be_looked_at(self):
        for model, row in self.first_rows().items():
            if issubclass(model, AppendOnlyModel):
                with self.subTest(model):
                    page = admin_url(model, "change", row.pk)
                    self.assertEqual(self.get(page).status_code, 200)
                    self.assertEqual(self.post(page).status_code, 403)
                    self.assertEqual(self.get(admin_url(model, "add")).status_code, 403)
                    delete = self.get(admin_url(model, "delete", row.pk))
                    self.assertEqual(delete.status_code, 403)

    def test_lead_to_the_children_and_cost_the_same_with_many(self):
        track = Track.objects.alive().first()
        TrackPlay.objects.filter(track=track).delete()
        url = admin_url(Track, "change", track.pk)
        self.get(url)  # for what is read once a process
        with CaptureQueriesContext(connection) as without:
            self.assertNotContains(self.get(url), "trackplay/?track__id__exact")
        TrackPlay.objects.bulk_create([TrackPlay(track=track) for _ in range(2000)])
        with CaptureQueriesContext(connection) as queries:
            answer = self.get(url)
        self.assertContains(answer, f"trackplay/?track__id__exact={track.pk}")
        self.assertContains(answer, "1,000+ plays")
        self.assertEqual(len(queries), len(without))

    def test_look_at_a_thousand_children_of_which_deleted_ones_do_not_count(self):
        user = User.objects.first()
        track = Track.objects.create(
            creator=user, title="x", slug="x", artist="x", file_path="x", file_size=1
        )
        url = admin_url(Track, "change", track.pk)
        for deleted, live, words in [
            (3, 2, "2 comments"),
            (CAP - 5, 0, "2 comments"),
            (1, 0, "2+ comments"),
        ]:
            with self.subTest(words):
                for number, values in [(live, {}), (deleted, {"deleted_at": "2001-02-03T00:00Z"})]:
                    TrackComment.objects.bulk_create(
                        TrackComment(track=track, user=user, content="x", **values)
                        for _ in range(number)
                    )
                self.assertContains(self.get(url), f">{words}<")
        track.comments.all().soft_delete()
        self.assertContains(self.get(url), ">perhaps some comments<")
        track.comments.all()[:1].get().delete()
        self.assertNotContains(self.get(url), "trackcomment/?track__id__exact")


class Saving(AdminTests):
    def setUp(self):
        super().setUp()
        self.role = Role.objects.create(
            name="editor", display_name="Editor", description="one\ntwo"
        )
        self.url = admin_url(Role, "change", self.role.pk)
        self.shown = self.get(self.url).context["adminform"].form.shown

    def save(self, **values):
        sent = {"name": "editor", "display_name": "Editor", "description": "one\r\ntwo"}
        return self.post(self.url, sent | {SHOWN: self.shown} | values)

    def test_writes_only_what_was_changed(self):
        with CaptureQueriesContext(connection) as queries:
            self.save(display_name="Chief")
        (update,) = [q["sql"] for q in queries if q["sql"].startswith('UPDATE "roles"')]
        self.assertNotIn('"description" =', update)
        self.role.refresh_from_db()
        self.assertEqual((self.role.display_name, self.role.description), ("Chief", "one\ntwo"))

    def test_of_nothing_sends_no_update(self):
        with CaptureQueriesContext(connection) as queries:
            self.save()
        self.assertFalse([q for q in queries if q["sql"].startswith('UPDATE "roles"')])

    def test_notes_the_old_and_the_new_value(self):
        self.save(display_name="Chief")
        self.assertEqual(
            LogEntry.objects.latest("pk").get_change_message(),
            "Changed Display name (“Editor” → “Chief”).",
        )
        self.assertContains(self.get(admin_url(Role, "history", self.role.pk)), "“Chief”")

    def test_loses_no_change_that_somebody_made_meanwhile(self):
        Role.objects.filter(pk=self.role.pk).update(description="theirs")
        answer = self.save(display_name="Chief")
        self.assertContains(answer, "Description is now “theirs”")
        self.assertContains(answer, "Chief")
        self.role.refresh_from_db()
        self.assertEqual((self.role.display_name, self.role.description), ("Editor", "theirs"))

    def test_says_what_a_service_refuses_and_keeps_nothing(self):
        def refuse(*_arguments, **_options):
            Role.objects.filter(pk=self.role.pk).update(display_name="half")
            raise Refused("It is not the day for it.")

        with mock.patch.object(Role, "save", refuse):
            answer = self.save(display_name="Chief")
        self.assertContains(answer, "It is not the day for it.")
        self.role.refresh_from_db()
        self.assertEqual(self.role.display_name, "Editor")

    def test_says_what_only_the_database_sees(self):
        with mock.patch("veza_site.admin.rows.forms.V1Form.validate_constraints"):
            answer = self.save(name="support")
        self.assertContains(answer, "There is a role with this name.")
        self.assertIn("name", json.loads(self.shown))

    def test_says_which_check_only_the_database_made(self):
        user = User.objects.filter(role=UserRole.USER).first()
        sent = {"username": "ab", "email": user.email, "role": user.role}
        with mock.patch("veza_site.admin.rows.forms.V1Form.validate_constraints"):
            answer = self.post(admin_url(User, "change", user.pk), sent)
        self.assertContains(answer, "A username has at least 3 characters.")
        self.assertNotEqual(User.objects.get(pk=user.pk).username, "ab")

    def test_says_what_is_only_checked_at_the_end(self):
        """A deferred constraint: two tracks at one position. No page changes these yet."""
        first, second = PlaylistTrack.objects.order_by("playlist_id", "position")[:2]
        self.assertEqual(first.playlist_id, second.playlist_id)
        sent = {"playlist": second.playlist_id, "track": second.track_id}
        with (
            mock.patch.object(admin_of(PlaylistTrack), "can_change", True),
            mock.patch("veza_site.admin.rows.forms.V1Form.validate_constraints"),
        ):
            answer = self.post(
                admin_url(PlaylistTrack, "change", second.pk), sent | {"position": first.position}
            )
        self.assertContains(answer, "with this Playlist and Position already exists")
        self.assertEqual(PlaylistTrack.objects.get(pk=second.pk).position, second.position)


class SavingAtOnce(ServiceTests):
    """In several sessions, with transactions that really commit."""

    def setUp(self):
        super().setUp()
        create_missing()

    def tearDown(self):
        LogEntry.objects.all().delete()
        Session.objects.all().delete()
        super().tearDown()

    def staff(self):
        """Return the browser of another super_admin, signed in."""
        browser = Client()
        user = self.rows.insert("users", role="super_admin")
        browser.force_login(User.objects.get(pk=user))
        return browser

    def send(self, browser, url, **values):
        return browser.post(url, values, secure=True)

    def test_keeps_the_first_of_two_changes_and_shows_it_to_the_second(self):
        role = Role.objects.create(name="editor", display_name="Editor")
        url = admin_url(Role, "change", role.pk)
        changes = []
        for name in ("first", "second"):
            browser = self.staff()
            form = browser.get(url, secure=True).context["adminform"].form
            sent = {"name": "editor", "display_name": name, SHOWN: form.shown}
            changes.append(partial(self.send, browser, url, **sent))
        answer = self.behind(*changes)
        self.assertContains(answer, "Display name is now “first”")
        role.refresh_from_db()
        self.assertEqual(role.display_name, "first")

    def test_says_to_the_second_that_a_name_has_been_taken(self):
        add = admin_url(Role, "add")
        sent = {"name": "editor", "display_name": "Editor"}
        adds = [partial(self.send, self.staff(), add, **sent) for _ in range(2)]
        self.assertContains(self.behind(*adds), "There is a role with this name.")
        self.assertEqual(Role.objects.filter(name="editor").count(), 1)

    def test_says_that_a_chosen_row_was_deleted_meanwhile(self):
        owner = self.rows.insert("users")
        sent = {"title": "x", "slug": "x", "owner": owner}
        answer = self.behind(
            lambda: User.objects.filter(pk=owner).delete(),
            partial(self.send, self.staff(), admin_url(Playlist, "add"), **sent),
        )
        self.assertContains(answer, "This User no longer exists.")
        self.assertFalse(Playlist.objects.exists())

    def test_says_that_somebody_else_is_changing_the_same_rows(self):
        """A deadlock that ends the form's statement, as the other session waits longer."""
        owner = self.rows.insert("users")
        playlist = self.rows.insert("playlists", title="x", slug="x")
        sent = {"title": "x", "slug": "x", "owner": owner}
        browser, url = self.staff(), admin_url(Playlist, "change", playlist)
        with connect(connection.settings_dict["NAME"]) as other:

            def lock_both():
                with other.transaction():
                    other.execute("SET LOCAL deadlock_timeout = '1min'")
                    other.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [owner])
                    locked.set()
                    self.until_waiting()
                    other.execute("UPDATE playlists SET title = 'y' WHERE id = %s", [playlist])

            def change():
                locked.wait(PATIENCE)
                return self.send(browser, url, **sent)

            locked = threading.Event()
            _, answer = self.at_once(lock_both, change)
        self.assertContains(answer, "Somebody else is changing the same rows. Try again.")
        self.assertEqual(Playlist.objects.get(pk=playlist).title, "y")

    def test_of_deletions_lets_one_of_two_super_admins_stay(self):
        for many in (False, True):
            User.objects.all().delete()
            people = [self.rows.insert("users", role="super_admin") for _ in range(2)]
            runs = []
            for me, them in (people, people[::-1]):
                browser = Client()
                browser.force_login(User.objects.get(pk=me))
                page, sent = admin_url(User, "delete", them), {"post": "yes"}
                if many:
                    page = admin_url(User, "changelist")
                    sent |= {"action": "delete_selected", "_selected_action": them}
                runs.append(partial(self.send, browser, page, **sent))
            with self.subTest(many=many):
                answers = self.at_once(*runs)
                self.assertEqual([answer.status_code for answer in answers], [302, 302])
                self.assertEqual(User.objects.filter(role="super_admin").count(), 1)
