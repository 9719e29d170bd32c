"""What people think of a task's outputs, two by two: from comparisons, and from ratings by one person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from itertools import combinations
from typing import Any

from rewards.models import Comparison, Rater, Rating
from workers.authoring.tail import HumanPair

_QUESTION = "overall"


def human_pairs(output_ids: Collection[int]) -> list[HumanPair]:
    """Every pair of these outputs that people have an opinion on; two queries.

    A comparison is a vote. Two ratings of the same person are one vote for the higher, since people use a scale each
    in their own way. Scorers have no vote here.
    """
    votes: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for a, b, choice in _comparisons(output_ids):
        if a != b:
            _vote(votes, a, b, {"a": 1, "b": -1}.get(choice, 0))
    by_rater: dict[int, dict[int, float]] = defaultdict(dict)
    for rater, output, value in _ratings(output_ids):
        by_rater[rater][output] = value
    for values in by_rater.values():
        for one, other in combinations(sorted(values), 2):
            _vote(votes, one, other, values[one] - values[other])
    return [
        HumanPair(str(first), str(second), count["win"], count["loss"], count["tie"])
        for (first, second), count in sorted(votes.items())
    ]


def _vote(votes: dict[tuple[int, int], Counter[str]], one: int, other: int, margin: float) -> None:
    if one > other:
        one, other, margin = other, one, -margin
    votes[one, other]["win" if margin > 0 else "loss" if margin < 0 else "tie"] += 1


def _comparisons(output_ids: Collection[int]) -> Any:
    given = Comparison.objects.filter(
        output_a__in=output_ids, output_b__in=output_ids, judgment__withdrawn_at__isnull=True
    )
    people = given.exclude(judgment__rater__kind=Rater.Kind.SCORER).order_by("judgment_id")
    return people.values_list("output_a_id", "output_b_id", "choice")


def _ratings(output_ids: Collection[int]) -> Any:
    """In order of time, so that a person's last rating of an output stands."""
    given = Rating.objects.filter(
        judgment__output__in=output_ids,
        judgment__withdrawn_at__isnull=True,
        question=_QUESTION,
        value__isnull=False,
    )
    people = given.exclude(judgment__rater__kind=Rater.Kind.SCORER).order_by("judgment_id")
    return people.values_list("judgment__rater_id", "judgment__output_id", "value")
