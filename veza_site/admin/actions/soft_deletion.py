"""Soft-deleting rows and restoring them: by a service where the table has one."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest

from veza_site.admin.actions.collisions import find_collision
from veza_site.admin.actions.row_actions import Change, RowAction
from veza_site.models import SoftDeletableModel, SoftDeletableQuerySet
from veza_site.transactions import Conflict

# What a table's service does for a row; what it returns, if anything, is for the log.
By = Callable[[HttpRequest, Any], str | None]


class _ByService(RowAction):
    """An action whose texts and rights a table can replace, and which a service may do."""

    def __init__(
        self,
        by: By | None = None,
        *,
        explanation: str = "",
        permissions: tuple[str, ...] = (),
        parent: str = "",
    ) -> None:
        self.by = by
        self.explanation = explanation or self.explanation
        self.permissions = permissions or self.permissions
        self.parent = parent


class SoftDelete(_ByService):
    """
    Soft-delete rows: by a service, row by row, or else a batch in one statement.

    `by` soft-deletes a live row, and returns what else it did, for the log. It may raise Refused.
    """

    name = "soft_delete"
    title = "Soft-delete {rows}"
    done = "{rows} soft-deleted"
    explanation = "Soft-deleted rows stay in the database and can be restored."

    def apply(
        self, request: HttpRequest, rows: list[Any], values: dict[str, Any]
    ) -> Iterable[Change]:
        if self.by:
            return super().apply(request, rows, values)
        live = [row for row in rows if row.deleted_at is None]
        if live:
            _query(live).soft_delete()
        return [Change(row, "Soft-deleted.") for row in live]

    def apply_to(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> str | None:
        if row.deleted_at is not None or self.by is None:
            return None
        consequence = self.by(request, row)
        return f"Soft-deleted: {consequence}." if consequence else "Soft-deleted."


class Restore(_ByService):
    """
    Restore soft-deleted rows: by a service, row by row, or else a batch in one statement.

    `by` restores a soft-deleted row. It may raise Refused: Conflict if a live row is in the way.
    """

    name = "restore"
    title = "Restore {rows}"
    done = "{rows} restored"
    explanation = "A restored row is live again, unless its name has been taken since."

    def apply(
        self, request: HttpRequest, rows: list[Any], values: dict[str, Any]
    ) -> Iterable[Change]:
        if self.by:
            return super().apply(request, rows, values)
        deleted = [row for row in rows if row.deleted_at is not None]
        if deleted:
            try:
                with transaction.atomic():
                    _query(deleted).restore()
            except IntegrityError as error:
                collision = find_collision(deleted)
                if collision is None:
                    raise
                raise Conflict(f"“{collision.row}”: {collision.reason}") from error
        return [Change(row, "Restored.") for row in deleted]

    def apply_to(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> str | None:
        if row.deleted_at is None or self.by is None:
            return None
        try:
            self.by(request, row)
        except Conflict as refusal:
            collision = find_collision([row])
            raise Conflict(collision.reason if collision else str(refusal)) from refusal
        return "Restored."


def _query(rows: list[Any]) -> SoftDeletableQuerySet:
    """Return the query for these rows, which are of one table."""
    model: type[SoftDeletableModel] = type(rows[0])
    return model.objects.filter(pk__in=[row.pk for row in rows])
