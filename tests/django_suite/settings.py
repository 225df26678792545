"""Settings of Django's test suite, with this project's backend on the server of its own tests."""

from pathlib import Path

from tests.django_suite.by_design import BY_DESIGN
from veza_site.environment import database, is_set, read
from veza_site.postgresql.features import DatabaseFeatures

PROJECT = Path(__file__).resolve().parent.parent.parent

if not is_set("DATABASE_URL"):
    # As text: some tests write the settings into a file.
    _server = {"NAME": "veza", "USER": "postgres", "EMBEDDED": str(PROJECT / ".postgres")}
    _test = {"EMBEDDED": str(PROJECT / ".postgres-tests")}
    # The embedded server is built without ICU.
    DatabaseFeatures.test_collations = {"deterministic": "C", "non_default": "POSIX"}
    DatabaseFeatures.supports_non_deterministic_collations = False
else:
    _server, _test = read("DATABASE_URL", database), {}

DATABASES = {
    alias: {
        **_server,
        "ENGINE": "veza_site.postgresql",
        "TEST": {**_test, "NAME": f"test_suite_{alias}"},
    }
    for alias in ("default", "other")
}

# Django marks them as it does those of its own backends: one that passes is a failure.
DatabaseFeatures.django_test_expected_failures = set().union(*BY_DESIGN.values())

# As in Django's test_sqlite.py.
SECRET_KEY = "django_tests_secret_key"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
USE_TZ = False
