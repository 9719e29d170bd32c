"""All scoring rules over the same stored verdicts, side by side: where they agree, and which outputs change places."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.actions.scores import score_table
from rewards.models import Output
from rewards.reaggregation import MAX_OUTPUTS, ranks
from rewards.rubrics.aggregate import USUAL, AggregateScores, Handling
from rewards.rubrics.rules import AGGREGATIONS, Aggregation, suggested_aggregation
from rewards.statistics.rank import kendall_tau
from rewards.verdict_table import VerdictTable

Floats = npt.NDArray[np.float64]

MAX_LINES = 12
"""Outputs that the picture follows: more lines than that cannot be told apart."""


class RuleRow(NamedTuple):
    """One rule over all outputs.

    Attributes
    ----------
    rule : Aggregation
    n_scored : int
        Outputs with a score under it.
    reason : str
        Why there is none at all, or of the first output without one; empty where all have a score.
    mean, low, high : float or None
        Over the outputs with a score.
    agreement : float or None
        Kendall's tau-b with the base rule over outputs that both score.
    """

    rule: Aggregation
    n_scored: int
    reason: str
    mean: float | None
    low: float | None
    high: float | None
    agreement: float | None


class OutputLine(NamedTuple):
    """One output through all rules: its score and its place among the shown outputs, None where it has no score.

    `name` says who wrote it, and to which task where the shown outputs are of several.
    """

    output: Output
    name: str
    values: tuple[float | None, ...]
    places: tuple[int | None, ...]


class RuleComparison(NamedTuple):
    """Rules down, outputs across; `base` names the rule that the others are compared with."""

    base: str
    n_outputs: int
    is_capped: bool
    rules: list[RuleRow]
    lines: list[OutputLine]

    @property
    def drawn(self) -> list[int]:
        """Places of the rules that give any score: the columns of the picture."""
        return [index for index, row in enumerate(self.rules) if row.n_scored]


def compare_rules(
    table: VerdictTable, *, weights: Mapping[str, float] | None = None, handling: Handling = USUAL
) -> RuleComparison:
    """Score the same outputs by every rule; one query and no model.

    Parameters
    ----------
    weights : mapping, optional
        By criterion key, in place of the effective ones; rules that bring their own weights keep them.

    Raises
    ------
    AppError
        As `rewards.actions.scores.score_table`.
    """
    given = weights or {}
    used = [given.get(criterion.key, criterion.effective_weight) for criterion in table.content.criteria]
    base = suggested_aggregation(table.content)
    scores = {name: score_table(table, name, used, handling) for name in AGGREGATIONS}
    return RuleComparison(
        base=base,
        n_outputs=len(table.output_ids),
        is_capped=len(table.output_ids) == MAX_OUTPUTS,
        rules=[_row(AGGREGATIONS[name], found, scores[base]) for name, found in scores.items()],
        lines=_lines(table, list(scores.values()), scores[base].values),
    )


def _row(rule: Aggregation, scores: AggregateScores, base: AggregateScores) -> RuleRow:
    values = scores.values
    scored = values[~np.isnan(values)]
    missing = np.flatnonzero(np.isnan(values))
    tau = kendall_tau(base.values, values).value
    return RuleRow(
        rule=rule,
        n_scored=len(scored),
        reason=scores.row(int(missing[0])).reason if len(missing) else "",
        mean=float(scored.mean()) if len(scored) else None,
        low=float(scored.min()) if len(scored) else None,
        high=float(scored.max()) if len(scored) else None,
        agreement=None if np.isnan(tau) else tau,
    )


def _lines(table: VerdictTable, scores: Sequence[AggregateScores], base: Floats) -> list[OutputLine]:
    """The best outputs under the base rule, best first, with their places among one another under every rule."""
    order = np.argsort(ranks(base), kind="stable")[:MAX_LINES].tolist()
    outputs = Output.objects.for_ranking([table.output_ids[row] for row in order])
    places = [ranks(found.values[order]) for found in scores]
    one_task = len({output.task_id for output in outputs.values()}) == 1
    return [
        OutputLine(
            output=outputs[table.output_ids[row]],
            name=_name(outputs[table.output_ids[row]], with_task=not one_task),
            values=tuple(None if np.isnan(found.values[row]) else float(found.values[row]) for found in scores),
            places=tuple(int(place[index]) if np.isfinite(place[index]) else None for place in places),
        )
        for index, row in enumerate(order)
    ]


def _name(output: Output, *, with_task: bool) -> str:
    who = output.policy.name if output.policy else output.external_id
    return f"{output.task.external_id} · {who}" if with_task else who
