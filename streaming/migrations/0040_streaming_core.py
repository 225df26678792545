"""Tracks and playlists."""

import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.contrib.postgres.indexes
import django.db.models.constraints
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import veza_site.fields
import veza_site.indexes
from veza_site.migrating.operations import CreateTables


class Migration(CreateTables):
    initial = True

    dependencies = [
        ("accounts", "0010_auth_and_users"),
    ]

    operations = [
        migrations.CreateModel(
            name="Track",
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
                    "creator",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="tracks",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("title", models.CharField(max_length=255)),
                ("slug", models.CharField(max_length=255)),
                ("artist", models.CharField(max_length=255)),
                ("album", models.CharField(blank=True, max_length=255, null=True)),
                ("genre", models.CharField(blank=True, max_length=100, null=True)),
                ("description", models.TextField(blank=True, db_default="")),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, db_default=[]
                    ),
                ),
                (
                    "duration_seconds",
                    models.IntegerField(
                        blank=True, help_text="Empty until the file is analysed.", null=True
                    ),
                ),
                ("bpm", models.SmallIntegerField(blank=True, null=True)),
                ("musical_key", models.CharField(blank=True, max_length=10, null=True)),
                ("file_path", models.TextField(help_text="Key in the object storage.")),
                ("file_size", models.BigIntegerField(help_text="Bytes.")),
                ("mime_type", models.CharField(max_length=100)),
                ("checksum_sha256", models.CharField(blank=True, max_length=64, null=True)),
                ("cover_url", models.TextField(blank=True, null=True)),
                ("waveform_url", models.TextField(blank=True, null=True)),
                (
                    "status",
                    veza_site.fields.EnumField(
                        choices=[
                            ("uploading", "Uploading"),
                            ("processing", "Processing"),
                            ("ready", "Ready"),
                            ("failed", "Failed"),
                        ],
                        db_default="uploading",
                        enum_type="track_status",
                    ),
                ),
                ("is_public", models.BooleanField(db_default=False)),
                ("is_explicit", models.BooleanField(db_default=False)),
                ("published_at", models.DateTimeField(blank=True, null=True)),
                ("play_count", models.BigIntegerField(db_default=0)),
                ("like_count", models.BigIntegerField(db_default=0)),
                ("share_count", models.BigIntegerField(db_default=0)),
                ("comment_count", models.BigIntegerField(db_default=0)),
            ],
            options={
                "db_table": "tracks",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["creator", "-created_at"], name="idx_tracks_creator_id_created_at"
                    ),
                    veza_site.indexes.Index(fields=["-created_at"], name="idx_tracks_created_at"),
                    veza_site.indexes.Index(
                        condition=models.Q(("deleted_at__isnull", True), ("is_public", True)),
                        fields=["-published_at"],
                        name="idx_tracks_published_at",
                    ),
                    veza_site.indexes.Index(fields=["genre"], name="idx_tracks_genre"),
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["tags"], name="idx_tracks_tags"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("duration_seconds__gt", 0)),
                        name="chk_tracks_duration_seconds",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("bpm__range", (1, 999))), name="chk_tracks_bpm"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("file_size__gte", 0)), name="chk_tracks_file_size"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("play_count__gte", 0),
                            ("like_count__gte", 0),
                            ("share_count__gte", 0),
                            ("comment_count__gte", 0),
                        ),
                        name="chk_tracks_counters",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=("slug",),
                        name="idx_tracks_slug",
                        violation_error_message="There is a track with this slug.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrackVersion",
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
                        related_name="versions",
                        to="streaming.track",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="track_versions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("version_number", models.IntegerField()),
                ("label", models.CharField(blank=True, db_default="", max_length=100)),
                ("change_notes", models.TextField(blank=True, db_default="")),
                ("file_path", models.TextField(help_text="Key in the object storage.")),
                ("file_size", models.BigIntegerField(help_text="Bytes.")),
                ("mime_type", models.CharField(max_length=100)),
                ("checksum_sha256", models.CharField(blank=True, max_length=64, null=True)),
                ("duration_seconds", models.IntegerField(blank=True, null=True)),
                ("is_current", models.BooleanField(db_default=False)),
            ],
            options={
                "db_table": "track_versions",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["created_by"], name="idx_track_versions_created_by_id"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("version_number__gt", 0)),
                        name="chk_track_versions_version_number",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("file_size__gte", 0)),
                        name="chk_track_versions_file_size",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("duration_seconds__gt", 0)),
                        name="chk_track_versions_duration_seconds",
                    ),
                    models.UniqueConstraint(
                        fields=("track", "version_number"),
                        name="idx_track_versions_track_id_version_number",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_current", True)),
                        fields=("track",),
                        name="idx_track_versions_track_id_current",
                        violation_error_message="The track has a current version.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Playlist",
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
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="playlists",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "duplicated_from",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="duplicates",
                        to="streaming.playlist",
                    ),
                ),
                ("title", models.CharField(max_length=255)),
                ("slug", models.CharField(max_length=255)),
                ("description", models.TextField(blank=True, db_default="")),
                ("cover_url", models.TextField(blank=True, null=True)),
                ("is_public", models.BooleanField(db_default=False)),
                ("is_collaborative", models.BooleanField(db_default=False)),
                ("track_count", models.IntegerField(db_default=0)),
                ("follower_count", models.IntegerField(db_default=0)),
            ],
            options={
                "db_table": "playlists",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["owner", "-created_at"], name="idx_playlists_owner_id_created_at"
                    ),
                    veza_site.indexes.Index(
                        fields=["duplicated_from"], name="idx_playlists_duplicated_from_id"
                    ),
                    veza_site.indexes.Index(
                        fields=["-created_at"], name="idx_playlists_created_at"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("track_count__gte", 0), ("follower_count__gte", 0)),
                        name="chk_playlists_counters",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=("slug",),
                        name="idx_playlists_slug",
                        violation_error_message="There is a playlist with this slug.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlaylistTrack",
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
                    "playlist",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="playlist_tracks",
                        to="streaming.playlist",
                    ),
                ),
                (
                    "track",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="playlist_tracks",
                        to="streaming.track",
                    ),
                ),
                (
                    "added_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="added_playlist_tracks",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("position", models.IntegerField(help_text="From 0.")),
            ],
            options={
                "db_table": "playlist_tracks",
                "indexes": [
                    veza_site.indexes.Index(fields=["track"], name="idx_playlist_tracks_track_id"),
                    veza_site.indexes.Index(
                        fields=["added_by"], name="idx_playlist_tracks_added_by_id"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("position__gte", 0)),
                        name="chk_playlist_tracks_position",
                    ),
                    models.UniqueConstraint(
                        deferrable=django.db.models.constraints.Deferrable["DEFERRED"],
                        fields=("playlist", "position"),
                        name="idx_playlist_tracks_playlist_id_position",
                    ),
                    models.UniqueConstraint(
                        fields=("playlist", "track"),
                        name="idx_playlist_tracks_playlist_id_track_id",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlaylistCollaborator",
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
                    "playlist",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="collaborators",
                        to="streaming.playlist",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="playlist_collaborations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "invited_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="playlist_invitations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "permission",
                    veza_site.fields.EnumField(
                        choices=[("read", "Read"), ("write", "Write"), ("admin", "Admin")],
                        db_default="read",
                        enum_type="playlist_permission",
                    ),
                ),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "playlist_collaborators",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["user"], name="idx_playlist_collaborators_user_id"
                    ),
                    veza_site.indexes.Index(
                        fields=["invited_by"], name="idx_playlist_collaborators_invited_by_id"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("playlist", "user"),
                        name="idx_playlist_collaborators_playlist_id_user_id",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PlaylistFollow",
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
                    "playlist",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="follows",
                        to="streaming.playlist",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="playlist_follows",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "playlist_follows",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["playlist", "-created_at"],
                        name="idx_playlist_follows_playlist_id_created_at",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "playlist"), name="idx_playlist_follows_user_id_playlist_id"
                    )
                ],
            },
        ),
    ]
