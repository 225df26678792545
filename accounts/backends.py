from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, check_password
from django.db.models import Q
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from accounts import sign_in
from accounts.models import User


class PasswordBackend(BaseBackend):
    """
    Signs in live, active users by e-mail address or username, and platform password.

    Five wrong passwords lock an account for fifteen minutes. Whatever it is that keeps somebody
    out, it takes the time of a wrong password.
    """

    @sensitive_variables("password")
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **credentials: Any,
    ) -> User | None:
        name = credentials.get(User.USERNAME_FIELD, username)
        if name is None or password is None:
            return None
        user = _find(name) if _is_text(name) and _is_text(password) else None
        if user is None or not user.is_active or user.is_locked:
            check_password(password, UNUSABLE_PASSWORD_PREFIX)
            return None
        if user.check_password(password):
            return user if sign_in.admit(user) else None
        sign_in.note_failure(user.pk)
        return None

    def get_user(self, user_id: Any) -> User | None:
        """
        Return the user of a session, also one who may not come in.

        Their hash is another then (see User), and Django deletes the session. Were there no user
        here, it would let the session wait until they may.
        """
        return User.objects.filter(pk=user_id).first()


def _find(name: str) -> User | None:
    """Return the live user with this e-mail address, else the one with this username."""
    email = User.objects.normalize_email(name)
    found = User.objects.alive().filter(Q(email=email) | Q(username=name))
    return max(found, key=lambda user: user.email == email, default=None)


def _is_text(value: str) -> bool:
    """Tell whether PostgreSQL and bcrypt can take a text at all."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value
