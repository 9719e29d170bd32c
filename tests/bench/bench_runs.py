"""What the machinery of a run costs beside the model: queueing, claiming, and storing each item's result."""

import time
from collections.abc import Iterator
from unittest.mock import patch

from django.db import connection

from projects.models import Project
from rewards.models import RewardSignal
from tests.bench.figures import Figure, at_most
from tests.workers.counting_source import CountingSource, counting_scorer, registered
from workers.actions.batches import claim_batch
from workers.actions.runs import start_run
from workers.models import Attempt, Batch, Run
from workers.scoring import work_once
from workers.selection import OutputSelection

OUTPUTS = 100_000
COMPUTED = 1_600
CLAIMS = 100

_FILL = """
INSERT INTO rewards_task (project_id, external_id, version, is_current, preview, messages, context, tags, split,
                          licence, metadata, content_hash, output_count, created_at)
SELECT %(project)s, 'task-' || n, 1, true, 'Question', '[{"role": "user", "text": "Question"}]', '', '{}', '', '',
       '{}', md5(n::text), 10, now()
FROM generate_series(1, %(tasks)s) n;

INSERT INTO rewards_output (project_id, task_id, external_id, version, is_current, preview, messages, char_count,
                            generation, content_hash, created_at)
SELECT t.project_id, t.id, t.external_id || '-' || n, 1, true, 'Answer', jsonb_build_array(
           jsonb_build_object('role', 'assistant', 'channel', 'answer', 'text', repeat('answer ', n * 10))
       ),
       70 * n, '{}', md5(t.id || '-' || n), now()
FROM rewards_task t, generate_series(1, 10) n WHERE t.project_id = %(project)s
"""


def figures() -> Iterator[Figure]:
    project = Project.objects.create(slug="runs", name="Runs")
    with connection.cursor() as cursor:
        cursor.execute(_FILL, {"project": project.pk, "tasks": OUTPUTS // 10})
        cursor.execute("ANALYZE")
    with registered(CountingSource()):
        yield from _queueing(project)
        yield from _claiming()
        yield from _storing()


def _queueing(project: Project) -> Iterator[Figure]:
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE plain (id bigserial PRIMARY KEY, output_id bigint REFERENCES rewards_output, status text)"
        )
        cursor.execute("INSERT INTO plain (output_id, status) SELECT id, 'pending' FROM rewards_output ORDER BY id")
    plain = time.perf_counter() - started
    started = time.perf_counter()
    start_run(project=project, scorer=counting_scorer(project), selection=OutputSelection(), actor=None, notify=False)
    took = time.perf_counter() - started
    yield Figure("a run of 100,000 outputs is queued in", took, "s")
    yield at_most("queueing a run / INSERT ... SELECT of the same rows", took / plain, "x", 6)


def _claiming() -> Iterator[Figure]:
    """Among 6,250 waiting batches, and among the last few of them."""
    many = _seconds_a_claim()
    Batch.objects.update(status=Batch.Status.DONE, lease_until=None)
    few = list(Batch.objects.order_by("id").values_list("pk", flat=True)[: CLAIMS + 1])
    Batch.objects.filter(pk__in=few).update(status=Batch.Status.READY)
    least = _seconds_a_claim()
    Batch.objects.update(status=Batch.Status.READY, attempt=0, stalled_leases=0, lease_until=None)
    yield Figure("claiming a batch among 6,250", many * 1000, "ms")
    yield at_most("claiming a batch among 6,250 / among 100", many / least, "x", 2)


def _seconds_a_claim() -> float:
    started = time.perf_counter()
    for _ in range(CLAIMS):
        assert claim_batch(queue="cpu", worker="bench") is not None
    return (time.perf_counter() - started) / CLAIMS


def _storing() -> Iterator[Figure]:
    """Through claim, lease, fence, attempt, signal and counters; beside only inserting attempts and signals."""
    started = time.perf_counter()
    with patch("workers.progress.publish"):
        for _ in range(COMPUTED // 16):
            assert work_once("cpu")
    took = time.perf_counter() - started
    scored = Run.objects.get().scored_count
    assert scored == COMPUTED == RewardSignal.objects.count()
    plain = _seconds_of_plain_inserts()
    yield Figure("items scored a second with a source that costs nothing", scored / took, "1/s")
    yield Figure("of plain inserts of the same rows, eight at a time", plain / took, "x")


def _seconds_of_plain_inserts() -> float:
    """The same attempts and signals again under other keys, in transactions of eight as a micro-batch is."""
    attempts = list(Attempt.objects.order_by("id"))
    signals = list(RewardSignal.objects.order_by("id"))
    for row in [*attempts, *signals]:
        row.pk = None
        row.input_hash = row.input_hash[::-1]
    for attempt in attempts:
        attempt.number += 1
    started = time.perf_counter()
    for first in range(0, len(attempts), 8):
        Attempt.objects.bulk_create(attempts[first : first + 8])
        RewardSignal.objects.bulk_create(signals[first : first + 8])
    return time.perf_counter() - started
