"""
The transactions on accounts: signing out, tokens that are used once, a user's status.

Every one of them locks the user first, and with that all tokens and sessions of the user; then the
rows of tokens, then those of sessions. Tokens are named by their hash, SHA-256 in hex as V1 stores
it; no hash gets into a message.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address as parse_address
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.hashers import identify_hasher
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.models import User, UserRole, UserStatus
from accounts.super_admins import GRANTED, IN_STAFF, LastSuperAdmin, keep_one
from veza_site.transactions import (
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    check_number,
    check_text,
    execute,
    fetch_row,
)

__all__ = [
    "LastSuperAdmin",
    "Purged",
    "Rotation",
    "SignedOut",
    "TokenSpent",
    "change_user_role",
    "change_user_status",
    "consume_reset_token",
    "consume_verification_token",
    "purge_expired",
    "restore_user",
    "rotate_refresh_token",
    "sign_out_everywhere",
    "soft_delete_user",
]

# What a live user has that no other live user may have, by the index that sees to it.
_TAKEN = {"idx_users_email": "e-mail address", "idx_users_username": "username"}

_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


class TokenSpent(Conflict):
    """The token was used before, was revoked, or has expired."""


class SignedOut(NamedTuple):
    """How many refresh tokens and sessions were open, and are no more."""

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


class Purged(NamedTuple):
    """How many rows of each table were deleted."""

    refresh_tokens: int
    password_reset_tokens: int
    email_verification_tokens: int
    user_sessions: int


@transaction.atomic
def sign_out_everywhere(*, user_id: UUID, reason: str = "signed out everywhere") -> SignedOut:
    """
    Revoke a user's access tokens, refresh tokens and sessions.

    The access tokens are revoked by raising `token_version`. Locks the user, then the refresh
    tokens, then the sessions; a rotation that has begun ends before, and its new token is revoked
    too.

    Statements: 3.

    Returns how many refresh tokens and sessions it revoked.

    Raises NotFound for a user who is not there or is deleted, and Invalid for a reason of over 100
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
    return _revoke(user_id, reason)


def _revoke(user_id: UUID, reason: str) -> SignedOut:
    """Revoke the open refresh tokens and sessions of a user whose row is locked: 2 statements."""
    return SignedOut(
        *(
            execute(
                f"""
                UPDATE {table} SET revoked_at = CURRENT_TIMESTAMP, revoked_reason = %(reason)s
                WHERE user_id = %(user_id)s AND revoked_at IS NULL
                    AND expires_at > statement_timestamp()
                """,
                user_id=user_id,
                reason=reason,
            )
            for table in ("refresh_tokens", "user_sessions")
        )
    )


@transaction.atomic
def change_user_status(*, user_id: UUID, status: UserStatus) -> SignedOut:
    """
    Give a user a status, and do what follows from it. Again is no error, and does it again.

    Who is not active is signed out everywhere: `token_version` is raised, and refresh tokens and
    sessions are revoked. Who is active may log in at once: a lock after failed logins is lifted.
    Locks the user, then the refresh tokens, then the sessions. Where a super_admin no longer is
    active, that happens to one at a time.

    Statements: 4; 2 for `active`; 6 where a super_admin no longer is.

    Returns how many refresh tokens and sessions it revoked.

    Raises NotFound for a user who is not there or is deleted, Invalid for a status that does not
    exist, and LastSuperAdmin if nobody would be left who is super_admin for good.
    """
    if status not in UserStatus.values:
        raise Invalid(f"There is no status {status!r}, but {', '.join(UserStatus.values)}.")
    user = fetch_row(
        """
        SELECT status = 'active' FROM users
        WHERE id = %(user_id)s AND deleted_at IS NULL
        FOR NO KEY UPDATE
        """,
        user_id=user_id,
    )
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    (was_active,) = user
    status = UserStatus(status).value
    if status == UserStatus.ACTIVE:
        execute(
            """
            UPDATE users SET status = 'active', failed_login_attempts = 0, locked_until = NULL
            WHERE id = %(user_id)s
            """,
            user_id=user_id,
        )
        return SignedOut(0, 0)
    (is_super_admin,) = fetch_row(
        f"""
        UPDATE users SET status = %(status)s, token_version = token_version + 1
        WHERE id = %(user_id)s
        RETURNING role = 'super_admin' OR {IN_STAFF} AND EXISTS (
            {GRANTED}
                AND (user_roles.expires_at IS NULL OR user_roles.expires_at > clock_timestamp())
        )
        """,
        user_id=user_id,
        status=status,
    )
    signed_out = _revoke(user_id, status)
    if was_active and is_super_admin:
        keep_one()
    return signed_out


