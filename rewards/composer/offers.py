"""What a recipe can start from in this project: what is really there for the outputs that it is tried on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import F, Q
from django.db.models.lookups import IsNull

from projects.models import Project
from rewards.composer.sample import Sample
from rewards.models import Comparison, Critique, Judgment, Output, Rater, Rating, RewardSignal, SpanMark, Task, Verdict
from rewards.recipes.inputs import FACTS, KINDS
from rewards.segmentation import WHOLE
from rewards.shaping.rows import OUTPUT, SENTENCE, STEP, SUBSENTENCE, TOKEN, TURN
from rewards.signals import DIAGNOSTIC_CHANNELS

_LEVELS: Final = {
    "sentence": SENTENCE,
    "subsentence": SUBSENTENCE,
    "step": STEP,
    "turn": TURN,
    WHOLE.partition("/")[0]: OUTPUT,
}
_MARKED_AS_ERROR: Final = -1.0
"""What a label is worth until somebody says otherwise: people mark errors far more often than praise."""
_MAX_FIELDS: Final = 60


@dataclass(frozen=True)
class Offer:
    """An input that could be added.

    Attributes
    ----------
    name : str
        What the input would be called.
    declared : mapping
        As a recipe declares it.
    """

    label: str
    name: str
    declared: Mapping[str, Any]

    @property
    def json(self) -> str:
        """What the page sends back to add it."""
        return json.dumps({"name": self.name, "input": self.declared}, ensure_ascii=False)


def offers_for(project: Project, sample: Sample) -> list[tuple[str, list[Offer]]]:
    """Offers by kind of input; at most ten queries, whatever the number of outputs."""
    ids = sample.output_ids
    found = {
        "signal": _signals(ids),
        "rating": _by_who("rating", "question", _ratings(ids)),
        "rubric": _rubrics(ids),
        "comparison": _compared(ids),
        "marks": _marks(ids),
        "critiques": _by_who("critiques", "type", _critiques(ids)),
        "steps": _steps(ids),
        "metadata": _metadata(project, ids),
        "fact": [Offer(label, name, {"kind": "fact", "fact": name}) for name, label in FACTS],
    }
    return [(KINDS[kind].label, rows) for kind, rows in found.items() if rows]


def _signals(ids: tuple[int, ...]) -> list[Offer]:
    choices = [c for c in RewardSignal.objects.choices(ids) if c.channel not in DIAGNOSTIC_CHANNELS]
    raters = Rater.objects.in_bulk({choice.rater_id for choice in choices})
    labels = [rater.label for rater in raters.values()]
    offers = []
    for choice in choices:
        rater = raters[choice.rater_id]
        # Where several share a name, the short name tells them apart.
        name = rater.label if labels.count(rater.label) == 1 else rater.pseudonym
        cut = choice.segmenter.partition("/")[0].partition(":")[0]
        level = _LEVELS.get(cut, TOKEN)
        declared = {
            "kind": "signal",
            "level": level,
            "rater": name,
            "channel": choice.channel,
            "segmenter": choice.segmenter,
        }
        offers.append(Offer(f"{rater.label}: {choice.channel} ({cut})", f"{rater.label} {choice.channel}", declared))
    return offers


def _whose(kind: str) -> str:
    return "models" if kind == Rater.Kind.SCORER else "people"


def _by_who(kind: str, setting: str, rows: Iterable[tuple[str, str]]) -> list[Offer]:
    """One offer for each value of the setting, apart for people and models."""
    found = sorted({(value, _whose(rater)) for value, rater in rows})
    return [
        Offer(f"{value} by {whose}", f"{value} by {whose}", {"kind": kind, setting: value, "raters": whose})
        for value, whose in found
    ]


def _ratings(ids: tuple[int, ...]) -> Any:
    given = Rating.objects.filter(judgment__output__in=ids, judgment__withdrawn_at__isnull=True)
    return given.order_by().values_list("question", "judgment__rater__kind").distinct()


def _critiques(ids: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    known = next(parameter for parameter in KINDS["critiques"].parameters if parameter.name == "type")
    given = Critique.objects.filter(judgment__output__in=ids, judgment__withdrawn_at__isnull=True)
    rows = given.order_by().values_list("kind", "judgment__rater__kind").distinct()
    return ((kind, rater) for kind, rater in rows if kind in dict(known.choices))


def _rubrics(ids: tuple[int, ...]) -> list[Offer]:
    rows = (
        Verdict.objects.filter(judgment__output__in=ids, judgment__withdrawn_at__isnull=True)
        .order_by()
        .values_list(
            "criterion__version__rubric__name", "criterion__version__rubric__task_external_id", "judgment__rater__kind"
        )
        .distinct()
    )
    # The tasks' own rubrics are one input: each task is scored under its own.
    found = sorted({("" if own is not None else name, _whose(rater)) for name, own, rater in rows})
    return [
        Offer(
            f"{name or 'Each task’s own rubric'} by {whose}",
            f"{name or 'own rubric'} by {whose}",
            {"kind": "rubric", "rubric": name, "raters": whose},
        )
        for name, whose in found
    ]


def _compared(ids: tuple[int, ...]) -> list[Offer]:
    rows = (
        Comparison.objects.filter(output_a__in=ids, output_b__in=ids, judgment__withdrawn_at__isnull=True)
        .order_by()
        .values_list("judgment__rater__kind", flat=True)
        .distinct()
    )
    return [
        Offer(f"Won, by {whose}", f"won by {whose}", {"kind": "comparison", "raters": whose})
        for whose in sorted({_whose(rater) for rater in rows})
    ]


def _marks(ids: tuple[int, ...]) -> list[Offer]:
    rows = (
        SpanMark.objects.filter(output__in=ids, judgment__withdrawn_at__isnull=True)
        .order_by()
        .values_list("judgment__rater__kind", "type", IsNull(F("value"), True))
        .distinct()
    )
    labels: dict[str, set[str]] = {}
    has_values: dict[str, bool] = {}
    for rater, label, is_without in rows:
        whose = _whose(rater)
        labels.setdefault(whose, set()).add(label)
        has_values[whose] = has_values.get(whose, True) and not is_without
    offers = []
    for whose, known in sorted(labels.items()):
        declared: dict[str, Any] = {"kind": "marks", "level": TOKEN, "raters": whose}
        if not has_values[whose]:
            declared["values"] = dict.fromkeys(sorted(known), _MARKED_AS_ERROR)
        offers.append(Offer(f"Spans by {whose}: {', '.join(sorted(known)[:4])}", f"spans by {whose}", declared))
    return offers


def _steps(ids: tuple[int, ...]) -> list[Offer]:
    rows = Judgment.objects.standing().filter(output__in=ids, kind=Judgment.Kind.STEPS).order_by()
    found = sorted({_whose(kind) for kind in rows.values_list("rater__kind", flat=True).distinct()})
    return [
        Offer(f"Steps by {whose}", f"steps by {whose}", {"kind": "steps", "level": STEP, "raters": whose})
        for whose in found
    ]


def _metadata(project: Project, ids: tuple[int, ...]) -> list[Offer]:
    """Fields that hold numbers, or true and false, wherever they are there."""
    outputs = Output.objects.filter(Q(project=project), pk__in=ids).values_list("generation", flat=True)
    tasks = Task.objects.filter(project=project, outputs__in=ids).distinct().values_list("metadata", flat=True)
    return [
        Offer(f"{path} ({of})", path, {"kind": "metadata", "of": of, "field": path})
        for of, rows in (("output", outputs), ("task", tasks))
        for path in sorted(_numeric_fields(rows))[:_MAX_FIELDS]
    ]


def _numeric_fields(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    numeric: set[str] = set()
    other: set[str] = set()
    for row in rows:
        for path, value in _leaves(row, ""):
            (numeric if isinstance(value, bool | int | float) else other).add(path)
    return numeric - other


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif value is not None:
        yield path, value
