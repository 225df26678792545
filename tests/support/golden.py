"""
Golden files: what the project writes about itself, committed, and compared with its code.

`make golden` writes them anew, by running the tests that have the tag "golden".
"""

import difflib
import os
from pathlib import Path

from django.conf import settings
from django.test import SimpleTestCase


def assert_golden(test: SimpleTestCase, path: Path, text: str | None) -> None:
    """
    Assert that the committed file `path` has `text`, or is not there where that is None.

    With UPDATE_GOLDEN in the environment, as `make golden` has it, the file is made so instead, and
    what has changed is printed.
    """
    name = path.relative_to(settings.BASE_DIR)
    committed = path.read_text(encoding="utf-8") if path.exists() else None
    if os.environ.get("UPDATE_GOLDEN"):
        if text != committed:
            _write(path, text)
            print(f"{name}: {_changes(committed, text)}", flush=True)
    else:
        test.assertEqual(committed, text, f"\n{name} is not up to date: run `make golden`.")


def _write(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _changes(before: str | None, after: str | None) -> str:
    if before is None:
        return "new"
    if after is None:
        return "removed"
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in ("+ ", "- "))
    return f"+{added} -{removed} lines"
