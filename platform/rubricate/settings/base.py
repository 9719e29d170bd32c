"""What every environment shares."""

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from kombu import Queue

import annotations.schedule
import projects.schedule
import rewards.schedule
import workers.schedule
from rubricate import env
from rubricate.settings.accounts import *  # noqa: F403

BASE_DIR = env.ROOT
VAR_DIR = env.VAR

DEBUG = False
SECRET_KEY = env.secret_key()
ALLOWED_HOSTS: list[str] = []

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "django_htmx",
    "template_partials",
    "csp",
    "django_linear_migrations",
    "projects",
    "rewards",
    "workers",
    "annotations",
    "rubricate",
]

MIDDLEWARE = [
    "projects.log_context.RequestIdMiddleware",
    "rubricate.metrics.RequestTimesMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "rubricate.static_files.StaticFilesMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "projects.middleware.ReaderMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "rubricate.errors.AppErrorMiddleware",
]

FORM_RENDERER = "projects.form_rendering.FormRenderer"

ROOT_URLCONF = "rubricate.urls"
ASGI_APPLICATION = "rubricate.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": [
                "django.templatetags.i18n",
                "django_htmx.templatetags.django_htmx",
                "template_partials.templatetags.partials",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Requests that a web process answers at once (see rubricate.http).
WEB_THREADS = env.integer("WEB_THREADS", 8)
# Connections come from a pool and none is kept by Django: sockets ask the database from threads of their own.
DATABASES = {"default": env.database(pool={"min_size": 1, "max_size": WEB_THREADS + 2, "timeout": 10})}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "projects.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]

TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = VAR_DIR / "media"
MEDIA_URL = "/media/"
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700

SESSION_ENGINE = "projects.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Outputs and imports are hostile text. 'self' covers ws: and wss: to the same host as well (CSP level 3).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # The first one says what a 401 asks for.
        "projects.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["projects.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "rubricate.errors.api_exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rubricate",
    "DESCRIPTION": "Tasks, outputs, rubrics, judgments, rewards and exports over HTTP.",
    "VERSION": "v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    # With it each operation is a link within a button, which nobody can reach by keyboard.
    "SWAGGER_UI_SETTINGS": {"deepLinking": False},
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    # Several things have a `status`: each gets a name of its own in the document.
    "ENUM_NAME_OVERRIDES": {
        "RunStatus": "workers.models.run.Run.Status",
        "RunItemStatus": "workers.models.run.RunItem.Status",
        "EndpointState": "workers.models.endpoint.ModelEndpoint.State",
        "CampaignStatus": "annotations.models.campaign.Campaign.Status",
        "AssignmentStatus": "annotations.models.assignment.Assignment.Status",
        "CampaignItemKind": "annotations.models.campaign.CampaignItem.Kind",
        "ItemReportKind": "annotations.models.report.ItemReport.Kind",
        "StudyStatus": "annotations.models.study.Study.Status",
        "JudgmentKind": "rewards.models.judgment.Judgment.Kind",
        "ImportStatus": "rewards.models.import_batch.ImportBatch.Status",
        "ExportStatus": "rewards.models.export.Export.Status",
        "FitStatus": "workers.models.artefact.Fit.Status",
        "ProposalStatus": "workers.models.rubric_proposal.RubricProposal.Status",
        "ProposalKind": "workers.models.rubric_proposal.RubricProposal.Kind",
    },
}

CHANNEL_LAYER_URL = env.text("CHANNEL_LAYER_URL")
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # The layer waits 5 s for a message at a time: with redis-py's own limit of 5 s an idle socket would break.
        "CONFIG": {"hosts": [{"address": CHANNEL_LAYER_URL, "socket_timeout": 30}]},
    }
    if CHANNEL_LAYER_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

CELERY_BROKER_URL = env.text("CELERY_BROKER_URL")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Without a key of its own every queue would be bound to the default one, and get each message.
CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in ("gpu", "cpu")]
CELERY_TASK_DEFAULT_QUEUE = "cpu"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
# A solo worker does one thing at a time: what it reserved beside that would wait while another worker is free.
CELERY_WORKER_CONCURRENCY = 1
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = TIME_ZONE

# A batch that nobody renewed for this long is given to another worker.
WORKERS_LEASE_SECONDS = env.integer("WORKERS_LEASE_SECONDS", 60)
WORKERS_REDISPATCH_SECONDS = env.integer("WORKERS_REDISPATCH_SECONDS", 30)
WORKERS_BATCH_ITEMS = env.integer("WORKERS_BATCH_ITEMS", 16)
WORKERS_MODELS_KEPT = env.integer("WORKERS_MODELS_KEPT", 2)
MODELS_DIR = VAR_DIR / "models"
# Folders that model endpoints may name, besides what packages carry and hub ids.
MODEL_ROOTS = [MODELS_DIR, *(Path(folder) for folder in env.names("MODEL_ROOTS", []))]
# Commands, beside Python, that may run a policy's code in the sandbox, by name (see workers.sandbox.commands).
SANDBOX_COMMANDS = env.json_object("SANDBOX_COMMANDS")

# Batches of models behind HTTP hold more: one worker keeps many requests under way, and waits more than it computes.
WORKERS_REMOTE_BATCH_ITEMS = env.integer("WORKERS_REMOTE_BATCH_ITEMS", 4096)

# Whom this server may ask (see projects.outgoing): patterns of public hosts, asked over HTTPS only; and hosts opened by
# name, with or without a port, which may be at private addresses and speak plain HTTP.
OUTGOING_HOSTS = env.names("RUBRICATE_OUTGOING_HOSTS", ["*"])
OUTGOING_LOCAL_HOSTS = env.names("RUBRICATE_LOCAL_HOSTS", [])
# Stored credentials are encrypted with the first one and read with any.
ENCRYPTION_KEYS = env.encryption_keys()

CELERY_BEAT_SCHEDULE = {
    **projects.schedule.beat_schedule(),
    **rewards.schedule.beat_schedule(),
    **workers.schedule.beat_schedule(redispatch_seconds=WORKERS_REDISPATCH_SECONDS),
    **annotations.schedule.beat_schedule(),
}

# "json" for programs that collect logs, one object a line; each line says which request or run it is about.
LOG_FORMAT = env.text("LOG_FORMAT", "line")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"about": {"()": "projects.log_context.AboutFilter"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
        "json": {"()": "projects.log_context.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if LOG_FORMAT == "json" else "line",
            "filters": ["about"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    # It writes a line for every request, and an address may be a project's secret.
    "loggers": {"httpx2": {"level": "WARNING"}},
}

# What Prometheus must send to read /metrics; without it there is no such page.
METRICS_TOKEN = env.text("METRICS_TOKEN")
