"""
Find a user's sessions by an index that no use of a session moves.

Together with 0923: `last_activity_at` changes with every request, and was in the index of the user's
sessions. So each of these updates wrote to all indexes of the table; without it, nearly none does.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations

import veza_site.indexes


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0921_lower_username"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="usersession",
            index=veza_site.indexes.Index(fields=["user"], name="idx_user_sessions_user_id"),
        ),
    ]
