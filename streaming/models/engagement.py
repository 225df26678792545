"""What listeners do with a track: play it, like it, share it, comment on it."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Range

from accounts.models import User
from streaming.models.track import Track
from veza_site.indexes import BrinIndex, Index
from veza_site.models import AppendOnlyModel, SoftDeletableModel


class TrackPlay(AppendOnlyModel):
    """One play of a track. The largest table."""

    track = models.ForeignKey(Track, models.DB_CASCADE, db_index=False, related_name="plays")
    user = models.ForeignKey(
        User,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="track_plays",
        help_text="Empty: an anonymous listener.",
    )
    duration_played_seconds = models.IntegerField(db_default=0)
    completion_percentage = models.SmallIntegerField(db_default=0)
    source = models.CharField(
        max_length=50, db_default="", blank=True, help_text="playlist, search, profile, radio…"
    )
    device_type = models.CharField(max_length=50, db_default="", blank=True)
    country_code = models.CharField(
        max_length=2, null=True, blank=True, help_text="ISO 3166-1 alpha-2."
    )
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    recorded_at = models.DateTimeField(
        db_default=TransactionNow(),
        editable=False,
        help_text="When it came here. A play that was uploaded late was created_at long before.",
    )

    class Meta:
        db_table = "track_plays"
        constraints = [
            models.CheckConstraint(
                condition=Q(duration_played_seconds__gte=0),
                name="chk_track_plays_duration_played_seconds",
            ),
            models.CheckConstraint(
                condition=Q(completion_percentage__range=(0, 100)),
                name="chk_track_plays_completion_percentage",
            ),
        ]
        indexes = [
            # A track's plays, the last first.
            Index(fields=["track", "-created_at"], name="idx_track_plays_track_id_created_at"),
            # What a person listened to; ON DELETE SET NULL.
            Index(fields=["user", "-created_at"], name="idx_track_plays_user_id_created_at"),
            # The last plays of all.
            Index(fields=["-created_at"], name="idx_track_plays_created_at"),
            # The plays that have come lately, for count_plays.
            BrinIndex(
                fields=["recorded_at"], name="idx_track_plays_recorded_at", autosummarize=True
            ),
        ]

    def __str__(self) -> str:
        return f"play {self.pk}"


class TrackLike(AppendOnlyModel):
    """Somebody likes a track."""

    track = models.ForeignKey(Track, models.DB_CASCADE, db_index=False, related_name="likes")
    user = models.ForeignKey(User, models.DB_CASCADE, db_index=False, related_name="track_likes")

    class Meta:
        db_table = "track_likes"
        constraints = [
            models.UniqueConstraint(
                fields=["user", "track"], name="idx_track_likes_user_id_track_id"
            ),
        ]
        indexes = [
            # Who likes a track, the last first.
            Index(fields=["track", "-created_at"], name="idx_track_likes_track_id_created_at"),
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} likes {self.track_id}"


class TrackShare(AppendOnlyModel):
    """Somebody shared a track elsewhere."""

    track = models.ForeignKey(Track, models.DB_CASCADE, db_index=False, related_name="shares")
    user = models.ForeignKey(
        User,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="track_shares",
    )
    platform = models.CharField(max_length=50, help_text="link, embed, x, whatsapp…")

    class Meta:
        db_table = "track_shares"
        indexes = [
            # A track's shares, the last first.
            Index(fields=["track", "-created_at"], name="idx_track_shares_track_id_created_at"),
            # What a person shared: ON DELETE SET NULL.
            Index(fields=["user"], name="idx_track_shares_user_id"),
        ]

    def __str__(self) -> str:
        return f"shared on {self.platform}"


class TrackComment(SoftDeletableModel):
    """A comment on a track, or a reply to one."""

    track = models.ForeignKey(Track, models.DB_CASCADE, db_index=False, related_name="comments")
    user = models.ForeignKey(User, models.DB_CASCADE, db_index=False, related_name="track_comments")
    parent = models.ForeignKey(
        "self",
        models.DB_CASCADE,
        null=True,
        blank=True,
        db_index=False,
        related_name="replies",
        help_text="The comment to which this one replies.",
    )
    content = models.TextField()
    timestamp_seconds = models.IntegerField(
        null=True, blank=True, help_text="Position in the track to which the comment is pinned."
    )
    edited_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "track_comments"
        constraints = [
            models.CheckConstraint(
                condition=Range(Length("content"), (1, 2000)),
                name="chk_track_comments_content_length",
                violation_error_message="A comment has 1 to 2,000 characters.",
            ),
            models.CheckConstraint(
                condition=Q(timestamp_seconds__gte=0), name="chk_track_comments_timestamp_seconds"
            ),
        ]
        indexes = [
            # A track's comments, the last first.
            Index(fields=["track", "-created_at"], name="idx_track_comments_track_id_created_at"),
            # A person's comments, the last first.
            Index(fields=["user", "-created_at"], name="idx_track_comments_user_id_created_at"),
            # The replies to a comment.
            Index(fields=["parent"], name="idx_track_comments_parent_id"),
        ]

    def __str__(self) -> str:
        return self.content[:60]
