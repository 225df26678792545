"""Role-based access control, profiles and settings."""

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
    initial = True

    dependencies = [
        ("accounts", "0010_auth_and_users"),
    ]

    operations = [
        migrations.CreateModel(
            name="Role",
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
                    "name",
                    models.CharField(help_text="Machine name: moderator, support…", max_length=50),
                ),
                ("display_name", models.CharField(max_length=100)),
                ("description", models.TextField(blank=True, db_default="")),
                (
                    "is_system",
                    models.BooleanField(
                        db_default=False,
                        help_text="Shipped with the platform: never deleted or renamed.",
                    ),
                ),
            ],
            options={
                "db_table": "roles",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=("name",),
                        name="idx_roles_name",
                        violation_error_message="There is a role with this name.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Permission",
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
                    "resource",
                    models.CharField(
                        help_text="tracks, playlists, users… or * for all.", max_length=50
                    ),
                ),
                (
                    "action",
                    models.CharField(
                        help_text="read, create, update, delete, moderate… or * for all.",
                        max_length=50,
                    ),
                ),
                ("description", models.TextField(blank=True, db_default="")),
            ],
            options={
                "db_table": "permissions",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("resource", "action"), name="idx_permissions_resource_action"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UserRole",
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
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="user_roles",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "role",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="user_roles",
                        to="rbac.role",
                    ),
                ),
                (
                    "granted_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="granted_user_roles",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "user_roles",
                "indexes": [
                    veza_site.indexes.Index(fields=["role"], name="idx_user_roles_role_id"),
                    veza_site.indexes.Index(
                        fields=["granted_by"], name="idx_user_roles_granted_by_id"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "role"), name="idx_user_roles_user_id_role_id"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RolePermission",
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
                    "role",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="role_permissions",
                        to="rbac.role",
                    ),
                ),
                (
                    "permission",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="role_permissions",
                        to="rbac.permission",
                    ),
                ),
            ],
            options={
                "db_table": "role_permissions",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["permission"], name="idx_role_permissions_permission_id"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("role", "permission"),
                        name="idx_role_permissions_role_id_permission_id",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UserProfile",
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
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="profile",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("display_name", models.CharField(blank=True, db_default="", max_length=100)),
                ("first_name", models.CharField(blank=True, db_default="", max_length=100)),
                ("last_name", models.CharField(blank=True, db_default="", max_length=100)),
                ("bio", models.TextField(blank=True, db_default="")),
                ("avatar_url", models.TextField(blank=True, null=True)),
                ("banner_url", models.TextField(blank=True, null=True)),
                ("location", models.CharField(blank=True, db_default="", max_length=100)),
                ("website_url", models.TextField(blank=True, null=True)),
                (
                    "social_links",
                    models.JSONField(blank=True, db_default={}),
                ),
            ],
            options={
                "db_table": "user_profiles",
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.lookups.LessThanOrEqual(
                            django.db.models.functions.text.Length("bio"), 500
                        ),
                        name="chk_user_profiles_bio_length",
                        violation_error_message="A bio has at most 500 characters.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UserSettings",
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
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="settings",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("language", models.CharField(db_default="en", help_text="BCP 47.", max_length=10)),
                (
                    "timezone",
                    models.CharField(db_default="UTC", help_text="IANA name.", max_length=64),
                ),
                ("theme", models.CharField(db_default="system", max_length=20)),
                ("audio_quality", models.CharField(db_default="auto", max_length=20)),
                ("email_notifications", models.BooleanField(db_default=True)),
                ("push_notifications", models.BooleanField(db_default=True)),
                ("profile_is_public", models.BooleanField(db_default=True)),
                (
                    "preferences",
                    models.JSONField(blank=True, db_default={}),
                ),
            ],
            options={
                "verbose_name_plural": "user settings",
                "db_table": "user_settings",
            },
        ),
    ]
