"""The rooms of the old chat. The schema `chat` belongs to the Rust chat server."""

import django.contrib.postgres.functions
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import veza_site.fields
import veza_site.indexes


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0010_auth_and_users"),
    ]

    operations = [
        migrations.CreateModel(
            name="Room",
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
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="rooms",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("description", models.TextField(blank=True, db_default="")),
                (
                    "room_type",
                    veza_site.fields.EnumField(
                        choices=[
                            ("direct", "Direct"),
                            ("group", "Group"),
                            ("channel", "Channel"),
                            ("support", "Support"),
                        ],
                        db_default="group",
                        enum_type="room_type",
                    ),
                ),
                ("is_private", models.BooleanField(db_default=False)),
                ("password_hash", models.CharField(blank=True, max_length=255, null=True)),
                ("max_members", models.IntegerField(db_default=1000)),
                ("is_archived", models.BooleanField(db_default=False)),
            ],
            options={
                "db_table": "rooms",
                "indexes": [
                    veza_site.indexes.Index(fields=["creator"], name="idx_rooms_creator_id"),
                    veza_site.indexes.Index(fields=["-created_at"], name="idx_rooms_created_at"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("max_members__gt", 0)), name="chk_rooms_max_members"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=("name",),
                        name="idx_rooms_name",
                        violation_error_message="There is a room with this name.",
                    ),
                ],
            },
        ),
    ]
