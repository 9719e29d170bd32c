"""Step labels of scorers against what people said: does a scorer name the first wrong step?

People say it by step labels, and where an output has none of theirs by marked spans: the first error is then where the
first mark begins. Several people count as one: the first error that any of them named.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from projects.models import Project
from rewards import signal_store
from rewards.models import Judgment, Output, Rater, StepLabel
from rewards.statistics.step_errors import StepCase, step_score
from rewards.text import Span

WRONG = -1


class Named(NamedTuple):
    """What one rater's labels say of one output: its first wrong step in the text, or that there is none."""

    output: int
    first: Span | None


def compute(project: Project, marked: Mapping[int, Span | None], *, seed: int) -> dict[str, Any]:
    """One row a scorer that labels steps.

    Parameters
    ----------
    marked : mapping of output to Span or None
        Of outputs on which people were asked for spans: their first mark, or None where nothing was marked.
    """
    truth = {**marked, **_of_people(project)}
    tasks = dict(Output.objects.filter(pk__in=list(truth)).values_list("pk", "task_id"))
    by_rater: dict[int, dict[int, Named]] = {}
    for rater, named in _labelled(project, of_scorers=True):
        # The latest of several repeats stands for the scorer.
        by_rater.setdefault(rater, {})[named.output] = named
    names = Rater.objects.in_bulk(list(by_rater))
    rows = []
    for rater, found in by_rater.items():
        both = [output for output in found if output in truth]
        cases = [
            StepCase(tasks[output], truth[output] is not None, _is_same(found[output].first, truth[output]))
            for output in both
        ]
        if cases:
            rows.append({"rater": rater, "name": names[rater].name, "outputs": len(cases), **_scored(cases, seed)})
    rows.sort(key=lambda row: (row["f1"] is None, -(row["f1"] or 0), row["name"]))
    return {"outputs": len(truth), "erroneous": sum(first is not None for first in truth.values()), "rows": rows}


def _of_people(project: Project) -> dict[int, Span | None]:
    truth: dict[int, Span | None] = {}
    for _, named in _labelled(project, of_scorers=False):
        earlier = truth.get(named.output)
        named_first = [one for one in (earlier, named.first) if one is not None]
        truth[named.output] = min(named_first, key=lambda span: (span.message, span.start), default=None)
    return truth


def _labelled(project: Project, *, of_scorers: bool) -> list[tuple[int, Named]]:
    """What each judgment that labels steps says, with its rater, the oldest first; a judgment without labels says
    nothing."""
    judgments = Judgment.objects.of(project).standing().without_reviews().filter(kind=Judgment.Kind.STEPS)
    if of_scorers:
        judgments = judgments.filter(rater__kind=Rater.Kind.SCORER)
    else:
        judgments = judgments.exclude(rater__kind=Rater.Kind.SCORER).without_settled()
    said: dict[int, tuple[int, int, int, int | None]] = {}
    labels = StepLabel.objects.filter(judgment__in=judgments).order_by("judgment_id", "step")
    fields = ("judgment_id", "judgment__rater_id", "judgment__output_id", "segmentation_id", "step", "label")
    for judgment, rater, output, cut, step, label in labels.values_list(*fields).iterator(chunk_size=20_000):
        known = said.setdefault(judgment, (rater, output, cut, None))
        if label == WRONG and known[3] is None:
            said[judgment] = (rater, output, cut, step)
    cuts = signal_store.load_segmentations({cut for _, _, cut, step in said.values() if step is not None})
    return [
        (rater, Named(output, None if step is None else Span(*map(int, cuts[cut].spans[step]))))
        for rater, output, cut, step in said.values()
    ]


def _is_same(found: Span | None, wanted: Span | None) -> bool:
    """Whether the named step is where the first error begins, however both cut the text; or none is named rightly."""
    if found is None or wanted is None:
        return found is wanted
    return found.message == wanted.message and found.start <= wanted.start < max(found.end, found.start + 1)


def _scored(cases: list[StepCase], seed: int) -> dict[str, Any]:
    score = step_score(cases, seed=seed)

    def number(value: float) -> float | None:
        return None if value != value else float(value)

    def estimate(name: str) -> dict[str, Any]:
        one = getattr(score, name)
        return {"value": number(one.value), "low": number(one.low), "high": number(one.high), "n": one.n}

    return {"on_erroneous": estimate("erroneous"), "on_correct": estimate("correct"), "f1": number(score.f1)}
