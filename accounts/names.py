"""
The names of people: how they are written, and who has them already.

The unique indexes keep what V1 promises: no two live users have the same address or username. That
none differ only by case or by what can't be seen is kept here, for what is made here.
"""

import unicodedata
from collections.abc import Collection
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models

from veza_site.transactions import execute, fetch_one

# Marks and letters that show nothing: joiners, Hangul and Khmer fillers, the blank of Braille.
_BLANKS = "\u034f\u115f\u1160\u17b4\u17b5\u2800"

# Marks that only choose how the character before them is drawn.
_VARIATION_SELECTORS = [*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]


def normalize_name(name: str) -> str:
    """
    Return a name as it is stored: in NFKC, as Django's create_user does, without outer spaces.

    Raises ValidationError for a name with a character that can't be seen: names that look alike
    would not be the same.
    """
    name = unicodedata.normalize("NFKC", name).strip()
    for character in name:
        if character != " " and _is_invisible(character):
            raise ValidationError(
                f"A name has no invisible or control characters: U+{ord(character):04X} is one."
            )
    return name


def _is_invisible(character: str) -> bool:
    return (
        unicodedata.category(character)[0] in "CZ"
        or character in _BLANKS
        or ord(character) in _VARIATION_SELECTORS
    )


def spellings_of(name: str) -> list[str]:
    """Return a name as somebody types it, and in each form of Unicode that may be stored."""
    return [name, *(unicodedata.normalize(form, name) for form in ("NFKC", "NFC", "NFD", "NFKD"))]


def normalize_new_names(row: models.Model, *names: str, exclude: Collection[str] | None) -> None:
    """
    Normalise the names of a row that a form or a manager is about to save.

    What is stored already stays, so that somebody with an old name can be changed otherwise. Raises
    ValidationError as normalize_name().
    """
    errors = {}
    for name in find_changed(row, *names):
        if name not in (exclude or ()) and isinstance(getattr(row, name), str):
            try:
                setattr(row, name, normalize_name(getattr(row, name)))
            except ValidationError as error:
                errors[name] = error
    if errors:
        raise ValidationError(errors)


def find_changed(row: models.Model, *names: str) -> list[str]:
    """Return the fields of a row that are not stored as they are."""
    stored = None
    if not row._state.adding:
        stored = type(row)._base_manager.filter(pk=row.pk).values(*names).first()
    return [name for name in names if stored is None or stored[name] != getattr(row, name)]


def find_taken(
    *, user_id: UUID | None, email: str | None = None, username: str | None = None
) -> list[str]:
    """
    Find what another live user than `user_id` has of these, whatever its case.

    Locks: an advisory lock on each in lower case until the transaction ends, so that two who want
    the same come one after the other.

    Statements: 2.

    Returns "email" and "username", as far as they are taken.
    """
    execute(
        """
        SELECT pg_advisory_xact_lock(hashtextextended('email ' || lower(%(email)s::text), 0)),
            pg_advisory_xact_lock(hashtextextended('username ' || lower(%(username)s::text), 0))
        """,
        email=email,
        username=username,
    )
    taken = fetch_one(
        """
        SELECT EXISTS (
                SELECT FROM users WHERE lower(email) = lower(%(email)s::text)
                    AND deleted_at IS NULL AND id IS DISTINCT FROM %(user_id)s::uuid
            ), EXISTS (
                SELECT FROM users WHERE lower(username) = lower(%(username)s::text)
                    AND deleted_at IS NULL AND id IS DISTINCT FROM %(user_id)s::uuid
            )
        """,
        user_id=user_id,
        email=email,
        username=username,
    )
    return [name for name, is_taken in zip(("email", "username"), taken, strict=True) if is_taken]
