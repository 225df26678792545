"""
Indexes for the history of a row and for a person's last actions in the admin.

Django's log has neither, and an action on all matching rows writes an entry for each.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("veza_site", "0902_migration_sql"),
    ]

    operations = [
        migrations.RunSQL(
            """
            -- Not concurrently: only the admin writes here, and its log is short until now.
            -- squawk-ignore require-concurrent-index-creation
            CREATE INDEX django_admin_log_object_id_action_time
                ON django.django_admin_log (object_id, content_type_id, action_time);
            -- squawk-ignore require-concurrent-index-creation
            CREATE INDEX django_admin_log_user_id_action_time
                ON django.django_admin_log (user_id, action_time);
            """
        ),
    ]
