"""Advantages of turns and steps: returns along an output, against the same place in the group."""

from __future__ import annotations

from typing import Final

import numpy as np

from rewards.advantages.contract import Estimator, Family, Need
from rewards.advantages.group import EPS, SPREAD, left_out, scaled
from rewards.advantages.groups import Groups
from rewards.advantages.sequences import backward, lag, positions, returns
from rewards.advantages.whitening import whitened
from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.shaping.rows import Floats, Ints, Level, Rows

GAMMA: Final = Parameter("gamma", "number", 1.0, "Gamma", "Discount from one to the next", minimum=0.0, maximum=1.0)
SCALE: Final = Parameter("scale", "boolean", False, "Divide by the standard deviation")


def places(level: Level, groups: Ints) -> Ints:
    """A number for each (group, position within the output): shape (N,), from 0 without gaps."""
    at = positions(level)
    widest = int(level.counts.max()) + 1 if len(level) else 1
    index: Ints = np.unique(groups[level.output] * widest + at, return_inverse=True)[1].astype(np.int64)
    return index


def against(values: Floats, groups: Ints, scale: bool, eps: float, spread: str) -> Floats:
    """Each number less its group's mean, and in its standard deviations where `scale`."""
    members = Groups(values, groups)
    if not scale:
        return members.centred
    return scaled(members.centred, members.std(ddof=1 if spread == "sample" else 0)[groups], eps)


def turn_returns(
    reward: Rows,
    groups: Ints,
    gamma: float = 1.0,
    centre: str = "position",
    scale: bool = False,
    eps: float = 1e-4,
    spread: str = "sample",
) -> Rows:
    """``A_k = R_k - mean(R)`` with ``R_k = sum_{j >= k} gamma^(j - k) r_j``: IGPO (arXiv 2510.14967).

    The mean is that of the group's outputs at the same turn, as the authors' code takes it, or of all its turns.

    Parameters
    ----------
    reward : Rows
        On turns or finer: N.
    groups : ndarray of int64, shape (n,)
    centre : {"position", "group"}
    scale : bool

    Returns
    -------
    Rows
        On the reward's level. An unscored turn adds nothing to the returns before it and has none itself. A turn that
        no other output of the group reaches gets 0.

    Examples
    --------
    Returns are 3, 2 and 1: the first turns have mean 2, and the second turn stands alone.

    >>> turn_returns(Rows.ragged("turn", [[1, 2], [1]]), np.zeros(2, dtype=np.int64)).to_lists()
    [[1.0, 0.0], [-1.0]]
    """
    peers = places(reward.level, groups) if centre == "position" else groups[reward.level.output]
    return reward.with_values(against(returns(reward, gamma), peers, scale, eps, spread))


def broken_returns(reward: Rows, matches: Rows | None, gamma: float) -> Floats:
    """``R_t = r_t + gamma R_{t+1}`` where step t matches the expert's, ``R_t = r_t`` where it does not: shape (N,).

    What follows a mismatch would not have happened: its reward earns the step no credit (UI-S1, arXiv 2509.11543).
    A step whose match is unknown, or whose reward is, has no return, and none of the steps before it in its chain.
    """
    goes_on = np.ones(reward.level.size) if matches is None else matches.values
    known = reward.scored & ~np.isnan(goes_on)
    factors = np.where(goes_on > 0, gamma, 0.0)
    sums = backward(np.where(known, reward.values, 0.0), factors, reward.level)
    # Counted with the same links, but none weakened: how many unknown steps a return would need.
    links = np.where(goes_on > 0, 1.0, 0.0) if gamma > 0 else np.zeros(reward.level.size)
    unknown = backward((~known).astype(np.float64), links, reward.level)
    return np.where(unknown > 0, np.nan, sums)


