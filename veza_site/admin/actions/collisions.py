"""Which row has what a restored row would need for itself."""

from collections.abc import Iterator
from typing import NamedTuple

from django.db import models
from django.db.models import Exists, OuterRef

from veza_site.admin.fields import get_column
from veza_site.models import SoftDeletableModel


class Collision(NamedTuple):
    """A soft-deleted row that can't be restored, and the reason, in words that follow its name."""

    row: SoftDeletableModel
    reason: str


def find_collision(rows: list[SoftDeletableModel]) -> Collision | None:
    """
    Find one of these soft-deleted rows that can't be restored, and the row that is in its way.

    Call it after a restore has failed and was rolled back, with rows of one table. It looks at the
    constraints that make a row unique among the live ones.

    Statements: at most 2 for each such constraint.

    Returns None if nothing is in the way any more.
    """
    model = type(rows[0])
    for fields in _find_unique_among_live(model):
        same = {field.attname: OuterRef(field.attname) for field in fields}
        row = (
            model.objects.filter(pk__in=[row.pk for row in rows])
            .filter(Exists(model.objects.alive().filter(**same)))
            .first()
        )
        if row is not None:
            owner = model.objects.alive().filter(**_read(row, fields)).first()
            if owner is not None:
                return Collision(row, _explain(owner, fields, "live"))
        seen: dict[tuple[object, ...], SoftDeletableModel] = {}
        for row in rows:
            other = seen.setdefault(tuple(_read(row, fields).values()), row)
            if other is not row:
                return Collision(row, _explain(other, fields, "deleted"))
    return None


def _find_unique_among_live(model: type[models.Model]) -> Iterator[list[models.Field]]:
    """Yield the fields of each unique constraint that leaves soft-deleted rows out."""
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.condition is not None:
            yield [get_column(model, name) for name in constraint.fields]


def _read(row: models.Model, fields: list[models.Field]) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in fields}


def _explain(owner: models.Model, fields: list[models.Field], state: str) -> str:
    has = " and ".join(f"{field.verbose_name} {getattr(owner, field.attname)}" for field in fields)
    return f"the {state} {owner._meta.verbose_name} “{owner}” ({owner.pk}) has the {has} too."
