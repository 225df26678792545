"""Whatever people write is text on the admin's pages, not HTML."""

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.test import tag
from django.urls import reverse

from accounts.models import User
from streaming.models import Track
from tests.support.admin import AdminTests, admin_url
from tests.support.databases import v1_models
from veza_site.admin.secrets import is_secret

PLANTED = """<x7"'>"""
IN_JSON = """{"<x7\\"'>": ["<x7\\"'>", "</script><x7>"]}"""

# Rights depend on the first three; the last must fit the times of a lease.
KEPT = {
    *["rbac.Role.name", "rbac.Permission.resource", "rbac.Permission.action"],
    "media.HlsTranscodeJob.locked_by",
}


class Text(AdminTests):
    def setUp(self):
        super().setUp()
        self.planted = self.plant()

    def plant(self):
        """Write a tag into every text that people write, and return how many columns."""
        columns = 0
        with connection.cursor() as cursor:
            for model in v1_models():
                values = {}
                for field in model._meta.local_fields:
                    if is_secret(field) or field.choices or str(field) in KEPT:
                        continue
                    if isinstance(field, models.JSONField):
                        values[field.column] = f"$${IN_JSON}$$::jsonb"
                    elif isinstance(field, ArrayField):
                        if isinstance(field.base_field, models.CharField | models.TextField):
                            values[field.column] = f"ARRAY[$${PLANTED}$$]"
                    elif isinstance(field, models.CharField | models.TextField):
                        most = field.max_length or 200
                        if most >= len(PLANTED):
                            # With as much of the id as fits, where it has to be unique.
                            values[field.column] = f"left($${PLANTED}$$ || id, {most})"
                if values:
                    assignments = ", ".join(f"{name} = {value}" for name, value in values.items())
                    cursor.execute(f"UPDATE {model._meta.db_table} SET {assignments}")
                    columns += len(values)
        return columns

    def assert_text(self, answer, status=200):
        """Assert that no text on a page breaks out into HTML; return the page."""
        self.assertEqual(answer.status_code, status)
        text = answer.content.decode()
        self.assertNotIn("<x7", text)
        self.assertNotIn('x7"', text)
        return text

    @tag("slow")  # it opens every page
    def test_of_every_column_is_escaped_on_lists_and_on_rows_own_pages(self):
        self.assertGreater(self.planted, 60)
        for model, row in self.first_rows().items():
            for url in (admin_url(model, "changelist"), admin_url(model, "change", row.pk)):
                with self.subTest(url):
                    self.assert_text(self.get(url))

    def test_is_escaped_where_something_asks_and_tells(self):
        for model in (User, Track):
            row = self.first_rows()[model]
            pages = admin_url(model, "changelist"), admin_url(model, "change", row.pk)
            chosen = {"_selected_action": str(row.pk)}
            for answer in [
                self.post(pages[0], chosen | {"action": "soft_delete"}),
                self.post(pages[0], chosen | {"action": "delete_selected"}),
                self.post(pages[1], chosen | {"CHANGE_FORM-action": "soft_delete"}),
                self.get(admin_url(model, "delete", row.pk)),
            ]:
                self.assertIn("x7&quot;", self.assert_text(answer))

    def test_is_escaped_in_messages_and_in_the_log(self):
        user = self.first_rows()[User]
        page = admin_url(User, "change", user.pk)
        values = {"username": f"{PLANTED}2", "email": "nora@veza.example", "role": user.role}
        self.assertEqual(self.post(page, values).status_code, 302)
        for url in [
            admin_url(User, "changelist"),  # with the message
            admin_url(User, "history", user.pk),
            reverse("admin:index"),  # with the recent actions
        ]:
            with self.subTest(url):
                self.assertIn("x7&quot;", self.assert_text(self.get(url)))

    def test_of_an_address_is_escaped(self):
        url = admin_url(User, "changelist")
        for name, status in [
            *[("q", 200), ("p", 200), ("o", 200), ("_popup", 200)],
            *[(PLANTED, 400), ("password", 400), ("_to_field", 400), ("status__exact", 302)],
        ]:
            with self.subTest(name):
                self.assert_text(self.get(url, {name: PLANTED}), status)
        self.client.logout()
        answer = self.get(reverse("admin:login"), {"next": PLANTED})
        self.assertIn("x7&quot;", self.assert_text(answer))
        wrong = {"username": PLANTED, "password": "wrong", "next": PLANTED}
        self.assertIn("x7&quot;", self.assert_text(self.post(reverse("admin:login"), wrong)))