def two_level(
    reward: Rows,
    groups: Ints,
    matches: Rows | None = None,
    gamma: float = 0.5,
    episode_weight: float = 1.0,
    step_weight: float = 1.0,
    scale: bool = True,
    eps: float = 1e-4,
    spread: str = "sample",
) -> Rows:
    """``A = w_e A_episode + w_s A_step``: UI-S1's advantages of steps (arXiv 2509.11543).

    ``A_step`` sets the return of a step against those of the same task and step number, ``A_episode`` the sum of an
    output's rewards against its group.

    Parameters
    ----------
    reward : Rows
        On steps: N.
    groups : ndarray of int64, shape (n,)
    matches : Rows, optional
        On the same steps: more than 0 where the step matches the expert's; see `broken_returns`.
    gamma : float
        Discount of the returns.
    scale : bool
        Whether both are divided by the standard deviation.

    Returns
    -------
    Rows
        On the reward's level. The only output of its group gets 0 throughout.
    """
    steps = against(broken_returns(reward, matches, gamma), places(reward.level, groups), scale, eps, spread)
    episodes = against(reward.total(), groups, scale, eps, spread)
    return reward.with_values(episode_weight * episodes[reward.level.output] + step_weight * steps)


def step_values(reward: Rows, groups: Ints, start: Rows | None = None) -> Rows:
    """``A_i = Q_i - Q_{i-1}``, Q_i being the share of completions from the i-th prefix that succeed
    (arXiv 2406.14532).

    Parameters
    ----------
    reward : Rows
        Q on steps: N.
    groups : ndarray of int64, shape (n,)
    start : Rows, optional
        Q_0 of each output: how often the task is solved from its start. By default the mean of the last Q of the
        group's outputs, which estimates the same.

    Returns
    -------
    Rows
        On the steps: they add up to the last Q less Q_0. Unscored where one of its two Q is.

    Examples
    --------
    >>> gains = step_values(Rows.ragged("step", [[0.75, 0.25, 0.5]]), np.array([0]), Rows.scalars([0.5]))
    >>> gains.to_lists()
    [[0.25, -0.5, 0.25]]
    """
    if start is None:
        final = np.full(len(reward), np.nan)
        final[reward.level.output[reward.level.last]] = reward.values[reward.level.last]
        first = Groups(final, groups).mean[groups]
    else:
        first = start.values
    return reward.with_values(reward.values - lag(reward.values, reward.level, first))


def first_pit(values: Rows) -> Ints:
    """The first step with the lowest Q of each output: shape (n,), -1 where none is scored (arXiv 2406.14532).

    A wrong solution cut there is the negative of a pair whose positive is a right one.

    Examples
    --------
    >>> first_pit(Rows.ragged("step", [[0.5, 0.1, 0.1, 0.4], []])).tolist()
    [1, -1]
    """
    at = positions(values.level)
    is_lowest = values.values == values.smallest()[values.level.output]
    beyond = int(values.level.counts.max()) if len(values) else 0
    first = np.full(len(values), beyond, dtype=np.int64)
    np.minimum.at(first, values.level.output[is_lowest], at[is_lowest])
    return np.where(first < beyond, first, -1)


