"""Rewards made of checks: staircases, densities, difficulty, and what is superfluous."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot
from rewards.shaping.rows import Floats, Rows
from rewards.shaping.sequences import on_segments
from rewards.shaping.terms import check_range, same_level

PROGRESSIVE: Final = Paper(
    "Enhancing Agentic RL with Progressive Reward Shaping and Value-based Sampling Policy Optimization", "2512.07478"
)
PLANNER: Final = Paper("Planner-R1: Reward Shaping Enables Efficient Agentic RL with Smaller LLMs", "2509.25779")
REWARD_MAP: Final = Paper(
    "RewardMap: Tackling Sparse Rewards in Fine-grained Visual Reasoning via Multi-Stage Reinforcement Learning",
    "2510.02240",
)

DENSITIES: Final = {"dense": (1.0, 1.0, 1.0), "category": (0.0, 1.0, 1.0), "sparse": (0.0, 0.0, 1.0)}
"""Weights of checks, of whole categories and of everything, by density: the paper's three stages."""


def staircase(
    checks: Sequence[Rows],
    bands: Sequence[float],
    quality: Rows | None = None,
    passes_at: float = 0.5,
    floor: float = 0.0,
) -> Rows:
    """Ordered gates, each with a band of the range: ``r = b_j`` where the first j checks pass and the next does not,
    and ``r = b_K + (1 - b_K) q`` where all do (progressive reward shaping, arXiv 2512.07478).

    Reconstructed: the abstract gives the stages (can it be parsed, is its form right, is it correct, how good is it)
    and not the numbers.

    Parameters
    ----------
    checks : sequence of Rows, length K
        In order; each one number an output, passed from `passes_at` on.
    bands : sequence of float, length K
        What has been reached with each check: never falling, from `floor` to 1.
    quality : Rows or None
        q in [0, 1], one number an output. Without it all checks passed give b_K.
    floor : float
        Where the first check fails.

    Returns
    -------
    Rows
        One number an output; unscored where a check that is reached, or a quality that counts, has no number.

    Raises
    ------
    ValueError
        For bands that fall or leave the range, or a quality outside [0, 1].
    """
    steps = [floor, *bands]
    if any(after < before for before, after in pairwise(steps)) or steps[-1] > 1:
        raise ValueError(
            f"bands {', '.join(f'{band:g}' for band in bands)}: expected rising from {floor:g} to at most 1"
        )
    level = same_level(checks, "check")
    values = np.full(level.size, floor)
    passing = np.ones(level.size, dtype=bool)
    for check, band in zip(checks, bands, strict=True):
        values[passing & ~check.scored] = np.nan
        passing &= check.values >= passes_at
        values[passing] = band
    if quality is not None:
        check_range("quality", quality, 0.0, 1.0)
        values = np.where(passing, bands[-1] + (1.0 - bands[-1]) * quality.values, values)
    return Rows(level, values)


