"""Settings of the site, read from the environment or `.env` (README, "Settings")."""

from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from panel.secret_key import secret_key

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(env("ENV_FILE", default=str(BASE_DIR / ".env")), overwrite=False)

DEBUG = env.bool("DEBUG", default=False)
VAR_DIR = Path(env("VAR_DIR", default=str(BASE_DIR / "var"))).resolve()
VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
SECRET_KEY = secret_key(env("SECRET_KEY", default=""), debug=DEBUG, var_dir=VAR_DIR)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])

# The public address decides what depends on it: the host, and whether cookies travel by https only.
SITE_URL = env("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
SITE_NAME = env("SITE_NAME", default="Panel")
SITE_CURRENCY = env("SITE_CURRENCY", default="RUB")
HTTPS = SITE_URL.startswith("https://")

# The site lies at its host's root. Else a header could name another one (gunicorn reads SCRIPT_NAME from whom
# it takes for its proxy), and what is asked by address would not know admin's.
FORCE_SCRIPT_NAME = ""

ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[urlsplit(SITE_URL).hostname or "", "127.0.0.1", "localhost"]
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[SITE_URL])
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
)
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "auditlog",
    "csp",
    "django_htmx",
    "hijack",
    "import_export",
    "solo",
    "money",
    "accounts",
    "operations",
    "wallet",
    "catalog",
    "orders",
    "support",
    "panel",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "panel.middleware.HealthMiddleware",
    "panel.middleware.AdminPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    # Before whatever reads a form or a query; after those above, which read none and make the refusal a page
    # in the reader's language, with the site's policy.
    "panel.middleware.UnreadableTextMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "panel.middleware.LookUserMiddleware",
    "panel.middleware.LookMiddleware",
    "panel.middleware.SecondFactorMiddleware",
    "panel.middleware.RecordMiddleware",
    "support.middleware.TermsMiddleware",
]

ROOT_URLCONF = "panel.urls"
WSGI_APPLICATION = "panel.wsgi.application"

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
                "django.template.context_processors.i18n",
                "panel.context.site",
                "operations.context.maintenance",
                "wallet.context.balance",
                "support.context.operators_words",
            ],
        },
    },
]

# --- Database: PostgreSQL by DATABASE_URL, else SQLite under VAR_DIR -------------------------------------

# The file's path is given as it is: in a URL some folders' names would mean something else.
SQLITE: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(VAR_DIR / "panel.sqlite3")}
DATABASES = {"default": env.db("DATABASE_URL") if env("DATABASE_URL", default="") else SQLITE}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # A transaction that will write takes the lock at its start: two readers that both want to write
        # would otherwise fail at once with "database is locked", whatever the busy timeout.
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        # Recursive triggers: without them REPLACE deletes rows past the triggers that forbid it.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; "
        "PRAGMA recursive_triggers=ON;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache and broker: Redis by REDIS_URL, else memory and files under VAR_DIR ---------------------------

REDIS_URL = env("REDIS_URL", default="")
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": env("REDIS_PREFIX", default="panel:") + "cache",
            # A Redis that is down costs the limits on logins, not the logins.
            "OPTIONS": {"IGNORE_EXCEPTIONS": True, "SOCKET_CONNECT_TIMEOUT": 1, "SOCKET_TIMEOUT": 2},
        }
    }
    DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # A request that wakes a worker does not wait for a broker that is down: one try.
        "max_retries": 0,
        "socket_connect_timeout": 2,
        # One that is there and silent keeps a request, or a worker that is to end, for a few of these at
        # most. A worker's wait for messages is longer, but not one wait: Redis ends each after a second.
        "socket_timeout": 5,
        "global_keyprefix": env("REDIS_PREFIX", default="panel:"),
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    BROKER_DIR = VAR_DIR / "broker"
    for folder in ("queue", "aside", "control"):
        (BROKER_DIR / folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_URL = "filesystem://localhost//"
    CELERY_BROKER_TRANSPORT = "panel.broker:Transport"  # kombu's own shows messages half written
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "queue"),
        "data_folder_out": str(BROKER_DIR / "queue"),
        "data_folder_aside": str(BROKER_DIR / "aside"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.2,
    }

