"""Agreement within each arm of a study, and how far it differs between arms."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from annotations.arms import Arm, arms_of
from annotations.models import Campaign
from annotations.next_item import plan_of
from annotations.plan_page import arm_words
from annotations.protocols import Question
from annotations.quality.measures import Answers, Measure, measure_of
from rewards.statistics.jackknife import grouped_jackknife

Row = dict[str, Any]
_TOLD = ("value", "low", "high", "n_units", "n_raters", "note")


def by_arm(
    campaign: Campaign, asked: Sequence[Question], read: Callable[[Arm], Answers], seed: int
) -> list[dict[str, Any]]:
    """A row for each question: every arm's coefficient, and its difference from the first arm's.

    Two people of an item who are in different arms are no pair of either. Items that several arms judged are left out
    of all of them at once for the interval of a difference: what is hard about an item is hard in every arm.

    Parameters
    ----------
    read : callable
        The answers that were given in one arm.

    Returns
    -------
    list of dict
        Empty where the campaign has no study.
    """
    arms = arms_of(plan_of(campaign).arms)
    answers = [read(arm) for arm in arms]
    return [
        {
            "key": question.key,
            "prompt": question.prompt,
            "arms": _compared([measure_of(question, one) for one in answers], arms, seed),
        }
        for question in (asked if arms else ())
    ]


def _compared(measures: Sequence[Measure], arms: Sequence[Arm], seed: int) -> list[Row]:
    rows = [measure.row(seed) for measure in measures]
    found = []
    for place, (measure, row) in enumerate(zip(measures, rows, strict=True)):
        told = {name: row[name] for name in _TOLD} | {"measure": row["measure"]}
        told |= {"is": arms[place], "arm": arm_words(arms[place])}
        found.append(told | {"difference": _difference(measure, measures[0], seed) if place else None})
    return found


def _difference(measure: Measure, first: Measure, seed: int) -> Mapping[str, float]:
    items = measure.items() | first.items()
    found = grouped_jackknife(sorted(items, key=str), lambda kept: measure.over(kept) - first.over(kept), seed=seed)
    return {"value": found.value, "low": found.low, "high": found.high}