def density_levels(
    checks: Sequence[Rows],
    kinds: Sequence[str],
    schema: Rows | None = None,
    density: str = "dense",
    micro: float = 1.0,
    macro: float = 1.0,
    final: float = 1.0,
    passes_at: float = 0.5,
    normalised: bool = False,
) -> Rows:
    """The same checks as a dense, a category-wise or a sparse reward (Planner-R1, arXiv 2509.25779).

    ``r = l_micro (r_schema + sum_c share_c) + l_macro sum_c 1[all of c] + l_final 1[all]``: share_c of the checks of
    category c pass. The paper's stages: dense has all l = 1, category l_micro = 0, sparse only l_final = 1.

    Parameters
    ----------
    checks : sequence of Rows, length k
        One number an output each, passed from `passes_at` on.
    kinds : sequence of str, length k
        The category of each check, such as commonsense or hard.
    schema : Rows or None
        Whether the output can be read at all, a check by itself: where it fails, r = 0, and it has to pass for
        everything to have passed.
    density : {"dense", "category", "sparse", "weighted"}
        ``weighted`` takes `micro`, `macro` and `final` as l.
    normalised : bool
        Divide by the largest reward that can be reached, so that densities can be compared.

    Returns
    -------
    Rows
        One number an output; unscored where a check is, but where the schema has failed.

    Raises
    ------
    ValueError
        Where checks stand on different segments, or are normalised with weights that add up to 0.
    """
    level = same_level([*checks, schema] if schema is not None else checks, "check")
    l_micro, l_macro, l_final = DENSITIES.get(density, (micro, macro, final))
    shares = np.zeros(level.size)
    wholes = np.zeros(level.size)
    categories = sorted(set(kinds))
    for category in categories:
        members = [_passed(check, passes_at) for check, kind in zip(checks, kinds, strict=True) if kind == category]
        share = np.mean(members, axis=0)
        shares += share
        wholes += np.where(np.isnan(share), np.nan, share == 1.0)
    everything = wholes == len(categories)
    readable = np.ones(level.size) if schema is None else _passed(schema, passes_at)
    values = l_micro * (shares + (schema is not None)) + l_macro * wholes + l_final * everything
    values = np.where(readable == 0, 0.0, values * readable)
    if normalised:
        most = (l_micro + l_macro) * len(categories) + l_micro * (schema is not None) + l_final
        if most == 0:
            raise ValueError("the weights add up to 0: expected a reward that can be reached")
        values = values / most
    return Rows(level, values)


def _passed(check: Rows, passes_at: float) -> Floats:
    return np.where(check.scored, check.values >= passes_at, np.nan)


def difficulty_weight(
    rewards: Rows,
    difficulty: Rows,
    harder: Rows | None = None,
    easy: float = 1.0,
    middle: float = 1.2,
    hard: float = 1.5,
    extra: float = 0.5,
) -> Rows:
    """``r' = r (w_d + e 1[h > 0])``: hard tasks are worth more (RewardMap, arXiv 2510.02240: 1, 1.2 and 1.5 by map, and
    0.5 more where a transfer is needed).

    Parameters
    ----------
    rewards : Rows
        In the paper ``10 accuracy + 0.5 detail``.
    difficulty : Rows
        One number an output: 0 easy, 1 middle, 2 hard; in between the weight is interpolated.
    harder : Rows or None
        One number an output; above 0 adds `extra`, such as the transfers that a route needs.

    Returns
    -------
    Rows
        On the rewards' segments; unscored where the difficulty is.

    Raises
    ------
    ValueError
        For a difficulty outside [0, 2].
    """
    check_range("difficulty", difficulty, 0.0, 2.0)
    weight = np.interp(difficulty.values, [0.0, 1.0, 2.0], [easy, middle, hard])
    if harder is not None:
        weight = weight + np.where(harder.scored, extra * (harder.values > 0), np.nan)
    return rewards.with_values(rewards.values * on_segments(Rows.scalars(weight), rewards.level))


def surplus_penalty(counts: Rows, needed: Rows, penalty: float = 5.0, free: int = 1, most: float = 10.0) -> Rows:
    """``r = -min(p max(0, n - (needed + free)), most)``: what is more than the task takes costs (RewardMap, arXiv
    2510.02240, 5 for each superfluous segment of a route).

    A route with t transfers has t + 1 segments: needed is t and free 1. The authors' code compares the segment's number
    with t alone, so that the last segment of every right route is charged; this does not.

    Parameters
    ----------
    counts, needed : Rows
        One number an output, at least 0.
    penalty : float
        Of each one too many.
    free : int
        How many beyond the needed cost nothing.
    most : float
        The most that is taken off.

    Raises
    ------
    ValueError
        For a count below 0.
    """
    check_range("counts", counts, 0.0, np.inf)
    check_range("needed", needed, 0.0, np.inf)
    surplus = np.maximum(counts.values - (needed.values + free), 0.0)
    # Adding 0 turns the -0 of what costs nothing into 0.
    return counts.with_values(-np.minimum(penalty * surplus, most) + 0.0)


