"""The rules that the pages of users, and of what belongs to them, keep."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.db import models
from django.http import HttpRequest

from accounts import guards, services
from accounts.super_admins import kept
from veza_site.admin.actions.row_actions import ActionAdmin


class UserRules(ActionAdmin):
    """
    The rules of users: nobody acts on who may more, and one super_admin stays.

    A user's role is changed in the form, by who may change the roles that are granted.
    """

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        guards.check_may_act_on(actor_id=request.user.pk, user_ids=ids)

    def get_readonly_fields(
        self, request: HttpRequest, obj: models.Model | None = None
    ) -> list[Any]:
        readonly = list(super().get_readonly_fields(request, obj))
        return readonly if request.user.has_perm("rbac.change_userrole") else [*readonly, "role"]

    def save_model(
        self, request: HttpRequest, obj: models.Model, form: forms.ModelForm, change: bool
    ) -> None:
        if change and "role" in form.changed_data:
            guards.check_may_change_role(actor_id=request.user.pk, user_ids=[obj.pk], role=obj.role)
            services.change_user_role(user_id=obj.pk, role=obj.role)
            obj.refresh_from_db(fields=["role", "token_version", "updated_at"])
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        with kept():
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        with kept():
            super().delete_queryset(request, queryset)


class OwnedRules(ActionAdmin):
    """The rules of what lets a user in: nobody changes that of who may more."""

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        users = self.model._base_manager.filter(pk__in=ids).values_list("user_id", flat=True)
        guards.check_may_act_on(actor_id=request.user.pk, user_ids=set(users))
