"""What all pages of the admin share: titles, what they may load, what is missing."""

import re

from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.auth.models import Permission as DjangoPermission
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from rbac.models import Role
from veza_site.admin.apps import discover
from veza_site.admin.site import V1AdminSite

PASSWORD = "s3cret of nadia"


class Site(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.user = User.objects.create_superuser("nadia@veza.example", "nadia", PASSWORD)
        cls.role = Role.objects.create(name="guide", display_name="Guide")

    def setUp(self):
        self.client.force_login(self.user)

    def pages(self):
        """Yield one address of each kind of page."""
        yield reverse("admin:index")
        yield reverse("admin:app_list", args=["rbac"])
        yield reverse("admin:password_change")
        for page, *arguments in [
            ["changelist"],
            ["add"],
            ["change", self.role.pk],
            ["delete", self.role.pk],
            ["history", self.role.pk],
        ]:
            yield reverse(f"admin:rbac_role_{page}", args=arguments)

    def get(self, address):
        answer = self.client.get(address, secure=True)
        self.assertEqual(answer.status_code, 200, address)
        return answer

    def test_is_the_default_one(self):
        self.assertIsInstance(admin.site, V1AdminSite)
        self.assertContains(self.get(reverse("admin:index")), "<title>Start page | Veza</title>")

    def test_has_no_page_of_django_s_groups_and_permissions(self):
        discover()  # again: the checks do it after the URLs
        self.assertFalse(admin.site.is_registered(Group))
        self.assertFalse(admin.site.is_registered(DjangoPermission))
        for address in ("/admin/auth/", "/admin/auth/group/"):
            self.assertEqual(self.client.get(address, secure=True).status_code, 404)

    def test_lets_a_browser_load_only_what_is_its_own(self):
        policies = [self.get(page)["Content-Security-Policy"] for page in self.pages()]
        self.client.logout()
        policies.append(self.get(reverse("admin:login"))["Content-Security-Policy"])
        for policy in policies:
            for directive in (
                "default-src 'none'",
                "object-src 'none'",
                "base-uri 'none'",
                "form-action 'self'",
                "frame-ancestors 'none'",
            ):
                self.assertIn(directive, policy)
            self.assertNotIn("unsafe", policy)
            self.assertNotIn("http", policy)

    def test_completes_relations_by_the_rules_of_the_lists(self):
        parameters = {"app_label": "rbac", "model_name": "rolegrant", "field_name": "user"}
        with CaptureQueriesContext(connection) as captured:
            answer = self.client.get(reverse("admin:autocomplete"), parameters, secure=True)
        self.assertEqual([found["id"] for found in answer.json()["results"]], [str(self.user.pk)])
        self.assertNotIn("COUNT(", " ".join(query["sql"] for query in captured))

    def test_has_nothing_inline_that_the_policy_would_refuse(self):
        for page in self.pages():
            with self.subTest(page):
                answer = self.get(page)
                html = answer.text
                self.assertIsNone(re.search(r"<[^>]*\s(style|on\w+)=", html))
                self.assertNotIn("javascript:", html)
                nonces = set(re.findall(r'nonce="([^"]*)"', html))
                self.assertLessEqual(len(nonces), 1)
                for nonce in nonces:
                    self.assertIn(f"'nonce-{nonce}'", answer["Content-Security-Policy"])
                for tag in re.findall(r"<(?:script|style)\b[^>]*>", html):
                    self.assertTrue("src=" in tag or "nonce=" in tag or "json" in tag, tag)

    def test_has_the_policy_on_its_errors_too(self):
        for address in ("/admin/nowhere/", "/nowhere"):
            answer = self.client.get(address, secure=True)
            self.assertEqual(answer.status_code, 404)
            self.assertIn("default-src 'none'", answer["Content-Security-Policy"])
