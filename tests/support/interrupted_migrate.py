"""
`manage.py migrate`, and a command before each statement that contains a text.

    interrupted_migrate.py TEXT USER COMMAND...

USER is the number of the user who runs the command.
"""

import os
import subprocess
import sys

from django.core.management import execute_from_command_line
from django.db.backends.signals import connection_created

text, user, *command = sys.argv[1:]


def watch(connection, **_signal):
    def run_before(execute, sql, params, many, context):
        if text in f"{sql} {params}":
            quiet = subprocess.DEVNULL
            subprocess.run(command, user=int(user), cwd="/", stdout=quiet, stderr=quiet, check=True)
        return execute(sql, params, many, context)

    connection.execute_wrappers.append(run_before)


connection_created.connect(watch)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "veza_site.settings")
execute_from_command_line(["manage.py", "migrate"])
