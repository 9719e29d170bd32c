"""The Celery application; its settings are Django's, prefixed with CELERY_."""

import os
from typing import Any

from celery import Celery
from django.core.exceptions import ImproperlyConfigured
from kombu import Connection

from rubricate.env import NO_BROKER

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rubricate.settings.dev")


class RubricateCelery(Celery):
    """Celery that says what to set where it has no broker, instead of trying one that nobody named."""

    def connection_for_read(self, *args: Any, **kwargs: Any) -> Connection:
        self._require_broker()
        return super().connection_for_read(*args, **kwargs)

    def connection_for_write(self, *args: Any, **kwargs: Any) -> Connection:
        self._require_broker()
        return super().connection_for_write(*args, **kwargs)

    def _require_broker(self) -> None:
        if not self.conf.broker_url:
            raise ImproperlyConfigured(NO_BROKER)


app = RubricateCelery("rubricate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
