"""
The abstract bases of every V1 model, one for each kind of table that the Standard names.

Keys and times come from the database (`db_default`), so that it makes no difference whether Go
inserts a row in plain SQL or Django creates it.
"""

from typing import Any, Self, TypeVar

from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models
from django.db.models.functions import Coalesce

from veza_site.fields import UpdatedAtField


class V1Model(models.Model):
    """What every V1 table has. Don't inherit it directly, but one of the three kinds below."""

    # Not Django's UUID4, which is a different function on PostgreSQL 18 than on 15.
    id = models.UUIDField(primary_key=True, db_default=RandomUUID(), editable=False)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        abstract = True


class AppendOnlyModel(V1Model):
    """Inherit for rows that are written once and never change: events, logs, memberships."""

    class Meta:
        abstract = True


class MutableModel(V1Model):
    """
    Inherit for rows that change and that are deleted for good.

    The table's migration adds the trigger that sets `updated_at` (see
    veza_site.migrating.operations); after `save()` the instance has the trigger's value.
    """

    updated_at = UpdatedAtField(db_default=TransactionNow(), editable=False)

    class Meta:
        abstract = True

    def save(self, *, update_fields: Any = None, **options: Any) -> None:
        if update_fields:
            update_fields = {*update_fields, "updated_at"}
        super().save(update_fields=update_fields, **options)


Row = TypeVar("Row", bound=models.Model, covariant=True)


class SoftDeletableQuerySet(models.QuerySet[Row]):
    """The queries of a soft-deletable model. Its manager hides no row."""

    def alive(self) -> Self:
        """Return the rows that are not soft-deleted."""
        return self.filter(deleted_at__isnull=True)

    def deleted(self) -> Self:
        """Return the rows that are soft-deleted."""
        return self.filter(deleted_at__isnull=False)

    def soft_delete(self) -> int:
        """Soft-delete the live rows among these, and return how many there were."""
        return self.alive().update(deleted_at=TransactionNow())

    def restore(self) -> int:
        """
        Restore the soft-deleted rows among these, and return how many there were.

        Raises IntegrityError, and restores none, if one would collide with a live row.
        """
        return self.deleted().update(deleted_at=None)


class SoftDeletableModel(MutableModel):
    """
    Inherit for rows that people make and may want back: a soft delete only marks the row.

    Nothing happens behind the caller's back: the default manager hides no row, `delete()` is a
    real DELETE, and a soft delete leaves the row's children alone.
    """

    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = SoftDeletableQuerySet.as_manager()

    class Meta:
        abstract = True

    def soft_delete(self) -> None:
        """Mark the row as deleted, in one statement. If it already is, its time stays."""
        self._save_deleted_at(Coalesce("deleted_at", TransactionNow()))

    def restore(self) -> None:
        """
        Make the row live again, in one statement.

        Raises IntegrityError, named after the constraint, if it would collide with a live row.
        """
        self._save_deleted_at(None)

    def _save_deleted_at(self, value: Any) -> None:
        before = self.deleted_at
        self.deleted_at = value
        try:
            self.save(update_fields=["deleted_at"])
        except BaseException:
            self.deleted_at = before
            raise
