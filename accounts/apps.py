"""Users and how they sign in: the domain that every other one may know."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class AccountsConfig(AppConfig):
    """Takes the place of Django's receiver that notes when somebody signed in."""

    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts.sign_in import note_sign_in

        # Django's own receiver, which comes later (INSTALLED_APPS), would connect by this name and
        # finds it taken. It notes only the time, and by the clock of another machine.
        user_logged_in.connect(note_sign_in, dispatch_uid="update_last_login")
