import hashlib
import itertools
from datetime import timedelta
from typing import Any

from tests.support.examples.rbac import super_admin_role
from tests.support.rows import Rows

PASSWORD_HASH = "bcrypt$$2b$04$" + "x" * 53
LATER, EARLIER = "2100-01-01T00:00:00Z", "2001-02-03T04:05:06Z"

_numbers = itertools.count()


def sign_out_everywhere(rows: Rows, size: int) -> dict[str, Any]:
    user_id = rows.insert("users")
    for table in ("refresh_tokens", "user_sessions"):
        fill(rows, table, user_id, size)
    return {"user_id": user_id}


def change_user_status(rows: Rows, size: int) -> dict[str, Any]:
    return sign_out_everywhere(rows, size) | {"status": "suspended"}


def change_user_status__to_active(rows: Rows, _size: int) -> dict[str, Any]:
    return {"user_id": rows.insert("users", status="suspended"), "status": "active"}


def change_user_status__of_a_super_admin(rows: Rows, _size: int) -> dict[str, Any]:
    rows.insert("users", role="super_admin")
    user_id = rows.insert("users", role="moderator")
    rows.insert("user_roles", user_id=user_id, role_id=super_admin_role(rows))
    return {"user_id": user_id, "status": "banned"}


def change_user_role(rows: Rows, _size: int) -> dict[str, Any]:
    return {"user_id": rows.insert("users"), "role": "moderator"}


def change_user_role__of_a_super_admin(rows: Rows, _size: int) -> dict[str, Any]:
    user_id, _ = (rows.insert("users", role="super_admin") for _ in range(2))
    return {"user_id": user_id, "role": "user"}


def soft_delete_user(rows: Rows, size: int) -> dict[str, Any]:
    return sign_out_everywhere(rows, size)


def soft_delete_user__of_a_super_admin(rows: Rows, _size: int) -> dict[str, Any]:
    user_id, _ = (rows.insert("users", role="super_admin") for _ in range(2))
    return {"user_id": user_id}


def restore_user(rows: Rows, _size: int) -> dict[str, Any]:
    return {"user_id": rows.insert("users", deleted_at=EARLIER)}


def rotate_refresh_token(rows: Rows, size: int) -> dict[str, Any]:
    *_, last = chain(rows, size)
    return rotation(last)


def rotate_refresh_token__used_before(rows: Rows, size: int) -> dict[str, Any]:
    first, *_ = chain(rows, size)
    return rotation(first)


def consume_reset_token(rows: Rows, size: int) -> dict[str, Any]:
    user_id = rows.insert("users", failed_login_attempts=3)
    for table in ("password_reset_tokens", "refresh_tokens", "user_sessions"):
        fill(rows, table, user_id, size)
    token_hash = new_hash()
    rows.insert("password_reset_tokens", user_id=user_id, token_hash=token_hash, expires_at=LATER)
    return {"token_hash": token_hash, "password_hash": PASSWORD_HASH}


def consume_verification_token(rows: Rows, _size: int) -> dict[str, Any]:
    token_hash = new_hash()
    email = f"{token_hash}@veza.example"
    rows.insert(
        "email_verification_tokens",
        user_id=rows.insert("users", email=email),
        email=email,
        token_hash=token_hash,
        expires_at=LATER,
    )
    return {"token_hash": token_hash}


def purge_expired(rows: Rows, size: int) -> dict[str, Any]:
    user_id = rows.insert("users")
    for table in ("refresh_tokens", "password_reset_tokens", "user_sessions"):
        fill(rows, table, user_id, size, expires_at=EARLIER)
    return {"limit": max(1, size - 1)}


def new_hash() -> str:
    """Return the hash of another token at each call."""
    return hashlib.sha256(str(next(_numbers)).encode()).hexdigest()


def rotation(token_hash: str) -> dict[str, Any]:
    """Return the arguments that rotate the token with this hash."""
    return {
        "token_hash": token_hash,
        "new_token_hash": new_hash(),
        "lifetime": timedelta(days=30),
    }


def fill(rows: Rows, table: str, user_id: Any, size: int, expires_at: str = LATER) -> None:
    """Insert `size` tokens or sessions of a user."""
    column = "session_token_hash" if table == "user_sessions" else "token_hash"
    rows.cursor.execute(
        f"INSERT INTO {table} (user_id, {column}, expires_at)"
        f" SELECT %s, encode(sha256(gen_random_uuid()::text::bytea), 'hex'), %s"
        f" FROM generate_series(1, %s)",
        [user_id, expires_at, size],
    )


def chain(rows: Rows, size: int, expires_at: str = LATER) -> list[str]:
    """
    Insert `size` refresh tokens, each replaced by the next, and return their hashes in order.

    They were replaced a minute ago, so that none is in its grace period.
    """
    user_id = rows.insert("users")
    hashes = [new_hash() for _ in range(size)]
    rows.cursor.execute(
        """
        WITH tokens AS MATERIALIZED (
            SELECT gen_random_uuid() AS id, token_hash, number
            FROM unnest(%s::text[]) WITH ORDINALITY AS chain (token_hash, number)
        )
        INSERT INTO refresh_tokens (
            id, user_id, token_hash, expires_at, replaced_by_id, revoked_at, revoked_reason
        )
        SELECT id, %s, token_hash, %s, lead(id) OVER (ORDER BY number),
            CASE WHEN number < %s THEN CURRENT_TIMESTAMP - interval '1 minute' END,
            CASE WHEN number < %s THEN 'rotated' END
        FROM tokens
        """,
        [hashes, user_id, expires_at, size, size],
    )
    rows.insert(
        "user_sessions",
        user_id=user_id,
        session_token_hash=new_hash(),
        refresh_token_id=rows.fetch(
            "SELECT id FROM refresh_tokens WHERE token_hash = %s", hashes[-1]
        ),
        expires_at=LATER,
    )
    return hashes
