"""Tokens that people get. Only their hash is stored (SHA-256, hex), never the token itself."""

from django.db import models

from accounts.models.user import User
from veza_site.indexes import Index
from veza_site.models import MutableModel


class RefreshToken(MutableModel):
    """A token that buys new access tokens, and is replaced by another each time."""

    user = models.ForeignKey(User, models.DB_CASCADE, db_index=False, related_name="refresh_tokens")
    replaced_by = models.ForeignKey(
        "self",
        models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="replaces",
        help_text="The next token of the rotation chain.",
    )
    token_hash = models.CharField(max_length=64, help_text="SHA-256, hex.")
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = models.CharField(max_length=100, null=True, blank=True)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "refresh_tokens"
        constraints = [
            models.UniqueConstraint(fields=["token_hash"], name="idx_refresh_tokens_token_hash"),
        ]
        indexes = [
            # A user's tokens.
            Index(fields=["user"], name="idx_refresh_tokens_user_id"),
            # The token that another replaced: ON DELETE SET NULL, walking a chain back.
            Index(fields=["replaced_by"], name="idx_refresh_tokens_replaced_by_id"),
            # Purging what has expired.
            Index(fields=["expires_at"], name="idx_refresh_tokens_expires_at"),
        ]

    def __str__(self) -> str:
        return f"refresh token {self.pk}"


class PasswordResetToken(MutableModel):
    """A token, sent by mail, that lets its bearer set a new password once."""

    user = models.ForeignKey(
        User, models.DB_CASCADE, db_index=False, related_name="password_reset_tokens"
    )
    token_hash = models.CharField(max_length=64, help_text="SHA-256, hex.")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    ip_address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        db_table = "password_reset_tokens"
        constraints = [
            models.UniqueConstraint(
                fields=["token_hash"], name="idx_password_reset_tokens_token_hash"
            ),
        ]
        indexes = [
            # A user's tokens.
            Index(fields=["user"], name="idx_password_reset_tokens_user_id"),
            # Purging what has expired.
            Index(fields=["expires_at"], name="idx_password_reset_tokens_expires_at"),
        ]

    def __str__(self) -> str:
        return f"password reset token {self.pk}"


class EmailVerificationToken(MutableModel):
    """A token, sent by mail, that proves once that an address is the user's."""

    user = models.ForeignKey(
        User, models.DB_CASCADE, db_index=False, related_name="email_verification_tokens"
    )
    email = models.EmailField(max_length=255, help_text="The address that is being verified.")
    token_hash = models.CharField(max_length=64, help_text="SHA-256, hex.")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "email_verification_tokens"
        constraints = [
            models.UniqueConstraint(
                fields=["token_hash"], name="idx_email_verification_tokens_token_hash"
            ),
        ]
        indexes = [
            # A user's tokens.
            Index(fields=["user"], name="idx_email_verification_tokens_user_id"),
            # Purging what has expired.
            Index(fields=["expires_at"], name="idx_email_verification_tokens_expires_at"),
        ]

    def __str__(self) -> str:
        return f"email verification token {self.pk}"
