"""Signing in, second factors, mail and languages: what every environment shares of them."""

from typing import Any

from rubricate import env

AUTHENTICATION_BACKENDS = ["projects.sessions.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL

ACCOUNT_ADAPTER = "projects.signing_in.AccountAdapter"
ACCOUNT_FORMS = {"login": "projects.forms.sign_in.SignInForm"}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
# Addresses are proven before they are kept: by an invitation, at sign-up, or when they are changed.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# By address, by account (key) or by person; "10/m/ip" is ten a minute. What is not named here keeps allauth's limits.
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "signup": "10/m/ip,3/h/key",
    "reset_password": "10/m/ip,3/10m/key",
    "reset_password_from_key": "20/m/ip",
    "change_password": "5/m/user",
    "reauthenticate": "10/m/user",
    "change_email": "5/h/user",
    "invite": "60/h/user",
    "join": "20/m/ip",
    # Requests, of up to 200 reactions each.
    "reactions": "600/m/user",
}
# How many proxies stand before this server; the address that the outermost one noted is the one that is counted.
ALLAUTH_TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 0)

# A project that was deleted can be restored for so long.
PROJECT_RESTORE_DAYS = env.integer("PROJECT_RESTORE_DAYS", 14)

MFA_ADAPTER = "projects.signing_in.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Rubricate"
MFA_ALLOW_UNVERIFIED_EMAIL = True

# Limits are counted here: by all web processes together where there is a server for it.
CACHE_URL = env.text("CACHE_URL") or env.text("CHANNEL_LAYER_URL")
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "rubricate",
    }
    if CACHE_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.integer("EMAIL_PORT", 587)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = 10
# Where letters from workers lead; letters that a page sends use the address that the page was opened under.
PUBLIC_URL = env.text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "rubricate@localhost")
# On one machine a letter is printed into the web server's log. In the open that would publish its links (see prod).
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"

# Every text goes through gettext; a language is offered once locale/ has all that annotators read, and what is missing
# there stands in English. Each is named in itself: whoever needs another must be able to find it.
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [env.ROOT / "locale"]
