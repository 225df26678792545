"""What staff read in the admin: names, values with their units, states, the order of things."""

from datetime import timedelta
from pathlib import Path

from django.apps import apps
from django.contrib import admin
from django.contrib.staticfiles import finders
from django.db import models
from django.test import RequestFactory, SimpleTestCase
from django.utils import timezone

from accounts.models import RefreshToken, User, UserRole
from media.models import BitrateAdaptationLog, HlsStream, HlsTranscodeJob
from rbac.models import Permission, RoleGrant, RolePermission, UserProfile
from streaming.models import Track, TrackComment, TrackPlay
from tests.support.admin import AdminTests, admin_of, admin_url
from tests.support.databases import v1_models
from veza_site.admin.model_admin import V1Admin
from veza_site.admin.wording.labels import label, name_row
from veza_site.admin.wording.state import TONES, is_state, show_in_tone
from veza_site.admin.wording.values import find_formatter, format_duration
from veza_site.fields import EnumField


class Labels(SimpleTestCase):
    def test_are_words_that_people_use(self):
        for model, name, expected in [
            (User, "is_verified", "verified"),
            (User, "created_at", "created"),
            (User, "email", "email"),
            (User, "last_login_ip", "last login IP"),
            (User, "two_factor_enabled", "two-factor enabled"),
            (Track, "cover_url", "cover URL"),
            (Track, "bpm", "BPM"),
            (TrackPlay, "duration_played_seconds", "duration played"),
            (RefreshToken, "ip_address", "IP address"),
            (RefreshToken, "id", "ID"),
        ]:
            with self.subTest(name):
                self.assertEqual(label(model._meta.get_field(name)), expected)

    def test_say_the_unit_where_people_write_the_value(self):
        field = TrackComment._meta.get_field("timestamp_seconds")
        self.assertEqual(label(field, with_unit=True), "timestamp (seconds)")

    def test_are_different_for_the_columns_of_a_table(self):
        for model in v1_models():
            with self.subTest(model):
                page = admin_of(model)
                labels = [page.label_field(field) for field in model._meta.local_fields]
                self.assertEqual(len(labels), len(set(labels)), sorted(labels))
                self.assertNotIn("", labels)

    def test_are_declared_for_columns_that_there_are(self):
        for model in v1_models():
            page = admin_of(model)
            names = {field.name for field in model._meta.local_fields}
            with self.subTest(model):
                self.assertLessEqual({*page.labels}, names)
                children = {each.related_name for each in model._meta.related_objects}
                self.assertLessEqual({*page.child_names}, children)


class Values(SimpleTestCase):
    def read(self, model, name, value):
        return find_formatter(model._meta.get_field(name))(value)

    def test_have_their_units(self):
        for model, name, value, expected in [
            (HlsStream, "total_size", 12_333_333, "11.8\xa0MB"),
            (HlsStream, "segment_count", 1_204, "1,204"),
            (HlsStream, "segment_duration_seconds", 6, "0:06"),
            (TrackPlay, "completion_percentage", 40, "40 %"),
            (BitrateAdaptationLog, "to_bitrate_kbps", 128, "128 kbit/s"),
            (BitrateAdaptationLog, "buffer_ms", 1_500, "1,500 ms"),
        ]:
            with self.subTest(name):
                self.assertEqual(
                    self.read(model, name, value), f'<span class="number">{expected}</span>'
                )
        self.assertEqual(self.read(HlsStream, "bitrates_kbps", [64, 128]), "64, 128 kbit/s")
        self.assertIsNone(self.read(HlsStream, "bitrates_kbps", []))

    def test_of_durations_are_as_players_show_them(self):
        for seconds, expected in [(0, "0:00"), (59, "0:59"), (187, "3:07"), (3_723, "1:02:03")]:
            self.assertEqual(format_duration(seconds), expected)
        self.assertEqual(format_duration(-61), "-1:01")