@transaction.atomic
def change_user_role(*, user_id: UUID, role: UserRole) -> None:
    """
    Give a user a role, the one of the column `role`; rbac grants the others. Again is no error.

    Access tokens tell the role, so those issued before are revoked: `token_version` is raised.
    Locks the user. Where a super_admin gets another role, that happens to one at a time.

    Statements: 2; 4 where a super_admin gets another role.

    Raises NotFound for a user who is not there or is deleted, Invalid for a role that does not
    exist, and LastSuperAdmin if nobody would be left who is super_admin for good.
    """
    if role not in UserRole.values:
        raise Invalid(f"There is no role {role!r}, but {', '.join(UserRole.values)}.")
    user = fetch_row(
        f"""
        SELECT status = 'active' AND role = 'super_admin', status = 'active' AND {IN_STAFF}
        FROM users
        WHERE id = %(user_id)s AND deleted_at IS NULL
        FOR NO KEY UPDATE
        """,
        user_id=user_id,
    )
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    was_super_admin, was_in_staff = user
    (is_granted,) = fetch_row(
        f"""
        UPDATE users SET role = %(role)s, token_version = token_version + 1
        WHERE id = %(user_id)s
        RETURNING EXISTS (
            {GRANTED}
                AND (user_roles.expires_at IS NULL OR user_roles.expires_at > clock_timestamp())
        )
        """,
        user_id=user_id,
        role=UserRole(role).value,
    )
    if (was_super_admin or (was_in_staff and is_granted)) and role != UserRole.SUPER_ADMIN:
        keep_one()


@transaction.atomic
def soft_delete_user(*, user_id: UUID, reason: str = "account deleted") -> SignedOut:
    """
    Soft-delete a user, who is signed out everywhere.

    `token_version` is raised, and refresh tokens and sessions are revoked; everything else that
    belongs to the user stays, for restore_user(). Locks the user, then the refresh tokens, then the
    sessions. Where a super_admin is deleted, that happens to one at a time.

    Statements: 4; 6 for a super_admin.

    Returns how many refresh tokens and sessions it revoked.

    Raises NotFound for a user who is not there or is deleted, Invalid for a reason of over 100
    characters, and LastSuperAdmin if nobody would be left who is super_admin for good.
    """
    check_text("A reason", reason, most=100)
    user = fetch_row(
        """
        SELECT status = 'active' FROM users
        WHERE id = %(user_id)s AND deleted_at IS NULL
        FOR NO KEY UPDATE
        """,
        user_id=user_id,
    )
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    (was_active,) = user
    (is_super_admin,) = fetch_row(
        f"""
        UPDATE users SET deleted_at = CURRENT_TIMESTAMP, token_version = token_version + 1
        WHERE id = %(user_id)s
        RETURNING role = 'super_admin' OR {IN_STAFF} AND EXISTS (
            {GRANTED}
                AND (user_roles.expires_at IS NULL OR user_roles.expires_at > clock_timestamp())
        )
        """,
        user_id=user_id,
    )
    signed_out = _revoke(user_id, reason)
    if was_active and is_super_admin:
        keep_one()
    return signed_out


def restore_user(*, user_id: UUID) -> None:
    """
    Make a soft-deleted user live again, with the status and the roles of before.

    Nobody is signed in by it: what was revoked stays revoked. Locks the user.

    Statements: 1.

    Raises NotFound for a user who is not there or is not deleted, and Conflict where a live user
    has taken the e-mail address or the username.
    """
    try:
        with transaction.atomic():
            restored = execute(
                """
                UPDATE users SET deleted_at = NULL
                WHERE id = %(user_id)s AND deleted_at IS NOT NULL
                """,
                user_id=user_id,
            )
    except IntegrityError as error:
        taken = _TAKEN.get(error.__cause__.diag.constraint_name)
        if taken is None:
            raise
        raise Conflict(f"Another live user has the {taken} of user {user_id} now.") from error
    if not restored:
        raise NotFound(f"There is no deleted user {user_id}.")


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
    Replace a refresh token by a new one, which lives for `lifetime`; it can be done once.

    The old one is revoked and points to the new one, and its session goes over to the new one. A
    token that was replaced before is in two hands, the user's and a thief's, and nobody knows which
    of them shows it: all tokens of its chain are revoked, and their sessions, so that both have to
    log in (RFC 9700, 4.14.2). Of two who show the same token at once the second counts as such.

    In that case it returns, instead of raising, so that the revocation is committed, also by a
    caller's transaction; the caller has to look at `was_reused`.

    Locks the user, so that signing out and the chain's other tokens wait, then the token, then the
    session.

    Statements: 5; 3 for a token that was used before.

    Raises NotFound for a token that is not there, NotAllowed for a user who is not active or is
    deleted, TokenSpent for a token that has expired or was revoked without being replaced, Conflict
    for a new hash that another token has, and Invalid for a malformed hash or address and for a
    lifetime that is not positive.
    """
    _check_hash(token_hash)
    _check_hash(new_token_hash)
    if lifetime <= timedelta(0):
        raise Invalid(f"A token can't live for {lifetime}.")
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

    `password_hash` comes from Django's make_password(); hash before the call, since bcrypt takes
    long and this holds locks. The user's other reset tokens are used up too, and a lock after
    failed logins is lifted. Locks the user, then the tokens, then the sessions.

    Statements: 5.

    Returns the user's id.

    Raises NotFound for a token that is not there or whose user is deleted, TokenSpent for one that
    was used before or has expired, and Invalid for a malformed hash.
    """
    _check_hash(token_hash)
    try:
        identify_hasher(password_hash)
    except ValueError:
        raise Invalid("The password is not hashed as make_password() does it.") from None
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
    _revoke(user_id, "password reset")
    return user_id


