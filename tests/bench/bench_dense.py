"""Every dense source that runs on the shipped models, against the spans that people marked in public data.

One line a signal: how well low values find what is marked (AUROC and average precision with 95 % intervals over tasks,
beside the share that is marked), whether the first error is found, and seconds by 1,000 tokens of the outputs. What
needs a model or weights that are not shipped says so. The models are small: read the lines as what each method costs
and that it runs, and as evidence of quality only where an interval leaves one half.

Tasks are drawn by a fixed seed, fewer for what takes longer; `BENCH_DENSE=4` takes four times as many.
"""

import os
import random
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from annotations.actions.study import run_study
from projects.models import Project
from rewards.actions.imports import import_files
from rewards.actions.rubrics import create_rubric
from rewards.formats.sources import SourceFile
from rewards.models import Judgment, Output, RubricVersion
from rewards.rubrics.content import Criterion, RubricContent
from tests.bench.figures import Figure, at_most
from workers.actions.endpoints import ensure_default_endpoint, ensure_embedding_endpoint
from workers.actions.runs import start_run
from workers.actions.scorers import create_scorer
from workers.catalogue import entry_for, serving
from workers.demo.shipped_adapter import offer_shipped_adapter
from workers.models import ModelEndpoint, Run, RunItem
from workers.scoring import work_once
from workers.selection import OutputSelection
from workers.sources.contract import Input
from workers.sources.registry import SOURCES
from workers.sources.results import Gives

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "fine_grained_rlhf" / "dev_feedback.json"
SCALE = float(os.environ.get("BENCH_DENSE", "1"))
SECONDS = 360
# Tasks by what a source costs: one reading, dozens, or text that the model writes.
QUICK, SLOW, WRITES = 20, 8, 3
# Families with numbers over parts of outputs, and those of their sources that have one number an output.
FAMILIES = frozenset(
    {
        "Attribution",
        "Critics",
        "Fitted here",
        "Log-probabilities",
        "Outcome and step models",
        "Similarity and relevance",
    }
)
WHOLE_NUMBERS = frozenset({"outcome_model", "reward_model"})


@dataclass(frozen=True)
class Dense:
    """A source to measure.

    Attributes
    ----------
    source : str
    tasks : int
    parameters : mapping
        Where the defaults do not do. The long passages of the context are left out everywhere: a model of this size
        cannot use them.
    trained : tuple of str
        Roles of the checkpoint with the shipped adapter; the others are of its base.
    optional : tuple of str
        Roles that are filled although they need not be.
    """

    source: str
    tasks: int = QUICK
    parameters: Mapping[str, Any] = field(default_factory=dict)
    trained: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


# The reference answer's log-probability: a number that a model of this size knows something about.
EXPLAINED = {"answer_by": "reference_mean"}
SHORT = {"max_new_tokens": 128, "retries": 0}
MEASURED = (
    Dense("log_ratio"),
    Dense("implicit_prm", trained=("policy",), optional=("reference",)),
    # As training begins: the policy is the reference still.
    Dense("rto", trained=("dpo",)),
    Dense("simpo_reward"),
    Dense("length_desensitised_reward", trained=("policy",), optional=("reference",)),
    Dense("checkpoint_values"),
    Dense("logit_delta", trained=("trained",)),
    Dense("uncertainty"),
    Dense("information_gain", SLOW, {"last_turn": "gain"}),
    Dense("thought_gain", SLOW, {"shuffles": 1}),
    Dense("sparse_position_likelihood", SLOW),
    Dense("shapley_information_gain", SLOW),
    Dense("semantic_similarity"),
    Dense("instruction_similarity"),
    Dense("relevance_mixture"),
    Dense("dimension_reward", SLOW),
    Dense("step_model"),
    Dense("gradient_x_input", SLOW, EXPLAINED),
    Dense("integrated_gradients", WRITES, {**EXPLAINED, "steps": 8}),
    Dense("layer_relevance", SLOW, EXPLAINED),
    Dense("leave_one_out", SLOW, EXPLAINED),
    Dense("lime", WRITES, {**EXPLAINED, "samples": 64}),
    Dense("partition_shap", WRITES, {**EXPLAINED, "budget": 64}),
    Dense("attention_redistribution"),
    Dense("drlc_critic", WRITES, {**SHORT, "few_shot": False}),
    Dense("error_spans", WRITES, SHORT),
    Dense("thought_units", WRITES, SHORT),
    Dense("step_verdicts", WRITES, SHORT),
    Dense("evidence_verdicts", WRITES, SHORT),
    Dense("missing_information", WRITES, SHORT),
    Dense("token_credit"),
    Dense("novelty"),
)
FITTED = "reads weights that are learnt from a project's own labels first"
CRITERIA = RubricContent((Criterion("right", "What the response says agrees with the reference."),))


class TableRow(NamedTuple):
    """One signal's line, or why there is none."""

    name: str
    found: Mapping[str, Any] | None = None
    why: str = ""

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.name:<58} -- {self.why}"
        row = self.found
        cells = [
            f"{self.name:<58}",
            f"n={row['outputs']:<3}",
            f"AUROC {_interval(row['auroc'])}",
            f"AP {_interval(row['average_precision'])} of {_number(row['base_rate'])}",
            f"first {_interval(row['first_error'])}",
            f"span F1 {_number(row['span_f1'])}",
            f"{_number(row['seconds_per_1000_tokens'])} s/1k",
        ]
        return "  ".join(cells)


