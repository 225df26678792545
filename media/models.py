"""The streams of tracks, the queue that makes them, and how players adapt to the bandwidth."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.models import Q

from accounts.models import User
from streaming.models import Track
from veza_site.fields import EnumField, JSONField
from veza_site.indexes import Index
from veza_site.models import AppendOnlyModel, MutableModel, SoftDeletableModel


class HlsStreamStatus(models.TextChoices):
    """Only a ready stream can be played."""

    PENDING = "pending"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class TranscodeStatus(models.TextChoices):
    """A job is open while pending or processing; it has ended in the other states."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class HlsStream(SoftDeletableModel):
    """A track as HTTP Live Streaming plays it: a playlist and its segments, in one codec."""

    track = models.ForeignKey(Track, models.DB_CASCADE, db_index=False, related_name="hls_streams")
    codec = models.CharField(max_length=20, db_default="aac")
    status = EnumField(HlsStreamStatus, db_default=HlsStreamStatus.PENDING)
    master_playlist_path = models.TextField(null=True, blank=True, help_text="Empty until ready.")
    bitrates_kbps = ArrayField(models.IntegerField(), db_default=[], blank=True)
    segment_count = models.IntegerField(db_default=0)
    segment_duration_seconds = models.IntegerField(db_default=6)
    total_size = models.BigIntegerField(db_default=0, help_text="Bytes.")
    error_message = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "hls_streams"
        verbose_name = "HLS stream"
        constraints = [
            models.CheckConstraint(
                condition=Q(segment_count__gte=0), name="chk_hls_streams_segment_count"
            ),
            models.CheckConstraint(
                condition=Q(segment_duration_seconds__gt=0),
                name="chk_hls_streams_segment_duration_seconds",
            ),
            models.CheckConstraint(
                condition=Q(total_size__gte=0), name="chk_hls_streams_total_size"
            ),
            models.CheckConstraint(
                condition=~Q(status=HlsStreamStatus.READY)
                | (Q(master_playlist_path__isnull=False) & Q(segment_count__gt=0)),
                name="chk_hls_streams_ready_has_playlist",
                violation_error_message="A ready stream has a playlist and segments.",
            ),
            models.UniqueConstraint(
                fields=["track", "codec"],
                condition=Q(deleted_at__isnull=True),
                name="idx_hls_streams_track_id_codec",
            ),
        ]
        indexes = [
            # A track's streams, the deleted ones too.
            Index(fields=["track"], name="idx_hls_streams_track_id"),
            # The newest streams.
            Index(fields=["-created_at"], name="idx_hls_streams_created_at"),
        ]

    def __str__(self) -> str:
        return f"{self.codec} ({self.status})"


