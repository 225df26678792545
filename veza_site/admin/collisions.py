"""Which row has what a restored one would need for itself."""

from collections.abc import Iterator

from django.db import models
from django.db.models import Exists, OuterRef


def collision(rows: list[models.Model]) -> str | None:
    """
    Say which of these soft-deleted rows can't be restored, and which row stands in its way.

    Looks at the constraints that make a row unique among the live ones. To be asked after a restore
    has failed and was rolled back; the rows are of one table. At most two statements a constraint.
    Returns None where nothing stands in the way any more.
    """
    model = type(rows[0])
    for fields in _unique_among_live(model):
        taken = {field.attname: OuterRef(field.attname) for field in fields}
        row = (
            model._default_manager.filter(pk__in=[row.pk for row in rows])
            .filter(Exists(model._default_manager.alive().filter(**taken)))
            .first()
        )
        if row is not None:
            owner = model._default_manager.alive().get(**_values(row, fields))
            return _told(row, owner, fields, "live")
        seen: dict[tuple, models.Model] = {}
        for row in rows:
            other = seen.setdefault(tuple(_values(row, fields).values()), row)
            if other is not row:
                return _told(row, other, fields, "deleted")
    return None


def _unique_among_live(model: type[models.Model]) -> Iterator[list[models.Field]]:
    """Yield the fields of each constraint that leaves soft-deleted rows alone."""
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.condition is not None:
            yield [model._meta.get_field(name) for name in constraint.fields]


def _values(row: models.Model, fields: list[models.Field]) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in fields}


def _told(row: models.Model, owner: models.Model, fields: list[models.Field], state: str) -> str:
    has = " and ".join(f"{field.verbose_name} {getattr(row, field.attname)}" for field in fields)
    name = row._meta.verbose_name
    return (
        f"“{row}” can't be restored: the {state} {name} “{owner}” ({owner.pk}) has the {has}, too."
    )
