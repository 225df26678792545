"""
The rules that the pages of roles, permissions and who has them keep.

Nobody edits their own roles or permissions, nobody gives what they lack, and one super_admin stays:
see `rbac.guards` and `accounts.super_admins`.
"""

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib.admin.options import ActionLocation
from django.db import models
from django.http import HttpRequest

from accounts.admin import UserAdmin
from accounts.super_admins import kept
from rbac import guards, services
from rbac.admin_actions import USER_ROLE_ACTIONS, changed, granted, revoked
from rbac.models import Permission, Role, RolePermission, UserRole
from veza_site.admin.actions.row_actions import ActionAdmin
from veza_site.transactions import Conflict, NotAllowed, NotFound


class RolesOfUserAdmin(UserAdmin):
    """
    The users' admin, with the roles that are granted to them.

    It takes the place of the one in accounts, which doesn't know of these.
    """

    actions = [*UserAdmin.actions, *USER_ROLE_ACTIONS]

    def has_grant_role_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("rbac.add_userrole")

    def has_revoke_role_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("rbac.delete_userrole")


class RoleRules(ActionAdmin):
    """The rules of roles; a system role is never renamed or deleted."""

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        guards.check_may_edit_roles(actor_id=request.user.pk, role_ids=ids)

    def get_readonly_fields(self, request: HttpRequest, obj: Role | None = None) -> list[Any]:
        readonly = [*super().get_readonly_fields(request, obj), "is_system"]
        return [*readonly, "name"] if obj is not None and obj.is_system else readonly

    def save_model(
        self, request: HttpRequest, obj: Role, form: forms.ModelForm, change: bool
    ) -> None:
        with kept():
            super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Role) -> None:
        _refuse_system_roles(Role.objects.filter(pk=obj.pk))
        with kept():
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        _refuse_system_roles(queryset)
        with kept():
            super().delete_queryset(request, queryset)


class PermissionRules(ActionAdmin):
    """The rules of permissions."""

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        guards.check_may_edit_permissions(actor_id=request.user.pk, permission_ids=ids)

    def save_model(
        self, request: HttpRequest, obj: Permission, form: forms.ModelForm, change: bool
    ) -> None:
        guards.check_may_define(actor_id=request.user.pk, resource=obj.resource, action=obj.action)
        super().save_model(request, obj, form, change)


class GrantRules(ActionAdmin):
    """
    The rules of the roles that users have.

    To add a row is to grant a role, to delete it to revoke it; of a row that is there only the
    expiry changes. The log has it at the user, too.
    """

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        users = UserRole.objects.filter(pk__in=ids).values_list("user_id", flat=True)
        guards.check_may_revoke(actor_id=request.user.pk, user_ids=set(users))

    def get_readonly_fields(self, request: HttpRequest, obj: UserRole | None = None) -> list[Any]:
        readonly = [*super().get_readonly_fields(request, obj), "granted_by"]
        return readonly if obj is None else [*readonly, "user", "role"]

    def save_model(
        self, request: HttpRequest, obj: UserRole, form: forms.ModelForm, change: bool
    ) -> None:
        guards.check_may_grant(
            actor_id=request.user.pk, user_ids=[obj.user_id], role_id=obj.role_id
        )
        if change:
            with kept():  # an expiry may end what was for good
                super().save_model(request, obj, form, change)
        else:
            self._grant(request, obj)
        say = changed if change else granted
        self.log_change(request, obj.user, say(obj.role, obj.expires_at))

    def _grant(self, request: HttpRequest, obj: UserRole) -> None:
        """Grant the role, and let `obj` be the row that this has made."""
        if not services.grant_role(
            user_id=obj.user_id,
            role_id=obj.role_id,
            granted_by_id=request.user.pk,
            expires_at=obj.expires_at,
        ):
            raise Conflict(f"{obj.user} has the role {obj.role} already, and for as long.")
        made = UserRole.objects.get(user_id=obj.user_id, role_id=obj.role_id)
        obj.pk, obj._state.adding = made.pk, False
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: UserRole) -> None:
        self.check_rows(request, [obj.pk])
        services.revoke_role(user_id=obj.user_id, role_id=obj.role_id)
        self.log_change(request, obj.user, revoked(obj.role))

    def get_actions(
        self,
        request: HttpRequest,
        action_location: ActionLocation = ActionLocation.CHANGE_LIST,
    ) -> dict[str, Any]:
        actions = super().get_actions(request, action_location=action_location)
        actions.pop("delete_selected", None)  # it is "revoke" here
        return actions


class RolePermissionRules(ActionAdmin):
    """The rules of what roles allow: a row is added or deleted, never changed."""

    can_change = False

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        roles = RolePermission.objects.filter(pk__in=ids).values_list("role_id", flat=True)
        guards.check_may_edit_roles(actor_id=request.user.pk, role_ids=set(roles))

    def save_model(
        self, request: HttpRequest, obj: RolePermission, form: forms.ModelForm, change: bool
    ) -> None:
        guards.check_may_allow(
            actor_id=request.user.pk, role_ids=[obj.role_id], permission_ids=[obj.permission_id]
        )
        if not Role.objects.alive().filter(pk=obj.role_id).exists():  # locked by now
            raise NotFound(f"There is no role {obj.role_id}.")
        super().save_model(request, obj, form, change)


def _refuse_system_roles(roles: models.QuerySet) -> None:
    role = roles.filter(is_system=True).first()
    if role is not None:
        raise NotAllowed(f"The role {role} is a system role, which is never deleted.")
