"""The forms of the admin: what they write, and what they leave alone."""

from accounts.models import User
from rbac.models import Role, UserProfile
from tests.admin import AdminTests, admin_url


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
