"""Plays, likes, shares, comments and the history of tracks."""

import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

import veza_site.fields
import veza_site.indexes
from veza_site.migrating.operations import CreateTables


class Migration(CreateTables):
    dependencies = [
        ("streaming", "0040_streaming_core"),
    ]

    operations = [
        migrations.CreateModel(
            name="TrackPlay",
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
                    "track",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="plays",
                        to="streaming.track",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        help_text="Empty: an anonymous listener.",
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="track_plays",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("duration_played_seconds", models.IntegerField(db_default=0)),
                ("completion_percentage", models.SmallIntegerField(db_default=0)),
                (
                    "source",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="playlist, search, profile, radio…",
                        max_length=50,
                    ),
                ),
                ("device_type", models.CharField(blank=True, db_default="", max_length=50)),
                (
                    "country_code",
                    models.CharField(
                        blank=True, help_text="ISO 3166-1 alpha-2.", max_length=2, null=True
                    ),
                ),
                ("ip_address", models.GenericIPAddressField(blank=True, null=True)),
            ],
            options={
                "db_table": "track_plays",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["track", "-created_at"], name="idx_track_plays_track_id_created_at"
                    ),
                    veza_site.indexes.Index(
                        fields=["user", "-created_at"], name="idx_track_plays_user_id_created_at"
                    ),
                    veza_site.indexes.Index(
                        fields=["-created_at"], name="idx_track_plays_created_at"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("duration_played_seconds__gte", 0)),
                        name="chk_track_plays_duration_played_seconds",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("completion_percentage__range", (0, 100))),
                        name="chk_track_plays_completion_percentage",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrackLike",
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
                    "track",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="likes",
                        to="streaming.track",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="track_likes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "track_likes",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["track", "-created_at"], name="idx_track_likes_track_id_created_at"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "track"), name="idx_track_likes_user_id_track_id"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TrackShare",
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
                    "track",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="shares",
                        to="streaming.track",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="track_shares",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "platform",
                    models.CharField(help_text="link, embed, x, whatsapp…", max_length=50),
                ),
            ],
            options={
                "db_table": "track_shares",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["track", "-created_at"], name="idx_track_shares_track_id_created_at"
                    ),
                    veza_site.indexes.Index(fields=["user"], name="idx_track_shares_user_id"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrackComment",
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
                        related_name="comments",
                        to="streaming.track",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="track_comments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        help_text="The comment to which this one replies.",
                        null=True,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="replies",
                        to="streaming.trackcomment",
                    ),
                ),
                ("content", models.TextField()),
                (
                    "timestamp_seconds",
                    models.IntegerField(
                        blank=True,
                        help_text="Position in the track to which the comment is pinned.",
                        null=True,
                    ),
                ),
                ("edited_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "track_comments",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["track", "-created_at"],
                        name="idx_track_comments_track_id_created_at",
                    ),
                    veza_site.indexes.Index(
                        fields=["user", "-created_at"], name="idx_track_comments_user_id_created_at"
                    ),
                    veza_site.indexes.Index(fields=["parent"], name="idx_track_comments_parent_id"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Range(
                            django.db.models.functions.text.Length("content"), (1, 2000)
                        ),
                        name="chk_track_comments_content_length",
                        violation_error_message="A comment has 1 to 2,000 characters.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("timestamp_seconds__gte", 0)),
                        name="chk_track_comments_timestamp_seconds",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrackHistory",
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
                    "track",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="history",
                        to="streaming.track",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="track_history",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "action",
                    veza_site.fields.EnumField(
                        choices=[
                            ("created", "Created"),
                            ("updated", "Updated"),
                            ("published", "Published"),
                            ("unpublished", "Unpublished"),
                            ("version_added", "Version Added"),
                            ("deleted", "Deleted"),
                            ("restored", "Restored"),
                        ],
                        enum_type="track_history_action",
                    ),
                ),
                (
                    "old_values",
                    models.JSONField(blank=True, db_default={}),
                ),
                (
                    "new_values",
                    models.JSONField(blank=True, db_default={}),
                ),
            ],
            options={
                "verbose_name_plural": "track history",
                "db_table": "track_history",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["track", "-created_at"],
                        name="idx_track_history_track_id_created_at",
                    ),
                    veza_site.indexes.Index(fields=["user"], name="idx_track_history_user_id"),
                ],
            },
        ),
    ]
