"""HLS streams, the transcode queue and the logs of bitrate adaptation."""

import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import veza_site.fields
import veza_site.indexes
from veza_site.migrating.operations import CreateTables


class Migration(CreateTables):
    initial = True

    dependencies = [
        ("streaming", "0040_streaming_core"),
    ]

    operations = [
        migrations.CreateModel(
            name="HlsStream",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        editable=False,
                    ),
                ),
                (
                    "updated_at",
                    veza_site.fields.UpdatedAtField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        editable=False,
                    ),
                ),
                ("deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "track",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="hls_streams",
                        to="streaming.track",
                    ),
                ),
                ("codec", models.CharField(db_default="aac", max_length=20)),
                (
                    "status",
                    veza_site.fields.EnumField(
                        choices=[
                            ("pending", "Pending"),
                            ("processing", "Processing"),
                            ("ready", "Ready"),
                            ("failed", "Failed"),
                        ],
                        db_default="pending",
                        enum_type="hls_stream_status",
                    ),
                ),
                (
                    "master_playlist_path",
                    models.TextField(blank=True, help_text="Empty until ready.", null=True),
                ),
                (
                    "bitrates_kbps",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), blank=True, db_default=[]
                    ),
                ),
                ("segment_count", models.IntegerField(db_default=0)),
                ("segment_duration_seconds", models.IntegerField(db_default=6)),
                ("total_size", models.BigIntegerField(db_default=0, help_text="Bytes.")),
                ("error_message", models.TextField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "HLS stream",
                "db_table": "hls_streams",
                "indexes": [
                    veza_site.indexes.Index(fields=["track"], name="idx_hls_streams_track_id"),
                    veza_site.indexes.Index(
                        fields=["-created_at"], name="idx_hls_streams_created_at"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("segment_count__gte", 0)),
                        name="chk_hls_streams_segment_count",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("segment_duration_seconds__gt", 0)),
                        name="chk_hls_streams_segment_duration_seconds",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("total_size__gte", 0)),
                        name="chk_hls_streams_total_size",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "ready"), _negated=True),
                            models.Q(
                                ("master_playlist_path__isnull", False), ("segment_count__gt", 0)
                            ),
                            _connector="OR",
                        ),
                        name="chk_hls_streams_ready_has_playlist",
                        violation_error_message="A ready stream has a playlist and segments.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=("track", "codec"),
                        name="idx_hls_streams_track_id_codec",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="HlsTranscodeJob",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        editable=False,
                    ),
                ),
                (
                    "updated_at",
                    veza_site.fields.UpdatedAtField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        editable=False,
                    ),
                ),
                (
                    "track",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="transcode_jobs",
                        to="streaming.track",
                    ),
                ),
                (
                    "stream",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="transcode_jobs",
                        to="media.hlsstream",
                    ),
                ),
                (
                    "status",
                    veza_site.fields.EnumField(
                        choices=[
                            ("pending", "Pending"),
                            ("processing", "Processing"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        db_default="pending",
                        enum_type="transcode_status",
                    ),
                ),
                (
                    "priority",
                    models.SmallIntegerField(db_default=5, help_text="1 is first, 10 last."),
                ),
                ("attempts", models.IntegerField(db_default=0)),
                ("max_attempts", models.IntegerField(db_default=3)),
                (
                    "available_at",
                    models.DateTimeField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        help_text="Not before: the back-off of a retry.",
                    ),
                ),
                (
                    "locked_by",
                    models.CharField(
                        blank=True,
                        help_text="The worker that holds the lease.",
                        max_length=255,
                        null=True,
                    ),
                ),
                (
                    "lease_expires_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Past it, another worker may claim the job.",
                        null=True,
                    ),
                ),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("error_message", models.TextField(blank=True, null=True)),
                (
                    "payload",
                    models.JSONField(blank=True, db_default={}),
                ),
            ],
            options={
                "verbose_name": "transcode job",
                "db_table": "hls_transcode_queue",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["track"], name="idx_hls_transcode_queue_track_id"
                    ),
                    veza_site.indexes.Index(
                        fields=["stream"], name="idx_hls_transcode_queue_stream_id"
                    ),
                    veza_site.indexes.Index(
                        condition=models.Q(("status", "pending")),
                        fields=["priority", "available_at"],
                        name="idx_hls_transcode_queue_priority_available_at",
                    ),
                    veza_site.indexes.Index(
                        condition=models.Q(("status", "processing")),
                        fields=["lease_expires_at"],
                        name="idx_hls_transcode_queue_lease_expires_at",
                    ),
                    veza_site.indexes.Index(
                        fields=["-created_at"], name="idx_hls_transcode_queue_created_at"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("priority__range", (1, 10))),
                        name="chk_hls_transcode_queue_priority",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("attempts__range", (0, models.F("max_attempts")))),
                        name="chk_hls_transcode_queue_attempts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("lease_expires_at__isnull", False),
                                ("locked_by__isnull", False),
                                ("status", "processing"),
                            ),
                            models.Q(
                                models.Q(("status", "processing"), _negated=True),
                                ("lease_expires_at__isnull", True),
                                ("locked_by__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="chk_hls_transcode_queue_lease",
                        violation_error_message="A job in processing, and no other, has a lease.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["pending", "processing"])),
                        fields=("track",),
                        name="idx_hls_transcode_queue_track_id_open",
                        violation_error_message="The track has an open job.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BitrateAdaptationLog",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.contrib.postgres.functions.TransactionNow(),
                        editable=False,
                    ),
                ),
                (
                    "stream",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="bitrate_adaptation_logs",
                        to="media.hlsstream",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="bitrate_adaptation_logs",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("from_bitrate_kbps", models.IntegerField()),
                ("to_bitrate_kbps", models.IntegerField()),
                (
                    "bandwidth_kbps",
                    models.IntegerField(blank=True, help_text="The client's estimate.", null=True),
                ),
                ("buffer_ms", models.IntegerField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, db_default="", max_length=50)),
            ],
            options={
                "db_table": "bitrate_adaptation_logs",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["stream", "-created_at"],
                        name="idx_bitrate_adaptation_logs_stream_id_created_at",
                    ),
                    veza_site.indexes.Index(
                        fields=["user"], name="idx_bitrate_adaptation_logs_user_id"
                    ),
                    veza_site.indexes.Index(
                        fields=["-created_at"], name="idx_bitrate_adaptation_logs_created_at"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("from_bitrate_kbps__gte", 0), ("to_bitrate_kbps__gte", 0)
                        ),
                        name="chk_bitrate_adaptation_logs_bitrates",
                    )
                ],
            },
        ),
    ]
