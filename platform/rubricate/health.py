"""Whether this process lives, and whether what it needs can be reached."""

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """Answer as long as the process does."""
    return JsonResponse({"status": "live"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when database and channel layer do (one query, one message), else 503 and which does not."""
    checks = {"database": _database_answers, "channel_layer": _channel_layer_answers}
    failed = []
    for name, check in checks.items():
        try:
            check()
        except Exception:  # whatever it was, this part is not ready
            failed.append(name)
    if failed:
        return JsonResponse({"status": "unready", "failed": failed}, status=503)
    return JsonResponse({"status": "ready"})


def _database_answers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _channel_layer_answers() -> None:
    layer = get_channel_layer()
    if layer is None:
        raise RuntimeError("No channel layer is configured.")
    async_to_sync(layer.group_send)("health", {"type": "health.ping"})
