"""A track, its versions and the history of its changes."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from accounts.models import User
from veza_site.fields import EnumField, JSONField
from veza_site.indexes import Index
from veza_site.models import AppendOnlyModel, MutableModel, SoftDeletableModel


class TrackStatus(models.TextChoices):
    """How far a track is on its way to being playable."""

    UPLOADING = "uploading"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class TrackHistoryAction(models.TextChoices):
    """What was done to a track."""

    CREATED = "created"
    UPDATED = "updated"
    PUBLISHED = "published"
    UNPUBLISHED = "unpublished"
    VERSION_ADDED = "version_added"
    DELETED = "deleted"
    RESTORED = "restored"


class Track(SoftDeletableModel):
    """A piece of music that somebody uploaded."""

    creator = models.ForeignKey(User, models.DB_CASCADE, db_index=False, related_name="tracks")
    title = models.CharField(max_length=255)
    slug = models.CharField(max_length=255)
    artist = models.CharField(max_length=255)
    album = models.CharField(max_length=255, null=True, blank=True)
    genre = models.CharField(max_length=100, null=True, blank=True)
    description = models.TextField(db_default="", blank=True)
    tags = ArrayField(models.TextField(), db_default=[], blank=True)
    duration_seconds = models.IntegerField(
        null=True, blank=True, help_text="Empty until the file is analysed."
    )
    bpm = models.SmallIntegerField(null=True, blank=True)
    musical_key = models.CharField(max_length=10, null=True, blank=True)
    file_path = models.TextField(help_text="Key in the object storage.")
    file_size = models.BigIntegerField(help_text="Bytes.")
    mime_type = models.CharField(max_length=100)
    checksum_sha256 = models.CharField(max_length=64, null=True, blank=True)
    cover_url = models.TextField(null=True, blank=True)
    waveform_url = models.TextField(null=True, blank=True)
    status = EnumField(TrackStatus, db_default=TrackStatus.UPLOADING)
    is_public = models.BooleanField(db_default=False)
    is_explicit = models.BooleanField(db_default=False)
    published_at = models.DateTimeField(null=True, blank=True)
    play_count = models.BigIntegerField(db_default=0)
    like_count = models.BigIntegerField(db_default=0)
    share_count = models.BigIntegerField(db_default=0)
    comment_count = models.BigIntegerField(db_default=0)
    pruned_play_count = models.BigIntegerField(
        db_default=0, help_text="Old plays that were deleted; play_count goes on counting them."
    )

    class Meta:
        db_table = "tracks"
        constraints = [
            models.CheckConstraint(
                condition=Q(duration_seconds__gt=0), name="chk_tracks_duration_seconds"
            ),
            models.CheckConstraint(condition=Q(bpm__range=(1, 999)), name="chk_tracks_bpm"),
            models.CheckConstraint(condition=Q(file_size__gte=0), name="chk_tracks_file_size"),
            models.CheckConstraint(
                condition=Q(play_count__gte=0)
                & Q(like_count__gte=0)
                & Q(share_count__gte=0)
                & Q(comment_count__gte=0),
                name="chk_tracks_counters",
            ),
            models.UniqueConstraint(
                fields=["slug"],
                condition=Q(deleted_at__isnull=True),
                name="idx_tracks_slug",
                violation_error_message="There is a track with this slug.",
            ),
        ]
        indexes = [
            # A creator's tracks, the newest first.
            Index(fields=["creator", "-created_at"], name="idx_tracks_creator_id_created_at"),
            # The newest uploads.
            Index(fields=["-created_at"], name="idx_tracks_created_at"),
            # The public feed.
            Index(
                fields=["-published_at"],
                condition=Q(deleted_at__isnull=True) & Q(is_public=True),
                name="idx_tracks_published_at",
            ),
            # Browsing by genre.
            Index(fields=["genre"], name="idx_tracks_genre"),
            # Tracks with a tag: tags @> ….
            GinIndex(fields=["tags"], name="idx_tracks_tags"),
        ]

    def __str__(self) -> str:
        return f"{self.artist} – {self.title}"


class TrackVersion(MutableModel):
    """An uploaded file of a track; the current one is played."""

    track = models.ForeignKey(Track, models.DB_CASCADE, db_index=False, related_name="versions")
    created_by = models.ForeignKey(
        User,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="track_versions",
    )
    version_number = models.IntegerField()
    label = models.CharField(max_length=100, db_default="", blank=True)
    change_notes = models.TextField(db_default="", blank=True)
    file_path = models.TextField(help_text="Key in the object storage.")
    file_size = models.BigIntegerField(help_text="Bytes.")
    mime_type = models.CharField(max_length=100)
    checksum_sha256 = models.CharField(max_length=64, null=True, blank=True)
    duration_seconds = models.IntegerField(null=True, blank=True)
    is_current = models.BooleanField(db_default=False)

    class Meta:
        db_table = "track_versions"
        constraints = [
            models.CheckConstraint(
                condition=Q(version_number__gt=0), name="chk_track_versions_version_number"
            ),
            models.CheckConstraint(
                condition=Q(file_size__gte=0), name="chk_track_versions_file_size"
            ),
            models.CheckConstraint(
                condition=Q(duration_seconds__gt=0), name="chk_track_versions_duration_seconds"
            ),
            models.UniqueConstraint(
                fields=["track", "version_number"],
                name="idx_track_versions_track_id_version_number",
            ),
            models.UniqueConstraint(
                fields=["track"],
                condition=Q(is_current=True),
                name="idx_track_versions_track_id_current",
                violation_error_message="The track has a current version.",
            ),
        ]
        indexes = [
            # What a person uploaded: ON DELETE SET NULL.
            Index(fields=["created_by"], name="idx_track_versions_created_by_id"),
        ]

    def __str__(self) -> str:
        return f"version {self.version_number}"


class TrackHistory(AppendOnlyModel):
    """Who changed what on a track."""

    track = models.ForeignKey(Track, models.DB_CASCADE, db_index=False, related_name="history")
    user = models.ForeignKey(
        User,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="track_history",
    )
    action = EnumField(TrackHistoryAction)
    old_values = JSONField(db_default={}, blank=True)
    new_values = JSONField(db_default={}, blank=True)

    class Meta:
        db_table = "track_history"
        verbose_name_plural = "track history"
        indexes = [
            # A track's history, the last change first.
            Index(fields=["track", "-created_at"], name="idx_track_history_track_id_created_at"),
            # What a person changed: ON DELETE SET NULL.
            Index(fields=["user"], name="idx_track_history_user_id"),
        ]

    def __str__(self) -> str:
        return f"{self.action} ({self.pk})"
