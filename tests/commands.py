"""
manage.py in a process of its own, without the second that Python and Django's imports take.

A process that has Django imported, but no settings, forks for each command. What a command sees is
its own: arguments, environment, directory, settings, database connections.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.conf import settings

TIMEOUT = 120  # seconds

STARTER = """
import json, os, runpy, signal, sys

import django.contrib.admin
import django.contrib.auth.hashers
import django.contrib.auth.management
import django.contrib.contenttypes.management
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.management.commands.migrate
import django.db.backends.postgresql.base
import django.db.models
import django.views.generic
import bcrypt
import environs

for line in sys.stdin:
    command = json.loads(line)
    child = os.fork()
    if child == 0:
        break
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
else:
    sys.exit()

# The child: what Python does at its start, but for the imports.
signal.alarm(command["timeout"])
os.environ.clear()
os.environ.update(command["environment"])
os.chdir(command["directory"])
sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
sys.argv = ["manage.py", *command["arguments"]]
for number, file in enumerate([os.devnull, command["output"], command["errors"]]):
    os.dup2(os.open(file, os.O_RDWR), number)
sys.stdin = open(0)
runpy.run_path("manage.py", run_name="__main__")
"""

_starters: dict[int, subprocess.Popen[str]] = {}


def run(
    arguments: Sequence[str], environment: Mapping[str, str], directory: Path
) -> subprocess.CompletedProcess[str]:
    """Run the manage.py of `directory` with this environment only, and return it, ended."""
    starter = _starter()
    with tempfile.NamedTemporaryFile("r") as output, tempfile.NamedTemporaryFile("r") as errors:
        command = {
            "arguments": arguments,
            "environment": dict(environment),
            "directory": str(directory),
            "output": output.name,
            "errors": errors.name,
            "timeout": TIMEOUT,
        }
        print(json.dumps(command), file=starter.stdin, flush=True)
        status = int(starter.stdout.readline())
        return subprocess.CompletedProcess(arguments, status, output.read(), errors.read())


def _starter() -> subprocess.Popen[str]:
    """Return the process that forks for this one; a fork of this one gets another."""
    if os.getpid() not in _starters:
        _starters[os.getpid()] = starter = subprocess.Popen(
            [sys.executable, "-c", STARTER],
            cwd=settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(_end, starter, os.getpid())
    return _starters[os.getpid()]


def _end(starter: subprocess.Popen[str], pid: int) -> None:
    if pid == os.getpid():
        starter.communicate()
