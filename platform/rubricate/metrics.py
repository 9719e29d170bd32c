"""What Prometheus reads: the state of queues, runs and people from the database, and this process's requests.

Everything that concerns the whole platform comes from the database, so that any web process answers the same; only the
times of requests are of the process that answers.
"""

import hmac
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from annotations.models import Assignment, Campaign
from projects.models import Notification, Project, User
from rewards.models import Export, ImportBatch
from workers.models import Batch, Run, WorkerHeartbeat

_requests = CollectorRegistry()
REQUEST_SECONDS = Histogram(
    "rubricate_request_seconds",
    "Seconds to answer a request, by the name of its address, its method and the class of its status.",
    ["address", "method", "status"],
    registry=_requests,
)
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class RequestTimesMiddleware:
    """Measures requests by the name of their address: an address itself may hold a secret, and there are too many."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        REQUEST_SECONDS.labels(
            address=match.view_name if match else "none",
            method=request.method if request.method in _METHODS else "other",
            status=f"{response.status_code // 100}xx",
        ).observe(time.perf_counter() - began)
        return response


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The numbers, for whoever sends METRICS_TOKEN as a bearer; without that setting there is no such page."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not settings.METRICS_TOKEN or not hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
        raise Http404
    registry = CollectorRegistry()
    registry.register(_Platform())
    return HttpResponse(generate_latest(registry) + generate_latest(_requests), content_type=CONTENT_TYPE_LATEST)


class _Platform:
    """Gauges from the database: eleven queries, each by an index or over a small table."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield _by("rubricate_runs", "Runs by status.", ["status"], Run.objects.values_list("status"))
        batches = Batch.objects.exclude(status=Batch.Status.DONE)
        yield _by(
            "rubricate_batches", "Unfinished batches.", ["queue", "status"], batches.values_list("queue", "status")
        )
        yield self._longest_wait()
        yield _one("rubricate_workers_alive", "Workers seen of late.", WorkerHeartbeat.objects.alive().count())
        imports, exports = ImportBatch.objects.values_list("status"), Export.objects.values_list("status")
        yield _by("rubricate_imports", "Imports by status.", ["status"], imports)
        yield _by("rubricate_exports", "Exports by status.", ["status"], exports)
        yield _by("rubricate_campaigns", "Campaigns by status.", ["status"], Campaign.objects.values_list("status"))
        leased = Assignment.objects.filter(status=Assignment.Status.LEASED).count()
        yield _one("rubricate_assignments_leased", "Items that people have in hand.", leased)
        yield from self._rows()
        yield _one("rubricate_accounts_active", "Accounts.", User.objects.filter(is_active=True).count())
        due = Notification.objects.filter(mail_due=True).count()
        yield _one("rubricate_letters_due", "Notifications that wait to be mailed.", due)

    def _longest_wait(self) -> GaugeMetricFamily:
        found = GaugeMetricFamily(
            "rubricate_batch_longest_wait_seconds", "Age of the oldest ready batch of a queue.", labels=["queue"]
        )
        ready = Batch.objects.filter(status=Batch.Status.READY).values_list("queue").annotate(since=Min("created_at"))
        for queue, since in ready:
            found.add_metric([queue], (timezone.now() - since).total_seconds())
        return found

    def _rows(self) -> Iterator[GaugeMetricFamily]:
        # Kept counters: nothing is counted here.
        sums = Project.objects.aggregate(
            tasks=Sum("task_count"), outputs=Sum("output_count"), judgments=Sum("judgment_count")
        )
        for noun, count in sums.items():
            yield _one(f"rubricate_{noun}", f"Stored {noun}.", count or 0)


def _one(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


def _by(name: str, words: str, labels: list[str], rows: QuerySet[Any, Any]) -> GaugeMetricFamily:
    found = GaugeMetricFamily(name, words, labels=labels)
    for *values, count in rows.annotate(n=Count("pk")).order_by():
        found.add_metric([str(value) for value in values], count)
    return found