# --- Celery: tasks carry ids, keep no result, and may run twice or never ---------------------------------

CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # Celery's own 100 would end a worker after an hour without Redis
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "panel.beat:Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    name: {"task": task, "schedule": seconds, "options": {"expires": seconds}}
    for name, task, seconds in (
        ("forward-due-orders", "orders.tasks.forward_every_provider", 5.0),
        ("expire-dead-attempts", "orders.tasks.expire_attempts", 15.0),
        ("poll-due-orders", "orders.tasks.poll_every_provider", 5.0),
        ("ask-for-due-cancels", "orders.tasks.cancel_every_provider", 5.0),
        ("search-lost-answers", "orders.tasks.search_every_provider", 10.0),
        ("refund-overdue-orders", "orders.tasks.refund_overdue", 600.0),
        ("apply-taught-texts", "orders.tasks.apply_taught", 60.0),
        ("write-day-totals", "orders.tasks.write_totals", 3600.0),
        ("measure-health", "orders.tasks.measure_health", 900.0),
        ("probe-halted-providers", "catalog.tasks.probe_halted_providers", 30.0),
        ("refresh-balances", "catalog.tasks.refresh_balances", 60.0),
        ("mail-alerts", "operations.tasks.mail_alerts", 60.0),
        ("check-jobs", "operations.tasks.check_jobs", 60.0),
        ("sync-catalogues", "catalog.tasks.sync_catalogues", 3600.0),
        ("end-timed-holds", "catalog.tasks.end_timed_holds", 300.0),
        ("sweep-histories", "catalog.tasks.sweep", 3600.0),
    )
}
# By the clock: an interval of a day would begin anew with each deploy that loses beat's file.
CELERY_BEAT_SCHEDULE["audit-money"] = {
    "task": "panel.tasks.audit_money",
    "schedule": crontab(hour=3, minute=30),
    "options": {"expires": 86_400.0},
}
# After both banks have published what counts tomorrow, or today; what is old is looked at behind it.
CELERY_BEAT_SCHEDULE["import-rates"] = {
    "task": "catalog.tasks.import_exchange_rates",
    "schedule": crontab(hour=15, minute=40),
    "options": {"expires": 43_200.0},
}
CELERY_BEAT_SCHEDULE["check-rates"] = {
    "task": "catalog.tasks.check_exchange_rates",
    "schedule": crontab(hour=16, minute=10),
    "options": {"expires": 43_200.0},
}

# --- The order's life, in seconds (docs/architecture.md) -------------------------------------------------

FORWARD_LEASE_SECONDS = env.int("FORWARD_LEASE_SECONDS", default=300)
FORWARD_BACKOFF_SECONDS = env.list("FORWARD_BACKOFF_SECONDS", cast=int, default=[10, 30, 60, 120, 300, 600])
LOST_ANSWER_MARGIN_SECONDS = env.int("LOST_ANSWER_MARGIN_SECONDS", default=60)
LOST_SEARCH_CALLS = env.int("LOST_SEARCH_CALLS", default=50)
POLL_FIRST_SECONDS = env.int("POLL_FIRST_SECONDS", default=30)
POLL_AGE_SHARE = env.float("POLL_AGE_SHARE", default=0.1)
POLL_MAX_SECONDS = env.int("POLL_MAX_SECONDS", default=3600)
RECHECK_ENDED_SECONDS = env.list("RECHECK_ENDED_SECONDS", cast=int, default=[3_600, 86_400, 259_200])
CANCEL_WINDOW_SECONDS = env.int("CANCEL_WINDOW_SECONDS", default=600)
QUEUED_REFUND_AFTER_HOURS = env.int("QUEUED_REFUND_AFTER_HOURS", default=72)  # 0: never
DUPLICATE_LINKS = env("DUPLICATE_LINKS", default="warn")

# --- Catalogue -------------------------------------------------------------------------------------------

