"""Sets a user's password from the terminal."""

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from accounts.models import User

MOST_TRIES = 3


class Command(changepassword.Command):
    """
    As Django's, for the live user with the address or username.

    Django's command takes any user with the address, also deleted ones, and fails where there are
    several. It also writes back every column of the user, as it was before somebody typed.
    """

    help = "Sets the password of the live user with this email address or username."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        (username,) = (action for action in parser._actions if action.dest == "username")
        username.nargs, username.metavar = None, "NAME"
        username.help = "An email address or a username."

    def handle(self, *_arguments: Any, **options: Any) -> str:
        name = options["username"]
        user = User.objects.find(name)
        if user is None:
            raise CommandError(f"There is no user {name!a}, or they are deleted.")
        self.stdout.write(f"The new password of {user.username} ({user.email}):")
        for _ in range(MOST_TRIES):
            password = getpass.getpass("Password: ")
            if not password:
                raise CommandError("No password was typed: it stays as it was.")
            if password != getpass.getpass("Password (again): "):
                self.stderr.write("These are not the same. Please try again.")
                continue
            try:
                validate_password(password, user)
            except ValidationError as error:
                self.stderr.write("\n".join(error.messages))
                continue
            user.set_password(password)
            user.save(update_fields=["password"])
            return f"{user.username} has a new password."
        raise CommandError(f"After {MOST_TRIES} attempts, the password stays as it was.")