class States(SimpleTestCase):
    def test_have_tones_for_words_of_v1_alone(self):
        fields = [
            field
            for model in v1_models()
            for field in model._meta.local_fields
            if isinstance(field, EnumField)
        ]
        words = {value for field in fields for value, _ in field.flatchoices}
        for tone, toned in TONES.items():
            with self.subTest(tone):
                self.assertEqual(toned - words, set())
        self.assertEqual(sum(map(len, TONES.values())), len(set().union(*TONES.values())))

    def test_are_what_every_status_says(self):
        for model in v1_models():
            for field in model._meta.local_fields:
                if isinstance(field, EnumField):
                    with self.subTest(field=field):
                        self.assertEqual(is_state(field), field.name == "status")


class Pages(AdminTests):
    def test_name_columns_in_lists_filters_and_forms_alike(self):
        answer = self.get(admin_url(User, "changelist"))
        self.assertContains(answer, "<h1>Users</h1>")
        self.assertContains(answer, "<summary> Verified</summary>")
        user = User.objects.get(username="kaori")
        answer = self.get(admin_url(User, "change", user.pk))
        self.assertContains(answer, "Last login IP:")
        self.assertContains(answer, "Email:")
        comment = TrackComment.objects.alive().first()
        answer = self.get(admin_url(TrackComment, "change", comment.pk))
        self.assertContains(answer, "Timestamp (seconds):")

    def test_show_times_alike_and_say_once_which_they_are(self):
        play = TrackPlay.objects.order_by("-created_at").first()
        answer = self.get(admin_url(TrackPlay, "changelist"))
        self.assertContains(answer, f">{play.created_at:%Y-%m-%d %H:%M}</time>")
        self.assertContains(answer, "All times are UTC.", 1)
        answer = self.get(admin_url(TrackPlay, "change", play.pk))
        self.assertContains(answer, f">{play.created_at:%Y-%m-%d %H:%M:%S}<")

    def test_show_a_state_and_a_size_on_a_row_s_own_page(self):
        stream = HlsStream.objects.alive().filter(status="ready").first()
        HlsStream.objects.filter(pk=stream.pk).update(total_size=3 * 1024**2)
        answer = self.get(admin_url(HlsStream, "change", stream.pk))
        self.assertContains(answer, '<span class="state state-good">Ready</span>')
        self.assertContains(answer, "3.0\xa0MB")
        self.assertNotContains(answer, "Bytes.")

    def test_take_an_address_in_one_line(self):
        answer = self.get(admin_url(UserProfile, "add"))
        self.assertContains(answer, '<input type="text" name="avatar_url"')

    def test_say_first_that_a_row_is_deleted(self):
        track = Track.objects.deleted().first()
        answer = self.get(admin_url(Track, "change", track.pk))
        self.assertContains(answer, '<span class="state state-bad">Soft-deleted</span>')
        live = Track.objects.alive().first()
        self.assertNotContains(self.get(admin_url(Track, "change", live.pk)), "Soft-deleted<")

    def test_show_who_is_locked_now_and_no_lock_that_is_past(self):
        now = timezone.now()
        past = now - timedelta(minutes=1)
        User.objects.filter(username="kaori").update(status="active", locked_until=past)
        answer = self.get(admin_url(User, "changelist"), {"q": "kaori"})
        self.assertContains(answer, show_in_tone("good", "Active"))
        until = now + timedelta(minutes=10)
        User.objects.filter(username="kaori").update(locked_until=until)
        answer = self.get(admin_url(User, "changelist"), {"q": "kaori"})
        self.assertContains(answer, show_in_tone("bad", f"Locked until {until:%H:%M}"))
        User.objects.filter(username="kaori").update(status="banned")
        answer = self.get(admin_url(User, "changelist"), {"q": "kaori"})
        self.assertContains(answer, show_in_tone("bad", "Banned"))

    def test_show_whether_a_token_or_a_grant_still_counts(self):
        now = timezone.now()
        past, future = now - timedelta(days=1), now + timedelta(days=1)
        page = admin_of(RefreshToken)
        for expires_at, revoked_at, expected in [
            (future, None, "Open"),
            (past, None, "Expired"),
            (future, past, "Revoked"),
            (past, past, "Revoked"),
        ]:
            token = RefreshToken(expires_at=expires_at, revoked_at=revoked_at)
            self.assertIn(f">{expected}<", page.standing(token))
        page = admin_of(RoleGrant)
        for expires_at, expected in [(None, "Active"), (future, "Active"), (past, "Expired")]:
            self.assertIn(f">{expected}<", page.standing(RoleGrant(expires_at=expires_at)))

    def test_call_rows_by_names_and_not_by_keys(self):
        for model in [RoleGrant, RolePermission, HlsTranscodeJob, RefreshToken]:
            row = model.objects.first()
            answer = self.get(admin_url(model, "change", row.pk))
            with self.subTest(model):
                self.assertContains(answer, f"<h2>{name_row(row)}</h2>", html=True)
                self.assertNotIn(str(row.pk), name_row(row))
                for field in model._meta.local_fields:
                    if field.is_relation and getattr(row, field.attname):
                        self.assertNotIn(str(getattr(row, field.attname)), name_row(row))

    def test_that_ask_before_an_action_call_rows_by_names(self):
        grant = RoleGrant.objects.select_related("user", "role").first()
        answer = self.post(
            admin_url(RoleGrant, "changelist"), {"action": "revoke", "_selected_action": grant.pk}
        )
        self.assertContains(answer, f"user {grant.user} has role {grant.role}</a>")

    def test_that_ask_before_a_deletion_call_rows_by_names(self):
        row = RolePermission.objects.select_related("role", "permission").first()
        chosen = {"action": "delete_selected", "_selected_action": row.pk}
        for answer in [
            self.get(admin_url(RolePermission, "delete", row.pk)),
            self.post(admin_url(RolePermission, "changelist"), chosen),
        ]:
            self.assertContains(answer, f"role {row.role} allows {row.permission}")
            self.assertNotContains(answer, str(row.permission_id))

    def test_list_apps_and_tables_in_the_schema_s_order(self):
        request = RequestFactory().get("/")
        request.user = User.objects.get(role="super_admin")
        listed = [
            entry["model"] for app in admin.site.get_app_list(request) for entry in app["models"]
        ]
        self.assertEqual(listed, [model for model in apps.get_models() if model in listed])
        self.assertEqual(listed[0], User)
        self.assertEqual({*listed}, {*v1_models()})

    def test_of_an_app_list_its_tables_alone(self):
        answer = self.get("/admin/rbac/")
        self.assertContains(answer, admin_url(Permission, "changelist"))

    def test_say_to_a_browser_whose_password_is_changed(self):
        answer = self.get("/admin/password_change/")
        self.assertContains(answer, 'autocomplete="username"')


