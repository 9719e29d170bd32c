"""Importing tasks with outputs from JSONL: how many a second, and whether memory grows with the file."""

import gc
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
from django.db import connection

from projects.models import Project
from rewards.actions.imports import import_files
from rewards.formats.sources import SourceFile
from rewards.models import ImportBatch
from tests.bench.figures import Figure, at_least, at_most

FEW, MANY = 5_000, 20_000
WORDS = "The judge reads an answer and says of each criterion whether it is met, with a reason in one line. "


def figures() -> Iterator[Figure]:
    """Import `FEW` tasks to warm up and as the mark for memory, then `MANY`, each with two outputs, in projects of
    their own.
    """
    with tempfile.TemporaryDirectory(prefix="rubricate-bench-import-") as folder:
        few, many = _write(Path(folder), FEW), _write(Path(folder), MANY)
        _import(few, FEW)
        small, used = _peak_mebibytes(), _processor_seconds()
        seconds = _import(many, MANY)
        grown, used = _peak_mebibytes() - small, _processor_seconds() - used
        yield at_least("import: tasks of two outputs, from JSONL", MANY / seconds, "tasks/s", 3_000)
        yield Figure("import: the same, of the file", many.stat().st_size / 2**20 / seconds, "MiB/s")
        yield Figure("import: per second of processor, database included", MANY / used, "tasks/s")
        yield at_most(f"import: peak memory at {MANY:,} tasks over that at {FEW:,}", grown, "MiB", 5)


def _import(path: Path, tasks: int) -> float:
    project = Project.objects.create(slug=f"import-{tasks}", name="Import")
    gc.collect()
    with path.open("rb") as file:
        begin = time.perf_counter()
        batch = import_files(
            project, by=None, format_name="rubricate_jsonl", files=[SourceFile(path.name, file)], bytes_total=1
        )
        seconds = time.perf_counter() - begin
    if batch.status != ImportBatch.Status.DONE or batch.counts["tasks_created"] != tasks or batch.error_count:
        raise RuntimeError(f"the import took {batch.counts} with {batch.error_count} errors, not {tasks} tasks")
    return seconds


def _write(folder: Path, tasks: int) -> Path:
    """Rows as people import them: a prompt of 600 characters, two outputs of some 800, tags, a split, settings."""
    path = folder / f"{tasks}.jsonl"
    with path.open("wb") as file:
        for number in range(tasks):
            file.write(orjson.dumps(_row(number), option=orjson.OPT_APPEND_NEWLINE))
    return path


def _row(number: int) -> dict[str, object]:
    outputs = [
        {
            "id": f"task-{number}/{policy}",
            "policy": policy,
            "text": f"Answer {number} of {policy}. " + WORDS * 8,
            "generation": {"temperature": 0.7, "seed": number},
        }
        for policy in ("small-model", "large-model")
    ]
    return {
        "id": f"task-{number}",
        "prompt": f"Question {number}: " + WORDS * 6,
        "reference": "It says so.",
        "tags": ["bench", f"part-{number % 7}"],
        "split": "train",
        "licence": "CC-BY-4.0",
        "outputs": outputs,
    }


def _processor_seconds() -> float:
    """Of this process and of its database connection's: what a busy machine cannot blur."""
    connection.ensure_connection()
    fields = Path(f"/proc/{connection.connection.info.backend_pid}/stat").read_text(encoding="ascii").split()
    return time.process_time() + (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def _peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
