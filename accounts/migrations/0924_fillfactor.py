"""
Leave room for the next version of a row on its own page, where an update writes no index.

Signing in, failures and roles change a user; every request changes a session. Pages that are full
already fill up again at 90 % as they are vacuumed. Models can't say it.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0923_session_activity"),
    ]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE users SET (fillfactor = 90);",
            reverse_sql="ALTER TABLE users RESET (fillfactor);",
        ),
        migrations.RunSQL(
            "ALTER TABLE user_sessions SET (fillfactor = 90);",
            reverse_sql="ALTER TABLE user_sessions RESET (fillfactor);",
        ),
    ]
