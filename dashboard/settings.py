"""Django's settings. What may differ from one site to the next comes from the environment (`env.py`)."""

from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF

from dashboard import env as environment
from dashboard import logs

ENV = environment.read()
BASE_DIR = environment.ROOT
DATA_DIR = ENV.data_dir
SITE_URL = ENV.site_url
_site = urlsplit(SITE_URL)

SECRET_KEY = ENV.secret_key
SECRET_KEY_FALLBACKS = list(ENV.secret_key_fallbacks)
ENCRYPTION_KEYS = ENV.encryption_keys
DEBUG = ENV.debug
# The Host header is checked against our own origins where it matters (CSRF, sockets); a wall behind any proxy name must load.
ALLOWED_HOSTS = ["*"]
CSRF_TRUSTED_ORIGINS = [f"{_site.scheme}://{_site.netloc}"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "breakers",
    "alerts",
    "dashboard",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "dashboard.caching.KeptByNobody",
    "dashboard.access_record.AccessRecord",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "dashboard.urls"
ASGI_APPLICATION = "dashboard.asgi.application"
WSGI_APPLICATION = None

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.pages.context.page",
            ],
            "builtins": ["django.templatetags.static", "dashboard.templatetags.board"],
        },
    },
]

DATABASES = {"default": environment.database(ENV.database_url, DATA_DIR, ENV.sqlite_synchronous)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Sign-in limits must hold over all processes and with Redis gone.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "breakers_cache",
        # Of 300, as is usual, a few hundred tries under other names would push out those at this one.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
# No channel layer: one hub a process reads the tables and is nudged by one Redis subscription.
CHANNEL_LAYERS: dict[str, object] = {}

REDIS_URL = ENV.redis_url
WEB_PROCESSES = ENV.web_processes
ALERT_URLS = ENV.alert_urls
ALERT_WEBHOOK_SECRET = ENV.alert_webhook_secret
ALLOW_PRIVATE_TARGETS = ENV.allow_private_targets
SMTP_URL = ENV.smtp_url
MAIL_FROM = ENV.mail_from
WATCHER_URL = ENV.watcher_url
METRICS_PUBLIC = ENV.metrics_public
REDACT_PATTERNS = ENV.redact_patterns
TRUSTED_PROXIES = ENV.trusted_proxies
ENVIRONMENT = ENV.environment
KEEP_DAYS = ENV.keep_days

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "dashboard.passwords.GuessValidator"},
]
SESSION_ENGINE = "dashboard.sessions"
SESSION_COOKIE_AGE = 7 * 24 * 3600
SESSION_COOKIE_SAMESITE = "Lax"

SECURE_COOKIES = _site.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
# Two copies on one host differ only by port, and cookies know no ports.
SESSION_COOKIE_NAME = "__Host-bb_session" if SECURE_COOKIES else f"bb_session_{_site.port or 80}"
CSRF_COOKIE_NAME = "__Host-bb_csrf" if SECURE_COOKIES else f"bb_csrf_{_site.port or 80}"
SCREEN_COOKIE_NAME = "__Host-bb_screen" if SECURE_COOKIES else f"bb_screen_{_site.port or 80}"
CSRF_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_COOKIES else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_COOKIES
# What ends the encryption in front of us also redirects; here it would loop where X-Forwarded-Proto is not passed on.
SECURE_SSL_REDIRECT = False
SILENCED_SYSTEM_CHECKS = ["security.W008"]
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    },
}

LOGGING_CONFIG = None
logs.configure(ENV.log_format)
