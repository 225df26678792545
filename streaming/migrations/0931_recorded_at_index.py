"""Find the plays that have come lately."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations

import veza_site.indexes


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("streaming", "0930_late_and_pruned_plays"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="trackplay",
            index=veza_site.indexes.BrinIndex(
                fields=["recorded_at"],
                name="idx_track_plays_recorded_at",
                autosummarize=True,
            ),
        ),
    ]
