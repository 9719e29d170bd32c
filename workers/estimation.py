"""What a run would cost, before it is started: read from the outputs, the source's own account and measured speed."""

from contextlib import suppress
from dataclasses import dataclass

from django.db.models import BigIntegerField, Count, ExpressionWrapper, F, Func, IntegerField, Q
from django.db.models.functions import Coalesce, Mod

from projects.models import Project
from rewards.models import Output, RubricVersion
from workers.inputs import group_item, newest_task_rubrics, output_item
from workers.models import Attempt, Run, Scorer
from workers.selection import OutputSelection
from workers.sources.contract import Estimate
from workers.sources.registry import source_named

# Until a run was measured: the shipped model of 135 million parameters reads about 800 tokens a second on two cores
# in bfloat16.
DEFAULT_TOKENS_PER_SECOND = 800
CHARACTERS_PER_TOKEN = 4
# A verifier takes about as long as storing what it found; one that runs programs is known better after its first run.
SECONDS_WITHOUT_MODEL = 0.01
_SAMPLE = 24
_MOST_BYTES = 200_000
_LONG_COLUMNS = ("messages", "task__messages", "task__context", "task__reference")
# Multiplying by it and taking the rest scatters neighbouring keys (Knuth's multiplicative hash).
_SCATTER, _RANGE = 2_654_435_761, 2**32


@dataclass(frozen=True)
class RunEstimate:
    """What a run would cost.

    Attributes
    ----------
    outputs, items : int
        Items are outputs, or tasks where a source reads their outputs together, times repeats.
    reused : int
        Items that need no model, having been scored before.
    characters, tokens : int
        That are read for the items to compute, prompts included, from a sample of the outputs; four characters count
        as a token of a model, and there are none where no model reads.
    seconds : float
        Of one worker.
    measured_on : int or None
        The run whose speed is assumed; None where none on these models was measured and the default is used.
    """

    outputs: int
    items: int
    reused: int
    characters: int
    tokens: int
    seconds: float
    measured_on: int | None

    @property
    def to_compute(self) -> int:
        return self.items - self.reused


def estimate_run(*, project: Project, scorer: Scorer, selection: OutputSelection, repeats: int = 1) -> RunEstimate:
    """What it would cost to score the selection; up to nine queries, nothing is written and no model is asked."""
    chosen = selection.outputs(project, scorer).values("pk")
    counts = Output.objects.filter(pk__in=chosen).aggregate(outputs=Count("pk"), tasks=Count("task", distinct=True))
    outputs = counts["outputs"]
    in_groups = source_named(scorer.source).declaration.reads_group
    items = (counts["tasks"] if in_groups else outputs) * repeats
    reused = 0
    if scorer.is_pinned and items:
        scored = Attempt.objects.filter(rater=scorer.rater_id, status=Attempt.Status.SCORED, repeat__lt=repeats)
        reused = min(scored.filter(output__in=chosen).count(), items)
    to_compute = items - reused
    sample = _sample(project, selection, scorer)
    read, sampled = _read_by_models(project, scorer, sample, in_groups=in_groups)
    characters = round(read.characters * to_compute / sampled) if sampled else 0
    measured = _measured_run(project, scorer)
    if measured is None and not scorer.content["models"]:
        seconds = to_compute * SECONDS_WITHOUT_MODEL
    elif measured is None:
        seconds = characters / CHARACTERS_PER_TOKEN / DEFAULT_TOKENS_PER_SECOND
    else:
        seconds = characters * measured.busy_seconds / measured.attempted_characters
    return RunEstimate(
        outputs=outputs,
        items=items,
        reused=reused,
        characters=characters,
        tokens=-(-characters // CHARACTERS_PER_TOKEN) if scorer.content["models"] else 0,
        seconds=seconds,
        measured_on=measured.pk if measured else None,
    )


def _sample(project: Project, selection: OutputSelection, scorer: Scorer) -> list[Output]:
    """Some outputs of the selection from all over it, the same ones each time; without the very long ones.

    A prompt of megabytes would be laid out once a criterion here, to weigh what the model will refuse anyway.
    """
    chosen = selection.outputs(project, scorer).values("pk")
    scattered = ExpressionWrapper(Mod(F("pk") * _SCATTER, _RANGE), output_field=BigIntegerField())
    keys = list(Output.objects.filter(pk__in=chosen).order_by(scattered).values_list("pk", flat=True)[:_SAMPLE])
    sizes = {f"size_{number}": _stored_bytes(name) for number, name in enumerate(_LONG_COLUMNS)}
    sized = Output.objects.filter(pk__in=keys).alias(**sizes)
    too_long = Q()
    for size in sizes:
        too_long |= Q(**{f"{size}__gt": _MOST_BYTES})
    return list(sized.exclude(too_long).select_related("task").order_by("pk"))


def _stored_bytes(field: str) -> Coalesce:
    """What the value takes on disk; it is not read for it."""
    return Coalesce(Func(F(field), function="pg_column_size", output_field=IntegerField()), 0)


def _read_by_models(project: Project, scorer: Scorer, sample: list[Output], *, in_groups: bool) -> tuple[Estimate, int]:
    """The source's account of the sample, and how many items the sample makes."""
    rubrics: dict[str, RubricVersion] = {}
    fixed: RubricVersion | None = None
    if scorer.uses_task_rubric:
        rubrics = newest_task_rubrics(project, {output.task.external_id for output in sample})
    elif scorer.rubric_version_id is not None:
        fixed = RubricVersion.objects.with_criteria().get(pk=scorer.rubric_version_id)
    items = []
    groups = _groups(project, sample) if in_groups else [[output] for output in sample]
    for outputs in groups:
        task = outputs[0].task
        # An output of an unexpected shape fails in the run, where the reason is stored; here it only weighs nothing.
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            rubric = fixed or rubrics.get(task.external_id)
            read = group_item if in_groups else output_item
            items.append(read(task, outputs, rubric.content().criteria if rubric else (), key=""))
    return source_named(scorer.source).estimate(items, scorer.parameters_in_force), len(groups)


def _groups(project: Project, sample: list[Output]) -> list[list[Output]]:
    """All current outputs of the sample's tasks, by task: somewhat more than a selection may choose."""
    groups: dict[int, list[Output]] = {output.task_id: [] for output in sample}
    members = Output.objects.of(project).current().filter(task__in=list(groups)).select_related("task").order_by("pk")
    for output in members:
        groups[output.task_id].append(output)
    return [group for group in groups.values() if group]


def _measured_run(project: Project, scorer: Scorer) -> Run | None:
    """The latest run that says how fast this scorer reads, else the latest on the same model."""
    same = Run.objects.of(project).measured().by(scorer).first()
    endpoint = first_endpoint(scorer)
    if same is not None or endpoint is None:
        return same
    return Run.objects.of(project).measured().on_endpoint(endpoint).first()


def first_endpoint(scorer: Scorer) -> int | None:
    """The model that a worker should have loaded."""
    return scorer.models.order_by("role").values_list("endpoint_id", flat=True).first()
