"""States as staff see them at a glance: a word, a sign and a colour."""

from typing import Any

from django.utils.html import format_html

# The words in which tables say how something stands; any other is quiet.
TONES = {
    "good": {"active", "ready", "completed", "published", "accepted", "restored"},
    "busy": {"pending", "processing", "uploading", "queued", "running"},
    "bad": {"failed", "banned", "suspended", "deleted", "expired", "revoked"},
}


def tone(value: Any) -> str:
    """Return how a state is to be seen: "good", "busy", "bad" or "quiet"."""
    return next((tone for tone, words in TONES.items() if value in words), "quiet")


def state(value: Any, label: str) -> str:
    """Return HTML that shows a state by `label`, in the tone of `value`."""
    return format_html('<span class="state state-{}">{}</span>', tone(value), label)
