from django.contrib import admin
from django.utils import timezone

from accounts.models import User
from rbac.admin_actions import GRANT_ACTIONS, ROLE_ACTIONS
from rbac.admin_rules import (
    GrantRules,
    PermissionRules,
    RolePermissionRules,
    RoleRules,
    RolesOfUserAdmin,
)
from rbac.models import Permission, Role, RolePermission, UserProfile, UserRole, UserSettings
from veza_site.admin.model_admin import V1Admin
from veza_site.admin.wording.state import in_tone

admin.site.unregister(User)
admin.site.register(User, RolesOfUserAdmin)


@admin.register(Role)
class RoleAdmin(RoleRules, V1Admin):
    actions = ROLE_ACTIONS
    list_display = ["name", "display_name", "is_system", "created_at"]
    search_fields = ["name"]
    readonly_fields = ["is_system"]
    fieldsets = [(None, {"fields": ["name", "display_name", "description", "is_system"]})]


@admin.register(Permission)
class PermissionAdmin(PermissionRules, V1Admin):
    list_display = ["__str__", "description", "created_at"]
    search_fields = ["resource"]


@admin.register(UserRole)
class UserRoleAdmin(GrantRules, V1Admin):
    actions = GRANT_ACTIONS
    list_display = ["created_at", "user", "role", "standing", "expires_at", "granted_by"]
    labels = {"created_at": "granted"}

    @admin.display(description="state")
    def standing(self, row: UserRole) -> str:
        """Say whether a grant still counts."""
        if row.expires_at is not None and row.expires_at <= timezone.now():
            return in_tone("quiet", "Expired")
        return in_tone("good", "Active")


@admin.register(RolePermission)
class RolePermissionAdmin(RolePermissionRules, V1Admin):
    list_display = ["created_at", "role", "permission"]


@admin.register(UserProfile)
class UserProfileAdmin(V1Admin):
    list_display = ["__str__", "user", "location", "website_url", "updated_at"]
    fieldsets = [
        (None, {"fields": ["user", "display_name", "first_name", "last_name", "location", "bio"]}),
        ("Links", {"fields": ["avatar_url", "banner_url", "website_url", "social_links"]}),
    ]


@admin.register(UserSettings)
class UserSettingsAdmin(V1Admin):
    list_display = ["created_at", "user", "language", "theme", "profile_is_public", "updated_at"]
    fieldsets = [
        (None, {"fields": ["user", "language", "timezone", "theme", "audio_quality"]}),
        ("Notifications", {"fields": ["email_notifications", "push_notifications"]}),
        ("Other", {"fields": ["profile_is_public", "preferences"]}),
    ]
