"""
How many updates of sessions and users are HOT: they write no index, and leave less to vacuum.

    .venv/bin/python -m benchmarks.hot_updates [ROWS]

Each row is updated four times, in a random order, each time in a transaction of its own.
"""

import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.db import connection

from benchmarks.databases import migrated_database  # first: it sets Django up
from benchmarks.measure import timed

# isort: split
from accounts.services import rotate_refresh_token
from tests.support.examples.accounts import new_hash

TIMES = 4
ROTATIONS = 2000

OLD_INDEX = (
    "CREATE INDEX idx_user_sessions_user_id_last_activity_at"
    " ON user_sessions (user_id, last_activity_at DESC)"
)
NEW_INDEX = "CREATE INDEX idx_user_sessions_user_id ON user_sessions (user_id)"

UPDATES = {
    "a session's last_activity_at": "UPDATE user_sessions SET last_activity_at = clock_timestamp()",
    "a sign-in": "UPDATE users SET last_login_at = clock_timestamp(), failed_login_attempts = 0",
}


def fill(rows: int, fillfactor: int, index: str) -> list[str]:
    """Make users with a token and a session each, and return the hashes of the tokens."""
    hashes = [new_hash() for _ in range(rows)]
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE users CASCADE")
        for table in ("users", "user_sessions"):
            cursor.execute(f"ALTER TABLE {table} SET (fillfactor = {fillfactor})")
        cursor.execute(
            "DROP INDEX IF EXISTS idx_user_sessions_user_id_last_activity_at,"
            " idx_user_sessions_user_id"
        )
        cursor.execute(index)
        cursor.execute(
            """
            WITH people AS (
                INSERT INTO users (email, username, password_hash)
                SELECT 'person-' || n || '@veza.example', 'person-' || n, repeat('x', 60)
                FROM generate_series(1, %(rows)s) AS n RETURNING id
            ), tokens AS (
                INSERT INTO refresh_tokens (user_id, token_hash, expires_at, user_agent)
                SELECT id, hashes.hash, now() + interval '30 days', repeat('Firefox ', 15)
                FROM (SELECT id, row_number() OVER () AS n FROM people) AS people
                JOIN unnest(%(hashes)s::text[]) WITH ORDINALITY AS hashes (hash, n) USING (n)
                RETURNING id, user_id
            )
            INSERT INTO user_sessions (
                user_id, refresh_token_id, session_token_hash, expires_at, user_agent
            )
            SELECT user_id, id, encode(sha256(id::text::bytea), 'hex'), now() + interval '30 days',
                repeat('Firefox ', 15)
            FROM tokens
            """,
            {"rows": rows, "hashes": hashes},
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE users, refresh_tokens, user_sessions")
        cursor.execute("CHECKPOINT")
    return hashes


def update(sql: str) -> None:
    """Update each row in a transaction of its own, again and again."""
    table = sql.split()[1]
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute(
            f"""
            DO $$
            DECLARE ids uuid[];
            BEGIN
                FOR i IN 1..{TIMES} LOOP
                    ids := ARRAY(SELECT id FROM {table} ORDER BY random());
                    FOR n IN 1..cardinality(ids) LOOP
                        {sql} WHERE id = ids[n];
                        COMMIT;
                    END LOOP;
                END LOOP;
            END $$
            """
        )


def rotate(hashes: list[str]) -> None:
    for token_hash in hashes[:ROTATIONS]:
        rotate_refresh_token(
            token_hash=token_hash, new_token_hash=new_hash(), lifetime=timedelta(days=30)
        )


def measure(name: str, table: str, run: Callable[[], object]) -> None:
    """Print how many of the updates were HOT, and what they cost."""
    statistics = (
        "SELECT n_tup_upd, n_tup_hot_upd, pg_total_relation_size(relid),"
        " pg_current_wal_lsn() - '0/0' FROM pg_stat_user_tables WHERE relname = %s"
    )

    def read() -> tuple[int, ...]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(statistics, [table])
            return tuple(map(int, cursor.fetchone()))

    before = read()
    seconds = timed(run)
    updates, hot, size, wal = (new - old for old, new in zip(before, read(), strict=True))
    print(
        f"    {name}: {hot / updates:.0%} HOT, {wal / updates:,.0f} bytes of WAL each,"
        f" the table grew by {size / 1e6:.1f} MB, {seconds:.1f} s"
    )


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with migrated_database():
        for index, kind in [
            (OLD_INDEX, "(user_id, last_activity_at DESC)"),
            (NEW_INDEX, "(user_id)"),
        ]:
            for fillfactor in (100, 90):
                hashes = fill(rows, fillfactor, index)
                print(f"sessions {kind}, fillfactor {fillfactor}:")
                for name, sql in UPDATES.items():
                    measure(name, sql.split()[1], partial(update, sql))
                measure("a rotation", "user_sessions", partial(rotate, hashes))


if __name__ == "__main__":
    main()
