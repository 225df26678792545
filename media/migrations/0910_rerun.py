"""
Remember that a track was enqueued again while its job ran.

A track may have only one open job, so the wish for one more run has to stand in that job.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0907_spent_stays_spent"),
        ("media", "0042_media_processing"),
    ]

    operations = [
        migrations.AddField(
            model_name="hlstranscodejob",
            name="rerun_priority",
            field=models.SmallIntegerField(
                blank=True,
                help_text="Enqueued again while it ran, with this priority: one more run follows.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="hlstranscodejob",
            name="rerun_payload",
            field=models.JSONField(
                blank=True,
                help_text="The payload of that run; empty for the same again.",
                null=True,
            ),
        ),
    ]
