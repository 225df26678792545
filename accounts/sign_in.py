"""
Signing in to the admin: the lock after failures, and what is noted of a success.

Each is one UPDATE of one row. Several at once wait for each other, and each checks its condition
again on the row that the last one left: none is lost, and the lock begins once.
"""

import hashlib
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.functions import TransactionNow
from django.http import HttpRequest

from accounts.models import User
from veza_site.transactions import execute

MOST_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)


def note_failure(user_id: UUID) -> None:
    """
    Count a wrong password, and lock the account at the fifth.

    Nothing is counted while it is locked. After the lock has expired the count starts again.
    """
    execute(
        """
        UPDATE users
        SET failed_login_attempts =
                CASE WHEN locked_until IS NULL THEN failed_login_attempts + 1 ELSE 1 END,
            locked_until =
                CASE WHEN locked_until IS NULL AND failed_login_attempts + 1 >= %(most)s
                    THEN clock_timestamp() + %(locked_for)s END
        WHERE id = %(user_id)s AND (locked_until IS NULL OR locked_until <= statement_timestamp())
        """,
        user_id=user_id,
        most=MOST_FAILURES,
        locked_for=LOCKED_FOR,
    )


def admit(user: User) -> bool:
    """
    Let in a user whose password was right, and forget the failures before.

    Returns False, and changes nothing, if the account has been locked, suspended or deleted, or has
    a new password, since `user` was read.
    """
    password_hash = User._meta.get_field("password").get_prep_value(user.password)
    admitted = execute(
        """
        UPDATE users SET failed_login_attempts = 0, locked_until = NULL
        WHERE id = %(user_id)s AND status = 'active' AND deleted_at IS NULL
            AND (locked_until IS NULL OR locked_until <= statement_timestamp())
            AND sha256(convert_to(password_hash, 'UTF8')) = %(digest)s
        """,
        user_id=user.pk,
        # A digest, since the server logs the statements that fail, such as after too long a wait.
        digest=hashlib.sha256(password_hash.encode()).digest(),
    )
    if not admitted:
        return False
    user.failed_login_attempts, user.locked_until = 0, None
    return True


def note_sign_in(*, request: HttpRequest, user: User, **_signal: Any) -> None:
    """Note when a user last signed in, and from where: a receiver of `user_logged_in`."""
    User.objects.filter(pk=user.pk).update(
        last_login=TransactionNow(), last_login_ip=address_of(request)
    )


def address_of(request: HttpRequest) -> str | None:
    """
    Return the IP address that a request comes from, or None if it has none.

    Behind a proxy it is the last one in X-Forwarded-For, which the proxy itself has added; those
    before it are only the client's word.
    """
    if settings.BEHIND_TLS_PROXY:
        address = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    else:
        address = request.META.get("REMOTE_ADDR", "")
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return None if "%" in str(parsed) else str(parsed)  # PostgreSQL knows no zones
