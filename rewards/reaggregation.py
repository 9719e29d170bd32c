"""What other weights or another aggregation would do to the ranking of outputs, from stored verdicts alone."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.actions.scores import score_table
from rewards.models import Output, RubricVersion
from rewards.rubrics.aggregate import USUAL, AggregateScore, Handling
from rewards.rubrics.rules import suggested_aggregation
from rewards.verdict_table import VerdictTable, verdict_table

Floats = npt.NDArray[np.float64]

MAX_OUTPUTS = 2_000
"""Outputs that are ranked at once: more would not answer while a slider moves."""
MAX_ROWS = 100
"""Outputs that the page lists."""


class RankedOutput(NamedTuple):
    """One output before and after; ranks from 1, None where there is no score."""

    output: Output
    old_rank: int | None
    new_rank: int | None
    old: AggregateScore
    new: AggregateScore

    @property
    def change(self) -> int | None:
        """Places won (positive) or lost."""
        if self.old_rank is None or self.new_rank is None:
            return None
        return self.old_rank - self.new_rank


class Reaggregation(NamedTuple):
    """The ranking under the chosen weights and aggregation beside that under the rubric's own.

    Attributes
    ----------
    rows : list of RankedOutput
        The best `MAX_ROWS` of the new ranking.
    n_outputs, n_scored, n_moved : int
        Outputs with verdicts, those with a score, and those whose rank changed.
    n_pairs, n_flipped : int
        Pairs of outputs of one task that either scoring tells apart, and those whose order is not the same.
    is_capped : bool
        There are more outputs; the newest `MAX_OUTPUTS` were taken.
    low, high : float
        Ends of the scale for drawing; zero lies between them.
    base : str
        The aggregation of the old ranking.
    """

    rows: list[RankedOutput]
    n_outputs: int
    n_scored: int
    n_moved: int
    n_pairs: int
    n_flipped: int
    is_capped: bool
    low: float
    high: float
    base: str


def newest_verdicts(version: RubricVersion, rater_ids: Sequence[int], *, task_id: int | None = None) -> VerdictTable:
    """The verdicts that are ranked at once: those on the newest `MAX_OUTPUTS` outputs; three queries."""
    return verdict_table(version, rater_ids, task_id=task_id, newest=MAX_OUTPUTS)


def reaggregate(
    table: VerdictTable, *, aggregation: str, weights: Mapping[str, float], handling: Handling = USUAL
) -> Reaggregation:
    """Rank outputs by their stored verdicts anew; two queries and no model.

    Parameters
    ----------
    weights : mapping
        By criterion key, in place of the effective ones; keys of no criterion are ignored.
    handling : Handling
        For the new ranking: what counts where nothing could be assessed, and whether must-haves gate.

    Raises
    ------
    AppError
        As `score_table`.
    """
    criteria = table.content.criteria
    base = suggested_aggregation(table.content)
    old = score_table(table, base)
    used = [weights.get(criterion.key, criterion.effective_weight) for criterion in criteria]
    new = score_table(table, aggregation, used, handling)
    old_ranks, new_ranks = ranks(old.values), ranks(new.values)
    order = np.lexsort((old_ranks, new_ranks))[:MAX_ROWS]
    outputs = Output.objects.for_ranking([table.output_ids[row] for row in order.tolist()])
    flips = _flips(table, old.values, new.values)
    both = np.concatenate([old.values, new.values, [0.0]])
    return Reaggregation(
        rows=[
            RankedOutput(
                output=outputs[table.output_ids[row]],
                old_rank=_rank(old_ranks[row]),
                new_rank=_rank(new_ranks[row]),
                old=old.row(row),
                new=new.row(row),
            )
            for row in order.tolist()
        ],
        n_outputs=len(table.output_ids),
        n_scored=int(np.count_nonzero(~np.isnan(new.values))),
        n_moved=int(np.count_nonzero((old_ranks != new_ranks) & np.isfinite(old_ranks + new_ranks))),
        n_pairs=flips[0],
        n_flipped=flips[1],
        is_capped=len(table.output_ids) == MAX_OUTPUTS,
        low=float(np.nanmin(both)),
        high=max(float(np.nanmax(both)), 1.0),
        base=base,
    )


def ranks(values: Floats) -> Floats:
    """Ranks from 1 for the highest; ties share the best of their places; infinite where there is no value."""
    scored = values[~np.isnan(values)]
    result = np.full(len(values), np.inf)
    ascending = np.sort(scored)
    better = len(scored) - np.searchsorted(ascending, scored, side="right")
    result[~np.isnan(values)] = better + 1
    return result


def _rank(rank: float) -> int | None:
    return int(rank) if np.isfinite(rank) else None


def _flips(table: VerdictTable, old: Floats, new: Floats) -> tuple[int, int]:
    """Pairs within a task that are told apart before or after, and those among them whose order differs; one query."""
    tasks = Output.objects.task_ids(table.output_ids)
    groups: dict[int, list[int]] = {}
    for row, output_id in enumerate(table.output_ids):
        if not np.isnan(old[row] + new[row]):
            groups.setdefault(tasks[output_id], []).append(row)
    n_pairs = n_flipped = 0
    for rows in groups.values():
        upper = np.triu_indices(len(rows), 1)
        before, after = (np.sign(values[rows][:, None] - values[rows][None, :])[upper] for values in (old, new))
        told_apart = (before != 0) | (after != 0)
        n_pairs += int(np.count_nonzero(told_apart))
        n_flipped += int(np.count_nonzero(told_apart & (before != after)))
    return n_pairs, n_flipped
