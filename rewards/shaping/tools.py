"""What the use of tools is worth: right answers with few calls."""

from __future__ import annotations

from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot, Want
from rewards.shaping.length import CORRECT_FROM
from rewards.shaping.rows import Floats, Ints, Rows
from rewards.shaping.terms import check_groups, check_range

OTC: Final = Paper("OTC: Optimal Tool Calls via Reinforcement Learning", "2504.14870")


def tool_efficiency(
    outcomes: Rows,
    calls: Rows,
    groups: Ints,
    form: str = "grpo",
    smooth: float = 5.0,
    alpha: float = 1.0,
    correct_from: float = 0.5,
    times_outcome: bool = True,
) -> Rows:
    """``r = alpha r_correct r_tool``: a right answer is worth more with fewer tool calls (OTC, arXiv 2504.14870).

    m is the number of calls. ``ppo``: ``r_tool = cos(m pi / (2m + c))``. ``grpo``: n is the smallest m among the right
    outputs of the task; ``f = 0`` for m = n = 0, ``m`` for n = 0, else ``2nm / (m + n)``; ``r_tool = 1`` for f = n = 0,
    ``cos(m pi / (2m + c))`` for n = 0, else ``sin(f pi / (2n))``: 1 at m = n, falling to 0.

    Parameters
    ----------
    outcomes : Rows
        r_correct, one number an output, right from `correct_from` on.
    calls : Rows
        m >= 0, one number an output.
    groups : ndarray of int64, shape (n,)
    form : {"grpo", "ppo"}
    smooth : float
        c > 0: how slowly the cosine falls.
    times_outcome : bool
        False for r_tool alone.

    Returns
    -------
    Rows
        One number an output. A task none of whose outputs is known to be right has no n: its r_tool is the cosine.
        An outcome of 0 gives 0 whatever the calls, also where they are unscored. r_tool alone is unscored where the
        calls are.

    Raises
    ------
    ValueError
        For calls below 0, c of 0 or below, or another number of groups.
    """
    check_groups(groups, outcomes)
    check_range("calls", calls, 0.0, np.inf)
    if not smooth > 0:
        raise ValueError(f"c {smooth:g}: expected above 0, or an output without calls would have no reward")
    tool = np.cos(calls.values * np.pi / (2.0 * calls.values + smooth))
    if form == "grpo":
        fewest = fewest_calls(outcomes, calls, groups, correct_from)
        # n = 0 with m = 0 needs no case of its own: the cosine of 0 is the 1 that it is to get.
        known = fewest > 0
        n = np.where(known, fewest, 1.0)
        near = 2.0 * n * calls.values / (calls.values + n)
        tool = np.where(known, np.sin(near * np.pi / (2.0 * n)), tool)
    if not times_outcome:
        return calls.with_values(tool)
    return outcomes.with_values(np.where(outcomes.values == 0, 0.0, alpha * outcomes.values * tool))


def fewest_calls(outcomes: Rows, calls: Rows, groups: Ints, correct_from: float = 0.5) -> Floats:
    """n of OTC (arXiv 2504.14870): the smallest number of calls among the right outputs of each output's task.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where no output of the task is both right and of known calls.
    """
    check_groups(groups, outcomes)
    right = (outcomes.values >= correct_from) & calls.scored
    fewest = np.full(int(groups.max(initial=-1)) + 1, np.inf)
    np.minimum.at(fewest, groups[right], calls.values[right])
    return np.where(np.isfinite(fewest), fewest, np.nan)[groups]


def tool_productivity(outcomes: Rows, calls: Rows, correct_from: float = 0.5) -> float:
    """Right answers per tool call, over all outputs that have both numbers (OTC, arXiv 2504.14870).

    Returns
    -------
    float
        NaN where no tool was called.
    """
    both = outcomes.scored & calls.scored
    n_calls = float(calls.values[both].sum())
    n_right = np.count_nonzero(outcomes.values[both] >= correct_from)
    return n_right / n_calls if n_calls else float("nan")


OPERATORS: Final = (
    Operator(
        name="tool_efficiency",
        label="Tool-call efficiency",
        family=Family.LENGTH,
        summary="Right answers earn more the fewer tool calls they took.",
        formula="r = alpha r_correct sin(f pi / (2n)), f = 2nm / (m + n); cos(m pi / (2m + c)) for n = 0",
        papers=(OTC,),
        slots=(
            Slot("outcomes", "Outcomes", accepts="output"),
            Slot("calls", "Tool calls", accepts="output"),
        ),
        parameters=(
            Parameter(
                "form",
                "choice",
                "grpo",
                "Form",
                choices=(("grpo", "Against the task's fewest calls"), ("ppo", "By the number of calls")),
            ),
            Parameter("smooth", "number", 5.0, "c", "How slowly it falls", minimum=1e-6, maximum=1e6),
            Parameter("alpha", "number", 1.0, "Alpha", minimum=-1000.0, maximum=1000.0),
            CORRECT_FROM,
            Parameter("times_outcome", "boolean", True, "Times the outcome", "Off: the efficiency alone"),
        ),
        apply=tool_efficiency,
        gives="output",
        wants=frozenset({Want.GROUPS}),
    ),
)
