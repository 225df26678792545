"""Find users by their address in any case: to sign in, and to make no second account."""

import django.db.models.functions.text
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

import veza_site.indexes


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0907_spent_stays_spent"),
        ("media", "0917_pending_jobs_by_time"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="user",
            index=veza_site.indexes.Index(
                django.db.models.functions.text.Lower("email"),
                condition=models.Q(("deleted_at__isnull", True)),
                name="idx_users_lower_email",
            ),
        ),
    ]
