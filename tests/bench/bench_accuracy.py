"""Which source deserves trust: accuracy against human preferences, on public data.

Measured on the models that packages carry, which are small: see what the lines say before you believe a judge of this
size. By default some tasks are drawn by a fixed seed; `BENCH_TASKS=500` takes them all (an hour on two cores).
"""

import os
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from annotations.actions.study import run_study
from projects.models import Project
from rewards.actions.imports import import_files
from rewards.actions.rubrics import create_rubric
from rewards.formats.sources import SourceFile
from rewards.models import RubricVersion, Task
from rewards.rubrics.content import Criterion, RubricContent
from tests.bench.figures import Figure
from workers.actions.endpoints import ensure_default_endpoint, ensure_embedding_endpoint
from workers.actions.runs import start_run
from workers.actions.scorers import create_scorer
from workers.catalogue import unfit
from workers.models import ModelEndpoint
from workers.scoring import work_once
from workers.selection import OutputSelection
from workers.sources.registry import SOURCES

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "fine_grained_rlhf" / "dev_feedback.json"
TASKS = int(os.environ.get("BENCH_TASKS", "12"))


class Measured(NamedTuple):
    """A scorer to measure: its source, the parameters that differ from the defaults, and whether it needs a rubric."""

    source: str
    parameters: Mapping[str, Any]
    needs_rubric: bool = False


# Without the long passages of the context, which a model of this size cannot use.
MEASURED = (
    Measured("log_ratio", {"use_context": False}),
    Measured("semantic_similarity", {}),
    Measured("instruction_similarity", {}),
    Measured("outcome_model", {}),
    Measured("direct_likert", {}),
    Measured("rubric_judge", {"use_context": False}, needs_rubric=True),
    Measured("pairwise_judge", {}),
)
CRITERIA = RubricContent(
    (
        Criterion("relevant", "The response answers the question and says nothing beside it."),
        Criterion("right", "What the response says agrees with the reference."),
        Criterion("complete", "The response leaves nothing important out."),
    )
)


def figures() -> Iterator[Figure]:
    if not DATA.exists():
        yield Figure("accuracy: the public data are not here", 0, "pairs")
        return
    project = Project.objects.create(slug="accuracy", name="Accuracy")
    with DATA.open("rb") as opened:
        import_files(project, by=None, format_name="fine_grained_rlhf", files=[SourceFile(DATA.name, opened)])
    version = _rubric(project)
    endpoints = [ensure_default_endpoint(), ensure_embedding_endpoint()]
    selection = OutputSelection(task_ids=_drawn(project))
    for measured in MEASURED:
        yield from _run(project, measured, endpoints, version, selection)
    yield from _accuracy(project)


def _drawn(project: Project) -> tuple[str, ...]:
    names = sorted(Task.objects.of(project).current().values_list("external_id", flat=True))
    return tuple(random.Random(0).sample(names, min(TASKS, len(names))))


def _rubric(project: Project) -> RubricVersion:
    return create_rubric(project=project, name="Long-form answers", content=CRITERIA, actor=None)


def _run(
    project: Project,
    measured: Measured,
    endpoints: list[ModelEndpoint],
    version: RubricVersion,
    selection: OutputSelection,
) -> Iterator[Figure]:
    declaration = SOURCES[measured.source].declaration
    roles = {}
    for role in declaration.models:
        if role.required:
            roles[role.name] = next(endpoint for endpoint in endpoints if not unfit(role, endpoint))
    scorer = create_scorer(
        project=project,
        source=measured.source,
        parameters=measured.parameters,
        endpoints=roles,
        rubric_version=version if measured.needs_rubric else None,
        name=measured.source,
        actor=None,
    )
    run = start_run(project=project, scorer=scorer, selection=selection, actor=None, notify=False)
    started = time.perf_counter()
    while work_once(scorer.queue, run=run):
        pass
    run.refresh_from_db()
    took = time.perf_counter() - started
    yield Figure(f"{measured.source}: items of {run.item_count:,}, scored", run.scored_count, "items")
    yield Figure(f"{measured.source}: time", took, "s")


def _accuracy(project: Project) -> Iterator[Figure]:
    result = run_study(project, kind="accuracy", parameters={}).result
    yield Figure("human preferences, decided", result["decided"], "pairs")
    for row in result["rows"]:
        if row["value"] is None:
            continue
        name = f"accuracy of {row['name']}, {row['scalar']}"
        yield Figure(name, row["value"], f"n={row['n']}")
        yield Figure("  from", row["low"], "")
        yield Figure("  to", row["high"], "no better than chance" if row["is_chance"] else "")
    for row in result["position_bias"]:
        yield Figure(f"first place chosen by {row['name']}", row["first"]["value"], f"n={row['n']}")
