"""What staff can do to users, by services. `accounts.guards` decides who may do it to whom."""

from collections.abc import Collection
from typing import Any

from django.http import HttpRequest

from accounts import guards, services
from accounts.models import User, UserStatus
from veza_site.admin.actions.action_admin import ActionAdmin
from veza_site.admin.actions.row_actions import RowAction
from veza_site.admin.actions.soft_deletion import Restore, SoftDelete
from veza_site.admin.actor import get_actor_id


class Moderate(RowAction):
    """What moderators do to users. Rights on the platform, as listeners have them, don't count."""

    def check(
        self,
        model_admin: ActionAdmin,
        request: HttpRequest,
        ids: Collection[Any],
        values: dict[str, Any],
    ) -> None:
        guards.check_may_moderate(actor_id=get_actor_id(request), user_ids=ids)


class ChangeStatus(Moderate):
    """Give users a status. To make an active user active lifts a lock after failed sign-ins."""

    def __init__(
        self, status: UserStatus, *, name: str, title: str, done: str, explanation: str
    ) -> None:
        self.status = status
        self.name, self.title, self.done, self.explanation = name, title, done, explanation

    def apply_to(self, request: HttpRequest, row: User, values: dict[str, Any]) -> str | None:
        to_active = self.status == UserStatus.ACTIVE
        if row.status == self.status and not (to_active and row.locked_until):
            return None
        signed_out = services.change_user_status(user_id=row.pk, status=self.status)
        if row.status == self.status:
            return "Lock after failed sign-ins lifted."
        change = f"Status {row.status} → {self.status}"
        return f"{change}." if to_active else f"{change}: {describe_sign_out(signed_out)}."


class SignOut(Moderate):
    """End all sessions of users."""

    name = "sign_out"
    title = "Sign {rows} out everywhere"
    done = "{rows} signed out everywhere"
    explanation = "Revokes their sessions and tokens on every device. They can sign in again."

    def apply_to(self, request: HttpRequest, row: User, values: dict[str, Any]) -> str:
        signed_out = services.sign_out_everywhere(user_id=row.pk, reason="signed out by staff")
        return f"Signed out everywhere: {describe_sign_out(signed_out)}."


def describe_sign_out(signed_out: services.SignedOut) -> str:
    """Say what was revoked."""
    tokens, sessions = signed_out
    return (
        f"{tokens:,} refresh token{'' if tokens == 1 else 's'} and"
        f" {sessions:,} session{'' if sessions == 1 else 's'} revoked"
    )


USER_ACTIONS: list[RowAction] = [
    ChangeStatus(
        UserStatus.SUSPENDED,
        name="suspend",
        title="Suspend {rows}",
        done="{rows} suspended",
        explanation="Signs them out everywhere. They can't sign in until they are reactivated.",
    ),
    ChangeStatus(
        UserStatus.BANNED,
        name="ban",
        title="Ban {rows}",
        done="{rows} banned",
        explanation="Signs them out everywhere. They can't sign in again.",
    ),
    ChangeStatus(
        UserStatus.ACTIVE,
        name="reactivate",
        title="Reactivate {rows}",
        done="{rows} reactivated",
        explanation="They can sign in at once: this also lifts a lock after failed sign-ins.",
    ),
    SignOut(),
    # Moderators decide on users' status only.
    SoftDelete(
        lambda _request, user: describe_sign_out(
            services.soft_delete_user(user_id=user.pk, reason="deleted by staff")
        ),
        permissions=("change",),
        explanation=(
            "Signs them out everywhere, and they can't sign in. Their email address and username"
            " are free again. Everything else stays, and can be restored."
        ),
    ),
    Restore(
        lambda _request, user: services.restore_user(user_id=user.pk),
        permissions=("change",),
    ),
]
