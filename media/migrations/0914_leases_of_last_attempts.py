"""Index the leases of last attempts apart, so that no claim reads them."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

import veza_site.indexes


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("media", "0913_leases_with_attempts_left"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="hlstranscodejob",
            index=veza_site.indexes.Index(
                condition=models.Q(
                    ("attempts__gte", models.F("max_attempts")), ("status", "processing")
                ),
                fields=["started_at"],
                name="idx_hls_transcode_queue_started_at_last",
            ),
        ),
    ]
