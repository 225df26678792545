from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("media", "0911_rerun_priority_check"),
    ]

    operations = [
        ValidateConstraint("hlstranscodejob", "chk_hls_transcode_queue_rerun_priority"),
    ]
