"""The page of one row: that it leaves out no column, and that saving loses nobody's change."""

import json
from unittest import mock

from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User, UserRole
from rbac.models import Role
from streaming.models import Track, TrackPlay
from tests.admin import AdminTests, admin_of, admin_url
from veza_site.admin.details import _flat
from veza_site.admin.forms import SHOWN
from veza_site.admin.secrets import secrets_of
from veza_site.models import AppendOnlyModel
from veza_site.services import Refused


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
                        for name in _flat(options["fields"])
                    ]
                    columns = {field.name for field in model._meta.local_fields}
                    self.assertEqual(sorted(columns), sorted(set(shown) & columns))
                    self.assertEqual(len(shown), len(set(shown)))

    def test_tell_of_a_secret_whether_it_is_set_without_reading_it(self):
        for model, row in self.first_rows().items():
            secrets = secrets_of(model)
            if not secrets:
                continue
            with self.subTest(model), CaptureQueriesContext(connection) as queries:
                answer = self.get(admin_url(model, "change", row.pk))
                for field in secrets:
                    self.assertContains(answer, f"field-{field.name}")
                    mine = [
                        q["sql"] for q in queries if f'FROM "{model._meta.db_table}"' in q["sql"]
                    ]
                    chosen = f'"{model._meta.db_table}"."{field.column}",'
                    if model is not User:  # who is signed in is read whole
                        self.assertFalse([sql for sql in mine if chosen in sql])

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
        self.get(url)  # what is read once a process
        with CaptureQueriesContext(connection) as without:
            self.assertNotContains(self.get(url), "trackplay/?track__id__exact")
        TrackPlay.objects.bulk_create([TrackPlay(track=track) for _ in range(2000)])
        with CaptureQueriesContext(connection) as queries:
            answer = self.get(url)
        self.assertContains(answer, f"trackplay/?track__id__exact={track.pk}")
        self.assertContains(answer, "1,000+ plays")
        self.assertEqual(len(queries), len(without))


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
        def refuse(*arguments, **options):
            Role.objects.filter(pk=self.role.pk).update(display_name="half")
            raise Refused("It is not the day for it.")

        with mock.patch.object(Role, "save", refuse):
            answer = self.save(display_name="Chief")
        self.assertContains(answer, "It is not the day for it.")
        self.role.refresh_from_db()
        self.assertEqual(self.role.display_name, "Editor")

    def test_says_what_only_the_database_sees(self):
        with mock.patch("veza_site.admin.forms.V1Form.validate_constraints"):
            answer = self.save(name="support")
        self.assertContains(answer, "There is a role with this name.")
        self.assertIn("name", json.loads(self.shown))
