"""Drop the index that every heartbeat had to write: it kept their updates from being HOT."""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("media", "0914_leases_of_last_attempts"),
    ]

    operations = [
        # lint-ignore drop: older claims use idx_hls_transcode_queue_started_at, whose condition theirs implies
        RemoveIndexConcurrently(
            model_name="hlstranscodejob", name="idx_hls_transcode_queue_lease_expires_at"
        ),
    ]
