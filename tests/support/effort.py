"""
How much the tests try: little in `make test`, more in CI, by these environment variables.

ROUNDS      how often what goes wrong only sometimes is tried (3)
MANY_ROWS   how many rows "many" are, where a statement's count must not follow them (1000)
STORM_SECONDS  how long all services are called at once (10)
TOOLS       "required" makes it a failure that a tool is not installed; a test is skipped otherwise
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
    Go on only where these programs and files are there, which are in Debian's `packages`.

    Raises SkipTest where one is missing, and AssertionError with TOOLS=required, as in CI.
    """
    if all(map(shutil.which, programs)) and all(path.exists() for path in files):
        return
    message = f"This needs Debian's {packages}."
    if os.environ.get("TOOLS") == "required":
        raise AssertionError(message)
    raise SkipTest(message)
