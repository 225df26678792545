"""What staff can do to roles and to who has them, by rbac's services."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from rbac import guards, services
from rbac.models import Role, RoleGrant
from veza_site.admin.actions.action_admin import ActionAdmin
from veza_site.admin.actions.row_actions import Change, RowAction
from veza_site.admin.actions.soft_deletion import Restore, SoftDelete
from veza_site.admin.actor import get_actor_id


class RoleForm(forms.Form):
    """Asks for a role."""

    role = forms.ModelChoiceField(Role.objects.alive().order_by("name"))


class GrantForm(RoleForm):
    """Asks for a role and how long it is granted."""

    expires_at = forms.DateTimeField(
        label="Until",
        required=False,
        help_text=(
            "For example 2027-01-31 18:00, in UTC, or 2027-01-31T18:00+01:00, with an offset."
            " Leave it empty for a permanent grant."
        ),
    )

    def clean_expires_at(self) -> datetime | None:
        """Refuse a time in the past, or one that Python can't express in UTC."""
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is None:
            return None
        try:
            expires_at = expires_at.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError("This is too far in the future.") from error
        if expires_at <= timezone.now():
            raise ValidationError("This is in the past.")
        return expires_at


class GrantRole(RowAction):
    """Grant a role to users, or for longer to those who have it."""

    name = "grant_role"
    title = "Grant a role to {rows}"
    done = "Role granted to {rows}"
    explanation = "Users who already have the role keep it until the later of the two times."
    permissions = ("grant_role",)
    form_class = GrantForm

    def check(
        self,
        model_admin: ActionAdmin,
        request: HttpRequest,
        ids: Collection[Any],
        values: dict[str, Any],
    ) -> None:
        guards.check_may_grant(
            actor_id=get_actor_id(request), user_ids=ids, role_id=values["role"].pk
        )

    def apply_to(self, request: HttpRequest, row: User, values: dict[str, Any]) -> str | None:
        role, expires_at = values["role"], values["expires_at"]
        grant_id = services.grant_role(
            user_id=row.pk,
            role_id=role.pk,
            granted_by_id=get_actor_id(request),
            expires_at=expires_at,
        )
        return describe_grant(role, expires_at) if grant_id else None


class RevokeRole(RowAction):
    """Take a role from users."""

    name = "revoke_role"
    title = "Revoke a role from {rows}"
    done = "Role revoked from {rows}"
    permissions = ("revoke_role",)
    form_class = RoleForm

    def check(
        self,
        model_admin: ActionAdmin,
        request: HttpRequest,
        ids: Collection[Any],
        values: dict[str, Any],
    ) -> None:
        guards.check_may_revoke(actor_id=get_actor_id(request), user_ids=ids)

    def apply_to(self, request: HttpRequest, row: User, values: dict[str, Any]) -> str | None:
        role = values["role"]
        return (
            describe_revocation(role)
            if services.revoke_role(user_id=row.pk, role_id=role.pk)
            else None
        )


class RevokeGrant(RowAction):
    """Take grants back. The log notes it for the users, as the grants are gone."""

    name = "revoke"
    title = "Revoke {rows}"
    done = "{rows} revoked"
    permissions = ("delete",)
    order = ("user_id",)  # whom `check` locks

    def lock(self, rows: models.QuerySet) -> models.QuerySet:
        return super().lock(rows).select_related("user", "role")

    def apply(
        self, request: HttpRequest, rows: list[RoleGrant], values: dict[str, Any]
    ) -> Iterable[Change]:
        for grant in rows:
            if services.revoke_role(user_id=grant.user_id, role_id=grant.role_id):
                yield Change(grant.user, describe_revocation(grant.role))


def soft_delete_role(_request: HttpRequest, role: Role) -> str:
    """Soft-delete a role, and say from how many users this took it."""
    number = services.delete_role(role_id=role.pk)
    return f"taken from {number:,} user{'' if number == 1 else 's'}"


def describe_grant(role: Role, expires_at: datetime | None, *, is_new: bool = True) -> str:
    """Say in the log what was granted, or how long an older grant now lasts."""
    until = f"until {expires_at:%Y-%m-%d %H:%M %Z}" if expires_at else "permanently"
    return f"Granted role {role}{'' if is_new else ' now'} {until}."


def describe_revocation(role: Role) -> str:
    """Say in the log what was revoked."""
    return f"Revoked role {role}."


GRANT_ACTIONS: list[RowAction] = [RevokeGrant()]
ROLE_ACTIONS: list[RowAction] = [
    SoftDelete(
        soft_delete_role,
        permissions=("change",),
        explanation=(
            "Takes the role from everybody who has it, permanently, and drops its permissions. Once"
            " restored it allows nothing."
        ),
    ),
    Restore(permissions=("change",), explanation="Nobody has a restored role; it allows nothing."),
]
USER_ROLE_ACTIONS: list[RowAction] = [GrantRole(), RevokeRole()]
