"""The forms of V1's tables."""

from typing import Any

from django import forms


class JsonField(forms.JSONField):
    """A form's field for V1's JSON columns: none is NULL, so nothing is written as {}."""

    def prepare_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):  # the database's default
            value = {}
        return super().prepare_value(value)

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return {} if value is None else value


class V1Form(forms.ModelForm):
    """
    A form that checks every constraint of the table before the database does.

    Django leaves out those that name a field which the form does not show, and so all of V1's
    `WHERE deleted_at IS NULL`.
    """

    def validate_constraints(self) -> None:
        try:
            self.instance.validate_constraints()
        except forms.ValidationError as error:
            self._update_errors(error)
