"""Signing in with the platform's password."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, check_password
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from accounts import sign_in
from accounts.models import User
from veza_site.transactions import is_storable


class PasswordBackend(BaseBackend):
    """
    Signs in live, active users by email address or username, and platform password.

    Five wrong passwords lock an account for fifteen minutes. Any refusal takes as long as one for a
    wrong password.
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
        user = User.objects.find(name) if is_storable(password) else None
        if user is None or not user.is_active or user.is_locked:
            check_password(password, UNUSABLE_PASSWORD_PREFIX)
            return None
        if user.check_password(password):
            return user if sign_in.admit(user) else None
        sign_in.note_failure(user.pk)
        return None

    def get_user(self, user_id: Any) -> User | None:
        """
        Return the user of a session, even one who may not come in.

        Their session hash has changed then (see User), so Django deletes the session. If this
        returned None, Django would keep the session until they may come in again.
        """
        user: User | None = User.objects.read(user_id)
        return user
