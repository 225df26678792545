"""
Accounts' transactions.

What each locks, in which order, and the SQL it sends, is in docs/transactions.md. Ids are UUIDs.
"""

from accounts.services.purge import Purged, purge_expired
from accounts.services.refresh_tokens import Rotation, rotate_refresh_token
from accounts.services.status import (
    change_user_role,
    change_user_status,
    restore_user,
    soft_delete_user,
)
from accounts.services.tokens import (
    SignedOut,
    TokenSpent,
    consume_reset_token,
    consume_verification_token,
    sign_out_everywhere,
)
from accounts.super_admins import LastSuperAdmin

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
