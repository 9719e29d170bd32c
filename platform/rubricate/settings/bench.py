"""Under `make bench`: as on one machine, but tasks run in place and files go into the run's own folder."""

from pathlib import Path

from rubricate import env
from rubricate.settings.dev import *  # noqa: F403

ALLOWED_HOSTS = ["testserver"]
MEDIA_ROOT = Path(env.given("BENCH_FOLDER") or env.VAR / "bench")
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
CELERY_BROKER_URL = "memory://"
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
