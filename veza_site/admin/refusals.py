"""Why the database or a service refused a change, in words for the person at the form."""

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DatabaseError, models
from django.utils.text import capfirst
from psycopg import errors

from veza_site.admin.fields import find_relations
from veza_site.postgresql.names import foreign_key_name, index_name
from veza_site.transactions import Refused


def explain_refusal(error: Exception, model: type[models.Model]) -> ValidationError | None:
    """
    Return what is wrong, field by field, for a form of `model`.

    No value is quoted: PostgreSQL's own words could quote a secret.

    Returns None for an error that nobody at a form can do anything about.
    """
    if isinstance(error, Refused):
        return _make_error(str(error))
    if not isinstance(error, DatabaseError):
        return None
    cause = error.__cause__
    table, fields = model._meta.db_table, model._meta.local_fields
    match cause:
        case errors.UniqueViolation() | errors.CheckViolation():
            name = cause.diag.constraint_name
            for constraint in model._meta.constraints:
                if constraint.name == name:
                    return explain_violation(constraint, model)
            for field in fields:
                if field.unique and index_name(table, str(field.column)) == name:
                    return _explain_duplicate(model, field.name)
            return _make_error(f"This breaks a rule, or another row already has it: {name}.")
        case errors.ForeignKeyViolation():
            for key in find_relations(model):
                if foreign_key_name(table, str(key.column)) == cause.diag.constraint_name:
                    what = capfirst(key.related_model._meta.verbose_name)
                    return _make_error(f"This {what} no longer exists.", key.name)
            return _make_error("A row that this one refers to no longer exists.")
        case errors.NotNullViolation():
            for field in fields:
                if field.column == cause.diag.column_name:
                    return _make_error("This field is required.", field.name)
        case errors.DeadlockDetected() | errors.LockNotAvailable() | errors.SerializationFailure():
            return _make_error("Somebody else is changing the same rows. Try again.")
        case errors.DataError():
            return _make_error("The database can't store one of these values.")
    return None


def explain_violation(
    constraint: models.BaseConstraint, model: type[models.Model]
) -> ValidationError:
    """Return the message for a row that breaks a constraint, which may bring its own message."""
    fields = tuple(getattr(constraint, "fields", ()))
    place = fields[0] if len(fields) == 1 else NON_FIELD_ERRORS
    if constraint.violation_error_message != constraint.default_violation_error_message:
        return _make_error(str(constraint.get_violation_error_message()), place)
    if fields:
        return _explain_duplicate(model, *fields)
    return _make_error(f"The values don't fit together, or are out of range: {constraint.name}.")


def _explain_duplicate(model: type[models.Model], *fields: str) -> ValidationError:
    error = model().unique_error_message(model, fields)
    return ValidationError({fields[0] if len(fields) == 1 else NON_FIELD_ERRORS: error})


def _make_error(message: str, field: str = NON_FIELD_ERRORS) -> ValidationError:
    return ValidationError({field: message})
