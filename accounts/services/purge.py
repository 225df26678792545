"""Deleting expired tokens and sessions."""

from typing import NamedTuple

from django.db import transaction

from veza_site.transactions import check_number, execute


class Purged(NamedTuple):
    """How many rows of each table were deleted."""

    refresh_tokens: int
    password_reset_tokens: int
    email_verification_tokens: int
    user_sessions: int


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
