"""What the admin's tests share: the demo catalogue, people of each role, addresses."""

from typing import Any
from unittest import mock

from django.contrib import admin
from django.db import models
from django.http import HttpResponse
from django.test import TestCase
from django.urls import NoReverseMatch, reverse

from accounts.models import User, UserRole
from tests.support.databases import v1_models
from tests.support.demo import copy_demo
from veza_site.admin.apps import discover
from veza_site.admin.lists.list_admin import ListAdmin

STAFF = [UserRole.MODERATOR, UserRole.ADMIN, UserRole.SUPER_ADMIN]


def admin_url(model: type[models.Model], page: str, *arguments: Any) -> str:
    """Return the address of a model's page: changelist, add, change, delete or history."""
    names = model._meta.app_label, model._meta.model_name
    try:
        return reverse("admin:{}_{}_{}".format(*names, page), args=arguments)
    except NoReverseMatch:
        raise AssertionError(
            f"the admin has no pages of {model._meta.db_table}: register {model.__name__} in "
            f"{model._meta.app_label}/admin.py, with a V1Admin"
        ) from None


class AdminTests(TestCase):
    """Tests that look at the demo catalogue in the admin, as a super_admin unless they sign in."""

    @classmethod
    def setUpTestData(cls) -> None:
        copy_demo()

    def setUp(self) -> None:
        # Rows are most of a list's time.
        self.enterContext(mock.patch.object(ListAdmin, "list_per_page", 5))
        self.sign_in(UserRole.SUPER_ADMIN)

    def sign_in(self, role: UserRole) -> User:
        """Sign in as somebody with this role, and return them."""
        user = User.objects.alive().filter(role=role, status="active").first()
        self.client.force_login(user)
        return user

    def get(self, url: str, parameters: dict[str, Any] | None = None) -> HttpResponse:
        return self.client.get(url, parameters, secure=True)

    def post(self, url: str, values: dict[str, Any] | None = None) -> HttpResponse:
        return self.client.post(url, values, secure=True)

    def first_rows(self) -> dict[type[models.Model], models.Model]:
        """Return a live row of each V1 table."""
        first = {}
        for model in v1_models():
            rows = model.objects.alive() if hasattr(model.objects, "alive") else model.objects
            first[model] = rows.order_by("pk").first()
            self.assertIsNotNone(
                first[model],
                f"the demo has no live row of {model._meta.db_table}: add some in load() of "
                f"{model._meta.app_label}/demo.py",
            )
        return first

    def filter_urls(self, model: type[models.Model]) -> list[list[str]]:
        """Return, for each filter of the list that has choices, the list's address with each."""
        url = admin_url(model, "changelist")
        changes = self.get(url).context["cl"]
        choices = [
            [
                url + choice["query_string"]
                for choice in spec.choices(changes)
                if choice.get("query_string") and not choice["selected"]
            ]
            for spec in changes.filter_specs
        ]
        return [urls for urls in choices if urls]


def admin_of(model: type[models.Model]) -> admin.ModelAdmin:
    discover()  # nothing has, where this comes before the first page
    return admin.site.get_model_admin(model)
