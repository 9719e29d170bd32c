"""One number an output that is stored: what a verifier, a judge or people said of the output as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from django.db.models import Avg, QuerySet

from annotations.studies.inputs import people_of
from annotations.studies.log_probs import choice_of
from projects.models import Project
from rewards.models import Output, Rater, Rating, RewardSignal
from rewards.segmentation import WHOLE
from rewards.shaping.rows import Floats
from rewards.signals import DIAGNOSTIC_CHANNELS

LENGTH: Final = "length"
_RATINGS: Final = "ratings"
_PEOPLE: Final = "people"


class Outcome(NamedTuple):
    """Something that says one number of an output."""

    key: str
    """``rater:channel:segmenter`` of a signal over whole outputs, ``ratings:rater:question`` (or ``people`` in the
    rater's place: their mean), or ``length``."""
    label: str


LENGTH_OUTCOME: Final = Outcome(LENGTH, "length of the text in characters")


def outcomes_of(project: Project) -> list[Outcome]:
    """What a project stores; four queries."""
    whole = RewardSignal.objects.of(project).filter(segmentation__segmenter=WHOLE, total__isnull=False)
    signals = whole.exclude(channel__in=DIAGNOSTIC_CHANNELS).of_project_choices()
    asked = sorted({*_ratings(project).values_list("judgment__rater", "question")})
    raters = Rater.objects.in_bulk({choice.rater_id for choice in signals} | {rater for rater, _ in asked})
    found = [Outcome(choice.key, f"{raters[choice.rater_id].name}: {choice.channel}") for choice in signals]
    by_people = {question for rater, question in asked if raters[rater].kind != Rater.Kind.SCORER}
    found += [Outcome(f"{_RATINGS}:{_PEOPLE}:{one}", f"people’s mean rating, {one}") for one in sorted(by_people)]
    found += [
        Outcome(f"{_RATINGS}:{rater}:{question}", f"{raters[rater].name}: rating, {question}")
        for rater, question in asked
        if raters[rater].kind == Rater.Kind.SCORER
    ]
    return found


def values_of(project: Project, key: str, outputs: Sequence[int]) -> Floats:
    """The number of each output: shape (n,), NaN where none is stored; one query.

    Raises
    ------
    ValueError
        For a key that names nothing of the kind.
    """
    found = _stored(project, key, outputs)
    return np.array([found.get(output, np.nan) for output in outputs], dtype=np.float64)


def _stored(project: Project, key: str, outputs: Sequence[int]) -> Mapping[int, float]:
    if key == LENGTH:
        return dict(Output.objects.of(project).filter(pk__in=outputs).values_list("pk", "char_count"))
    if not key.startswith(f"{_RATINGS}:"):
        signals = RewardSignal.objects.of(project).chosen(choice_of(key), outputs)
        return {output: total for output, total in signals.values_list("output_id", "total") if total is not None}
    _, rater, question = (*key.split(":", 2), "", "")[:3]
    if rater != _PEOPLE and not (rater.isascii() and rater.isdigit()):
        raise ValueError(f"outcome {key!r}: expected ratings:people:question, or a rater's id in the middle")
    raters = people_of(project) if rater == _PEOPLE else [int(rater)]
    rated = _ratings(project).filter(question=question, judgment__rater__in=raters, judgment__output__in=outputs)
    return dict(rated.values("judgment__output").annotate(mean=Avg("value")).values_list("judgment__output", "mean"))


def _ratings(project: Project) -> QuerySet[Rating]:
    standing = Rating.objects.filter(judgment__project=project, judgment__withdrawn_at__isnull=True)
    return standing.filter(value__isnull=False).order_by()
