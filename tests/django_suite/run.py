"""
Run Django's own tests of what a database backend does, with this project's backend.

    python -m tests.django_suite.run            # the modules below
    python -m tests.django_suite.run schema     # other ones, or single tests, as runtests.py has it

It runs on the embedded server, or on that of DATABASE_URL, in databases of its own. It fails if a
test fails that is not in by_design.py, or if one of those passes.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import django

PROJECT = Path(__file__).resolve().parent.parent.parent
CACHE = PROJECT / ".django-suite"  # not in git

# The embedded server has not the extensions that these need (citext, hstore, uuid-ossp…).
WITH_EXTENSIONS = ["postgres_tests"]

MODULES = [
    "backends",
    "constraints",
    "delete",
    "delete_regress",
    "fixtures",
    "fixtures_regress",
    "indexes",
    "introspection",
    "migrations",
    "migrations2",
    "schema",
    "serializers",
    "test_runner",
    "test_utils",
    "transaction_hooks",
    "transactions",
]


def main() -> int:
    """Run the modules that are named, or MODULES, and return the exit status."""
    on_a_server = "DATABASE_URL" in os.environ
    modules = sys.argv[1:] or [*MODULES, *(WITH_EXTENSIONS if on_a_server else [])]
    tests = suite()
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [
        sys.executable,
        "runtests.py",
        "--settings=tests.django_suite.settings",
        f"--parallel={min(os.cpu_count() or 1, 4)}",
        "--noinput",
        *modules,
    ]
    return subprocess.run(command, cwd=tests, env=environment, check=False).returncode


def suite() -> Path:
    """Return the directory of the tests of the installed Django; download them once."""
    tests = CACHE / f"tests-{django.__version__}"
    if not tests.exists():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as directory:
            shutil.move(_download(Path(directory)), tests)
    return tests


def _download(directory: Path) -> Path:
    """Unpack the source of the installed Django, and return where its tests are."""
    # A wheel has no tests.
    requirement = ["--no-deps", "--no-binary=:all:", f"Django=={django.__version__}"]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "download", "--dest", directory, *requirement], check=True)
    (source,) = directory.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(directory, filter="data")
    return directory / source.name.removesuffix(".tar.gz") / "tests"


if __name__ == "__main__":
    sys.exit(main())
