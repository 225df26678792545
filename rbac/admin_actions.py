"""What staff can do about who has which role, by rbac's services."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from rbac import guards, services
from rbac.models import Role
from veza_site.admin.actions.row_actions import (
    ActionAdmin,
    Change,
    EachRow,
    Restore,
    RowAction,
    SoftDeleteEach,
)


class RoleForm(forms.Form):
    """Asks for a role."""

    role = forms.ModelChoiceField(Role.objects.alive().order_by("name"))


class GrantForm(RoleForm):
    """Asks for a role and how long it is granted."""

    expires_at = forms.DateTimeField(
        label="Until",
        required=False,
        help_text=(
            "Such as 2027-01-31 18:00, which is UTC, or with another offset,"
            " 2027-01-31T18:00+01:00. Empty: for good."
        ),
    )

    def clean_expires_at(self) -> datetime | None:
        """Refuse a time that is past, or that is beyond the years that Python knows in UTC."""
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is None:
            return None
        try:
            expires_at = expires_at.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError("This is too far away.") from error
        if expires_at <= timezone.now():
            raise ValidationError("This is past.")
        return expires_at


class GrantRole(EachRow):
    """Grant a role to users; who has it keeps it longer."""

    name = "grant_role"
    title = "Grant a role to {rows}"
    done = "Role granted to {rows}"
    explanation = "Who has the role already keeps it, until the later of the two times."
    permissions = ("grant_role",)
    form_class = GrantForm

    def check(
        self,
        model_admin: ActionAdmin,
        request: HttpRequest,
        ids: Collection[Any],
        values: dict[str, Any],
    ) -> None:
        guards.check_may_grant(actor_id=request.user.pk, user_ids=ids, role_id=values["role"].pk)

    def apply_to(
        self, request: HttpRequest, row: models.Model, values: dict[str, Any]
    ) -> str | None:
        role, expires_at = values["role"], values["expires_at"]
        is_new = services.grant_role(
            user_id=row.pk,
            role_id=role.pk,
            granted_by_id=request.user.pk,
            expires_at=expires_at,
        )
        return granted(role, expires_at) if is_new else None


class RevokeRole(EachRow):
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
        guards.check_may_revoke(actor_id=request.user.pk, user_ids=ids)

    def apply_to(
        self, request: HttpRequest, row: models.Model, values: dict[str, Any]
    ) -> str | None:
        role = values["role"]
        return revoked(role) if services.revoke_role(user_id=row.pk, role_id=role.pk) else None


class RevokeGrant(RowAction):
    """Take the roles from the users of grants; the log has it at the users."""

    name = "revoke"
    title = "Revoke {rows}"
    done = "{rows} revoked"
    permissions = ("delete",)
    order = ("user_id",)

    def lock(self, rows: models.QuerySet) -> models.QuerySet:
        return super().lock(rows).select_related("user", "role")

    def apply(
        self, request: HttpRequest, rows: list[models.Model], values: dict[str, Any]
    ) -> Iterable[Change]:
        for grant in rows:
            if services.revoke_role(user_id=grant.user_id, role_id=grant.role_id):
                yield Change(grant.user, revoked(grant.role))


class SoftDeleteRole(SoftDeleteEach):
    explanation = (
        "Who has the role loses it for good, and what it allows is forgotten: restored, it allows"
        " nothing."
    )
    permissions = ("change",)

    def soft_delete(self, request: HttpRequest, row: models.Model) -> str:
        number = services.delete_role(role_id=row.pk)
        return f"taken from {number:,} user{'' if number == 1 else 's'}"


class RestoreRole(Restore):
    explanation = "Nobody has a restored role, and it allows nothing."
    permissions = ("change",)


def granted(role: Role, expires_at: datetime | None) -> str:
    """Say in the log what was granted."""
    return f"Granted role {role} {_until(expires_at)}."


def changed(role: Role, expires_at: datetime | None) -> str:
    """Say in the log how long a grant is now."""
    return f"Granted role {role} now {_until(expires_at)}."


def _until(expires_at: datetime | None) -> str:
    return f"until {expires_at:%Y-%m-%d %H:%M %Z}" if expires_at else "for good"


def revoked(role: Role) -> str:
    """Say in the log what was revoked."""
    return f"Revoked role {role}."


GRANT_ACTIONS: list[RowAction] = [RevokeGrant()]
ROLE_ACTIONS: list[RowAction] = [SoftDeleteRole(), RestoreRole()]
USER_ROLE_ACTIONS: list[RowAction] = [GrantRole(), RevokeRole()]
