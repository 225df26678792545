"""Drop the index that moved with every use of a session; see 0922."""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0922_session_user"),
    ]

    operations = [
        # lint-ignore drop: 0922 made the index that takes its place; a user has few sessions to sort
        RemoveIndexConcurrently(
            model_name="usersession",
            name="idx_user_sessions_user_id_last_activity_at",
        ),
    ]
