"""What the database or a service has against a change, in words for the person at the form."""

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DatabaseError, models
from django.utils.text import capfirst
from psycopg import errors

from veza_site.schema.names import foreign_key_name, index_name
from veza_site.transactions import Refused


def explain_refusal(error: Exception, model: type[models.Model]) -> ValidationError | None:
    """
    Return what is wrong, by the field that it is about, for a form of `model`.

    None for an error that nobody at a form can do anything about. No value is quoted: PostgreSQL's
    own words would tell those of secrets too.
    """
    if isinstance(error, Refused):
        return _wrong(str(error))
    if not isinstance(error, DatabaseError):
        return None
    cause = error.__cause__
    table, fields = model._meta.db_table, model._meta.local_fields
    match cause:
        case errors.UniqueViolation() | errors.CheckViolation():
            name = cause.diag.constraint_name
            for constraint in model._meta.constraints:
                if constraint.name == name:
                    return violated(constraint, model)
            for field in fields:
                if field.unique and index_name(table, field.column) == name:
                    return _taken(model, field.name)
            return _wrong(f"It does not fit the other rows, or a rule: {name}.")
        case errors.ForeignKeyViolation():
            for field in fields:
                if foreign_key_name(table, field.column) == cause.diag.constraint_name:
                    what = capfirst(field.related_model._meta.verbose_name)
                    return _wrong(f"This {what} is not there any more.", field.name)
            return _wrong("A row that this one refers to is not there any more.")
        case errors.NotNullViolation():
            for field in fields:
                if field.column == cause.diag.column_name:
                    return _wrong("This field is required.", field.name)
        case errors.DeadlockDetected() | errors.LockNotAvailable() | errors.SerializationFailure():
            return _wrong("Somebody else is changing the same rows. Try again.")
        case errors.DataError():
            return _wrong("There is a value that the database can't keep.")
    return None


def violated(constraint: models.BaseConstraint, model: type[models.Model]) -> ValidationError:
    """Return what to say of a constraint of `model` that a row breaks: its own words, if it has."""
    fields = tuple(getattr(constraint, "fields", ()))
    place = fields[0] if len(fields) == 1 else NON_FIELD_ERRORS
    if constraint.violation_error_message != constraint.default_violation_error_message:
        return _wrong(constraint.get_violation_error_message(), place)
    if fields:
        return _taken(model, *fields)
    return _wrong(f"The values don't fit together, or are out of range: {constraint.name}.")


def _taken(model: type[models.Model], *fields: str) -> ValidationError:
    error = model().unique_error_message(model, fields)
    return ValidationError({fields[0] if len(fields) == 1 else NON_FIELD_ERRORS: error})


def _wrong(message: str, field: str = NON_FIELD_ERRORS) -> ValidationError:
    return ValidationError({field: message})
