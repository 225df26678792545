"""What staff can do to users. Each is a service; who may do it to whom is in `accounts.guards`."""

from collections.abc import Collection
from typing import Any

from django.db import models
from django.http import HttpRequest

from accounts import guards, services
from accounts.models import UserStatus
from veza_site.admin.actions.row_actions import (
    ActionAdmin,
    EachRow,
    RestoreEach,
    RowAction,
    SoftDeleteEach,
)


class Moderate(EachRow):
    """What moderators do to users: what a role lets a listener do elsewhere is in no way of it."""

    def check(
        self,
        model_admin: ActionAdmin,
        request: HttpRequest,
        ids: Collection[Any],
        values: dict[str, Any],
    ) -> None:
        guards.check_may_moderate(actor_id=request.user.pk, user_ids=ids)


class ChangeStatus(Moderate):
    """Give users a status; subclasses give `status`."""

    status: UserStatus

    def apply_to(
        self, request: HttpRequest, row: models.Model, values: dict[str, Any]
    ) -> str | None:
        if row.status == self.status:
            return None
        signed_out = services.change_user_status(user_id=row.pk, status=self.status)
        change = f"Status {row.status} → {self.status}"
        if self.status == UserStatus.ACTIVE:
            return f"{change}."
        return f"{change}: {describe_sign_out(signed_out)}."


class Suspend(ChangeStatus):
    name = "suspend"
    title = "Suspend {rows}"
    done = "{rows} suspended"
    explanation = "Who is suspended is signed out everywhere, and can't sign in until reactivated."
    status = UserStatus.SUSPENDED


class Ban(ChangeStatus):
    name = "ban"
    title = "Ban {rows}"
    done = "{rows} banned"
    explanation = "Who is banned is signed out everywhere, and can't sign in again."
    status = UserStatus.BANNED


class Reactivate(ChangeStatus):
    name = "reactivate"
    title = "Reactivate {rows}"
    done = "{rows} reactivated"
    explanation = "Who is active may sign in at once; a lock after failed sign-ins is lifted."
    status = UserStatus.ACTIVE

    def apply_to(
        self, request: HttpRequest, row: models.Model, values: dict[str, Any]
    ) -> str | None:
        if row.status == UserStatus.ACTIVE and row.locked_until is not None:
            services.change_user_status(user_id=row.pk, status=self.status)
            return "Lock after failed sign-ins lifted."
        return super().apply_to(request, row, values)


class SignOut(Moderate):
    name = "sign_out"
    title = "Sign {rows} out everywhere"
    done = "{rows} signed out everywhere"
    explanation = "Their sessions and tokens are revoked, on every device; they can sign in again."

    def apply_to(self, request: HttpRequest, row: models.Model, values: dict[str, Any]) -> str:
        signed_out = services.sign_out_everywhere(user_id=row.pk, reason="signed out by staff")
        return f"Signed out everywhere: {describe_sign_out(signed_out)}."


class SoftDeleteUser(SoftDeleteEach):
    explanation = (
        "Who is deleted is signed out everywhere and can't sign in. E-mail address and username are"
        " free again; all else stays, and can be restored."
    )
    permissions = ("change",)  # moderators have a say in users' status only

    def soft_delete(self, request: HttpRequest, row: models.Model) -> str:
        return describe_sign_out(
            services.soft_delete_user(user_id=row.pk, reason="deleted by staff")
        )


class RestoreUser(RestoreEach):
    permissions = SoftDeleteUser.permissions

    def restore(self, request: HttpRequest, row: models.Model) -> None:
        services.restore_user(user_id=row.pk)


def describe_sign_out(signed_out: services.SignedOut) -> str:
    """Say what was revoked."""
    tokens, sessions = signed_out
    return (
        f"{tokens:,} refresh token{'' if tokens == 1 else 's'} and"
        f" {sessions:,} session{'' if sessions == 1 else 's'} revoked"
    )


USER_ACTIONS: list[RowAction] = [
    Suspend(),
    Ban(),
    Reactivate(),
    SignOut(),
    SoftDeleteUser(),
    RestoreUser(),
]
