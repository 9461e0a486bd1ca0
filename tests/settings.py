"""Settings of the test suite: a database of its own that need not survive a power cut."""

from hubcustomers.database import database_settings
from hubcustomers.embedded_postgres import EmbeddedPostgres
from hubcustomers.settings import *  # noqa: F403
from hubcustomers.settings import DATA_DIR, DATABASE_URL

EMBEDDED_POSTGRES = (
    None if DATABASE_URL else EmbeddedPostgres(DATA_DIR / "postgres-test" / "18", durable=False)
)
DATABASES = {
    "default": database_settings(
        url=DATABASE_URL,
        embedded=EMBEDDED_POSTGRES,
        # For 64 writers and whoever looks on; two processes share a server's 100 connections.
        pool_size=66,
        statement_timeout_ms=5000,
        lock_timeout_ms=2000,
    )
}
SECRET_KEY = ENCRYPTION_KEY = "only for tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Scanning the admin's files takes longer than most tests.
WHITENOISE_USE_FINDERS = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
