"""Deleting expired tokens and sessions."""

from typing import NamedTuple

from veza_site.transactions import check_number, execute, in_transaction


class Purged(NamedTuple):
    """How many rows of each table were deleted."""

    refresh_tokens: int
    password_reset_tokens: int
    email_verification_tokens: int
    user_sessions: int


@in_transaction()
def purge_expired(*, limit: int = 1000) -> Purged:
    """
    Delete a batch of expired tokens and sessions, at most `limit` of each table.

    Used and revoked ones stay until they expire: until then a second use has to be recognised. A
    chain of refresh tokens goes from its oldest token on, so that one that is left still leads to
    the rest if somebody shows it. A session stays as long as its refresh token could be used: who
    shows the token has to learn that the session is over.

    Locks: the users of the refresh tokens, then the rows. Whatever is locked is left for the next
    batch: nobody is waited for, and two purges share the work.

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
    return Purged(
        refresh_tokens,
        password_reset_tokens=_delete("password_reset_tokens", limit),
        email_verification_tokens=_delete("email_verification_tokens", limit),
        user_sessions=_delete("user_sessions", limit, _WITHOUT_OPEN_TOKEN),
    )


_WITHOUT_OPEN_TOKEN = """
            AND NOT EXISTS (
                SELECT FROM refresh_tokens AS token
                WHERE token.id = user_sessions.refresh_token_id
                    AND token.revoked_at IS NULL AND token.expires_at > statement_timestamp()
            )"""


def _delete(table: str, limit: int, condition: str = "") -> int:
    """Delete expired rows that nobody has locked, and return how many."""
    # By an array: a join may run the subquery more than once, and each run locks other rows.
    return execute(
        f"""
        DELETE FROM {table} WHERE id = ANY (ARRAY(
            SELECT id FROM {table} WHERE expires_at <= statement_timestamp(){condition}
            ORDER BY expires_at
            LIMIT %(limit)s
            FOR UPDATE SKIP LOCKED
        ))
        """,
        limit=limit,
    )
