"""All settings, read from the environment; README's configuration table lists them."""

from pathlib import Path

from hubcustomers.backoffice.theme import UNFOLD as UNFOLD
from hubcustomers.database import database_settings
from hubcustomers.embedded_postgres import EmbeddedPostgres
from hubcustomers.env import env_bool, env_choice, env_int, env_list, env_secret, env_str
from hubcustomers.observing.logs import logging_settings
from hubcustomers.secret_key import kept_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
# Everything the hub keeps on this machine when nothing else is configured.
DATA_DIR = Path(env_str("HUB_DATA_DIR", str(BASE_DIR / ".data")))

DEBUG = env_bool("DEBUG")
SECRET_KEY = env_secret("SECRET_KEY") or kept_secret_key(DATA_DIR)
# Client secrets at rest; without a key of its own they are under SECRET_KEY.
ENCRYPTION_KEY = env_secret("HUB_ENCRYPTION_KEY") or SECRET_KEY
# Where people reach the hub; only printed.
HUB_URL = env_str(
    "HUB_URL", f"http://{env_str('HOST', '127.0.0.1')}:{env_int('PORT', 8000)}"
).rstrip("/")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")

# --- database -----------------------------------------------------------------------
DATABASE_URL = env_secret("DATABASE_URL")
EMBEDDED_POSTGRES = None if DATABASE_URL else EmbeddedPostgres(DATA_DIR / "postgres" / "18")
DATABASES = {
    "default": database_settings(
        url=DATABASE_URL,
        embedded=EMBEDDED_POSTGRES,
        pool_size=env_int("DATABASE_POOL_SIZE", 16),
        # Zero for commands, which may take their time; wsgi.py sets what a request may take.
        statement_timeout_ms=env_int("DATABASE_STATEMENT_TIMEOUT_MS", 0),
        lock_timeout_ms=env_int("DATABASE_LOCK_TIMEOUT_MS", 0),
    )
}
# Where pg_dump and pg_restore are, if not where every system has them.
POSTGRES_PROGRAMS = env_str("HUB_POSTGRES_PROGRAMS")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- applications -------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "django_filters",
    "drf_spectacular_sidecar",
    "hubcustomers",
    "accounts",
    "signin",
    "callbacks",
    "customers",
    "orders",
    "loyalty",
    "transfer",
    "desk",
    "reference",
    "care",
]
MIDDLEWARE = [
    # First of all: whatever answers, it is named, counted and logged.
    "hubcustomers.observing.requests.ObservingMiddleware",
    "hubcustomers.api.middleware.BrowserOnlyCorsMiddleware",
    # Calls below /v1 leave the stack here: what follows is for pages.
    "hubcustomers.api.middleware.ApiMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "hubcustomers.policies.PolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "hubcustomers.backoffice.language.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "signin.sessions.SessionLimitsMiddleware",
    "signin.guard.SecondFactorMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "hubcustomers.urls"
WSGI_APPLICATION = "hubcustomers.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- the API ------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.ScopePermission"],
    "DEFAULT_PARSER_CLASSES": ["hubcustomers.api.parsing.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["hubcustomers.api.rendering.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "DEFAULT_SCHEMA_CLASS": "reference.schema.HubSchema",
}
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "COMPONENT_SPLIT_REQUEST": True,
    # Choices stay where they are chosen, instead of becoming components of their own.
    "POSTPROCESSING_HOOKS": [],
}
# A body above this is refused with 413 before it is read.
MAX_BODY_BYTES = 1024 * 1024
# A connection found for a token is remembered this long in each process.
TOKEN_CACHE_SECONDS = 1.0
# Calls of one connection a minute, in each worker; zero for no limit. How many at once.
RATE_PER_MINUTE = env_int("HUB_RATE_PER_MINUTE", 0)
RATE_BURST = env_int("HUB_RATE_BURST", 0)
# Wrong tokens and client secrets from one address a minute, in each worker.
REFUSED_PER_MINUTE = env_int("HUB_REFUSED_PER_MINUTE", 0)
APPEND_SLASH = False
LOGIN_REDIRECT_URL = "admin:index"

