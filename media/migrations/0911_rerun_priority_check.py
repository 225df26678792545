from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("media", "0910_rerun"),
    ]

    operations = [
        AddConstraintNotValid(
            model_name="hlstranscodejob",
            constraint=models.CheckConstraint(
                condition=models.Q(("rerun_priority__range", (1, 10))),
                name="chk_hls_transcode_queue_rerun_priority",
            ),
        ),
    ]