def token_baseline(reward: Rows, groups: Ints, tokens: Rows, baseline: str = "token") -> Rows:
    """``A_k = sum_{j >= k} (r_j - b n_j)``: returns of steps over the mean token reward b of the group's other outputs,
    n_j being the tokens of step j (PURE, arXiv 2504.15275).

    With the mean reward of a step as baseline, ``b`` once a step, cutting a text into fewer steps raises or lowers its
    advantage although the rewards add up to the same: a policy learns to write fewer steps.

    Parameters
    ----------
    reward : Rows
        Of steps: N; already min-formed where that is wanted.
    groups : ndarray of int64, shape (n,)
    tokens : Rows
        On the same steps: how many tokens each has, more than 0.
    baseline : {"token", "step"}
        Once a token, or once a step for comparison.

    Returns
    -------
    Rows
        On the steps. The only output of its group has no others: 0 throughout.

    Raises
    ------
    ValueError
        For a step without a token.
    """
    sizes = np.ones(reward.level.size) if baseline == "step" else tokens.values
    empty = np.flatnonzero(~(sizes > 0) & reward.scored)
    if len(empty):
        raise ValueError(f"output {reward.level.output[empty[0]]}: a step of {sizes[empty[0]]:g} tokens: expected 1")
    sizes = np.where(reward.scored, sizes, 0.0)
    totals = np.where(reward.n_scored() > 0, reward.total(), np.nan)
    lengths = np.bincount(reward.level.output, sizes, minlength=len(reward))
    members = Groups(totals, groups)
    others = members.total(lengths)[groups] - lengths
    worth = members.total(totals)[groups] - totals
    alone = members.n_scored[groups] < 2
    level = np.where(alone, 0.0, worth / np.where(alone | np.isnan(totals), 1.0, others))
    gains = np.where(reward.scored, reward.values - (level[reward.level.output] * sizes), 0.0)
    sums = backward(gains, np.ones(reward.level.size), reward.level)
    sums = np.where(alone[reward.level.output], 0.0, sums)
    return reward.with_values(np.where(reward.scored, sums, np.nan))


def process_and_outcome(
    reward: Rows,
    groups: Ints,
    outcome: Rows | None = None,
    gamma: float = 1.0,
    outcome_gamma: float = 1.0,
    process_weight: float = 5.0,
    outcome_weight: float = 1.0,
    whiten: bool = True,
) -> Rows:
    """Discounted returns of token rewards and of the outcome, each with a leave-one-out baseline: PRIME
    (arXiv 2502.01456).

    Tokens: ``d_t = r_t n/(n - 1) - sum_j mean_t(r_j)/(n - 1)``, summed from t on with `gamma`. Outcome: the reward less
    the mean of the group's others, at the last token, carried back with `outcome_gamma`. Then the weighted sum,
    whitened over all tokens of the batch.

    Parameters
    ----------
    reward : Rows
        On tokens or steps: N.
    groups : ndarray of int64, shape (n,)
    outcome : Rows, optional
        One number an output.
    whiten : bool

    Returns
    -------
    Rows
        On the reward's level. Before whitening, the only output of its group gets 0 from each part.
    """
    level = reward.level
    # Who lacks one of the two is nobody's peer in the other.
    known = (reward.n_scored() > 0) & (True if outcome is None else outcome.scored)
    members = Groups(np.where(known, reward.mean(), np.nan), groups)
    n = members.n_scored[groups]
    spread = np.where(n > 1, n / np.maximum(n - 1, 1), 0.0)
    # sum_j mean(r_j) / (n - 1) is the group's mean times n / (n - 1).
    gains = spread[level.output] * (reward.values - members.mean[groups][level.output])
    values = np.where(known[level.output], process_weight * returns(reward.with_values(gains), gamma), np.nan)
    if outcome is not None:
        at_last = np.zeros(level.size)
        ahead = left_out(Groups(np.where(known, outcome.values, np.nan), groups))
        ends = level.last
        at_last[ends] = np.where(known, ahead, 0.0)[level.output[ends]]
        carried = backward(at_last, np.full(level.size, outcome_gamma), level)
        values = values + outcome_weight * carried
    return reward.with_values(whitened(values) if whiten else values)


_STEPS: Final = Need("tokens", "Tokens of each step", accepts="dense", with_reward=True)

