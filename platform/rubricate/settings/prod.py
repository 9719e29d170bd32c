"""In the open, behind a proxy that speaks HTTPS: everything secret or local must be given."""

from rubricate import env
from rubricate.settings.base import *  # noqa: F403
from rubricate.settings.base import EMAIL_HOST, STORAGES

env.required("DATABASE_URL")
SECRET_KEY = env.required("SECRET_KEY")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", []) or [env.required("ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS", [f"https://{host}" for host in ALLOWED_HOSTS])
CELERY_BROKER_URL = env.required("CELERY_BROKER_URL")
env.required("CHANNEL_LAYER_URL")
# Letters hold secret links: without a mail server they go nowhere, and pages say that this server sends none.
if not EMAIL_HOST:
    EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
ALLAUTH_TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 1)

SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 365 * 24 * 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True

STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}
