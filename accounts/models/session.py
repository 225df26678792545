"""The devices on which people are signed in."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from accounts.models.token import RefreshToken
from accounts.models.user import User
from veza_site.fields import JSONField
from veza_site.indexes import Index
from veza_site.models import MutableModel


class UserSession(MutableModel):
    """A device on which a user is signed in to the platform. Not a session of the admin."""

    user = models.ForeignKey(User, models.DB_CASCADE, db_index=False, related_name="sessions")
    refresh_token = models.ForeignKey(
        RefreshToken,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="sessions",
    )
    session_token_hash = models.CharField(max_length=64, help_text="SHA-256, hex.")
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.TextField(null=True, blank=True)
    device_name = models.CharField(max_length=100, null=True, blank=True)
    device_info = JSONField(db_default={}, blank=True)
    last_activity_at = models.DateTimeField(db_default=TransactionNow())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = models.CharField(max_length=100, null=True, blank=True)

    class Meta:
        db_table = "user_sessions"
        constraints = [
            models.UniqueConstraint(
                fields=["session_token_hash"], name="idx_user_sessions_session_token_hash"
            ),
        ]
        indexes = [
            # A user's devices, few enough to sort. Without last_activity_at: every request changes
            # that, and then writes no index.
            Index(fields=["user"], name="idx_user_sessions_user_id"),
            # The session of a refresh token: ON DELETE SET NULL.
            Index(fields=["refresh_token"], name="idx_user_sessions_refresh_token_id"),
            # Purging what has expired.
            Index(fields=["expires_at"], name="idx_user_sessions_expires_at"),
        ]

    def __str__(self) -> str:
        return self.device_name or f"session {self.pk}"