class Declarations(SimpleTestCase):
    def test_begin_each_list_with_what_tells_the_row(self):
        """Not with a flag, nor with a relation: the cell is the link to the list's own row."""
        for model in v1_models():
            page = admin_of(model)
            self.assertIsInstance(page, V1Admin)
            first = page.list_display[0]
            names = {field.name: field for field in model._meta.local_fields}
            with self.subTest(model):
                self.assertFalse(
                    first in names
                    and (names[first].is_relation or isinstance(names[first], models.BooleanField))
                )

    def test_of_colours_are_in_a_file_for_all_pages(self):
        style = Path(finders.find("veza_site/site.css")).read_text(encoding="utf-8")
        for tone in TONES:
            self.assertIn(f".state-{tone} ", style)


class Refusals(AdminTests):
    def test_have_a_page_with_a_way_back(self):
        track = Track.objects.alive().first()
        self.sign_in(UserRole.MODERATOR)
        answer = self.get(admin_url(Track, "delete", track.pk))
        self.assertContains(answer, "Your role doesn&#x27;t allow this", status_code=403)
        self.assertContains(answer, admin_url(Track, "changelist"), status_code=403)
        answer = self.get("/admin/nowhere/")
        self.assertContains(answer, "There is no such page", status_code=404)
        self.assertContains(answer, 'href="/admin/"', status_code=404)
