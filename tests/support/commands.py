"""
manage.py in a process of its own, without the second that Python and Django's imports take.

A process that has Django imported, but no settings, forks for each command. What a command sees is
its own: arguments, environment, directory, settings, database connections.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from django.conf import settings

TIMEOUT = 120  # seconds

STARTER = """
import json, os, runpy, signal, socket, sys

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

channel = socket.socket(fileno=0)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who wait for the commands leave by themselves
while True:
    message, files, *_ = socket.recv_fds(channel, 1_000_000, 3)
    if not message:
        sys.exit()
    if os.fork() == 0:
        break
    for file in files:
        os.close(file)

# Who waits for the command, and tells first which process it is, and then how it has ended.
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
command = json.loads(message)
output, errors, status = files
child = os.fork()
if child:
    os.close(output)
    os.write(status, f"{child}\\n".encode())
    _, ended = os.waitpid(child, 0)
    os.write(status, str(os.waitstatus_to_exitcode(ended)).encode())
    os._exit(0)

# The command: what Python does at its start, but for the imports.
signal.alarm(command["timeout"])
os.environ.clear()
os.environ.update(command["environment"])
os.chdir(command["directory"])
sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
sys.argv = [command["program"], *command["arguments"]]
for number, file in enumerate([os.open(os.devnull, os.O_RDONLY), output, errors]):
    os.dup2(file, number)
os.closerange(3, max(files) + 1)
channel.detach()
sys.stdin = open(0)
runpy.run_path(command["program"], run_name="__main__")
"""

_starters: dict[int, tuple[subprocess.Popen[bytes], socket.socket]] = {}


class Process:
    """A command that was started, with what subprocess.Popen offers of it: `stdout` is a pipe."""

    def __init__(
        self, arguments: Sequence[str], stdout: IO[str], errors: IO[str], status: IO[str]
    ) -> None:
        self.args, self.stdout = arguments, stdout
        self.returncode: int | None = None
        self._errors, self._status = errors, status
        self.pid = int(status.readline())

    def communicate(self) -> tuple[str, str]:
        """Wait for its end, and return what it wrote that was not read yet."""
        with self.stdout, self._errors, self._status:
            output = self.stdout.read()
            self.returncode = int(self._status.read())
            self._errors.seek(0)  # the command has written by the same position
            return output, self._errors.read()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    directory: Path,
    program: str = "manage.py",
) -> Process:
    """Start a program of `directory` with this environment only, and return it, running."""
    message = {
        "program": program,
        "arguments": arguments,
        "environment": dict(environment),
        "directory": str(directory),
        "timeout": TIMEOUT,
    }
    output, output_end = os.pipe()
    status, status_end = os.pipe()
    errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed by communicate()
    ends = [output_end, errors.fileno(), status_end]
    socket.send_fds(_channel(), [json.dumps(message).encode()], ends)
    os.close(output_end)
    os.close(status_end)
    return Process(arguments, open(output), errors, open(status))


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    directory: Path,
    program: str = "manage.py",
) -> subprocess.CompletedProcess[str]:
    """Do what `start` does, and return the process, ended."""
    process = start(arguments, environment, directory, program)
    output, errors = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


def _channel() -> socket.socket:
    """Return the way to the process that forks for this one; a fork of this one gets another."""
    if os.getpid() not in _starters:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            starter = subprocess.Popen(
                [sys.executable, "-c", STARTER], cwd=settings.BASE_DIR, stdin=theirs
            )
        _starters[os.getpid()] = starter, ours
        atexit.register(_end, os.getpid())
    _, channel = _starters[os.getpid()]
    return channel


def _end(pid: int) -> None:
    if pid == os.getpid():
        starter, channel = _starters[pid]
        channel.close()
        starter.wait()