class HlsTranscodeJob(MutableModel):
    """A job in the transcode queue."""

    track = models.ForeignKey(
        Track, models.DB_CASCADE, db_index=False, related_name="transcode_jobs"
    )
    stream = models.ForeignKey(
        HlsStream,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="transcode_jobs",
    )
    status = EnumField(TranscodeStatus, db_default=TranscodeStatus.PENDING)
    priority = models.SmallIntegerField(db_default=5, help_text="1 is first, 10 last.")
    attempts = models.IntegerField(db_default=0)
    max_attempts = models.IntegerField(db_default=3)
    available_at = models.DateTimeField(
        db_default=TransactionNow(), help_text="Not before: the back-off of a retry."
    )
    locked_by = models.CharField(
        max_length=255, null=True, blank=True, help_text="The worker that holds the lease."
    )
    lease_expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Past it, another worker may claim the job."
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error_message = models.TextField(null=True, blank=True)
    payload = JSONField(db_default={}, blank=True)
    rerun_priority = models.SmallIntegerField(
        null=True,
        blank=True,
        help_text="Enqueued again while it ran, with this priority: one more run follows.",
    )
    rerun_payload = JSONField(
        null=True, blank=True, help_text="The payload of that run; empty for the same again."
    )

    class Meta:
        db_table = "hls_transcode_queue"
        verbose_name = "transcode job"
        constraints = [
            models.CheckConstraint(
                condition=Q(priority__range=(1, 10)), name="chk_hls_transcode_queue_priority"
            ),
            models.CheckConstraint(
                condition=Q(attempts__range=(0, models.F("max_attempts"))),
                name="chk_hls_transcode_queue_attempts",
            ),
            models.CheckConstraint(
                condition=Q(
                    lease_expires_at__isnull=False,
                    locked_by__isnull=False,
                    status=TranscodeStatus.PROCESSING,
                )
                | (
                    ~Q(status=TranscodeStatus.PROCESSING)
                    & Q(lease_expires_at__isnull=True)
                    & Q(locked_by__isnull=True)
                ),
                name="chk_hls_transcode_queue_lease",
                violation_error_message="A job in processing, and no other, has a lease.",
            ),
            models.CheckConstraint(
                condition=Q(rerun_priority__range=(1, 10)),
                name="chk_hls_transcode_queue_rerun_priority",
            ),
            models.UniqueConstraint(
                fields=["track"],
                condition=Q(status__in=[TranscodeStatus.PENDING, TranscodeStatus.PROCESSING]),
                name="idx_hls_transcode_queue_track_id_open",
                violation_error_message="The track has an open job.",
            ),
        ]
        indexes = [
            # A track's jobs, the finished ones too.
            Index(fields=["track"], name="idx_hls_transcode_queue_track_id"),
            # A stream's jobs: ON DELETE SET NULL.
            Index(fields=["stream"], name="idx_hls_transcode_queue_stream_id"),
            # The next job to claim, and the jobs behind any other.
            Index(
                fields=["priority", "available_at", "id"],
                condition=Q(status=TranscodeStatus.PENDING),
                name="idx_hls_transcode_queue_priority_available_at_id",
            ),
            # The leases that may have run out, of jobs with attempts left. Not by lease_expires_at:
            # then every heartbeat would write all indexes.
            Index(
                fields=["started_at"],
                condition=Q(
                    status=TranscodeStatus.PROCESSING, attempts__lt=models.F("max_attempts")
                ),
                name="idx_hls_transcode_queue_started_at",
            ),
            # The same of last attempts: nobody may claim these jobs.
            Index(
                fields=["started_at"],
                condition=Q(
                    status=TranscodeStatus.PROCESSING, attempts__gte=models.F("max_attempts")
                ),
                name="idx_hls_transcode_queue_started_at_last",
            ),
            # The newest jobs.
            Index(fields=["-created_at"], name="idx_hls_transcode_queue_created_at"),
        ]

    def __str__(self) -> str:
        return f"transcode job {self.pk} ({self.status})"


class BitrateAdaptationLog(AppendOnlyModel):
    """A player changed the bitrate of a stream."""

    stream = models.ForeignKey(
        HlsStream, models.DB_CASCADE, db_index=False, related_name="bitrate_adaptation_logs"
    )
    user = models.ForeignKey(
        User,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="bitrate_adaptation_logs",
    )
    from_bitrate_kbps = models.IntegerField()
    to_bitrate_kbps = models.IntegerField()
    bandwidth_kbps = models.IntegerField(null=True, blank=True, help_text="The client's estimate.")
    buffer_ms = models.IntegerField(null=True, blank=True)
    reason = models.CharField(max_length=50, db_default="", blank=True)

    class Meta:
        db_table = "bitrate_adaptation_logs"
        constraints = [
            models.CheckConstraint(
                condition=Q(from_bitrate_kbps__gte=0) & Q(to_bitrate_kbps__gte=0),
                name="chk_bitrate_adaptation_logs_bitrates",
            ),
        ]
        indexes = [
            # A stream's changes, the last first.
            Index(
                fields=["stream", "-created_at"],
                name="idx_bitrate_adaptation_logs_stream_id_created_at",
            ),
            # What a listener's player did: ON DELETE SET NULL.
            Index(fields=["user"], name="idx_bitrate_adaptation_logs_user_id"),
            # The last changes of all.
            Index(fields=["-created_at"], name="idx_bitrate_adaptation_logs_created_at"),
        ]

    def __str__(self) -> str:
        return f"{self.from_bitrate_kbps} to {self.to_bitrate_kbps} kbit/s"
