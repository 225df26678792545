"""Find users by their username in any case, so that nobody takes one that looks the same."""

import django.db.models.functions.text
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

import veza_site.indexes


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0920_lower_email"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="user",
            index=veza_site.indexes.Index(
                django.db.models.functions.text.Lower("username"),
                condition=models.Q(("deleted_at__isnull", True)),
                name="idx_users_lower_username",
            ),
        ),
    ]
