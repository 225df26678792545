"""Drop the index that the one before has replaced."""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("media", "0916_pending_jobs_in_order"),
    ]

    operations = [
        # lint-ignore drop: idx_hls_transcode_queue_priority_available_at_id begins with the same columns
        RemoveIndexConcurrently(
            model_name="hlstranscodejob", name="idx_hls_transcode_queue_priority_available_at"
        ),
    ]
