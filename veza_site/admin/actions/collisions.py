"""Which row has what a restored one would need for itself."""

from collections.abc import Iterator
from typing import NamedTuple

from django.db import models
from django.db.models import Exists, OuterRef


class Collision(NamedTuple):
    """A soft-deleted row that can't be restored, and why, in words that follow its name."""

    row: models.Model
    reason: str


def collision(rows: list[models.Model]) -> Collision | None:
    """
    Find one of these soft-deleted rows that can't be restored, and the row that is in its way.

    Looks at the constraints that make a row unique among the live ones. To be asked after a restore
    has failed and was rolled back; the rows are of one table. At most two statements a constraint.
    Returns None where nothing is in the way any more.
    """
    model = type(rows[0])
    for fields in _unique_among_live(model):
        same = {field.attname: OuterRef(field.attname) for field in fields}
        row = (
            model._default_manager.filter(pk__in=[row.pk for row in rows])
            .filter(Exists(model._default_manager.alive().filter(**same)))
            .first()
        )
        if row is not None:
            owner = model._default_manager.alive().filter(**_values(row, fields)).first()
            if owner is not None:
                return Collision(row, _told(owner, fields, "live"))
        seen: dict[tuple[object, ...], models.Model] = {}
        for row in rows:
            other = seen.setdefault(tuple(_values(row, fields).values()), row)
            if other is not row:
                return Collision(row, _told(other, fields, "deleted"))
    return None


def _unique_among_live(model: type[models.Model]) -> Iterator[list[models.Field]]:
    """Yield the fields of each constraint that leaves soft-deleted rows alone."""
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.condition is not None:
            yield [model._meta.get_field(name) for name in constraint.fields]


def _values(row: models.Model, fields: list[models.Field]) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in fields}


def _told(owner: models.Model, fields: list[models.Field], state: str) -> str:
    has = " and ".join(f"{field.verbose_name} {getattr(owner, field.attname)}" for field in fields)
    return f"the {state} {owner._meta.verbose_name} “{owner}” ({owner.pk}) has the {has} too."
