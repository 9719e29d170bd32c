"""The outputs that the composer tries a recipe on, and what people said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from django.db.models import Exists, F, OuterRef

from projects.models import Project
from rewards.models import Comparison, Judgment, Output, Rater, Rating, RewardSignal, Task
from rewards.shaping.rows import Floats, Ints
from rewards.statistics.breakdowns import text_length
from rewards.statistics.preferences import Preference

MAX_OUTPUTS: Final = 200
_TASKS_AT_ONCE: Final = 200


@dataclass(frozen=True, eq=False)
class Sample:
    """n outputs, whole tasks at a time, with what does not depend on a recipe.

    Attributes
    ----------
    output_ids : tuple of int
    groups : ndarray of int64, shape (n,)
        Which task each output answers, numbered from 0.
    tasks : tuple of str
        The tasks' ids, by group.
    names : tuple of str
        Who wrote each output, or its id.
    lengths : ndarray, shape (n,)
        Words of the text, as white space divides it.
    ratings : ndarray, shape (n,)
        People's mean; NaN where nobody rated the output.
    preferences : tuple of Preference
        People's decided comparisons, of outputs by their place.
    won : ndarray, shape (n,)
        The share of its comparisons that each output won, ties half; NaN where it was in none.
    is_capped : bool
        The project has more outputs than these.
    """

    output_ids: tuple[int, ...]
    groups: Ints
    tasks: tuple[str, ...]
    names: tuple[str, ...]
    lengths: Floats
    ratings: Floats
    preferences: tuple[Preference, ...]
    won: Floats
    is_capped: bool

    def __len__(self) -> int:
        return len(self.output_ids)

    def task_of(self, place: int) -> str:
        return self.tasks[int(self.groups[place])]

    def place_of(self, output_id: int) -> int | None:
        return self.output_ids.index(output_id) if output_id in self.output_ids else None


def sample_of(project: Project, *, task: str = "") -> Sample:
    """Current outputs of one task, or of the newest tasks: scored ones before judged ones before others.

    At most seven queries. A task is taken whole, so that its group is; one that alone is too large is cut.
    """
    groups = _groups(project, task)
    chosen: list[tuple[int, str, list[int]]] = []
    n_outputs = 0
    for pk, external_id, outputs in groups:
        if chosen and n_outputs + len(outputs) > MAX_OUTPUTS:
            continue
        chosen.append((pk, external_id, outputs[: MAX_OUTPUTS - n_outputs]))
        n_outputs += len(chosen[-1][2])
    ids = [output for _, _, outputs in chosen for output in outputs]
    rows = {
        pk: (messages, policy or external_id)
        for pk, messages, policy, external_id in Output.objects.filter(pk__in=ids).values_list(
            "pk", "messages", "policy__name", "external_id"
        )
    }
    place = {pk: index for index, pk in enumerate(ids)}
    compared = _comparisons(ids, place)
    return Sample(
        output_ids=tuple(ids),
        groups=np.repeat(np.arange(len(chosen)), [len(outputs) for _, _, outputs in chosen]).astype(np.int64),
        tasks=tuple(external_id for _, external_id, _ in chosen),
        names=tuple(rows[pk][1] for pk in ids),
        lengths=np.array(
            [text_length("\n".join(m["text"] for m in rows[pk][0])).words for pk in ids], dtype=np.float64
        ),
        ratings=_ratings(ids, place),
        preferences=tuple(Preference(*one[:3]) for one in compared if one.share == 1),
        won=_won(compared, len(ids)),
        is_capped=sum(len(outputs) for _, _, outputs in groups) > n_outputs or len(groups) >= _TASKS_AT_ONCE,
    )


def _groups(project: Project, task: str) -> list[tuple[int, str, list[int]]]:
    """Tasks with their current outputs, those to try first at the start; two to four queries.

    Scored tasks come before those that people alone judged, and these before all others; the newest first.
    """
    tasks = Task.objects.of(project).current().order_by("-id")
    if task:
        wanted = [tasks.filter(external_id=task)]
    else:
        answered = Output.objects.current().filter(task=OuterRef("pk"))
        scored = RewardSignal.objects.filter(output__task=OuterRef("pk"), output__is_current=True)
        judged = Judgment.objects.standing().filter(task=OuterRef("pk"))
        wanted = [tasks.filter(Exists(scored)), tasks.filter(Exists(judged)), tasks.filter(Exists(answered))]
    names: dict[int, str] = {}
    for rows in wanted:
        names |= dict(rows.exclude(pk__in=names).values_list("pk", "external_id")[: _TASKS_AT_ONCE - len(names)])
        if len(names) >= _TASKS_AT_ONCE:
            break
    found: dict[int, list[int]] = {pk: [] for pk in names}
    outputs = Output.objects.current().filter(task__in=names).order_by("task_id", "id").values_list("task_id", "pk")
    for task_id, pk in outputs:
        found[task_id].append(pk)
    return [(pk, names[pk], members) for pk, members in found.items() if members]


def _ratings(ids: Sequence[int], place: dict[int, int]) -> Floats:
    """Each person's mean first, so that who rated twice counts once."""
    rows = (
        Rating.objects.filter(
            judgment__output__in=ids, judgment__withdrawn_at__isnull=True, value__isnull=False, criterion__isnull=True
        )
        .exclude(judgment__rater__kind=Rater.Kind.SCORER)
        .values_list("judgment__output_id", "judgment__rater_id", "value")
    )
    given: dict[int, dict[int, list[float]]] = {}
    for output, rater, value in rows:
        if output is not None and value is not None:
            given.setdefault(output, {}).setdefault(rater, []).append(value)
    ratings = np.full(len(ids), np.nan)
    for output, by_rater in given.items():
        ratings[place[output]] = np.mean([np.mean(values) for values in by_rater.values()])
    return ratings


class _Compared(NamedTuple):
    """A comparison from the side of the output that won, or of either one in a tie; outputs by their place."""

    task: int
    better: int
    worse: int
    share: float


def _comparisons(ids: Sequence[int], place: dict[int, int]) -> list[_Compared]:
    """People's comparisons of these outputs; who could not tell said nothing, and no output beats itself. One query."""
    rows = (
        Comparison.objects.filter(output_a__in=ids, output_b__in=ids, judgment__withdrawn_at__isnull=True)
        .exclude(judgment__rater__kind=Rater.Kind.SCORER)
        .exclude(output_a=F("output_b"))
        .exclude(tie_kind=Comparison.TieKind.CANNOT_TELL)
        .order_by("judgment_id")
        .values_list("judgment__task_id", "output_a_id", "output_b_id", "choice")
    )
    return [
        _Compared(task, place[b], place[a], 1.0)
        if choice == Comparison.Choice.B
        else _Compared(task, place[a], place[b], 1.0 if choice == Comparison.Choice.A else 0.5)
        for task, a, b, choice in rows
    ]


def _won(compared: Sequence[_Compared], n_outputs: int) -> Floats:
    better = np.array([one.better for one in compared], dtype=np.int64)
    worse = np.array([one.worse for one in compared], dtype=np.int64)
    share = np.array([one.share for one in compared], dtype=np.float64)
    won = np.bincount(better, share, n_outputs) + np.bincount(worse, 1 - share, n_outputs)
    met = np.bincount(better, minlength=n_outputs) + np.bincount(worse, minlength=n_outputs)
    shares: Floats = np.divide(won, met, out=np.full(n_outputs, np.nan), where=met > 0)
    return shares
