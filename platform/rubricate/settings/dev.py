"""One machine: what `manage.py` and `manage.py up` use."""

from rubricate import env
from rubricate.settings.base import *  # noqa: F403

DEBUG = env.flag("DEBUG")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])

# Static files are served from where they are written: nothing to collect, and an edit shows at once.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
WHITENOISE_MAX_AGE = 0
