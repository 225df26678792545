"""The forms of V1's tables."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.forms.fields import InvalidJSONInput
from django.utils.functional import cached_property
from django.utils.text import Truncator, capfirst

from veza_site.admin.refusals import violated
from veza_site.admin.secrets import secrets_of

# The form's parameter that says which values it was shown with, by field, as digests.
SHOWN = "_shown"


class JsonDecoder(json.JSONDecoder):
    """Reads JSON that can be written again, as UTF-8; any other is malformed to it."""

    def decode(self, text: str, *arguments: Any) -> Any:
        try:
            value = super().decode(text, *arguments)
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError) as error:
            raise json.JSONDecodeError("It can't be kept", text, 0) from error
        return value


class JsonField(forms.JSONField):
    """A form's field for V1's JSON columns: none is NULL, so nothing is written as {}."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.decoder = JsonDecoder

    def prepare_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):  # the database's default
            value = {}
        if isinstance(value, InvalidJSONInput):
            return value
        return json.dumps(value, ensure_ascii=False, indent=2, cls=self.encoder)

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return {} if value is None else value


class TextField(forms.CharField):
    """
    A form's field for text that stays as it is where nobody touches it.

    A browser ends lines with CR LF, and Django strips: neither is a change.
    """

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return value.replace("\r\n", "\n") if isinstance(value, str) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.to_python(initial), data)


class ArrayField(SimpleArrayField):
    """A form's field for an array, unchanged while its text is, whatever commas are in it."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        if isinstance(initial, list) and self.prepare_value(initial) == data:
            return False
        return super().has_changed(initial, data)


class V1Form(forms.ModelForm):
    """
    A form that checks every constraint of the table before the database does.

    Django leaves out those that name a field which the form does not show, and so all of V1's
    `WHERE deleted_at IS NULL`. A constraint on a secret is left to the database: it would have to
    be read.

    Where somebody else has changed one of the form's fields since it was shown, it is not valid.
    The other columns do not count: services raise counters all the time. The row has to be locked
    before the form is made, so that nobody comes in between.
    """

    # What the database or a service had against these values when they were to be saved.
    refusal: ValidationError | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._is_change = not self.instance._state.adding
        self._before = {}
        if self._is_change:
            # The instance gets the new values when the form is cleaned.
            self._before = {name: getattr(self.instance, name) for name in self.fields}

    @cached_property
    def shown(self) -> str:
        """The values that the form's fields have in the database, as digests, for `SHOWN`."""
        return json.dumps({name: _digest(self.initial.get(name)) for name in self._before})

    def clean(self) -> dict[str, Any] | None:
        values = super().clean()
        if self.refusal is not None:
            self._add(self.refusal)
        elif self._is_change and self.changed_data and (changed := self._changed_meanwhile()):
            now = [f"{self._label(name)} is now “{self._text(name)}”" for name in changed]
            raise ValidationError(
                f"Somebody changed this row meanwhile: {', '.join(now)}. Your changes are below, "
                "nothing was saved. Save again to write them over the others'."
            )
        return values

    def validate_constraints(self) -> None:
        model = type(self.instance)
        left_out = {field.name for field in secrets_of(model)}
        for constraint in model._meta.constraints:
            try:
                constraint.validate(model, self.instance, exclude=left_out)
            except ValidationError:
                self._add(violated(constraint, model))

    def changes(self) -> list[str]:
        """Return what the form changes, a phrase a field: 'Title (“A” → “B”)'."""
        return [
            f"{self._label(name)} (“{self._text(name)}” → “{self._text(name, new=True)}”)"
            for name in self.changed_data
        ]

    def _changed_meanwhile(self) -> Iterable[str]:
        try:
            seen = dict(json.loads(self.data.get(SHOWN, "{}")))
        except (TypeError, ValueError, RecursionError):
            return []
        now = json.loads(self.shown)
        return [name for name in now if name in seen and seen[name] != now[name]]

    def _label(self, name: str) -> str:
        return str(self.fields[name].label or capfirst(name))

    def _text(self, name: str, *, new: bool = False) -> str:
        """Return the value of a field, before or after, as people read it, and not too long."""
        value = self.cleaned_data[name] if new else self._before[name]
        field = self.instance._meta.get_field(name)
        if field.choices:
            value = dict(field.flatchoices).get(value, value)
        if isinstance(field, models.JSONField):
            value = json.dumps(value, ensure_ascii=False)
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        return Truncator("" if value is None else str(value)).chars(80)

    def _add(self, error: ValidationError) -> None:
        """Add an error to the fields that it names, or to the form where it has not such a one."""
        for name, errors in error.error_dict.items():
            self.add_error(name if name in self.fields else None, errors)


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