_PASSES_AT: Final = Parameter("passes_at", "number", 0.5, "A check passes from", minimum=-1e9, maximum=1e9)
_BAND: Final = Parameter("band", "number", 0.5, "Reached", "With this check passed", minimum=-1.0, maximum=1.0)
_KIND: Final = Parameter("kind", "text", "checks", "Category", max_length=80)


def _weight(name: str, label: str, default: float, explanation: str = "") -> Parameter:
    return Parameter(name, "number", default, label, explanation, minimum=0.0, maximum=1000.0)


OPERATORS: Final = (
    Operator(
        name="staircase",
        label="Staircase",
        family=Family.GATE,
        summary="Ordered checks, each with its band of the range, and quality behind the last.",
        formula="r = b_j after j checks, b_K + (1 - b_K) q after all",
        papers=(PROGRESSIVE,),
        slots=(
            Slot("checks", "Checks in order", accepts="output", many=True, per_term=(_BAND,)),
            Slot("quality", "Quality", accepts="output", optional=True),
        ),
        parameters=(
            _PASSES_AT,
            Parameter("floor", "number", 0.0, "Where the first fails", minimum=-1.0, maximum=1.0),
        ),
        apply=staircase,
        gives="output",
        notes="Reconstructed: the published text gives the stages and not the numbers.",
    ),
    Operator(
        name="density_levels",
        label="Density of checks",
        family=Family.GATE,
        summary="The same checks as a dense, a category-wise or a sparse reward.",
        formula="r = l1 (schema + sum_c share_c) + l2 sum_c 1[all of c] + l3 1[all]",
        papers=(PLANNER,),
        slots=(
            Slot("checks", "Checks", accepts="output", many=True, per_term=(_KIND,)),
            Slot("schema", "Can be read", accepts="output", optional=True),
        ),
        parameters=(
            Parameter(
                "density",
                "choice",
                "dense",
                "Density",
                choices=(
                    ("dense", "Dense"),
                    ("category", "By category"),
                    ("sparse", "Sparse"),
                    ("weighted", "By the weights below"),
                ),
            ),
            _weight("micro", "Weight of checks", 1.0, "Of the density by weights"),
            _weight("macro", "Weight of whole categories", 1.0, "Of the density by weights"),
            _weight("final", "Weight of everything", 1.0, "Of the density by weights"),
            _PASSES_AT,
            Parameter("normalised", "boolean", False, "Divide by the largest"),
        ),
        apply=density_levels,
        gives="output",
    ),
    Operator(
        name="difficulty_weight",
        label="Weight by difficulty",
        family=Family.GATE,
        summary="Multiplies rewards by what the difficulty of their task is worth.",
        formula="r' = r (w_d + e 1[h > 0])",
        papers=(REWARD_MAP,),
        slots=(
            Slot("rewards", "Rewards"),
            Slot("difficulty", "Difficulty (0, 1, 2)", accepts="output"),
            Slot("harder", "Harder where above 0", accepts="output", optional=True),
        ),
        parameters=(
            _weight("easy", "Easy", 1.0),
            _weight("middle", "Middle", 1.2),
            _weight("hard", "Hard", 1.5),
            _weight("extra", "Extra", 0.5, "Where it is harder"),
        ),
        apply=difficulty_weight,
    ),
    Operator(
        name="surplus_penalty",
        label="Penalty for what is superfluous",
        family=Family.GATE,
        summary="Takes off for each part that is more than the task needs.",
        formula="r = -min(p max(0, n - needed - free), most)",
        papers=(REWARD_MAP,),
        slots=(
            Slot("counts", "How many there are", accepts="output"),
            Slot("needed", "How many are needed", accepts="output"),
        ),
        parameters=(
            Parameter("penalty", "number", 5.0, "Penalty for each", minimum=0.0, maximum=1e6),
            Parameter("free", "integer", 1, "Free beyond the needed", minimum=0, maximum=1_000_000),
            Parameter("most", "number", 10.0, "At most", minimum=0.0, maximum=1e9),
        ),
        apply=surplus_penalty,
        gives="output",
    ),
)
