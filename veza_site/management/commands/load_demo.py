"""Fill a development database with rows to look at."""

from importlib import import_module
from random import Random
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, CommandError
from django.db import connection, transaction

from veza_site.demo import EMAIL, PASSWORD


class Command(BaseCommand):
    """Each domain's module `demo` has a function `load`, which makes its rows."""

    help = "Development only: fill the database with a small demo catalogue. Running again is fine."

    def handle(self, **options: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError(
                "The demo catalogue is only for development, where DATABASE_URL is not set. "
                "Nothing was changed."
            )
        User = get_user_model()
        with transaction.atomic(), connection.cursor() as cursor:
            # Only one at a time loads the demo; another waits here, and then finds users.
            cursor.execute(f"LOCK TABLE {User._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
            if is_empty := not User.objects.exists():
                random = Random("veza")
                for app in settings.V1_APPS:
                    import_module(f"{app}.demo").load(random)
                # Autovacuum would take a minute, and leaves tables with few rows out.
                cursor.execute(f"ANALYZE {', '.join(list_tables())}")
        if is_empty:
            self.stdout.write("Loaded the demo catalogue.")
        else:
            self.stdout.write("There are users already: left the data as it is.")
        if User.objects.filter(email=EMAIL, deleted_at=None).exists():
            self.stdout.write(f"Sign in to the admin as {EMAIL} with the password {PASSWORD}")
        else:
            self.stdout.write("Sign in to the admin as one of them, or run `createsuperuser`.")


def list_tables() -> list[str]:
    """Return the names of the domains' tables."""
    return [
        model._meta.db_table
        for app in settings.V1_APPS
        for model in apps.get_app_config(app).get_models()
    ]
