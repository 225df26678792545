"""Roles, what they allow, who has them; and users' profiles and settings."""

from collections.abc import Collection

from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual

from accounts.models import User
from accounts.names import normalize_new_names
from veza_site.fields import JSONField
from veza_site.indexes import Index
from veza_site.models import MutableModel, SoftDeletableModel


class Role(SoftDeletableModel):
    """A named set of permissions."""

    name = models.CharField(max_length=50, help_text="Machine name: moderator, support…")
    display_name = models.CharField(max_length=100)
    description = models.TextField(db_default="", blank=True)
    is_system = models.BooleanField(
        db_default=False, help_text="Shipped with the platform: never deleted or renamed."
    )

    class Meta:
        db_table = "roles"
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=models.Q(deleted_at__isnull=True),
                name="idx_roles_name",
                violation_error_message="There is a role with this name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Permission(MutableModel):
    """Something that a role may allow."""

    resource = models.CharField(max_length=50, help_text="tracks, playlists, users… or * for all.")
    action = models.CharField(
        max_length=50, help_text="read, create, update, delete, moderate… or * for all."
    )
    description = models.TextField(db_default="", blank=True)

    class Meta:
        db_table = "permissions"
        constraints = [
            models.UniqueConstraint(
                fields=["resource", "action"], name="idx_permissions_resource_action"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource}:{self.action}"


class RoleGrant(MutableModel):
    """A role granted to a user, permanently or until a time."""

    user = models.ForeignKey(User, models.DB_CASCADE, db_index=False, related_name="user_roles")
    role = models.ForeignKey(Role, models.DB_CASCADE, db_index=False, related_name="user_roles")
    granted_by = models.ForeignKey(
        User,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="granted_user_roles",
    )
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "user_roles"
        constraints = [
            models.UniqueConstraint(fields=["user", "role"], name="idx_user_roles_user_id_role_id"),
        ]
        indexes = [
            # Who has a role.
            Index(fields=["role"], name="idx_user_roles_role_id"),
            # What a person granted: ON DELETE SET NULL.
            Index(fields=["granted_by"], name="idx_user_roles_granted_by_id"),
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} has role {self.role_id}"


class RolePermission(MutableModel):
    """A permission that a role allows."""

    role = models.ForeignKey(
        Role, models.DB_CASCADE, db_index=False, related_name="role_permissions"
    )
    permission = models.ForeignKey(
        Permission, models.DB_CASCADE, db_index=False, related_name="role_permissions"
    )

    class Meta:
        db_table = "role_permissions"
        constraints = [
            models.UniqueConstraint(
                fields=["role", "permission"], name="idx_role_permissions_role_id_permission_id"
            ),
        ]
        indexes = [
            # The roles that allow something.
            Index(fields=["permission"], name="idx_role_permissions_permission_id"),
        ]

    def __str__(self) -> str:
        return f"role {self.role_id} allows {self.permission_id}"


class UserProfile(MutableModel):
    """What a user shows of themselves."""

    user = models.OneToOneField(User, models.DB_CASCADE, related_name="profile")
    display_name = models.CharField(max_length=100, db_default="", blank=True)
    first_name = models.CharField(max_length=100, db_default="", blank=True)
    last_name = models.CharField(max_length=100, db_default="", blank=True)
    bio = models.TextField(db_default="", blank=True)
    avatar_url = models.TextField(null=True, blank=True)
    banner_url = models.TextField(null=True, blank=True)
    location = models.CharField(max_length=100, db_default="", blank=True)
    website_url = models.TextField(null=True, blank=True)
    social_links = JSONField(db_default={}, blank=True)

    class Meta:
        db_table = "user_profiles"
        constraints = [
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("bio"), 500),
                name="chk_user_profiles_bio_length",
                violation_error_message="A bio has at most 500 characters.",
            ),
        ]

    def __str__(self) -> str:
        return str(self.display_name or f"profile {self.pk}")

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        normalize_new_names(self, "display_name", "first_name", "last_name", exclude=exclude)
        super().clean_fields(exclude)


class UserSettings(MutableModel):
    """A user's preferences."""

    user = models.OneToOneField(User, models.DB_CASCADE, related_name="settings")
    language = models.CharField(max_length=10, db_default="en", help_text="BCP 47.")
    timezone = models.CharField(max_length=64, db_default="UTC", help_text="IANA name.")
    theme = models.CharField(max_length=20, db_default="system")
    audio_quality = models.CharField(max_length=20, db_default="auto")
    email_notifications = models.BooleanField(db_default=True)
    push_notifications = models.BooleanField(db_default=True)
    profile_is_public = models.BooleanField(db_default=True)
    preferences = JSONField(db_default={}, blank=True)

    class Meta:
        db_table = "user_settings"
        verbose_name_plural = "user settings"

    def __str__(self) -> str:
        return f"settings {self.pk}"
