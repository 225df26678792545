"""A playlist, its tracks, the people who work on it and those who follow it."""

from django.db import models
from django.db.models import Q

from accounts.models import User
from streaming.models.track import Track
from veza_site.fields import EnumField
from veza_site.indexes import Index
from veza_site.models import AppendOnlyModel, MutableModel, SoftDeletableModel


class PlaylistPermission(models.TextChoices):
    """What a collaborator may do, each including the one before."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Playlist(SoftDeletableModel):
    """An ordered list of tracks."""

    owner = models.ForeignKey(User, models.DB_CASCADE, db_index=False, related_name="playlists")
    duplicated_from = models.ForeignKey(
        "self",
        models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="duplicates",
    )
    title = models.CharField(max_length=255)
    slug = models.CharField(max_length=255)
    description = models.TextField(db_default="", blank=True)
    cover_url = models.TextField(null=True, blank=True)
    is_public = models.BooleanField(db_default=False)
    is_collaborative = models.BooleanField(db_default=False)
    track_count = models.IntegerField(db_default=0)
    follower_count = models.IntegerField(db_default=0)

    class Meta:
        db_table = "playlists"
        constraints = [
            models.CheckConstraint(
                condition=Q(track_count__gte=0) & Q(follower_count__gte=0),
                name="chk_playlists_counters",
            ),
            models.UniqueConstraint(
                fields=["slug"],
                condition=Q(deleted_at__isnull=True),
                name="idx_playlists_slug",
                violation_error_message="There is a playlist with this slug.",
            ),
        ]
        indexes = [
            # A person's playlists, the newest first.
            Index(fields=["owner", "-created_at"], name="idx_playlists_owner_id_created_at"),
            # The copies of a playlist: ON DELETE SET NULL.
            Index(fields=["duplicated_from"], name="idx_playlists_duplicated_from_id"),
            # The newest playlists.
            Index(fields=["-created_at"], name="idx_playlists_created_at"),
        ]

    def __str__(self) -> str:
        return self.title


class PlaylistTrack(MutableModel):
    """A track's place in a playlist."""

    playlist = models.ForeignKey(
        Playlist, models.DB_CASCADE, db_index=False, related_name="playlist_tracks"
    )
    track = models.ForeignKey(
        Track, models.DB_CASCADE, db_index=False, related_name="playlist_tracks"
    )
    added_by = models.ForeignKey(
        User,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="added_playlist_tracks",
    )
    position = models.IntegerField(help_text="From 0.")

    class Meta:
        db_table = "playlist_tracks"
        constraints = [
            models.CheckConstraint(
                condition=Q(position__gte=0), name="chk_playlist_tracks_position"
            ),
            # Deferred, so that one transaction can reorder.
            models.UniqueConstraint(
                fields=["playlist", "position"],
                deferrable=models.Deferrable.DEFERRED,
                name="idx_playlist_tracks_playlist_id_position",
            ),
            models.UniqueConstraint(
                fields=["playlist", "track"], name="idx_playlist_tracks_playlist_id_track_id"
            ),
        ]
        indexes = [
            # The playlists that have a track.
            Index(fields=["track"], name="idx_playlist_tracks_track_id"),
            # What a person added: ON DELETE SET NULL.
            Index(fields=["added_by"], name="idx_playlist_tracks_added_by_id"),
        ]

    def __str__(self) -> str:
        return f"position {self.position}"


class PlaylistCollaborator(MutableModel):
    """Somebody other than the owner who may see or change a playlist."""

    playlist = models.ForeignKey(
        Playlist, models.DB_CASCADE, db_index=False, related_name="collaborators"
    )
    user = models.ForeignKey(
        User, models.DB_CASCADE, db_index=False, related_name="playlist_collaborations"
    )
    invited_by = models.ForeignKey(
        User,
        models.DB_SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="playlist_invitations",
    )
    permission = EnumField(PlaylistPermission, db_default=PlaylistPermission.READ)
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "playlist_collaborators"
        constraints = [
            models.UniqueConstraint(
                fields=["playlist", "user"], name="idx_playlist_collaborators_playlist_id_user_id"
            ),
        ]
        indexes = [
            # The playlists on which a person works.
            Index(fields=["user"], name="idx_playlist_collaborators_user_id"),
            # Whom a person invited: ON DELETE SET NULL.
            Index(fields=["invited_by"], name="idx_playlist_collaborators_invited_by_id"),
        ]

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.permission}"


class PlaylistFollow(AppendOnlyModel):
    """Somebody follows a playlist."""

    playlist = models.ForeignKey(
        Playlist, models.DB_CASCADE, db_index=False, related_name="follows"
    )
    user = models.ForeignKey(
        User, models.DB_CASCADE, db_index=False, related_name="playlist_follows"
    )

    class Meta:
        db_table = "playlist_follows"
        constraints = [
            models.UniqueConstraint(
                fields=["user", "playlist"], name="idx_playlist_follows_user_id_playlist_id"
            ),
        ]
        indexes = [
            # A playlist's followers, the newest first.
            Index(
                fields=["playlist", "-created_at"],
                name="idx_playlist_follows_playlist_id_created_at",
            ),
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} follows {self.playlist_id}"
