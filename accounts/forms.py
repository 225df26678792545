"""The forms by which staff sign in and change their own password."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.http import HttpRequest

from accounts.models import User


class SignInForm(AdminAuthenticationForm):
    """Asks for an e-mail address or a username; whoever can't come in gets the same answer."""

    error_messages = {
        "invalid_login": (
            "Please enter the e-mail address or username and the password of a staff account. "
            "Mind upper and lower case. After several wrong passwords an account is closed for a "
            "while."
        ),
    }

    def __init__(self, request: HttpRequest | None = None, *arguments: Any, **options: Any) -> None:
        super().__init__(request, *arguments, **options)
        self.fields["username"].label = "E-mail or username"
        for field in self.fields.values():
            # Such a name or password is simply wrong, as any other.
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
    """Changes a password and nothing else: the rest of the row may have changed meanwhile."""

    def save(self, commit: bool = True) -> User:
        user = super().save(commit=False)
        if commit:
            user.save(update_fields=["password"])
        return user