DEFAULT_MARKUP_PERCENT = env("DEFAULT_MARKUP_PERCENT", default="30")
RATES_SOURCE = env("RATES_SOURCE", default="none")  # none, cbr (Bank of Russia), ecb (European Central Bank)
RATES_URL = env("RATES_URL", default="")  # empty: the source's own

# --- People ----------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_EMAIL_SUBJECT_PREFIX = f"{SITE_NAME}: "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.addresses.AccountAdapter"
ACCOUNT_FORMS = {"add_email": "accounts.forms.NewAddressForm", "signup": "support.forms.SignupForm"}
ACCOUNT_MAX_EMAIL_ADDRESSES = 2  # the user's, and one that waits to be confirmed
SESSION_COOKIE_HTTPONLY = True
# Addresses, by name, before which a customer accepts the newest terms: what orders, and what pays.
TERMS_BEFORE = frozenset({"order_new"})

# --- Second factor, looking as a customer, and the record of what staff change ---------------------------

STAFF_NEED_SECOND_FACTOR = env.bool("STAFF_NEED_SECOND_FACTOR", default=not DEBUG)
MFA_ADAPTER = "accounts.second_factor.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
HIJACK_PERMISSION_CHECK = "accounts.hijacking.may_hijack"
HIJACK_INSERT_BEFORE = None  # our own pages show that it is a look (templates/parts/look.html)
# Who changed what is enough; from where is nobody's business, and a header that the sender writes.
AUDITLOG_DISABLE_REMOTE_ADDR = True
AUDITLOG_CID_HEADER = None

# --- Mail ------------------------------------------------------------------------------------------------

EMAIL_TIMEOUT = 10
vars().update(env.email("EMAIL_URL", default="consolemail://"))
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default=f"panel@{urlsplit(SITE_URL).hostname}")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
ADMINS = [parseaddr(address) for address in env.list("ADMINS", default=[])]

# --- Alert channels --------------------------------------------------------------------------------------

# Whether channels may lead into the site's own network: else whoever edits channels could call what is there.
ALERTS_TO_INNER_ADDRESSES = env.bool("ALERTS_TO_INNER_ADDRESSES", default=False)

# --- Languages and time ----------------------------------------------------------------------------------

LANGUAGE_CODE = env("LANGUAGE_CODE", default="ru")
LANGUAGES = [("ru", _("Russian")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env("TIME_ZONE", default="UTC")

# --- Static files: WhiteNoise serves them from the site itself -------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = env("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(VAR_DIR / "uploads")},
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Nothing from another host, nothing inline; admin differs a little (panel/middleware.py).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
ADMIN_POLICY = {
    "script-src": [SELF, UNSAFE_EVAL],  # unfold's Alpine evaluates its attributes
    # Unfold writes its colours into the page, its htmx a style of its own, and its Alpine style attributes,
    # which no nonce and no hash allows. A style runs nothing, and sends nothing: it loads from here alone.
    "style-src": [SELF, UNSAFE_INLINE],
}

# --- Admin -----------------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": SITE_NAME,
    "SITE_HEADER": SITE_NAME,
    "SITE_SYMBOL": "storefront",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("img/favicon.svg")}
    ],
    "SITE_URL": "/",
    "STYLES": [lambda request: static("css/admin.css")],
    "SHOW_LANGUAGES": True,
    "SIDEBAR": {"navigation": "panel.sidebar.navigation"},
    "DASHBOARD_CALLBACK": "panel.desk.desk",
}

# --- Logs: events with fields on standard error, never a key, a password or an address with one ----------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s", "datefmt": "%Y-%m-%dT%H:%M:%S%z"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {
        "celery": {"level": env("CELERY_LOG_LEVEL", default="WARNING")},
        # A page that is refused or not there is no event of ours; it would come with a traceback.
        "django.request": {"level": "ERROR"},
        # Channels' addresses are secrets, and stand in what these say of a message sent, or not sent.
        "apprise": {"level": "CRITICAL"},
        "urllib3": {"level": "ERROR"},
    },
}
