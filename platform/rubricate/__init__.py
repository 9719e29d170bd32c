"""Rubricate's Django project: settings, URLs, ASGI, Celery and errors. Wiring only."""

from rubricate.celery import app as celery_app

__all__ = ["celery_app"]