ESTIMATORS: Final = (
    Estimator(
        name="turn_returns",
        label="Returns of turns (IGPO)",
        family=Family.STEPS,
        summary="What is still earned from a turn on, against the group's other outputs at that turn.",
        formula="A_k = R_k - mean(R), R_k = sum_{j >= k} gamma^(j - k) r_j",
        papers=(Paper("Information Gain-based Policy Optimization", "2510.14967"),),
        parameters=(
            GAMMA,
            Parameter(
                "centre",
                "choice",
                "position",
                "Against",
                choices=(("position", "The same turn"), ("group", "All turns of the group")),
            ),
            SCALE,
            EPS,
            SPREAD,
        ),
        accepts="dense",
        gives="reward",
        apply=turn_returns,
        alone="0 at each turn, against the same turn",
    ),
    Estimator(
        name="two_level",
        label="Steps and episodes (UI-S1)",
        family=Family.STEPS,
        summary="Each step against the same step of the task's outputs, plus the whole output against its group.",
        formula="A = w_e A_episode + w_s A_step",
        papers=(Paper("UI-S1: Advancing GUI Automation via Semi-online Reinforcement Learning", "2509.11543"),),
        needs=(
            Need(
                "matches",
                "Matches the expert",
                accepts="dense",
                help="More than 0 where it does; a mismatch ends the chain of returns",
                with_reward=True,
                optional=True,
            ),
        ),
        parameters=(
            Parameter("gamma", "number", 0.5, "Gamma", "Discount from one to the next", minimum=0.0, maximum=1.0),
            Parameter("episode_weight", "number", 1.0, "Weight of the episode", minimum=0.0, maximum=100.0),
            Parameter("step_weight", "number", 1.0, "Weight of the step", minimum=0.0, maximum=100.0),
            Parameter("scale", "boolean", True, SCALE.label),
            EPS,
            SPREAD,
        ),
        accepts="dense",
        gives="reward",
        apply=two_level,
        alone="0 at each step",
    ),
    Estimator(
        name="step_values",
        label="Rollout values",
        family=Family.STEPS,
        summary="By how much a step changed the share of completions that succeed.",
        formula="A_i = Q_i - Q_{i-1}",
        papers=(Paper("RL on Incorrect Synthetic Data Scales the Efficiency of LLM Math Reasoning", "2406.14532"),),
        needs=(Need("start", "Q at the start", help="By default the group's mean last Q", optional=True),),
        accepts="dense",
        gives="reward",
        apply=step_values,
        alone="Its steps' gains; the first from its own last Q, unless Q at the start is given",
        ignores_offset=True,
        notes="The reward is Q itself: the success rate of completions from the end of each step.",
    ),
    Estimator(
        name="token_baseline",
        label="Baseline per token (PURE)",
        family=Family.STEPS,
        summary="Returns of steps over what the tokens of the group's other outputs earn on average.",
        formula="A_k = sum_{j >= k} (r_j - b n_j)",
        papers=(Paper("Stop Summation: Min-Form Credit Assignment Is All Process Reward Model Needs", "2504.15275"),),
        needs=(_STEPS,),
        parameters=(
            Parameter(
                "baseline",
                "choice",
                "token",
                "Baseline",
                choices=(("token", "Per token"), ("step", "Per step: favours how a text is cut")),
            ),
        ),
        accepts="dense",
        gives="reward",
        apply=token_baseline,
        alone="0 at each step",
    ),
    Estimator(
        name="process_and_outcome",
        label="Process and outcome (PRIME)",
        family=Family.STEPS,
        summary="Returns of token rewards and of the outcome, each over the group's others, summed and whitened.",
        formula="A_t = whiten(w_p sum_{s >= t} gamma^(s - t) d_s + w_o gamma_o^(T - t) (o - mean_{j != i}(o_j)))",
        papers=(Paper("Process Reinforcement through Implicit Rewards", "2502.01456"),),
        needs=(Need("outcome", "Outcome", optional=True),),
        parameters=(
            GAMMA,
            Parameter("outcome_gamma", "number", 1.0, "Gamma of the outcome", minimum=0.0, maximum=1.0),
            Parameter("process_weight", "number", 5.0, "Weight of the tokens", minimum=0.0, maximum=1000.0),
            Parameter("outcome_weight", "number", 1.0, "Weight of the outcome", minimum=0.0, maximum=1000.0),
            Parameter("whiten", "boolean", True, "Whiten over the batch"),
        ),
        accepts="dense",
        gives="reward",
        apply=process_and_outcome,
        alone="0 before whitening",
        ignores_offset=True,
    ),
)
