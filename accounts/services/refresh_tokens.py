"""
Refresh tokens, each replaced by the next: a chain, which is revoked whole when one is used twice.

A token is named by its hash, as in `tokens`.
"""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address as parse_address
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from accounts.services.tokens import TokenSpent, check_hash
from veza_site.transactions import (
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    check_duration,
    check_text,
    execute,
    fetch_row,
    in_transaction,
)


@dataclass(frozen=True)
class Rotation:
    """What became of a refresh token: replaced by `token_id`, or its whole chain revoked."""

    user_id: UUID
    token_id: UUID | None
    is_repetition: bool = False  # an earlier call had replaced it, a moment ago, by `token_id`

    @property
    def was_reused(self) -> bool:
        """Whether the token had been used before; then nobody gets a new one."""
        return self.token_id is None


@in_transaction()
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

    The old one is revoked and points to the new one, which takes over its session; the session
    expires when the new token does. Neither lives longer than REFRESH_TOKEN_ABSOLUTE_LIFETIME after
    the session began, or the chain where it has no session.

    A token that was replaced before is in two hands, the user's and a thief's, and nobody knows
    whose this is: all tokens of its chain and their sessions are revoked, so that both have to log
    in (RFC 9700, 4.14.2). There is one exception, for two tabs at once and for an answer that was
    lost: less than REFRESH_TOKEN_GRACE seconds after a token was replaced, while its successor is
    good and was not replaced itself, nothing changes, and that successor is returned again.

    So the caller has to be able to hand out the same successor again, of which only the hash is
    stored: derive each token from the one before, by HMAC-SHA256 with a key of the server, and the
    call repeated has the same `new_token_hash`. A caller whose tokens are random must not hand out
    a new one when `is_repetition`.

    Locks: the user, so that signing out and the chain's other tokens wait, then the token, then the
    session.

    Statements: 5; 3 for a token that was used before; 2 for a repetition.

    Returns what became of the token. It doesn't raise for one that was used before, so that the
    revocation is committed, even by a caller's transaction: check `was_reused`.

    Raises NotFound for a token that doesn't exist, NotAllowed for a user who is not active or is
    deleted, TokenSpent for a token that has expired or was revoked without being replaced, whose
    session has expired or was revoked, or whose chain has come to its absolute end, Conflict if
    another token has the new hash, and Invalid for a malformed hash, address or user agent and for
    a lifetime that is not positive or over 100 years.
    """
    check_hash(token_hash)
    check_hash(new_token_hash)
    check_duration("A token's lifetime", lifetime)
    _check_address(ip_address)
    if user_agent is not None:
        check_text("A user agent", user_agent, most=10_000)
    user = fetch_row(
        """
        SELECT users.id, users.status = 'active' AND users.deleted_at IS NULL
        FROM users JOIN refresh_tokens ON refresh_tokens.user_id = users.id
        WHERE token_hash = %(token_hash)s
        FOR NO KEY UPDATE OF users
        """,
        token_hash=token_hash,
    )
    token = _find_token(token_hash)
    if user is None or token is None:
        raise NotFound("There is no such refresh token.")
    user_id, is_active = user
    if token.was_replaced and not (token.is_in_grace and token.is_good):
        _revoke_chain(token.id)
        return Rotation(user_id, None)
    if not is_active:
        raise NotAllowed(f"The user {user_id} is not active.")
    if token.was_replaced:
        return Rotation(user_id, token.newest_id, is_repetition=True)
    if not token.is_good:
        raise TokenSpent("The refresh token or its session was revoked or has expired.")
    new = fetch_row(
        """
        INSERT INTO refresh_tokens (user_id, token_hash, expires_at, ip_address, user_agent)
        VALUES (
            %(user_id)s, %(new_token_hash)s,
            LEAST(clock_timestamp() + %(lifetime)s, %(chain_ends_at)s::timestamptz),
            %(ip_address)s, %(user_agent)s
        )
        ON CONFLICT (token_hash) DO NOTHING
        RETURNING id
        """,
        user_id=user_id,
        new_token_hash=new_token_hash,
        lifetime=lifetime,
        chain_ends_at=token.chain_ends_at,
        ip_address=ip_address,
        user_agent=user_agent,
    )
    if new is None:
        raise Conflict("Another refresh token has the new hash.")
    (new_id,) = new
    execute(
        """
        UPDATE refresh_tokens
        SET revoked_at = clock_timestamp(), revoked_reason = 'rotated', replaced_by_id = %(new_id)s
        WHERE id = %(token_id)s
        """,
        token_id=token.id,
        new_id=new_id,
    )
    execute(
        """
        UPDATE user_sessions
        SET refresh_token_id = new.id, expires_at = new.expires_at,
            last_activity_at = CURRENT_TIMESTAMP
        FROM refresh_tokens AS new
        WHERE refresh_token_id = %(token_id)s AND new.id = %(new_id)s
        """,
        token_id=token.id,
        new_id=new_id,
    )
    return Rotation(user_id, new_id)


class _Shown(NamedTuple):
    """
    A refresh token that somebody shows.

    `newest_id` is the token that replaced it, else itself; `is_good` and `chain_ends_at` are that
    one's. `chain_ends_at` is text, since Python can't read every time of PostgreSQL.
    """

    id: UUID
    was_replaced: bool
    is_in_grace: bool | None
    newest_id: UUID
    is_good: bool
    chain_ends_at: str | None


def _find_token(token_hash: str) -> _Shown | None:
    """Find a refresh token of a user whose row is locked: 1 statement."""
    absolute = settings.REFRESH_TOKEN_ABSOLUTE_LIFETIME
    row = fetch_row(
        """
        SELECT token.id, token.replaced_by_id IS NOT NULL,
            token.revoked_at > clock_timestamp() - %(grace)s, newest.id,
            newest.replaced_by_id IS NULL AND newest.revoked_at IS NULL
                AND newest.expires_at > clock_timestamp()
                AND session.are_open IS NOT FALSE
                AND (chain.ends_at <= clock_timestamp()) IS NOT TRUE,
            chain.ends_at::text
        FROM refresh_tokens AS token
        JOIN refresh_tokens AS newest ON newest.id = COALESCE(token.replaced_by_id, token.id)
        CROSS JOIN LATERAL (
            SELECT min(created_at) AS began_at,
                bool_and(revoked_at IS NULL AND expires_at > clock_timestamp()) AS are_open
            FROM user_sessions WHERE refresh_token_id = newest.id
        ) AS session
        CROSS JOIN LATERAL (
            SELECT %(absolute)s::interval + LEAST(clock_timestamp(), COALESCE(session.began_at, (
                WITH RECURSIVE older AS (
                    SELECT newest.id, newest.created_at
                    UNION
                    SELECT token.id, token.created_at
                    FROM older JOIN refresh_tokens AS token ON token.replaced_by_id = older.id
                )
                SELECT min(created_at) FROM older
            ))) AS ends_at
        ) AS chain
        WHERE token.token_hash = %(token_hash)s
        """,
        token_hash=token_hash,
        grace=timedelta(seconds=settings.REFRESH_TOKEN_GRACE),
        absolute=timedelta(seconds=absolute) if absolute else None,
    )
    return _Shown(*row) if row else None


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
