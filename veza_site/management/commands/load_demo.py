from importlib import import_module
from random import Random
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, CommandError
from django.db import connection, transaction

from veza_site.demo import EMAIL, PASSWORD


class Command(BaseCommand):
    """Each domain's rows are made by the function `load` of its module `demo`, in V1's order."""

    help = "Development only: fill the database with a small demo catalogue. Running again is fine."

    def handle(self, **options: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError(
                "The demo catalogue is for development, which is where DATABASE_URL is not set. "
                "Nothing was changed."
            )
        User = get_user_model()
        with transaction.atomic(), connection.cursor() as cursor:
            # One loads at a time; another that waits here finds users.
            cursor.execute(f"LOCK TABLE {User._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
            if loaded := not User.objects.exists():
                random = Random("veza")
                for app in settings.V1_APPS:
                    import_module(f"{app}.demo").load(random)
        self.stdout.write(
            "Loaded the demo catalogue."
            if loaded
            else "There are users already: left the data as it is."
        )
        if User.objects.alive().filter(email=EMAIL).exists():
            self.stdout.write(f"Sign in to the admin as {EMAIL} with the password {PASSWORD}")
        else:
            self.stdout.write("Sign in to the admin as a user of yours, or `createsuperuser`.")
