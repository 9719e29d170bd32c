"""Exporting preference pairs, beside orjson writing the same rows from one cursor."""

import gc
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import orjson
from django.core.files.storage import default_storage
from django.db import connection, transaction

from projects.models import Project
from rewards.actions.exports import export_now
from rewards.exporting.choices import ExportChoices
from rewards.models import Export
from tests.bench.figures import Figure, at_least, at_most

TASKS, OUTPUTS = 20_000, 3
JUDGMENTS = TASKS * 3
"""Every pair of a task's three outputs is compared once."""
WARM_TASKS = 1_000
FILE_TYPES = ("jsonl", "parquet")
RUNS = 5
FRACTIONS = {"train": 0.9, "test": 0.1}

_FILL = """
INSERT INTO rewards_policy (id, project_id, name, description, details, created_at)
SELECT %(base)s + n, %(project)s, 'policy-' || n, '', '{}', now() FROM generate_series(1, 3) n;

INSERT INTO rewards_rater (id, project_id, kind, name, pseudonym, created_at)
VALUES (%(base)s, %(project)s, 'external', 'Annotator', 'external-1', now());

INSERT INTO rewards_task (id, project_id, external_id, version, is_current, preview, messages, context, tags, split,
                          licence, metadata, content_hash, output_count, created_at)
SELECT %(base)s + t, %(project)s, 'task-' || t, 1, true, 'Question ' || t,
       jsonb_build_array(jsonb_build_object('role', 'user', 'text', 'Question ' || t || ': ' || repeat(%(words)s, 6))),
       '', '{bench}', 'train', 'CC-BY-4.0', '{}', md5(t::text), 3, now()
FROM generate_series(1, %(tasks)s) t;

INSERT INTO rewards_output (id, project_id, task_id, policy_id, external_id, version, is_current, preview, messages,
                            char_count, generation, content_hash, created_at)
SELECT %(base)s + t * 3 + n, %(project)s, %(base)s + t, %(base)s + n, 'task-' || t || '/' || n, 1, true, 'Answer',
       jsonb_build_array(jsonb_build_object('role', 'assistant', 'channel', 'answer',
                                            'text', 'Answer ' || n || ' to ' || t || ': ' || repeat(%(words)s, 8))),
       810, '{}', md5(t || '/' || n), now()
FROM generate_series(1, %(tasks)s) t, generate_series(1, 3) n;

INSERT INTO rewards_judgment (id, project_id, kind, rater_id, task_id, input_hash, repeat, act, idempotency_key,
                              presentation, created_at)
SELECT %(base)s + t * 3 + pair, %(project)s, 'comparison', %(base)s, %(base)s + t, '', 0, gen_random_uuid(),
       'bench:' || t || ':' || pair, '{}', now()
FROM generate_series(1, %(tasks)s) t, generate_series(1, 3) pair;

INSERT INTO rewards_comparison (judgment_id, output_a_id, output_b_id, choice, tie_kind)
SELECT %(base)s + t * 3 + pair, %(base)s + t * 3 + (pair + 1) / 2, %(base)s + t * 3 + 2 + pair / 2,
       CASE WHEN (t + pair) %% 2 = 0 THEN 'a' ELSE 'b' END, ''
FROM generate_series(1, %(tasks)s) t, generate_series(1, 3) pair;
"""

_SAME_ROWS = """
SELECT task.messages->0->>'text', chosen.messages->0->>'text', rejected.messages->0->>'text', 1.0::float8
FROM rewards_comparison comparison
JOIN rewards_judgment judgment ON judgment.id = comparison.judgment_id
JOIN rewards_task task ON task.id = judgment.task_id
JOIN rewards_output chosen
  ON chosen.id = CASE comparison.choice WHEN 'a' THEN comparison.output_a_id ELSE comparison.output_b_id END
JOIN rewards_output rejected
  ON rejected.id = CASE comparison.choice WHEN 'a' THEN comparison.output_b_id ELSE comparison.output_a_id END
WHERE judgment.project_id = %s AND judgment.withdrawn_at IS NULL
ORDER BY judgment.task_id, judgment.id
"""
"""The database does all the work that it can: the rows come finished, and texts out of their JSON."""

