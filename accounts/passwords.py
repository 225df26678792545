"""Passwords as Go's x/crypto/bcrypt reads and writes them: a bare `$2b$12$…`, at most 72 bytes."""

import contextlib
import re
from typing import Any

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, BCryptPasswordHasher
from django.core.exceptions import ValidationError
from django.db import models

MAX_BYTES = 72  # bcrypt reads no more; Go refuses a longer password too

# Django finds the hasher of a password by the word before the first `$`.
_DJANGO_PREFIX = "bcrypt$"
_BCRYPT_HASH = re.compile(r"\$2[abxy]?\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")


def _fits(password: str | bytes) -> bool:
    """Tell whether bcrypt reads all of `password`."""
    try:
        encoded = password.encode() if isinstance(password, str) else password
    except UnicodeEncodeError:
        return False
    return len(encoded) <= MAX_BYTES


class BcryptLengthValidator:
    """Refuse a password of which bcrypt would read only a part. The message is for forms."""

    def validate(self, password: str, user: Any = None) -> None:
        if not _fits(password):
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        return f"Your password can't be longer than {MAX_BYTES} bytes (in UTF-8)."


class BcryptHasher(BCryptPasswordHasher):
    """
    Django's bcrypt hasher, without the edge cases where that one truncates or fails.

    Setting a password that is too long raises ValidationError; checking one takes the usual time,
    and it is wrong. A hash with more rounds than ours is left alone.
    """

    def encode(self, password: str, salt: str) -> str:
        BcryptLengthValidator().validate(password)
        return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        fits = _fits(password)
        try:
            return super().verify(password if fits else "", encoded) and fits
        except ValueError:  # it only looks like a hash, and bcrypt can't read it
            return False

    def harden_runtime(self, password: str, encoded: str) -> None:
        with contextlib.suppress(ValueError):  # as in verify()
            super().harden_runtime(password if _fits(password) else "", encoded)

    def must_update(self, encoded: str) -> bool:
        return int(self.decode(encoded)["work_factor"]) < self.rounds


class PasswordHashField(models.CharField):
    """
    The column that holds a bare bcrypt hash, or `!` for no password.

    In Python the value has Django's prefix (`bcrypt$$2b$12$…`). Anything else in the column is read
    as it is, and no password matches it.
    """

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        if value is not None and _BCRYPT_HASH.fullmatch(value):
            return _DJANGO_PREFIX + value
        return value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        if isinstance(value, str) and value.startswith(UNUSABLE_PASSWORD_PREFIX):
            return UNUSABLE_PASSWORD_PREFIX  # Django adds random characters
        return value.removeprefix(_DJANGO_PREFIX) if isinstance(value, str) else value
