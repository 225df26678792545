"""The forms of V1's tables."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db import models
from django.forms.fields import InvalidJSONInput
from django.utils.functional import cached_property
from django.utils.text import Truncator, capfirst

from veza_site.admin.lists.search import parse_uuid
from veza_site.admin.refusals import explain_violation
from veza_site.admin.rows.lines import write_json
from veza_site.admin.secrets import find_secrets
from veza_site.postgresql.out_of_range import OutOfRange, UnreadableJson
from veza_site.transactions import Invalid, check_json, is_visible

# The form's parameter that says which values it showed: a digest for each field.
SHOWN = "_shown"


class StrictDecoder(json.JSONDecoder):
    """Reads JSON that PostgreSQL can store, and rejects any other as malformed."""

    def decode(self, text: str, *arguments: Any) -> Any:
        try:
            value = super().decode(text, *arguments)
            check_json("This", value)
        except (ValueError, RecursionError, Invalid) as error:
            raise json.JSONDecodeError("This can't be stored", text, 0) from error
        return value


class JsonField(forms.JSONField):
    """A form's field for V1's JSON columns, which are never NULL: an empty box means {}."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.decoder = StrictDecoder

    def prepare_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):  # the database's default
            value = {}
        if isinstance(value, InvalidJSONInput):
            return value
        return write_json(value)

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return {} if value is None else value


class TextField(forms.CharField):
    """
    A form's field for text that stays as it is unless somebody edits it.

    Browsers end lines with CR LF, and Django strips blanks: neither counts as a change.
    """

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return value.replace("\r\n", "\n") if isinstance(value, str) else value

    def validate(self, value: Any) -> None:
        super().validate(value)
        if self.required and not is_visible(value):
            raise ValidationError(self.error_messages["required"], code="required")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.to_python(initial), data)


class MomentField(forms.SplitDateTimeField):
    """
    A form's field for a time, in two boxes.

    One that Python can't hold stands in the first as PostgreSQL writes it.
    """

    def prepare_value(self, value: Any) -> Any:
        return [str(value), ""] if isinstance(value, OutOfRange) else value


class RelationBox(AutocompleteSelect):
    """The box of a relation, which is empty where an address or a form names no key."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        return super().optgroups(name, [key for key in value if parse_uuid(str(key))], attr)


class V1Form(forms.ModelForm):
    """
    A form that checks every constraint of the table before the database does.

    Django skips those with a field that the form doesn't show, and so all of V1's with
    `WHERE deleted_at IS NULL`. A constraint on a secret is left to the database, as checking it
    here would read the secret.

    The form is not valid if somebody else has changed one of its fields since it was shown. Other
    columns don't count: services raise counters all the time. Lock the row before making the form,
    so that nobody comes in between.
    """

    # Why the database or a service refused to save these values.
    refusal: ValidationError | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._is_change = not self.instance._state.adding
        self._before = {}
        if self._is_change:
            # Cleaning the form writes the new values into the instance.
            self._before = {name: getattr(self.instance, name) for name in self.fields}

    @cached_property
    def shown(self) -> str:
        """Digests of the values that the form's fields have in the database, for `SHOWN`."""
        return json.dumps({name: _digest(self.initial.get(name)) for name in self._before})

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        value = self.initial.get(field_name)
        if self._is_change and value is None and isinstance(field, JsonField):
            return UnreadableJson("null")  # else the box would show {}
        # Django would cut the microseconds off.
        return (
            value
            if isinstance(value, OutOfRange)
            else super().get_initial_for_field(field, field_name)
        )

    @cached_property
    def changed_data(self) -> list[str]:
        """Return the fields that were edited: not those sent as they were shown."""
        return [name for name in super().changed_data if not self._is_as_shown(name)]

    def _is_as_shown(self, name: str) -> bool:
        sent = self[name].data
        if isinstance(sent, str):
            sent = sent.replace("\r\n", "\n")
        return sent == self.fields[name].prepare_value(self[name].initial)

    def clean(self) -> dict[str, Any] | None:
        values = super().clean()
        self._keep_what_is_untouched()
        if self.refusal is not None:
            self._add_errors(self.refusal)
        elif self._is_change and self.changed_data and (changed := self._find_conflicts()):
            now = [f"{self._name(name)} is now “{self._describe(name)}”" for name in changed]
            raise ValidationError(
                f"Somebody changed this row meanwhile: {', '.join(now)}. Nothing was saved; your "
                "changes are below. Save again to overwrite theirs."
            )
        return values

    def _keep_what_is_untouched(self) -> None:
        """Take back errors about values that nobody has edited: the database has them already."""
        for name in self._find_untouched():
            self.errors.pop(name, None)
            self.cleaned_data[name] = self._before[name]

    def _find_untouched(self) -> set[str]:
        return {*self._before} - {*self.changed_data}

    def _get_validation_exclusions(self) -> set[str]:
        left_out: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return left_out | self._find_untouched()

    def validate_constraints(self) -> None:
        model = type(self.instance)
        left_out = {field.name for field in find_secrets(model)}
        for constraint in model._meta.constraints:
            try:
                constraint.validate(model, self.instance, exclude=left_out)
            except ValidationError:
                self._add_errors(explain_violation(constraint, model))

    def describe_changes(self) -> list[str]:
        """Return what the form changes, a phrase a field: 'Title (“A” → “B”)'."""
        return [
            f"{self._name(name)} (“{self._describe(name)}” → “{self._describe(name, new=True)}”)"
            for name in self.changed_data
        ]

    def _find_conflicts(self) -> Iterable[str]:
        try:
            seen = dict(json.loads(self.data.get(SHOWN, "{}")))
        except (TypeError, ValueError, RecursionError):
            return []
        now = json.loads(self.shown)
        return [name for name in now if name in seen and seen[name] != now[name]]

    def _name(self, name: str) -> str:
        return str(self.fields[name].label or capfirst(name))

    def _describe(self, name: str, *, new: bool = False) -> str:
        """Return a field's value, old or new, as people read it, cut to a line."""
        value = self.cleaned_data[name] if new else self._before[name]
        field = self.instance._meta.get_field(name)
        if field.choices:
            value = dict(field.flatchoices).get(value, value)
        if isinstance(field, models.JSONField) and not isinstance(value, UnreadableJson):
            value = json.dumps(value, ensure_ascii=False)
        elif isinstance(value, OutOfRange):
            value = value.words
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        return Truncator("" if value is None else str(value)).chars(80)

    def _add_errors(self, error: ValidationError) -> None:
        """Add an error to the fields that it names, or to the form if it doesn't show them."""
        for name, errors in error.error_dict.items():
            self.add_error(name if name in self.fields else None, errors)


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
