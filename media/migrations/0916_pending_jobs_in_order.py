"""Give jobs of the same moment an order too, so that a claim can start behind any job."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

import veza_site.indexes


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("media", "0915_leases_by_expiry"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="hlstranscodejob",
            index=veza_site.indexes.Index(
                condition=models.Q(("status", "pending")),
                fields=["priority", "available_at", "id"],
                name="idx_hls_transcode_queue_priority_available_at_id",
            ),
        ),
    ]
