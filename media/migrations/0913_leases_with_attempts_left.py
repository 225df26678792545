"""Index the leases that may be claimed again, by a column that no heartbeat changes."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

import veza_site.indexes


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("media", "0912_rerun_priority_validated"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="hlstranscodejob",
            index=veza_site.indexes.Index(
                condition=models.Q(
                    ("attempts__lt", models.F("max_attempts")), ("status", "processing")
                ),
                fields=["started_at"],
                name="idx_hls_transcode_queue_started_at",
            ),
        ),
    ]
