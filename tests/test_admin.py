"""The plain admin: every V1 table is there, every page answers, no secret is on any of them."""

from io import StringIO

from django.contrib import admin
from django.core.management import call_command
from django.test import TestCase, override_settings
from django.urls import reverse

from accounts.models import RefreshToken, User, UserSession
from rbac.models import Role, UserProfile
from tests.databases import v1_models
from tests.rows import rows
from veza_site.admin.secrets import is_secret
from veza_site.demo import EMAIL, PASSWORD

CANARY = "canary"


@override_settings(DEVELOPMENT=True)
def load_demo():
    output = StringIO()
    call_command("load_demo", stdout=output)
    return output.getvalue()


class Admin(TestCase):
    @classmethod
    def setUpTestData(cls):
        load_demo()

    def setUp(self):
        self.client.force_login(User.objects.get(email=EMAIL))

    def url(self, model, page, *arguments):
        names = model._meta.app_label, model._meta.model_name
        return reverse("admin:{}_{}_{}".format(*names, page), args=arguments)

    def pages(self):
        """Yield the address of every list, add and change page."""
        for model in v1_models():
            yield self.url(model, "changelist")
            yield self.url(model, "add")
            yield self.url(model, "change", model.objects.first().pk)
            yield self.url(model, "history", model.objects.first().pk)

    def test_has_every_v1_table(self):
        for model in v1_models():
            with self.subTest(model):
                self.assertTrue(admin.site.is_registered(model))

    def test_answers_on_every_page(self):
        for url in [reverse("admin:index"), *self.pages()]:
            with self.subTest(url):
                status = self.client.get(url, secure=True).status_code
                self.assertIn(status, (200, 403) if url.endswith("/add/") else (200,))

    def test_shows_no_secret(self):
        planted = 0
        for model in v1_models():
            for field in model._meta.local_fields:
                if is_secret(field):
                    row = model.objects.first()
                    model.objects.filter(pk=row.pk).update(**{field.attname: CANARY})
                    planted += 1
        self.assertEqual(planted, 7)
        self.client.force_login(User.objects.get(email=EMAIL))
        for url in self.pages():
            with self.subTest(url):
                self.assertNotIn(CANARY, self.client.get(url, secure=True).content.decode())

    def status(self, url):
        return self.client.get(url, secure=True).status_code

    def test_adds_and_changes_a_row(self):
        added = self.client.post(
            self.url(Role, "add"),
            {"name": "editor", "display_name": "Editor", "description": ""},
            secure=True,
        )
        self.assertRedirects(added, self.url(Role, "changelist"), fetch_redirect_response=False)
        role = Role.objects.get(name="editor")
        self.client.post(
            self.url(Role, "change", role.pk),
            {"name": "editor", "display_name": "Chief editor", "description": ""},
            secure=True,
        )
        role.refresh_from_db()
        self.assertEqual(role.display_name, "Chief editor")

    def test_writes_nothing_in_a_json_box_as_an_empty_object(self):
        user = User.objects.create_user("nobody@veza.example", "nobody")
        self.assertContains(self.client.get(self.url(UserProfile, "add"), secure=True), ">\n{}<")
        self.client.post(
            self.url(UserProfile, "add"), {"user": user.pk, "social_links": ""}, secure=True
        )
        self.assertEqual(UserProfile.objects.get(user=user).social_links, {})

    def test_leaves_null_where_a_box_is_left_empty(self):
        profile = UserProfile.objects.first()
        url = self.url(UserProfile, "change", profile.pk)
        self.client.post(url, {"user": profile.user_id, "display_name": "New"}, secure=True)
        profile.refresh_from_db()
        self.assertEqual((profile.display_name, profile.avatar_url), ("New", None))

    def test_does_not_tell_a_secret_by_a_filter(self):
        for model, lookup in [
            (User, "password__startswith"),
            (User, "password"),
            (RefreshToken, "token_hash__gt"),
            (UserSession, "session_token_hash__startswith"),
        ]:
            with self.subTest(lookup):
                answer = self.client.get(self.url(model, "changelist"), {lookup: "$"}, secure=True)
                self.assertEqual(answer.status_code, 400)

    def test_says_in_the_form_what_the_database_would_refuse(self):
        answer = self.client.post(
            self.url(Role, "add"), {"name": "support", "display_name": "x"}, secure=True
        )
        self.assertContains(answer, "There is a role with this name.")

    def test_adds_no_row_that_needs_a_secret(self):
        self.assertEqual(self.status(self.url(User, "add")), 403)

    def test_lets_in_by_email_address_and_password(self):
        self.client.logout()
        answer = self.client.post(
            reverse("admin:login") + "?next=/admin/",
            {"username": EMAIL, "password": PASSWORD},
            secure=True,
        )
        self.assertRedirects(answer, "/admin/", fetch_redirect_response=False)

    def test_keeps_out_who_is_not_staff(self):
        self.client.force_login(User.objects.get(username="amara"))
        self.assertEqual(self.status(reverse("admin:index")), 302)


class DemoCatalogue(TestCase):
    def test_fills_every_table_and_every_state_of_the_queue(self):
        self.assertIn("Loaded", load_demo())
        for model in v1_models():
            with self.subTest(model):
                self.assertTrue(model.objects.exists())
        states = "SELECT array_agg(DISTINCT status)::text[] FROM hls_transcode_queue"
        made = rows()
        self.assertEqual(set(made.fetch(states)), set(made.catalog.enums["transcode_status"]))

    def test_again_changes_nothing(self):
        load_demo()
        before = {model: model.objects.count() for model in v1_models()}
        self.assertIn("There are users already", load_demo())
        self.assertEqual({model: model.objects.count() for model in v1_models()}, before)

    def test_leaves_a_database_alone_in_which_there_are_users(self):
        User.objects.create_user("nadia@veza.example", "nadia")
        self.assertIn("createsuperuser", load_demo())
        self.assertEqual(User.objects.count(), 1)

    def test_has_counters_that_equal_the_rows(self):
        load_demo()
        wrong = """
            SELECT count(*) FROM tracks WHERE
                play_count <> (SELECT count(*) FROM track_plays WHERE track_id = tracks.id)
                OR like_count <> (SELECT count(*) FROM track_likes WHERE track_id = tracks.id)
                OR share_count <> (SELECT count(*) FROM track_shares WHERE track_id = tracks.id)
                OR comment_count <> (SELECT count(*) FROM track_comments
                                     WHERE track_id = tracks.id AND deleted_at IS NULL)
        """
        self.assertEqual(rows().fetch(wrong), 0)
