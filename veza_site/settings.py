"""
Settings of the project.

One switch decides where it runs. Without DATABASE_URL it is development, with the embedded
PostgreSQL and for this machine only; with it, everything is as production needs it.
"""

from pathlib import Path
from typing import Any

from django.utils.csp import CSP
from psycopg import IsolationLevel

from veza_site.environment import (
    CONNECT_TIMEOUT,
    database,
    days,
    flag,
    host_names,
    is_set,
    items,
    read,
    seconds,
    seconds_or_none,
    text,
)

BASE_DIR = Path(__file__).resolve().parent.parent

DEVELOPMENT = not is_set("DATABASE_URL")

_database: dict[str, Any]
if DEVELOPMENT:
    DEBUG = read("DEBUG", flag, True)
    SECRET_KEY = read("SECRET_KEY", text, "django-insecure-development-only")
    ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    # The names that veza_site.postgresql.embedded makes.
    _database = {
        "NAME": "veza",
        "USER": "postgres",
        "EMBEDDED": BASE_DIR / ".postgres",
        "TEST": {"EMBEDDED": BASE_DIR / ".postgres-tests"},
    }
else:
    _database = read("DATABASE_URL", database)
    DEBUG = read("DEBUG", flag, False)
    SECRET_KEY = read("SECRET_KEY", text)
    ALLOWED_HOSTS = read("ALLOWED_HOSTS", host_names)

# The domains of V1, in the order of their migrations' numbers.
V1_APPS = ["accounts", "rbac", "streaming", "media", "legacy_chat"]

INSTALLED_APPS = [
    "veza_site",  # before the tools, so that its reset_db and makemigrations replace theirs
    *V1_APPS,
    "veza_site.admin.apps.LazyAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django_extensions",
    "django_linear_migrations",
]

# The apps whose migrations django_linear_migrations keeps in one line.
FIRST_PARTY_APPS = ["veza_site", *V1_APPS]

MIDDLEWARE = [
    "veza_site.health.Probes",  # first: probes have no known host and no HTTPS
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "veza_site.admin.time_limit.TimeLimit",  # before the session, which is in the database
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "veza_site.admin.error_pages.ErrorPages",
]

ROOT_URLCONF = "veza_site.urls"
WSGI_APPLICATION = "veza_site.wsgi.application"
ASGI_APPLICATION = "veza_site.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.csp",
            ],
        },
    },
]

# V1 lives in `public`, Django's own tables in `django`. New tables go to the first of the two.
_database["ENGINE"] = "veza_site.postgresql"
_options = _database.setdefault("OPTIONS", {})
_options["options"] = f"{_options.get('options', '')} -c search_path=public,django".strip()
_options.setdefault("connect_timeout", CONNECT_TIMEOUT)
_options.setdefault("prepare_threshold", 5)  # of what prepared_cursor() sends
# BEGIN names it: a role or a database may have another default.
_options["isolation_level"] = IsolationLevel.READ_COMMITTED
# In seconds, for every session of this project's but `migrate`'s: how long a statement waits for a
# lock, and how long a transaction may pause between two statements, its locks held. 0 is no limit.
_database["LIMITS"] = {
    "lock_timeout": read("LOCK_TIMEOUT", seconds_or_none, 10.0),
    "idle_in_transaction_session_timeout": read(
        "IDLE_IN_TRANSACTION_TIMEOUT", seconds_or_none, 60.0
    ),
}
DATABASES = {"default": _database}

# In seconds: how long `migrate` waits for another one to end, how long others queue behind it for a
# lock at most, how long they wait for a lock that it holds at most, and how long it keeps trying.
MIGRATE_TURN_TIMEOUT = read("MIGRATE_TURN_TIMEOUT", seconds, 600.0)
MIGRATE_LOCK_TIMEOUT = read("MIGRATE_LOCK_TIMEOUT", seconds, 2.0)
MIGRATE_HOLD_TIMEOUT = read("MIGRATE_HOLD_TIMEOUT", seconds, 2.0)
MIGRATE_PATIENCE = read("MIGRATE_PATIENCE", seconds, 300.0)

# The seconds that a statement of an admin request may take.
ADMIN_STATEMENT_TIMEOUT = read("ADMIN_STATEMENT_TIMEOUT", seconds, 5.0)

# In seconds: how long after a refresh token was replaced it is answered again with its successor,
# and how long after signing in a session ends, however often its token is replaced. 0 is off.
REFRESH_TOKEN_GRACE = read("REFRESH_TOKEN_GRACE", seconds_or_none, 10.0)
REFRESH_TOKEN_ABSOLUTE_LIFETIME = read(
    "REFRESH_TOKEN_ABSOLUTE_LIFETIME", seconds_or_none, 90 * 24 * 60 * 60.0
)

# For how many days `prune` keeps the rows of these tables; for ever, where it is not set.
PRUNE_TRACK_PLAYS_DAYS = read("PRUNE_TRACK_PLAYS_DAYS", days, None)
PRUNE_TRANSCODE_JOBS_DAYS = read("PRUNE_TRANSCODE_JOBS_DAYS", days, None)
PRUNE_BITRATE_LOGS_DAYS = read("PRUNE_BITRATE_LOGS_DAYS", days, None)
PRUNE_ADMIN_LOG_DAYS = read("PRUNE_ADMIN_LOG_DAYS", days, None)

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"  # of Django's own tables; V1 has UUIDs

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.PasswordBackend", "rbac.backends.RolesBackend"]
PASSWORD_HASHERS = ["accounts.passwords.BcryptHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.passwords.BcryptLengthValidator"},
]

# auth.W004 wants email addresses to be unique. V1's are unique among live users, and
# UserManager.get_by_natural_key only looks at those.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
FORMAT_MODULE_PATH = "veza_site.admin.wording.formats"
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

_secure = not DEBUG and not DEVELOPMENT
SECURE_SSL_REDIRECT = _secure
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if _secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _secure
SECURE_HSTS_PRELOAD = _secure
SESSION_COOKIE_SECURE = not DEVELOPMENT
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60  # seconds since the last request
SESSION_SAVE_EVERY_REQUEST = True
CSRF_COOKIE_SECURE = _secure
CSRF_TRUSTED_ORIGINS: list[str] = read("CSRF_TRUSTED_ORIGINS", items, [])
BEHIND_TLS_PROXY = read("BEHIND_TLS_PROXY", flag, False)
if BEHIND_TLS_PROXY:
    # Only behind a proxy that sets or removes this header itself, and adds to X-Forwarded-For.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Only what this site serves itself; inline only what has the request's nonce.
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],  # the autocomplete of relations
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}

DEFAULT_EXCEPTION_REPORTER_FILTER = "veza_site.admin.error_reports.WithoutValues"

TEST_RUNNER = "tests.support.runner.Runner"
