"""The forms of the admin: what they write, and what they leave alone."""

from accounts.models import User
from rbac.models import Role, UserProfile
from tests.support.admin import AdminTests, admin_url


class Forms(AdminTests):
    def test_adds_and_changes_a_row(self):
        added = self.post(
            admin_url(Role, "add"),
            {"name": "editor", "display_name": "Editor", "description": ""},
        )
        self.assertRedirects(added, admin_url(Role, "changelist"), fetch_redirect_response=False)
        role = Role.objects.get(name="editor")
        self.post(
            admin_url(Role, "change", role.pk),
            {"name": "editor", "display_name": "Chief editor", "description": ""},
        )
        role.refresh_from_db()
        self.assertEqual(role.display_name, "Chief editor")

    def test_writes_nothing_in_a_json_box_as_an_empty_object(self):
        user = User.objects.create_user("nobody@veza.example", "nobody")
        self.assertContains(self.get(admin_url(UserProfile, "add")), ">\n{}<")
        self.post(admin_url(UserProfile, "add"), {"user": user.pk, "social_links": ""})
        self.assertEqual(UserProfile.objects.get(user=user).social_links, {})

    def test_refuses_in_a_json_box_what_can_t_be_kept(self):
        profile = UserProfile.objects.first()
        url = admin_url(UserProfile, "change", profile.pk)
        for text in [
            "{",
            "[" * 100_000,
            "9" * 5000,
            '{"half a character": "\\ud800"}',
            '{"NUL": "\\u0000"}',
            '{"no number": NaN}',
        ]:
            with self.subTest(text[:30]):
                answer = self.post(url, {"user": profile.user_id, "social_links": text})
                self.assertTrue(answer.context["errors"])
        self.assertEqual(UserProfile.objects.get(pk=profile.pk).social_links, profile.social_links)

    def test_takes_a_broken_note_of_what_was_shown_for_none(self):
        role = Role.objects.get(name="support")
        values = {"name": "support", "description": ""}
        for note in ["", "x", "[1]", "[" * 100_000, "9" * 5000, '{"display_name": {}}']:
            with self.subTest(note[:20]):
                answer = self.post(
                    admin_url(Role, "change", role.pk),
                    values | {"display_name": f"Support {len(note)}", "_shown": note},
                )
                # A note with another value for a field means that somebody changed it.
                self.assertEqual(answer.status_code, 200 if "{" in note else 302)

    def test_leaves_null_where_a_box_is_left_empty(self):
        profile = UserProfile.objects.first()
        url = admin_url(UserProfile, "change", profile.pk)
        self.post(url, {"user": profile.user_id, "display_name": "New"})
        profile.refresh_from_db()
        self.assertEqual((profile.display_name, profile.avatar_url), ("New", None))

    def test_says_in_the_form_what_the_database_would_refuse(self):
        answer = self.post(admin_url(Role, "add"), {"name": "support", "display_name": "x"})
        self.assertContains(answer, "There is a role with this name.")

    def test_adds_no_row_that_needs_a_secret(self):
        self.assertEqual(self.get(admin_url(User, "add")).status_code, 403)
