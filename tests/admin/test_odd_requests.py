"""Whatever an address or a form holds, the admin answers in words, and never with a wrong list."""

from django.test import tag
from django.urls import reverse

from accounts.models import User
from media.models import HlsTranscodeJob
from rbac.models import Role, RoleGrant, UserProfile
from streaming.models import Track
from tests.support.admin import AdminTests, admin_of, admin_url
from veza_site.admin.fields import get_column
from veza_site.admin.lists.filters import DeletedFilter

# As they stand in an address: NUL, half of a surrogate pair, no UTF-8, nothing to see, numbers
# that no column holds, times that Python doesn't.
ODD = ["a%00b", "%ED%A0%BD", "%FF%FE", "%E2%80%8B", "9" * 400, "1e400", "NaN", "infinity", "[]"]


class OddAddresses(AdminTests):
    def assert_answered(self, url):
        with self.subTest(url[:120]):
            answer = self.client.get(url, secure=True)
            self.assertIn(answer.status_code, (200, 302, 404))
            return answer

    @tag("slow")  # some hundred pages
    def test_of_lists_are_answered(self):
        for model in (User, RoleGrant, HlsTranscodeJob):
            names = ["q", "o", "p", "e", "_popup"]
            for part in admin_of(model).get_list_filter(None):
                if part is not DeletedFilter:
                    name, chosen = part
                    names += chosen.list_parameters(get_column(model, name))
            for number, name in enumerate(names):
                # A few of the values for each, all of them in each list.
                for value in ODD[number % 3 :: 3]:
                    self.assert_answered(f"{admin_url(model, 'changelist')}?{name}={value}")

    def test_of_rows_are_answered(self):
        for page in ("change", "delete", "history"):
            url = admin_url(Track, page, "key")
            for value in ODD:
                self.assert_answered(url.replace("key", value))

    def test_of_new_rows_are_answered(self):
        url = admin_url(UserProfile, "add")
        for name in ("user", "display_name", "social_links", "_changelist_filters"):
            for value in ODD[:6]:
                self.assert_answered(f"{url}?{name}={value}")

    def test_of_what_a_box_offers_are_answered(self):
        query = "app_label=streaming&model_name=track&field_name=creator"
        for value in ODD:
            answer = self.assert_answered(f"{reverse('admin:autocomplete')}?{query}&term={value}")
            self.assertEqual(answer.json()["results"], [])

    def test_with_a_filter_that_makes_no_sense_say_so(self):
        url = admin_url(Track, "changelist")
        for query in [
            "status__exact=a%00b",
            "creator__id__exact=infinity",
            "e=1&deleted=%ED%A0%BD",
        ]:
            with self.subTest(query):
                answer = self.client.get(f"{url}?{query}", secure=True, follow=True)
                self.assertContains(answer, "This list has no such filter")

        answer = self.client.get(f"{url}?no_such_field=%ED%A0%BD", secure=True)
        self.assertContains(answer, "This list has no such filter", status_code=400)

    def test_that_search_for_what_no_row_has_find_nothing(self):
        for value in ODD:
            with self.subTest(value[:20]):
                answer = self.client.get(f"{admin_url(Track, 'changelist')}?q={value}", secure=True)
                self.assertEqual(list(answer.context["cl"].result_list), [])


class OddForms(AdminTests):
    def assert_refused(self, answer, name):
        self.assertEqual(answer.status_code, 200)
        self.assertIn(name, answer.context["adminform"].form.errors)

    def test_refuse_text_that_shows_nothing_or_can_t_be_stored(self):
        for text in ["\u200b", "\u3164 \u2800", "\x00", "a\x00b"]:
            with self.subTest(ascii(text)):
                values = {"name": "editor", "display_name": text, "description": ""}
                self.assert_refused(self.post(admin_url(Role, "add"), values), "display_name")

    def test_refuse_a_relation_to_what_is_no_key(self):
        for text in ["x", "\x00", "9" * 400]:
            with self.subTest(text[:5]):
                self.assert_refused(
                    self.post(admin_url(UserProfile, "add"), {"user": text}), "user"
                )

    def test_refuse_times_and_json_that_can_t_be_read_back(self):
        track = Track.objects.alive().first()
        for date in ["10000-01-01", "infinity", "0000-01-01", "-1-01-01"]:
            with self.subTest(date):
                answer = self.post(
                    admin_url(Track, "change", track.pk),
                    {"published_at_0": date, "published_at_1": "00:00:00"},
                )
                self.assert_refused(answer, "published_at")
        profile = UserProfile.objects.first()
        for text in ['{"a": "\\ud83d"}', '{"a\\u0000": 1}', "[NaN]", "1e400", "-Infinity"]:
            with self.subTest(text):
                answer = self.post(
                    admin_url(UserProfile, "change", profile.pk),
                    {"user": profile.user_id, "social_links": text},
                )
                self.assert_refused(answer, "social_links")