CORS_URLS_REGEX = r"^/v1/"
CORS_ALLOW_ALL_ORIGINS = True
CORS_ALLOW_HEADERS = [
    "accept",
    "content-type",
    "if-none-match",
    "idempotency-key",
    "x-access-token",
    "x-http-method-override",
    "x-request-id",
]
CORS_EXPOSE_HEADERS = ["X-Cursor-Next", "Retry-After", "Idempotency-Replayed", "X-Request-Id"]

# --- callbacks ----------------------------------------------------------------------
# For development only: events may be sent to this machine and to private networks.
CALLBACK_ALLOW_PRIVATE = env_bool("HUB_ALLOW_PRIVATE_CALLBACKS")
# How many events one worker process sends at once, and how many of those to one connection.
CALLBACK_WORKERS = env_int("HUB_CALLBACK_WORKERS", 16) or 16
CALLBACK_IN_FLIGHT = 4
# An answer after this many seconds is none; then the waits before each further try.
CALLBACK_DEADLINE_SECONDS = 20.0
CALLBACK_RETRY_SECONDS = [60.0 * 2**number for number in range(6)]
# How long a worker may keep an event; longer than it may try, so that two never do at once.
CALLBACK_LEASE_SECONDS = 30.0
# How often an idle worker looks for events, and how long it finishes its work when stopped.
CALLBACK_POLL_SECONDS = 0.25
CALLBACK_STOP_SECONDS = 5.0

# --- imports and background jobs ----------------------------------------------------
# An uploaded file above this is refused; the command takes files of any size.
IMPORT_MAX_BYTES = (env_int("HUB_IMPORT_MAX_MB", 200) or 200) * 1024 * 1024
# How often an idle worker looks for jobs, and how long a silent worker keeps one.
JOB_POLL_SECONDS = 1.0
JOB_LEASE_SECONDS = 60.0
# How often a worker looks whether the figures of somebody's first page are to be counted.
FIGURES_POLL_SECONDS = 2.0

# --- language, time, files ----------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
# The admin's files are served from where they are installed; nothing has to be collected.
WHITENOISE_USE_FINDERS = True

# --- signing in ---------------------------------------------------------------------
_JUDGES = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_JUDGES}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_JUDGES}.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": f"{_JUDGES}.CommonPasswordValidator"},
]
# Whoever sees personal data proves a second factor; "optional" is for trying things out.
SECOND_FACTOR_REQUIRED = env_choice("HUB_SECOND_FACTOR", "required", "optional") == "required"
# Sessions are kept where it is known whose they are, so that all of somebody's can be ended.
SESSION_ENGINE = "signin.sessions"
# Nobody stays signed in for longer, at work or away; closing the browser ends it as well.
SESSION_COOKIE_AGE = (env_int("HUB_SESSION_HOURS", 12) or 12) * 3600
SESSION_IDLE_SECONDS = (env_int("HUB_SESSION_IDLE_MINUTES", 60) or 60) * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
# How many proxies of ours stand in front, each adding to X-Forwarded-For.
PROXIES = env_int("HUB_PROXIES", 1 if env_bool("HUB_HTTPS") else 0)

# --- security -----------------------------------------------------------------------
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
if env_bool("HUB_HTTPS"):
    # A proxy in front of the hub ends TLS and says so in X-Forwarded-Proto.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = env_int("HUB_HSTS_SECONDS", 3600)

# --- what it tells of itself --------------------------------------------------------
LOGGING = logging_settings(
    layout=env_choice("LOG_FORMAT", "text", "json"),
    level=env_choice("LOG_LEVEL", "info", "debug", "warning", "error", "critical").upper(),
)
# Without a token nothing is counted, and nobody can ask.
METRICS_TOKEN = env_secret("HUB_METRICS_TOKEN")
METRICS_DIR = DATA_DIR / "metrics"
