"""A page of the admin may use the database only so long, and says so when time is up."""

import time

from django.contrib import admin
from django.db import connection
from django.http import HttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import TransactionTestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, reverse

from accounts.models import User
from tests.support.databases import connect
from tests.support.rows import rows
from veza_site.admin.apps import discover

LIMITS = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"


def fetch(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def slow(_request):
    fetch("SELECT pg_sleep(10)")
    return HttpResponse("Never")


def slow_template(request):
    """Query something slow only when the template is rendered."""
    template = engines["django"].from_string("{{ something }}")
    return TemplateResponse(request, template, {"something": lambda: fetch("SELECT pg_sleep(10)")})


def limits(_request):
    return HttpResponse(" ".join(fetch(LIMITS)))


views = [path(f"{view.__name__}/", view) for view in (slow, slow_template, limits)]
discover()
urlpatterns = [
    path("admin/", ([*views, *admin.site.get_urls()], "admin", "admin")),
    path("elsewhere/", include(views)),
]


@override_settings(ROOT_URLCONF=__name__, ADMIN_STATEMENT_TIMEOUT=0.2)
class TimeLimit(TransactionTestCase):
    def setUp(self):
        self.user = User.objects.create_superuser("nadia@veza.example", "nadia", "s3cret of nadia")

    def get(self, address, method="get"):
        return getattr(self.client, method)(address, secure=True)

    def test_ends_a_statement_of_a_view_or_of_its_template(self):
        for address in ("/admin/slow/", "/admin/slow_template/"):
            with self.subTest(address), self.assertLogs("veza_site.admin", "WARNING"):
                began = time.monotonic()
                self.assertContains(self.get(address), "longer than 0.2 s", status_code=422)
                self.assertLess(time.monotonic() - began, 5)

    def test_is_a_statement_s_and_half_as_long_for_a_lock(self):
        self.assertEqual(self.get("/admin/limits/").text, "200ms 100ms")

    def test_is_gone_after_the_request_however_that_ended(self):
        before = fetch(LIMITS)
        self.get("/admin/limits/")
        self.assertEqual(fetch(LIMITS), before)
        with self.assertLogs("veza_site.admin", "WARNING"):
            self.get("/admin/slow/")
        self.assertEqual(fetch(LIMITS), before)

    def test_goes_back_to_the_role_s_own_and_not_to_none(self):
        with connection.cursor() as cursor:
            cursor.execute("ALTER ROLE CURRENT_USER SET statement_timeout = '1h'")
        self.addCleanup(self.forget_the_role_s_own)
        connection.close()
        self.assertEqual(self.get("/admin/limits/").text, "200ms 100ms")
        self.assertEqual(fetch("SHOW statement_timeout"), ("1h",))

    def forget_the_role_s_own(self):
        with connection.cursor() as cursor:
            cursor.execute("ALTER ROLE CURRENT_USER RESET statement_timeout")
        connection.close()

    def test_is_the_admin_s_only(self):
        self.assertEqual(self.get("/elsewhere/limits/").text, " ".join(fetch(LIMITS)))

    def test_leads_back_without_asking_who_it_is(self):
        self.client.force_login(self.user)
        with (
            self.assertLogs("veza_site.admin", "WARNING"),
            CaptureQueriesContext(connection) as captured,
        ):
            answer = self.get("/admin/slow/?a=b")
        # Only the page's queries: the session is found and renewed by its key.
        self.assertEqual([query["sql"] for query in captured if '"users"' in query["sql"]], [])
        self.assertContains(answer, "Narrow the filter", status_code=422)
        self.assertContains(answer, f'href="{reverse("admin:index")}"', status_code=422)
        self.assertNotContains(answer, "Nothing was changed", status_code=422)

    def test_says_after_a_post_that_nothing_was_changed(self):
        with self.assertLogs("veza_site.admin", "WARNING"):
            answer = self.get("/admin/slow/", "post")
        self.assertContains(answer, "Nothing was changed.", status_code=422)

    def test_does_not_wait_long_for_a_row_that_a_service_holds(self):
        self.client.force_login(self.user)
        role = rows().insert("roles", name="guide", display_name="Guide")
        address = reverse("admin:rbac_role_change", args=[role])
        with connect(connection.settings_dict["NAME"]) as service, service.transaction():
            service.execute("SELECT FROM roles WHERE id = %s FOR UPDATE", [role])
            with self.assertLogs("veza_site.admin", "WARNING"):
                answer = self.client.post(
                    address, {"name": "guide", "display_name": "Chief guide"}, secure=True
                )
        self.assertContains(answer, "Somebody else is changing", status_code=409)
        self.assertContains(answer, "Nothing was changed.", status_code=409)
        self.assertContains(answer, reverse("admin:rbac_role_changelist"), status_code=409)
        self.assertEqual(fetch("SELECT display_name FROM roles WHERE name = 'guide'"), ("Guide",))
