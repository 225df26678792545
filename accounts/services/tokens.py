"""
Signing out, and the tokens that are used once.

Each call locks the user first, which holds off other calls on that user's tokens and sessions, then
the rows of tokens, then those of sessions. A token is named by its hash, SHA-256 in hex as V1
stores it; no message quotes a hash.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address as parse_address
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.hashers import identify_hasher
from django.db import transaction
from django.db.models import F

from accounts.models import User
from veza_site.transactions import (
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    check_text,
    execute,
    fetch_row,
)

_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


class TokenSpent(Conflict):
    """The token was used before, was revoked, or has expired."""


class SignedOut(NamedTuple):
    """How many open refresh tokens and sessions were revoked."""

    refresh_tokens: int
    sessions: int


@dataclass(frozen=True)
class Rotation:
    """What became of a refresh token: replaced by `token_id`, or its whole chain revoked."""

    user_id: UUID
    token_id: UUID | None

    @property
    def was_reused(self) -> bool:
        """Whether the token had been used before; then nobody gets a new one."""
        return self.token_id is None


@transaction.atomic
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


@transaction.atomic
def rotate_refresh_token(
    *,
    token_hash: str,
    new_token_hash: str,
    lifetime: timedelta,
    ip_address: str | None = None,
    user_agent: str | None = None,
) -> Rotation:
    """
    Replace a refresh token, once, by a new one that lives for `lifetime`.

    The old one is revoked and points to the new one, which takes over its session. A token that was
    replaced before is in two hands, the user's and a thief's, and nobody knows whose this is: all
    tokens of its chain and their sessions are revoked, so that both have to log in (RFC 9700,
    4.14.2). If two show the same token at once, the second counts as that.

    Locks: the user, so that signing out and the chain's other tokens wait, then the token, then the
    session.

    Statements: 5; 3 for a token that was used before.

    Returns what became of the token. It doesn't raise for one that was used before, so that the
    revocation is committed, even by a caller's transaction: check `was_reused`.

    Raises NotFound for a token that doesn't exist, NotAllowed for a user who is not active or is
    deleted, TokenSpent for a token that has expired or was revoked without being replaced, Conflict
    if another token has the new hash, and Invalid for a malformed hash or address and for a
    lifetime that is not positive.
    """
    _check_hash(token_hash)
    _check_hash(new_token_hash)
    if lifetime <= timedelta(0):
        raise Invalid(f"A token's lifetime must be positive, not {lifetime}.")
    _check_address(ip_address)
    user = fetch_row(
        """
        SELECT users.id, users.status = 'active' AND users.deleted_at IS NULL
        FROM users JOIN refresh_tokens ON refresh_tokens.user_id = users.id
        WHERE token_hash = %(token_hash)s
        FOR NO KEY UPDATE OF users
        """,
        token_hash=token_hash,
    )
    token = fetch_row(
        """
        SELECT id, replaced_by_id IS NOT NULL,
            revoked_at IS NOT NULL OR expires_at <= clock_timestamp()
        FROM refresh_tokens WHERE token_hash = %(token_hash)s
        """,
        token_hash=token_hash,
    )
    if user is None or token is None:
        raise NotFound("There is no such refresh token.")
    user_id, is_active = user
    token_id, was_replaced, is_spent = token
    if was_replaced:
        _revoke_chain(token_id)
        return Rotation(user_id, None)
    if not is_active:
        raise NotAllowed(f"The user {user_id} is not active.")
    if is_spent:
        raise TokenSpent("The refresh token was revoked or has expired.")
    new = fetch_row(
        """
        INSERT INTO refresh_tokens (user_id, token_hash, expires_at, ip_address, user_agent)
        VALUES (
            %(user_id)s, %(new_token_hash)s, clock_timestamp() + %(lifetime)s,
            %(ip_address)s, %(user_agent)s
        )
        ON CONFLICT (token_hash) DO NOTHING
        RETURNING id
        """,
        user_id=user_id,
        new_token_hash=new_token_hash,
        lifetime=lifetime,
        ip_address=ip_address,
        user_agent=user_agent,
    )
    if new is None:
        raise Conflict("Another refresh token has the new hash.")
    (new_id,) = new
    execute(
        """
        UPDATE refresh_tokens
        SET revoked_at = CURRENT_TIMESTAMP, revoked_reason = 'rotated', replaced_by_id = %(new_id)s
        WHERE id = %(token_id)s
        """,
        token_id=token_id,
        new_id=new_id,
    )
    execute(
        """
        UPDATE user_sessions
        SET refresh_token_id = %(new_id)s, last_activity_at = CURRENT_TIMESTAMP
        WHERE refresh_token_id = %(token_id)s
        """,
        token_id=token_id,
        new_id=new_id,
    )
    return Rotation(user_id, new_id)


def _revoke_chain(token_id: UUID) -> None:
    """Revoke all tokens that a token replaced or was replaced by, and their sessions."""
    execute(
        """
        WITH RECURSIVE chain AS (
            SELECT id, replaced_by_id FROM refresh_tokens WHERE id = %(token_id)s
            UNION
            SELECT token.id, token.replaced_by_id FROM chain
            JOIN refresh_tokens AS token
                ON token.id = chain.replaced_by_id OR token.replaced_by_id = chain.id
        ), tokens AS (
            UPDATE refresh_tokens SET revoked_at = CURRENT_TIMESTAMP, revoked_reason = 'reused'
            FROM chain WHERE refresh_tokens.id = chain.id AND revoked_at IS NULL
        )
        UPDATE user_sessions SET revoked_at = CURRENT_TIMESTAMP, revoked_reason = 'reused'
        FROM chain WHERE refresh_token_id = chain.id AND revoked_at IS NULL
        """,
        token_id=token_id,
    )


@transaction.atomic
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
    _check_hash(token_hash)
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


@transaction.atomic
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
    _check_hash(token_hash)
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


def _check_hash(token_hash: str) -> None:
    """Refuse what can't be a hash: it may be the token itself, which must never be stored."""
    if not _SHA256_HEX.fullmatch(token_hash):
        raise Invalid("A token's hash must be SHA-256 in hex: 64 digits, in lower case.")


def _check_address(address: str | None) -> None:
    """Refuse a malformed address: PostgreSQL's own refusal would quote the statement's hashes."""
    if address is None:
        return
    try:
        is_known = "%" not in str(parse_address(address))  # PostgreSQL knows no zones
    except ValueError:
        is_known = False
    if not is_known:
        raise Invalid(f"{address!r} is no IP address.")
