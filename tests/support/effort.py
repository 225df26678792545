"""
How hard the tests try, by environment variables: CI sets more than `make test` has by default.

ROUNDS         how often to try what fails only sometimes (3)
MANY_ROWS      how many rows are "many", where a service must send as many statements as for few
               (1000)
STORM_SECONDS  how long to call all services at once (10)
TOOLS          "required": a tool that is not installed fails its tests, which are skipped otherwise
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from unittest import SkipTest

ROUNDS = int(os.environ.get("ROUNDS", "3"))
MANY_ROWS = int(os.environ.get("MANY_ROWS", "1000"))
STORM_SECONDS = float(os.environ.get("STORM_SECONDS", "10"))


def need(packages: str, programs: Iterable[str] = (), files: Iterable[Path] = ()) -> None:
    """
    Skip the test unless these programs and files, from Debian's `packages`, are installed.

    Raises SkipTest if one is missing, or AssertionError with TOOLS=required, as in CI.
    """
    if all(map(shutil.which, programs)) and all(path.exists() for path in files):
        return
    message = f"This needs Debian's {packages}."
    if os.environ.get("TOOLS") == "required":
        raise AssertionError(message)
    raise SkipTest(message)