@transaction.atomic
def consume_verification_token(*, token_hash: str) -> UUID:
    """
    Use an e-mail verification token, once: the user's address is verified.

    Locks the user, then the token.

    Statements: 3.

    Returns the user's id.

    Raises NotFound for a token that is not there or whose user is deleted, TokenSpent for one that
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
        raise Conflict(f"The user {user_id} has another e-mail address by now.")
    return user_id


def _lock_user_of(table: str, token_hash: str) -> UUID:
    """Lock the live user of a token, so that one token of a user is consumed at a time."""
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
    (user_id,) = user
    return user_id


def _check_hash(token_hash: str) -> None:
    """Refuse what can't be a hash: it may be the token itself, which is never stored."""
    if not _SHA256_HEX.fullmatch(token_hash):
        raise Invalid("A token's hash is SHA-256 in hex: 64 digits, in lower case.")


def _check_address(address: str | None) -> None:
    """Refuse what is no address: PostgreSQL would too, and quote the statement with its hashes."""
    if address is None:
        return
    try:
        is_known = "%" not in str(parse_address(address))  # PostgreSQL knows no zones
    except ValueError:
        is_known = False
    if not is_known:
        raise Invalid(f"{address!r} is no IP address.")


@transaction.atomic
def purge_expired(*, limit: int = 1000) -> Purged:
    """
    Delete a batch of expired tokens and sessions, at most `limit` of each table.

    Used and revoked ones go when they expire: until then a second use has to be recognised. A
    chain of refresh tokens goes from its oldest token on, so that whoever shows one of those that
    are left is still led to the rest. Users whose tokens are in use and rows that are locked are
    left for the next batch, so that nobody is waited for and two purges share the work.

    Statements: 4.

    Returns how many it deleted; the command `purge_expired` goes on until that is none.

    Raises Invalid for a limit below 1.
    """
    check_number("A batch", limit, least=1)
    refresh_tokens = execute(
        """
        WITH RECURSIVE oldest AS MATERIALIZED (
            SELECT token.id, token.replaced_by_id
            FROM refresh_tokens AS token JOIN users ON users.id = token.user_id
            WHERE token.expires_at <= statement_timestamp() AND NOT EXISTS (
                SELECT FROM refresh_tokens AS older WHERE older.replaced_by_id = token.id
            )
            ORDER BY token.expires_at
            LIMIT %(limit)s
            FOR NO KEY UPDATE OF users SKIP LOCKED
        ), expired AS (
            SELECT id, replaced_by_id FROM oldest
            UNION
            SELECT newer.id, newer.replaced_by_id FROM expired
            JOIN refresh_tokens AS newer ON newer.id = expired.replaced_by_id
            WHERE newer.expires_at <= statement_timestamp()
        )
        DELETE FROM refresh_tokens WHERE id IN (SELECT id FROM expired LIMIT %(limit)s)
        """,
        limit=limit,
    )
    # By an array: a join may run the subquery more than once, and each run locks other rows.
    others = (
        execute(
            f"""
            DELETE FROM {table} WHERE id = ANY (ARRAY(
                SELECT id FROM {table} WHERE expires_at <= statement_timestamp()
                ORDER BY expires_at
                LIMIT %(limit)s
                FOR UPDATE SKIP LOCKED
            ))
            """,
            limit=limit,
        )
        for table in ("password_reset_tokens", "email_verification_tokens", "user_sessions")
    )
    return Purged(refresh_tokens, *others)
