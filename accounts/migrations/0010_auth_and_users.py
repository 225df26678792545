"""Users, their federated identities, tokens and sessions."""

import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

import accounts.passwords
import veza_site.fields
import veza_site.indexes
from veza_site.migrating.operations import CreateTables


class Migration(CreateTables):
    initial = True

    dependencies = [
        ("veza_site", "0001_extensions_and_types"),
        # Not needed, but first: with V1's models in its state, each of these would take Django
        # longer.
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="User",
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
                ("email", models.EmailField(max_length=255)),
                ("username", models.CharField(max_length=30)),
                (
                    "password",
                    accounts.passwords.PasswordHashField(
                        db_column="password_hash",
                        help_text="bcrypt; “!” for an account without a password (federated).",
                        max_length=255,
                    ),
                ),
                (
                    "role",
                    veza_site.fields.EnumField(
                        choices=[
                            ("guest", "Guest"),
                            ("user", "User"),
                            ("premium", "Premium"),
                            ("moderator", "Moderator"),
                            ("admin", "Admin"),
                            ("super_admin", "Super Admin"),
                        ],
                        db_default="user",
                        enum_type="user_role",
                    ),
                ),
                (
                    "status",
                    veza_site.fields.EnumField(
                        choices=[
                            ("active", "Active"),
                            ("inactive", "Inactive"),
                            ("suspended", "Suspended"),
                            ("banned", "Banned"),
                        ],
                        db_default="active",
                        enum_type="user_status",
                    ),
                ),
                (
                    "is_verified",
                    models.BooleanField(db_default=False, help_text="E-mail address confirmed."),
                ),
                ("two_factor_enabled", models.BooleanField(db_default=False)),
                (
                    "two_factor_secret",
                    models.CharField(
                        blank=True, help_text="Encrypted TOTP secret.", max_length=255, null=True
                    ),
                ),
                (
                    "token_version",
                    models.IntegerField(
                        db_default=0, help_text="Raising it revokes every JWT issued before."
                    ),
                ),
                ("failed_login_attempts", models.IntegerField(db_default=0)),
                ("locked_until", models.DateTimeField(blank=True, null=True)),
                (
                    "last_login",
                    models.DateTimeField(blank=True, db_column="last_login_at", null=True),
                ),
                ("last_login_ip", models.GenericIPAddressField(blank=True, null=True)),
            ],
            options={
                "db_table": "users",
                "indexes": [
                    veza_site.indexes.Index(fields=["-created_at"], name="idx_users_created_at")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.lookups.GreaterThanOrEqual(
                            django.db.models.functions.text.Length("username"), 3
                        ),
                        name="chk_users_username_length",
                        violation_error_message="A username has at least 3 characters.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("failed_login_attempts__gte", 0)),
                        name="chk_users_failed_login_attempts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("token_version__gte", 0)),
                        name="chk_users_token_version",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=("email",),
                        name="idx_users_email",
                        violation_error_message="There is a user with this e-mail address.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=("username",),
                        name="idx_users_username",
                        violation_error_message="There is a user with this username.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FederatedIdentity",
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
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="federated_identities",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("provider", models.CharField(help_text="google, github, discord…", max_length=50)),
                (
                    "provider_user_id",
                    models.CharField(help_text="The provider's immutable subject.", max_length=255),
                ),
                ("email", models.EmailField(blank=True, max_length=255, null=True)),
                ("display_name", models.CharField(blank=True, max_length=100, null=True)),
                ("avatar_url", models.TextField(blank=True, null=True)),
                ("last_login_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "federated identities",
                "db_table": "federated_identities",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["user"], name="idx_federated_identities_user_id"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=("provider", "provider_user_id"),
                        name="idx_federated_identities_provider_provider_user_id",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RefreshToken",
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
                        related_name="refresh_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "replaced_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        help_text="The next token of the rotation chain.",
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="replaces",
                        to="accounts.refreshtoken",
                    ),
                ),
                ("token_hash", models.CharField(help_text="SHA-256, hex.", max_length=64)),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_reason", models.CharField(blank=True, max_length=100, null=True)),
                ("ip_address", models.GenericIPAddressField(blank=True, null=True)),
                ("user_agent", models.TextField(blank=True, null=True)),
            ],
            options={
                "db_table": "refresh_tokens",
                "indexes": [
                    veza_site.indexes.Index(fields=["user"], name="idx_refresh_tokens_user_id"),
                    veza_site.indexes.Index(
                        fields=["replaced_by"], name="idx_refresh_tokens_replaced_by_id"
                    ),
                    veza_site.indexes.Index(
                        fields=["expires_at"], name="idx_refresh_tokens_expires_at"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("token_hash",), name="idx_refresh_tokens_token_hash"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PasswordResetToken",
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
                        related_name="password_reset_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("token_hash", models.CharField(help_text="SHA-256, hex.", max_length=64)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("ip_address", models.GenericIPAddressField(blank=True, null=True)),
            ],
            options={
                "db_table": "password_reset_tokens",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["user"], name="idx_password_reset_tokens_user_id"
                    ),
                    veza_site.indexes.Index(
                        fields=["expires_at"], name="idx_password_reset_tokens_expires_at"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("token_hash",), name="idx_password_reset_tokens_token_hash"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="EmailVerificationToken",
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
                        related_name="email_verification_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "email",
                    models.EmailField(
                        help_text="The address that is being verified.", max_length=255
                    ),
                ),
                ("token_hash", models.CharField(help_text="SHA-256, hex.", max_length=64)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "email_verification_tokens",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["user"], name="idx_email_verification_tokens_user_id"
                    ),
                    veza_site.indexes.Index(
                        fields=["expires_at"], name="idx_email_verification_tokens_expires_at"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("token_hash",), name="idx_email_verification_tokens_token_hash"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UserSession",
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
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "refresh_token",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="sessions",
                        to="accounts.refreshtoken",
                    ),
                ),
                ("session_token_hash", models.CharField(help_text="SHA-256, hex.", max_length=64)),
                ("ip_address", models.GenericIPAddressField(blank=True, null=True)),
                ("user_agent", models.TextField(blank=True, null=True)),
                ("device_name", models.CharField(blank=True, max_length=100, null=True)),
                (
                    "device_info",
                    models.JSONField(blank=True, db_default={}),
                ),
                (
                    "last_activity_at",
                    models.DateTimeField(
                        db_default=django.contrib.postgres.functions.TransactionNow()
                    ),
                ),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_reason", models.CharField(blank=True, max_length=100, null=True)),
            ],
            options={
                "db_table": "user_sessions",
                "indexes": [
                    veza_site.indexes.Index(
                        fields=["user", "-last_activity_at"],
                        name="idx_user_sessions_user_id_last_activity_at",
                    ),
                    veza_site.indexes.Index(
                        fields=["refresh_token"], name="idx_user_sessions_refresh_token_id"
                    ),
                    veza_site.indexes.Index(
                        fields=["expires_at"], name="idx_user_sessions_expires_at"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("session_token_hash",), name="idx_user_sessions_session_token_hash"
                    )
                ],
            },
        ),
    ]
