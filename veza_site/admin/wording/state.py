"""States as staff see them at a glance: a word, a sign and a colour."""

from typing import Any

from django.db import models
from django.utils.html import format_html

# The labels of V1's enums that say how a row stands. A column of any other enum is no state.
TONES = {
    "good": {"active", "ready", "completed"},
    "busy": {"pending", "processing", "uploading"},
    "bad": {"failed", "banned", "suspended"},
    "quiet": {"inactive", "cancelled"},
}


def is_state(field: models.Field) -> bool:
    """Tell whether a column says how its row stands: all of its choices are such words."""
    values = {value for value, _ in field.flatchoices}
    return bool(values) and values <= set().union(*TONES.values())


def show_state(value: Any, label: str) -> str:
    """Return HTML that shows a value of a state column by `label`, in the value's tone."""
    return show_in_tone(
        next((tone for tone, values in TONES.items() if value in values), "quiet"), label
    )


def show_in_tone(tone: str, label: str) -> str:
    """Return HTML that shows `label` in a tone of TONES, for a state that no column of V1 holds."""
    return format_html('<span class="state state-{}">{}</span>', tone, label)
