"""The Celery application; its settings are Django's, prefixed with CELERY_."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rubricate.settings.dev")

app = Celery("rubricate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
