"""
Know which plays have come late, and how many were deleted.

`recorded_at` is when a play was inserted: one that an app uploads after two days without a network
was `created_at` two days before. In the plays of before it is the time of this migration, which
PostgreSQL stores once, not in each row.
"""

import django.contrib.postgres.functions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0924_fillfactor"),
        ("streaming", "0041_streaming_analytics"),
    ]

    operations = [
        migrations.AddField(
            model_name="track",
            name="pruned_play_count",
            field=models.BigIntegerField(
                db_default=0,
                help_text="Old plays that were deleted; play_count goes on counting them.",
            ),
        ),
        # lint-ignore adding-field-with-default: CURRENT_TIMESTAMP is stable: it rewrites no row
        migrations.AddField(
            model_name="trackplay",
            name="recorded_at",
            field=models.DateTimeField(
                db_default=django.contrib.postgres.functions.TransactionNow(),
                editable=False,
                help_text=(
                    "When it came here. A play that was uploaded late was created_at long before."
                ),
            ),
        ),
    ]
