"""States as staff see them at a glance: a word, a sign and a colour."""

from typing import Any

from django.db import models
from django.utils.html import format_html

# The labels of V1's enums that say how something stands. A column of any other enum is no state.
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


def tone(value: Any) -> str:
    """Return how a state is to be seen: "good", "busy", "bad" or "quiet"."""
    return next((tone for tone, words in TONES.items() if value in words), "quiet")


def state(value: Any, label: str) -> str:
    """Return HTML that shows a state by `label`, in the tone of `value`."""
    return in_tone(tone(value), label)


def in_tone(tone: str, label: str) -> str:
    """Return HTML that shows a state by `label` where none of V1's columns has it."""
    return format_html('<span class="state state-{}">{}</span>', tone, label)
