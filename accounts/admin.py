from typing import Any

from django.contrib import admin
from django.utils import timezone

from accounts.admin_actions import USER_ACTIONS
from accounts.admin_rules import OwnedRules, UserRules
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
from veza_site.admin.model_admin import V1Admin
from veza_site.admin.wording.state import in_tone, state

admin.site.login_form = SignInForm
admin.site.password_change_form = OwnPasswordForm


@admin.register(User)
class UserAdmin(UserRules, V1Admin):
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
        """Say a user's status, and of an active one whether failed sign-ins keep it out now."""
        if row.status == UserStatus.ACTIVE and row.is_locked:
            return in_tone("bad", f"Locked until {timezone.localtime(row.locked_until):%H:%M}")
        return state(row.status, row.get_status_display())


@admin.register(FederatedIdentity)
class FederatedIdentityAdmin(OwnedRules, V1Admin):
    can_add = False  # made by logging in at the provider
    list_display = ["provider", "user", "display_name", "email", "last_login_at", "created_at"]
    readonly_fields = ["user", "provider", "provider_user_id", "last_login_at"]
    fieldsets = [
        (None, {"fields": ["user", "provider", "provider_user_id", "last_login_at"]}),
        ("What the provider says", {"fields": ["email", "display_name", "avatar_url"]}),
    ]


class TokenAdmin(OwnedRules, V1Admin):
    """Tokens are made, used and revoked by the platform; here they are looked at."""

    can_add = can_change = False

    @admin.display(description="state")
    def standing(self, row: Any) -> str:
        """Say whether a token or a session is still good, and if not, why."""
        if getattr(row, "revoked_at", None):
            return in_tone("quiet", "Revoked")
        if getattr(row, "used_at", None):
            return in_tone("quiet", "Used")
        if row.expires_at <= timezone.now():
            return in_tone("quiet", "Expired")
        return in_tone("good", "Open")


@admin.register(RefreshToken)
class RefreshTokenAdmin(TokenAdmin):
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
        ("The end of it", {"fields": ["revoked_at", "revoked_reason", "replaced_by"]}),
    ]


@admin.register(PasswordResetToken)
class PasswordResetTokenAdmin(TokenAdmin):
    list_display = ["created_at", "user", "standing", "expires_at", "used_at", "ip_address"]


@admin.register(EmailVerificationToken)
class EmailVerificationTokenAdmin(TokenAdmin):
    list_display = ["created_at", "user", "email", "standing", "expires_at", "used_at"]


@admin.register(UserSession)
class UserSessionAdmin(TokenAdmin):
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
        ("The end of it", {"fields": ["revoked_at", "revoked_reason"]}),
    ]
