"""A copy of this project, to be developed by a test as a person would."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from django.conf import settings
from django.test import TestCase

from tests.support import commands
from tests.support.databases import process_environment


class Project:
    """A copy of this project in a directory of its own, that works on the database `database`."""

    def __init__(self, test: TestCase, database: str) -> None:
        directory = test.enterContext(tempfile.TemporaryDirectory())
        self.directory = Path(directory) / "project"
        self.database = database
        shutil.copytree(
            settings.BASE_DIR,
            self.directory,
            ignore=shutil.ignore_patterns(
                ".git",
                ".venv",
                ".postgres*",
                ".rust",
                ".django-suite",
                ".*_cache",
                ".hypothesis",
                "*.pyc.*",
            ),
        )

    def append(self, file: str | Path, code: str) -> None:
        """Write code at the end of a file."""
        with (self.directory / file).open("a", encoding="utf-8") as opened:
            opened.write(code)

    def replace(self, file: str | Path, old: str, new: str) -> None:
        """Write `new` in place of the first `old` of a file."""
        path = self.directory / file
        before, found, after = path.read_text(encoding="utf-8").partition(old)
        if not found:
            raise ValueError(f"{file} does not have {old!r}")
        path.write_text(before + new + after, encoding="utf-8")

    def migration(self, app: str, name: str) -> Path:
        """Return the file of the migration that was made with `--name name`."""
        (path,) = (self.directory / app / "migrations").glob(f"*_{name}.py")
        return path

    def manage(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run its manage.py with the database, and return the process, ended."""
        variables = process_environment(self.database, PYTHONDONTWRITEBYTECODE="1", **environment)
        return commands.run(arguments, variables, self.directory)
