"""Write “email” as it is written everywhere else. Only help texts and messages change: no SQL."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_auth_and_users"),
        ("rbac", "0904_role_grant"),
    ]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="is_verified",
            field=models.BooleanField(db_default=False, help_text="Email address confirmed."),
        ),
        migrations.AlterConstraint(
            model_name="user",
            name="idx_users_email",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=("email",),
                name="idx_users_email",
                violation_error_message="There is a user with this email address.",
            ),
        ),
    ]
