"""The pages of users, and of what lets them in."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from accounts import guards, services
from accounts.admin_actions import USER_ACTIONS
from accounts.forms import OwnPasswordForm, SignInForm
from accounts.models import (
    EmailVerificationToken,
    FederatedIdentity,
    PasswordResetToken,
    RefreshToken,
    User,
    UserSession,
    UserStatus,
)
from accounts.super_admins import protect_last_super_admin
from veza_site.admin.actor import get_actor_id
from veza_site.admin.model_admin import V1Admin
from veza_site.admin.wording.state import show_in_tone, show_state
from veza_site.postgresql.out_of_range import OutOfRange

admin.site.login_form = SignInForm
admin.site.password_change_form = OwnPasswordForm


@admin.register(User)
class UserAdmin(V1Admin):
    """
    Users. Nobody acts on a user with more rights, and one super_admin always stays.

    Whoever may change the roles that are granted also changes a user's role, in the form.
    """

    actions = USER_ACTIONS
    can_add = False  # the platform signs people up
    list_display = [
        "username",
        "email",
        "role",
        "standing",
        "last_login",
        "created_at",
    ]
    search_fields = ["email", "username"]
    readonly_fields = [
        "status",
        "two_factor_enabled",
        "token_version",
        "failed_login_attempts",
        "locked_until",
        "last_login",
        "last_login_ip",
    ]
    fieldsets = [
        (None, {"fields": ["username", "email", "is_verified"]}),
        ("Access", {"fields": ["role", "status", "token_version"]}),
        (
            "Signing in",
            {
                "fields": [
                    "two_factor_enabled",
                    "last_login",
                    "last_login_ip",
                    "failed_login_attempts",
                    "locked_until",
                ]
            },
        ),
    ]

    @admin.display(description="status")
    def standing(self, row: User) -> str:
        """Show a user's status, or how long failed sign-ins lock an active one."""
        if row.status == UserStatus.ACTIVE and row.is_locked:
            if isinstance(row.locked_until, OutOfRange):
                return show_in_tone("bad", "Locked for ever")
            return show_in_tone("bad", f"Locked until {timezone.localtime(row.locked_until):%H:%M}")
        return show_state(row.status, row.get_status_display())

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        guards.check_may_act_on(actor_id=get_actor_id(request), user_ids=ids)

    def get_readonly_fields(
        self, request: HttpRequest, obj: models.Model | None = None
    ) -> list[Any]:
        readonly = super().get_readonly_fields(request, obj)
        return readonly if request.user.has_perm("rbac.change_rolegrant") else [*readonly, "role"]

    def save_model(
        self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool
    ) -> None:
        if change and "role" in form.changed_data:
            guards.check_may_change_role(
                actor_id=get_actor_id(request), user_ids=[obj.pk], role=obj.role
            )
            services.change_user_role(user_id=obj.pk, role=obj.role)
            obj.refresh_from_db(fields=["role", "token_version", "updated_at"])
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with protect_last_super_admin():
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        with protect_last_super_admin():
            super().delete_queryset(request, queryset)


class OwnedAdmin(V1Admin):
    """What lets a user in. Nobody changes what belongs to a user with more rights."""

    def check_rows(self, request: HttpRequest, ids: Collection[Any]) -> None:
        users = self.model._base_manager.filter(pk__in=ids).values_list("user_id", flat=True)
        guards.check_may_act_on(actor_id=get_actor_id(request), user_ids=set(users))


@admin.register(FederatedIdentity)
class FederatedIdentityAdmin(OwnedAdmin):
    """Accounts at other providers."""

    can_add = False  # made by signing in at the provider
    list_display = ["provider", "user", "display_name", "email", "last_login_at", "created_at"]
    readonly_fields = ["user", "provider", "provider_user_id", "last_login_at"]
    fieldsets = [
        (None, {"fields": ["user", "provider", "provider_user_id", "last_login_at"]}),
        ("What the provider says", {"fields": ["email", "display_name", "avatar_url"]}),
    ]


class TokenAdmin(OwnedAdmin):
    """Tokens and sessions, which only the platform makes, uses and revokes."""

    can_add = can_change = False

    @admin.display(description="state")
    def standing(self, row: Any) -> str:
        """Show whether a token or a session is still good, and if not, why."""
        if getattr(row, "revoked_at", None):
            return show_in_tone("quiet", "Revoked")
        if getattr(row, "used_at", None):
            return show_in_tone("quiet", "Used")
        if row.expires_at <= timezone.now():
            return show_in_tone("quiet", "Expired")
        return show_in_tone("good", "Open")


@admin.register(RefreshToken)
class RefreshTokenAdmin(TokenAdmin):
    """Refresh tokens, each with the one that replaced it."""

    child_names = {"replaces": "predecessors"}
    list_display = [
        "created_at",
        "user",
        "standing",
        "expires_at",
        "revoked_reason",
        "ip_address",
    ]
    fieldsets = [
        (None, {"fields": ["user", "expires_at", "ip_address", "user_agent"]}),
        ("Revocation", {"fields": ["revoked_at", "revoked_reason", "replaced_by"]}),
    ]


@admin.register(PasswordResetToken)
class PasswordResetTokenAdmin(TokenAdmin):
    """Tokens in the links that set a new password."""

    list_display = ["created_at", "user", "standing", "expires_at", "used_at", "ip_address"]


@admin.register(EmailVerificationToken)
class EmailVerificationTokenAdmin(TokenAdmin):
    """Tokens in the links that confirm an email address."""

    list_display = ["created_at", "user", "email", "standing", "expires_at", "used_at"]


@admin.register(UserSession)
class UserSessionAdmin(TokenAdmin):
    """Sessions on the platform, by device. Those of the admin are Django's."""

    list_display = [
        "__str__",
        "user",
        "standing",
        "last_activity_at",
        "expires_at",
        "ip_address",
    ]
    fieldsets = [
        (None, {"fields": ["user", "refresh_token", "last_activity_at", "expires_at"]}),
        ("Device", {"fields": ["device_name", "device_info", "ip_address", "user_agent"]}),
        ("Revocation", {"fields": ["revoked_at", "revoked_reason"]}),
    ]
