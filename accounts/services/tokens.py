"""
Signing out, and the tokens that are used once.

Each call locks the user first, which holds off other calls on that user's tokens and sessions, then
the rows of tokens, then those of sessions. A token is named by its hash, SHA-256 in hex as V1
stores it; no message quotes a hash.
"""

import re
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.hashers import identify_hasher
from django.db.models import F

from accounts.models import User
from veza_site.transactions import (
    Conflict,
    Invalid,
    NotFound,
    check_text,
    execute,
    fetch_row,
    in_transaction,
)

_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


class TokenSpent(Conflict):
    """The token was used before, was revoked, or has expired."""


class SignedOut(NamedTuple):
    """How many open refresh tokens and sessions were revoked."""

    refresh_tokens: int
    sessions: int


@in_transaction()
def sign_out_everywhere(*, user_id: UUID, reason: str = "signed out everywhere") -> SignedOut:
    """
    Revoke a user's access tokens, refresh tokens and sessions.

    Raising `token_version` revokes the access tokens. A rotation that has begun ends first, and its
    new token is revoked too.

    Locks: the user, then the refresh tokens, then the sessions.

    Statements: 3.

    Returns how many refresh tokens and sessions it revoked.

    Raises NotFound for a user who doesn't exist or is deleted, and Invalid for a reason of over 100
    characters.
    """
    check_text("A reason", reason, most=100)
    if not execute(
        """
        UPDATE users SET token_version = token_version + 1
        WHERE id = %(user_id)s AND deleted_at IS NULL
        """,
        user_id=user_id,
    ):
        raise NotFound(f"There is no user {user_id}.")
    return revoke(user_id, reason)


def revoke(user_id: UUID, reason: str) -> SignedOut:
    """Revoke the open refresh tokens and sessions of a user whose row is locked: 2 statements."""
    return SignedOut(
        _revoke("refresh_tokens", user_id, reason), _revoke("user_sessions", user_id, reason)
    )


def _revoke(table: str, user_id: UUID, reason: str) -> int:
    """Revoke the open rows of a user in one table, and return how many they were."""
    return execute(
        f"""
        UPDATE {table} SET revoked_at = CURRENT_TIMESTAMP, revoked_reason = %(reason)s
        WHERE user_id = %(user_id)s AND revoked_at IS NULL AND expires_at > statement_timestamp()
        """,
        user_id=user_id,
        reason=reason,
    )


@in_transaction()
def consume_reset_token(*, token_hash: str, password_hash: str) -> UUID:
    """
    Use a password reset token, once: the user gets the new password, and is signed out everywhere.

    `password_hash` comes from Django's make_password(). Hash before the call: bcrypt is slow, and
    this call holds locks. The user's other reset tokens are used up too, and a lock after failed
    logins is lifted.

    Locks: the user, then the tokens, then the sessions.

    Statements: 5.

    Returns the user's id.

    Raises NotFound for a token that doesn't exist or whose user is deleted, TokenSpent for one that
    was used before or has expired, and Invalid for a malformed hash.
    """
    check_hash(token_hash)
    check_text("A password's hash", password_hash, most=255)
    try:
        identify_hasher(password_hash)
    except ValueError:
        raise Invalid("The password must be hashed by make_password().") from None
    user_id = _lock_user_of("password_reset_tokens", token_hash)
    if not execute(
        """
        UPDATE password_reset_tokens AS token SET used_at = CURRENT_TIMESTAMP
        FROM password_reset_tokens AS shown
        WHERE shown.token_hash = %(token_hash)s AND shown.used_at IS NULL
            AND shown.expires_at > clock_timestamp()
            AND token.user_id = %(user_id)s AND token.used_at IS NULL
        """,
        token_hash=token_hash,
        user_id=user_id,
    ):
        raise TokenSpent("The reset token was used before or has expired.")
    User.objects.filter(pk=user_id).update(
        password=password_hash,
        token_version=F("token_version") + 1,
        failed_login_attempts=0,
        locked_until=None,
    )
    revoke(user_id, "password reset")
    return user_id


@in_transaction()
def consume_verification_token(*, token_hash: str) -> UUID:
    """
    Use an email verification token, once: the user's address is verified.

    Locks: the user, then the token.

    Statements: 3.

    Returns the user's id.

    Raises NotFound for a token that doesn't exist or whose user is deleted, TokenSpent for one that
    was used before or has expired, Conflict if the user has another address by now, and Invalid
    for a malformed hash.
    """
    check_hash(token_hash)
    user_id = _lock_user_of("email_verification_tokens", token_hash)
    token = fetch_row(
        """
        UPDATE email_verification_tokens SET used_at = CURRENT_TIMESTAMP
        WHERE token_hash = %(token_hash)s AND used_at IS NULL AND expires_at > clock_timestamp()
        RETURNING email
        """,
        token_hash=token_hash,
    )
    if token is None:
        raise TokenSpent("The verification token was used before or has expired.")
    (email,) = token
    if not execute(
        "UPDATE users SET is_verified = TRUE WHERE id = %(user_id)s AND email = %(email)s",
        user_id=user_id,
        email=email,
    ):
        raise Conflict(f"The user {user_id} has another email address by now.")
    return user_id


def _lock_user_of(table: str, token_hash: str) -> UUID:
    """Lock the live user of a token, so that a user's tokens are used one at a time."""
    user = fetch_row(
        f"""
        SELECT users.id FROM users JOIN {table} AS token ON token.user_id = users.id
        WHERE token_hash = %(token_hash)s AND users.deleted_at IS NULL
        FOR NO KEY UPDATE OF users
        """,
        token_hash=token_hash,
    )
    if user is None:
        raise NotFound("There is no such token.")
    user_id: UUID = user[0]
    return user_id


def check_hash(token_hash: str) -> None:
    """Refuse what can't be a hash: it may be the token itself, which must never be stored."""
    if not _SHA256_HEX.fullmatch(token_hash):
        raise Invalid("A token's hash must be SHA-256 in hex: 64 digits, in lower case.")