class Bench(NamedTuple):
    """What all sources are measured with."""

    project: Project
    models: list[ModelEndpoint]
    trained: ModelEndpoint
    outputs: list[str]
    rubric: RubricVersion

    def serving(self, role: Any, measured: Dense) -> ModelEndpoint:
        """The first model that can play the role; the trained checkpoint where it is to."""
        return self.trained if role.name in measured.trained else serving(role, self.models)[0]


def figures() -> Iterator[Figure | TableRow]:
    if not DATA.exists():
        yield Figure("dense: the public data are not here", 0, "outputs")
        return
    _require_whole_table()
    bench = _prepared()
    started = time.perf_counter()
    runs: dict[int, tuple[Dense, Run]] = {}
    for measured in MEASURED:
        obstacle = _obstacle(bench, measured)
        if obstacle:
            yield TableRow(measured.source, why=obstacle)
            continue
        before, busy = time.perf_counter(), time.process_time()
        run = _run(bench, measured)
        runs[run.scorer.rater_id] = measured, run
        # Of the processor too: on a loaded machine the clock says little.
        took, used = time.perf_counter() - before, time.process_time() - busy
        sys.stderr.write(f"{measured.source}: {took:.1f} s, {used:.1f} s of the processor\n")
    result = run_study(bench.project, kind="dense", parameters={}).result
    yield from _table(result, runs)
    yield from _steps(result["steps"])
    yield at_most("dense: the whole table", time.perf_counter() - started, "s", SECONDS * SCALE)


def _require_whole_table() -> None:
    """A source that comes to the registry comes to the table, or is named as one that has no numbers over parts."""
    dense = {
        name
        for name, source in SOURCES.items()
        if source.declaration.gives & {Gives.SIGNALS, Gives.STEPS} and source.declaration.family in FAMILIES
    }
    if missing := dense - WHOLE_NUMBERS - {one.source for one in MEASURED}:
        raise RuntimeError(f"not in the table: {', '.join(sorted(missing))}")


def _prepared() -> Bench:
    project = Project.objects.create(slug="dense", name="Dense")
    with DATA.open("rb") as opened:
        import_files(project, by=None, format_name="fine_grained_rlhf", files=[SourceFile(DATA.name, opened)])
    asked = Judgment.objects.of(project).filter(kind=Judgment.Kind.SPANS).values("output")
    names = sorted(Output.objects.filter(pk__in=asked).values_list("external_id", flat=True))
    random.Random(0).shuffle(names)
    base = ensure_default_endpoint()
    return Bench(
        project,
        [base, ensure_embedding_endpoint()],
        offer_shipped_adapter(project=project, base=base, actor=None),
        names,
        create_rubric(project=project, name="Right", content=CRITERIA, actor=None),
    )


def _obstacle(bench: Bench, measured: Dense) -> str:
    """Why it cannot run on what is shipped; empty where it can."""
    declaration = SOURCES[measured.source].declaration
    return FITTED if declaration.artefact else entry_for(declaration, bench.models).obstacle


def _run(bench: Bench, measured: Dense) -> Run:
    declaration = SOURCES[measured.source].declaration
    known = {parameter.name for parameter in declaration.parameters}
    left_out = {"use_context": False} if "use_context" in known else {}
    scorer = create_scorer(
        project=bench.project,
        source=measured.source,
        parameters={**left_out, **measured.parameters},
        endpoints={
            role.name: bench.serving(role, measured)
            for role in declaration.models
            if role.required or role.name in measured.optional
        },
        rubric_version=bench.rubric if Input.CRITERIA in declaration.needs else None,
        name=measured.source,
        actor=None,
    )
    chosen = OutputSelection(output_ids=tuple(bench.outputs[: max(1, int(measured.tasks * SCALE))]))
    run = start_run(project=bench.project, scorer=scorer, selection=chosen, actor=None, notify=False)
    while work_once(scorer.queue, run=run):
        pass
    run.refresh_from_db()
    return run


def _table(result: Mapping[str, Any], runs: Mapping[int, tuple[Dense, Run]]) -> Iterator[TableRow]:
    """The study's rows, the best first, then the sources that gave none and why."""
    for row in result["rows"]:
        yield TableRow(f"{row['name']}, {row['channel']} by {row['segmenter'].partition(':')[0]}", row)
    shown = {row["rater"] for row in result["rows"]}
    for rater, (measured, run) in runs.items():
        if rater not in shown:
            yield TableRow(measured.source, why=_silence(rater, run))


def _silence(rater: int, run: Run) -> str:
    if run.scored_count:
        kinds = sorted({judgment.get_kind_display() for judgment in Judgment.objects.filter(rater=rater)[:50]})
        given = ", ".join(kinds).lower() or "one number an output"
        return f"{run.scored_count} of {run.item_count} outputs scored: {given}, no numbers over parts"
    counted = RunItem.objects.filter(run=run).counted_by_reason()
    return f"none of {run.item_count} outputs scored: {', '.join(reason for _, reason, _ in counted)}"


def _steps(found: Mapping[str, Any]) -> Iterator[TableRow | Figure]:
    for row in found["rows"]:
        name = f"first wrong step by {row['name']}, n={row['outputs']}"
        for part in ("on_erroneous", "on_correct"):
            if row[part]["value"] is not None:
                yield Figure(f"{name}: {part.replace('_', ' ')} outputs", row[part]["value"], f"n={row[part]['n']}")


def _interval(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "-".center(16)
    return f"{found['value']:.2f} [{_number(found['low'])}, {_number(found['high'])}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