WORDS = "The judge reads an answer and says of each criterion whether it is met, with a reason in one line. "


def figures() -> Iterator[Figure]:
    """Export `JUDGMENTS` comparisons of `TASKS` tasks; small ones first, to load what loads.

    Memory is watched before orjson's own run, which would leave freed memory for the export to hide in; times are the
    medians of runs that take turns, so that a busy moment of the machine falls on both.
    """
    small, large = _project("warm", WARM_TASKS), _project("large", TASKS)
    for file_type in FILE_TYPES:
        _export(small, file_type, WARM_TASKS * 3)
    for file_type in FILE_TYPES:
        with _Watch() as watch:
            _export(large, file_type, JUDGMENTS)
        yield at_most(f"export: {file_type}, growth of resident memory", watch.grown, "MiB", 30)
    seconds: dict[str, list[float]] = {name: [] for name in ("orjson", *FILE_TYPES)}
    with tempfile.TemporaryDirectory(prefix="rubricate-bench-export-") as folder:
        path = Path(folder) / "rows.jsonl"
        for _ in range(RUNS):
            seconds["orjson"].append(_write_with_orjson(large, path))
            for file_type in FILE_TYPES:
                seconds[file_type].append(_export(large, file_type, JUDGMENTS))
        megabytes = path.stat().st_size / 1e6
    orjson_seconds = median(seconds["orjson"])
    yield Figure("export: orjson writing the same rows from one cursor", JUDGMENTS / orjson_seconds, "rows/s")
    yield Figure("export: which is of JSONL", megabytes / orjson_seconds, "MB/s")
    for file_type in FILE_TYPES:
        rate = JUDGMENTS / median(seconds[file_type])
        yield Figure(f"export: {file_type}, built, hashed and stored", rate, "rows/s")
        yield at_least(f"export: {file_type}, its speed over orjson's", rate * orjson_seconds / JUDGMENTS, "ratio", 0.5)


def _project(slug: str, tasks: int) -> Project:
    project = Project.objects.create(slug=slug, name=slug)
    base = 10_000_000 * project.pk
    values = {"project": project.pk, "base": base, "tasks": tasks, "words": WORDS}
    with connection.cursor() as cursor:
        for statement in _FILL.split(";\n"):
            if statement.strip():
                cursor.execute(statement, values)
        cursor.execute("ANALYZE")
    return project


def _export(project: Project, file_type: str, rows: int) -> float:
    """Seconds."""
    choices = ExportChoices(combine="each", file_type=file_type, fractions=FRACTIONS)
    gc.collect()
    begin = time.perf_counter()
    export = export_now(project, choices=choices)
    seconds = time.perf_counter() - begin
    if export.status != Export.Status.READY or export.rows_written != rows:
        raise RuntimeError(f"the export is {export.status} with {export.rows_written} rows: {export.failure}")
    for file in export.files.in_order():
        default_storage.delete(file.stored_as)
    return seconds


def _write_with_orjson(project: Project, path: Path) -> float:
    """Seconds."""
    begin = time.perf_counter()
    with transaction.atomic(), path.open("wb", buffering=2**20) as file:
        connection.ensure_connection()
        with connection.connection.cursor(name="same_rows") as cursor:
            cursor.itersize = 5_000
            cursor.execute(_SAME_ROWS, [project.pk])
            for prompt, chosen, rejected, margin in cursor:
                row = {"prompt": prompt, "chosen": chosen, "rejected": rejected, "margin": margin}
                file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return time.perf_counter() - begin


class _Watch:
    """The highest resident memory while the block runs, over that at its start, in MiB, looked at every 5 ms."""

    def __enter__(self) -> "_Watch":
        self._before = self._highest = _resident()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def grown(self) -> float:
        return self._highest - self._before

    def _look(self) -> None:
        while not self._ended.wait(0.005):
            self._highest = max(self._highest, _resident())


def _resident() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc says nothing of memory")
