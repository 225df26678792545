"""
The pages of roles, of permissions, and of who has them; and of users' profiles and settings.

Nobody changes their own roles or permissions, nobody gives a right that they lack, and one
super_admin always stays: see `rbac.guards` and `accounts.super_admins`.
"""

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import ActionLocation
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from accounts.admin import UserAdmin
from accounts.models import User
from accounts.super_admins import protect_last_super_admin
from rbac import guards, services
from rbac.admin_actions import (
    GRANT_ACTIONS,
    ROLE_ACTIONS,
    USER_ROLE_ACTIONS,
    describe_grant,
    describe_revocation,
)
from rbac.models import Permission, Role, RoleGrant, RolePermission, UserProfile, UserSettings
from veza_site.admin.actor import get_actor_id
from veza_site.admin.model_admin import V1Admin
from veza_site.admin.wording.state import show_in_tone
from veza_site.transactions import Conflict, NotAllowed, NotFound

admin.site.unregister(User)


@admin.register(User)
class RolesOfUserAdmin(UserAdmin):
    """The users' admin of accounts, which knows no roles, with those that are granted to users."""

    actions = [*UserAdmin.actions, *USER_ROLE_ACTIONS]

    def has_grant_role_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may grant roles at all."""
        return request.user.has_perm("rbac.add_rolegrant")

    def has_revoke_role_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may revoke roles at all."""
        return request.user.has_perm("rbac.delete_rolegrant")


@admin.register(Role)
class RoleAdmin(V1Admin):
    """Roles. Nobody renames or deletes a system role."""

    actions = ROLE_ACTIONS
    list_display = ["name", "display_name", "is_system", "created_at"]
    search_fields = ["name"]
    readonly_fields = ["is_system"]
    fieldsets = [(None, {"fields": ["name", "display_name", "description", "is_system"]})]

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        guards.check_may_edit_roles(actor_id=get_actor_id(request), role_ids=ids)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        readonly = super().get_readonly_fields(request, obj)
        return [*readonly, "name"] if obj is not None and obj.is_system else readonly

    def save_model(
        self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool
    ) -> None:
        with protect_last_super_admin():
            super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        _refuse_system_roles(Role.objects.filter(pk=obj.pk))
        with protect_last_super_admin():
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        _refuse_system_roles(queryset)
        with protect_last_super_admin():
            super().delete_queryset(request, queryset)


def _refuse_system_roles(roles: models.QuerySet) -> None:
    role = roles.filter(is_system=True).first()
    if role is not None:
        raise NotAllowed(f"The role {role} is a system role, which is never deleted.")


@admin.register(Permission)
class PermissionAdmin(V1Admin):
    """What a role can allow: an action on a resource."""

    list_display = ["__str__", "description", "created_at"]
    search_fields = ["resource"]

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        guards.check_may_edit_permissions(actor_id=get_actor_id(request), permission_ids=ids)

    def save_model(
        self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool
    ) -> None:
        guards.check_may_define(
            actor_id=get_actor_id(request), resource=obj.resource, action=obj.action
        )
        super().save_model(request, obj, form, change)


@admin.register(RoleGrant)
class RoleGrantAdmin(V1Admin):
    """
    The roles that users have. To add a row grants a role, to delete it revokes the role.

    Of a grant only the expiry can change. The log notes all of this for the user, too.
    """

    actions = GRANT_ACTIONS
    list_display = ["created_at", "user", "role", "standing", "expires_at", "granted_by"]
    labels = {"created_at": "granted"}

    @admin.display(description="state")
    def standing(self, row: RoleGrant) -> str:
        """Show whether a grant still counts."""
        if row.expires_at is not None and row.expires_at <= timezone.now():
            return show_in_tone("quiet", "Expired")
        return show_in_tone("good", "Active")

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        users = RoleGrant.objects.filter(pk__in=ids).values_list("user_id", flat=True)
        guards.check_may_revoke(actor_id=get_actor_id(request), user_ids=set(users))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        readonly = [*super().get_readonly_fields(request, obj), "granted_by"]
        return readonly if obj is None else [*readonly, "user", "role"]

    def save_model(
        self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool
    ) -> None:
        if change:
            guards.check_may_grant(
                actor_id=get_actor_id(request), user_ids=[obj.user_id], role_id=obj.role_id
            )
            with protect_last_super_admin():  # an expiry can end a grant of super_admin
                super().save_model(request, obj, form, change)
        else:
            self._grant(request, obj)
        message = describe_grant(obj.role, obj.expires_at, is_new=not change)
        self.log_change(request, obj.user, message)

    def _grant(self, request: HttpRequest, obj: RoleGrant) -> None:
        """Grant the role, and make `obj` the row that the service has made."""
        grant_id = services.grant_role(
            user_id=obj.user_id,
            role_id=obj.role_id,
            granted_by_id=get_actor_id(request),
            expires_at=obj.expires_at,
            guarded=True,
        )
        if grant_id is None:
            raise Conflict(f"{obj.user} already has the role {obj.role}, for as long or longer.")
        obj.pk, obj._state.adding = grant_id, False
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.check_rows(request, [obj.pk])
        services.revoke_role(user_id=obj.user_id, role_id=obj.role_id)
        self.log_change(request, obj.user, describe_revocation(obj.role))

    def get_actions(
        self,
        request: HttpRequest,
        action_location: ActionLocation = ActionLocation.CHANGE_LIST,
    ) -> dict[str, Any]:
        actions = super().get_actions(request, action_location=action_location)
        actions.pop("delete_selected", None)  # here it is called "revoke"
        return actions


@admin.register(RolePermission)
class RolePermissionAdmin(V1Admin):
    """What roles allow. A row is added or deleted, never changed."""

    can_change = False
    list_display = ["created_at", "role", "permission"]

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        roles = RolePermission.objects.filter(pk__in=ids).values_list("role_id", flat=True)
        guards.check_may_edit_roles(actor_id=get_actor_id(request), role_ids=set(roles))

    def save_model(
        self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool
    ) -> None:
        guards.check_may_allow(
            actor_id=get_actor_id(request),
            role_ids=[obj.role_id],
            permission_ids=[obj.permission_id],
        )
        if not Role.objects.alive().filter(pk=obj.role_id).exists():  # the guard has locked it
            raise NotFound(f"There is no role {obj.role_id}.")
        super().save_model(request, obj, form, change)


@admin.register(UserProfile)
class UserProfileAdmin(V1Admin):
    """What users say about themselves."""

    list_display = ["__str__", "user", "location", "website_url", "updated_at"]
    fieldsets = [
        (None, {"fields": ["user", "display_name", "first_name", "last_name", "location", "bio"]}),
        ("Links", {"fields": ["avatar_url", "banner_url", "website_url", "social_links"]}),
    ]


@admin.register(UserSettings)
class UserSettingsAdmin(V1Admin):
    """How users like the platform to look, to sound and to notify them."""

    list_display = ["created_at", "user", "language", "theme", "profile_is_public", "updated_at"]
    fieldsets = [
        (None, {"fields": ["user", "language", "timezone", "theme", "audio_quality"]}),
        ("Notifications", {"fields": ["email_notifications", "push_notifications"]}),
        ("Other", {"fields": ["profile_is_public", "preferences"]}),
    ]
