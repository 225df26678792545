"""Every page of the admin answers people as the permissions of their role say."""

from django.test import tag
from django.urls import reverse

from accounts.models import User, UserRole
from legacy_chat.models import Room
from rbac.models import Permission, Role, RoleGrant, RolePermission, UserProfile, UserSettings
from streaming.models import Playlist, PlaylistCollaborator, Track, TrackComment
from tests.support.admin import STAFF, AdminTests, admin_of, admin_url
from tests.support.databases import v1_models
from veza_site.models import AppendOnlyModel

ROLES_TABLES = {Role, Permission, RolePermission, RoleGrant}

# The tables to which staff may add rows. Only the platform adds to the others.
ADDED = {
    *ROLES_TABLES,
    Playlist,
    PlaylistCollaborator,
    Room,
    UserProfile,
    UserSettings,
}


class Pages(AdminTests):
    def may_update(self, role, model):
        """Tell whether the system role may update a table, whatever the page makes of it."""
        if role == UserRole.ADMIN:
            return model not in ROLES_TABLES
        return role == UserRole.SUPER_ADMIN

    def statuses(self, *urls):
        return {url: status for url in urls if (status := self.get(url).status_code) != 200}

    def test_are_there_for_every_v1_table(self):
        for model in v1_models():
            with self.subTest(model):
                self.assertIsNotNone(admin_of(model))

    def test_that_only_show_answer_everyone_on_the_staff(self):
        for role in STAFF:
            self.sign_in(role)
            for model, row in self.first_rows().items():
                with self.subTest(role=role, model=model):
                    pages = [
                        admin_url(model, "changelist"),
                        admin_url(model, "change", row.pk),
                        admin_url(model, "history", row.pk),
                    ]
                    self.assertEqual(self.statuses(*pages), {})

    @tag("slow")  # it opens more than 500 pages
    def test_of_lists_answer_everyone_on_the_staff_whatever_is_looked_for(self):
        for role in STAFF:
            self.sign_in(role)
            # A filter has the same choices for everybody: one role tries all of them.
            choices = None if role == UserRole.SUPER_ADMIN else 1
            for model, row in self.first_rows().items():
                url = admin_url(model, "changelist")
                with self.subTest(role=role, model=model):
                    pages = [
                        f"{url}?q=a",
                        f"{url}?q={row.pk}",
                        f"{url}?p=last",
                        *(page for urls in self.filter_urls(model) for page in urls[:choices]),
                    ]
                    self.assertEqual(self.statuses(*pages), {})

    def test_that_add_answer_whoever_may_create(self):
        for role in STAFF:
            self.sign_in(role)
            for model in v1_models():
                with self.subTest(role=role, model=model):
                    expected = model in ADDED and role == UserRole.SUPER_ADMIN
                    status = self.get(admin_url(model, "add")).status_code
                    self.assertEqual(
                        status,
                        200 if expected else 403,
                        f"who adds {model.__name__}? A super_admin: add it to ADDED in "
                        "tests/admin/test_pages.py; nobody: can_add = False in its V1Admin",
                    )

    def test_that_change_take_what_whoever_may_update_sends(self):
        for role in STAFF:
            self.sign_in(role)
            for model, row in self.first_rows().items():
                with self.subTest(role=role, model=model):
                    page = admin_of(model)
                    expected = (
                        self.may_update(role, model)
                        and not issubclass(model, AppendOnlyModel)
                        and page.can_change
                    )
                    status = self.post(admin_url(model, "change", row.pk)).status_code
                    # 200 and 302: the form was read, whatever it says about being empty.
                    self.assertEqual(status in (200, 302), expected, status)

    def test_that_delete_answer_whoever_may_delete(self):
        for role in STAFF:
            self.sign_in(role)
            for model, row in self.first_rows().items():
                with self.subTest(role=role, model=model):
                    expected = (
                        role == UserRole.SUPER_ADMIN
                        and not issubclass(model, AppendOnlyModel)
                        and admin_of(model).can_delete
                    )
                    status = self.get(admin_url(model, "delete", row.pk)).status_code
                    self.assertEqual(status, 200 if expected else 403)

    def test_are_closed_to_who_is_not_staff(self):
        for role in set(UserRole) - set(STAFF):
            User.objects.filter(username="amara").update(role=role)
            self.client.force_login(User.objects.get(username="amara"))
            for model, row in self.first_rows().items():
                with self.subTest(role=role, model=model):
                    for url in [
                        admin_url(model, "changelist"),
                        admin_url(model, "change", row.pk),
                    ]:
                        self.assertEqual(self.get(url).status_code, 302)

    def test_of_a_role_that_was_granted_answer_too(self):
        role = Role.objects.create(name="janitor", display_name="Janitor")
        may = Permission.objects.create(resource="rooms", action="delete")
        RolePermission.objects.create(role=role, permission=may)
        room = Room.objects.alive().first()
        user = self.sign_in(UserRole.MODERATOR)
        self.assertEqual(self.get(admin_url(Room, "delete", room.pk)).status_code, 403)
        RoleGrant.objects.create(user=user, role=role)
        self.assertEqual(self.get(admin_url(Room, "delete", room.pk)).status_code, 200)
        track = Track.objects.alive().first()
        self.assertEqual(self.get(admin_url(Track, "delete", track.pk)).status_code, 403)

    def test_refuse_bad_input_without_an_error(self):
        for url in [
            admin_url(User, "changelist") + "?role__exact=zzz",
            admin_url(User, "changelist") + "?role=zzz",
            admin_url(Track, "changelist") + "?creator__id__exact=zzz",
            admin_url(Track, "changelist") + "?o=99.-7.x&p=%00",
            admin_url(Track, "changelist") + "?deleted=zzz",
            admin_url(TrackComment, "changelist") + "?q=%00",
            admin_url(Track, "change", "zzz"),
            admin_url(Track, "delete", "%00"),
            admin_url(Track, "history", "zzz"),
            admin_url(User, "changelist") + "?_to_field=user_roles",
            admin_url(User, "changelist") + "?_to_field=password&_popup=1",
            reverse("admin:autocomplete")
            + "?app_label=accounts&model_name=user&field_name=user_roles",
        ]:
            with self.subTest(url):
                self.assertLess(self.get(url).status_code, 500)
