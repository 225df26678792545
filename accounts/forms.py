"""The forms by which staff sign in and change their own password."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.http import HttpRequest

from accounts.models import User


class SignInForm(AdminAuthenticationForm):
    """Asks for an email address or a username. Every failure gets the same answer."""

    error_messages = {
        "invalid_login": (
            "Please enter the email address or username and the password of a staff account. "
            "Upper and lower case matter in a username and a password. Several wrong passwords lock"
            " an account for a while."
        ),
    }

    def __init__(self, request: HttpRequest | None = None, *arguments: Any, **options: Any) -> None:
        super().__init__(request, *arguments, **options)
        self.fields["username"].label = "Email or username"
        for field in self.fields.values():
            # A name or password with NUL is simply wrong, like any other.
            field.validators = [
                validator
                for validator in field.validators
                if not isinstance(validator, ProhibitNullCharactersValidator)
            ]

    def confirm_login_allowed(self, user: User) -> None:
        if not user.is_staff:
            raise self.get_invalid_login_error()

    def get_invalid_login_error(self) -> ValidationError:
        return ValidationError(self.error_messages["invalid_login"], code="invalid_login")


class OwnPasswordForm(AdminPasswordChangeForm):
    """Changes only the password: other columns may have changed meanwhile."""

    def save(self, commit: bool = True) -> User:
        user = super().save(commit=False)
        if commit:
            user.save(update_fields=["password"])
        return user
