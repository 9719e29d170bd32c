"""Advantages of tokens from a value function: generalised advantage estimation, naive and by actions."""

from __future__ import annotations

from typing import Final

import numpy as np

from rewards.advantages.contract import Estimator, Family, Need
from rewards.advantages.sequences import backward, lead
from rewards.advantages.whitening import whitened
from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.shaping.rows import OUTPUT, Floats, Ints, Level, Rows, at_end

_WHITEN: Final = Parameter("whiten", "boolean", False, "Whiten over the batch")
_LAMBDA: Final = Parameter("lam", "number", 0.95, "Lambda", minimum=0.0, maximum=1.0)
_GAMMA: Final = Parameter("gamma", "number", 1.0, "Gamma", "Discount from one to the next", minimum=0.0, maximum=1.0)
VALUES: Final = Need("values", "Values of tokens", accepts="dense", help="What is still expected before each token")


def gae(reward: Rows, groups: Ints, values: Rows, gamma: float = 1.0, lam: float = 0.95, whiten: bool = False) -> Rows:
    """``A_t = delta_t + gamma lambda A_{t+1}`` with ``delta_t = r_t + gamma V_{t+1} - V_t``: GAE (arXiv 1506.02438,
    Eq. 16), V after the last token being 0.

    Parameters
    ----------
    reward : Rows
        Of tokens or coarser: a number stands on the last token that its segment covers.
    groups : ndarray of int64, shape (n,)
        Not looked at.
    values : Rows
        V of each token: N.

    Returns
    -------
    Rows
        On the tokens; unscored from the first token to the last one whose reward or value is unscored.

    Notes
    -----
    Within an action of several tokens it discounts at each: of two ways to write the same action the longer is worth
    less. See `action_decomposition`.
    """
    rewards, _ = _on_tokens(reward, values.level)
    everywhere = np.ones(values.level.size, dtype=bool)
    return _advantages(rewards, values, everywhere, gamma, lam, whiten)


def action_decomposition(
    reward: Rows, groups: Ints, values: Rows, gamma: float = 0.99, lam: float = 0.95, whiten: bool = False
) -> Rows:
    """Advantages of tokens that agree with those of actions: POAD (arXiv 2405.15821).

    Within an action ``delta_t = V_{t+1} - V_t`` and the trace goes on by lambda; at its last token
    ``delta_t = r + gamma V_{t+1} - V_t`` and by gamma lambda. The number of tokens that an action is written in does
    not discount what follows.

    Parameters
    ----------
    reward : Rows
        Of actions: one for each segment (a turn, a step), or one an output, which is then one action.
    groups : ndarray of int64, shape (n,)
        Not looked at.
    values : Rows
        V of each token: N, on tokens of the same outputs.

    Returns
    -------
    Rows
        On the tokens; unscored from the first token to the last one whose reward or value is unscored.

    Examples
    --------
    One action of three tokens with reward 1 and values 0: at lambda 1 each token gets it whole, where the naive form
    with gamma 0.5 leaves a quarter at the first.

    >>> values = Rows.ragged("token", [[0, 0, 0]])
    >>> action_decomposition(Rows.scalars([1]), np.array([0]), values, gamma=0.5, lam=1).to_lists()
    [[1.0, 1.0, 1.0]]
    >>> gae(Rows.scalars([1]), np.array([0]), values, gamma=0.5, lam=1).to_lists()
    [[0.25, 0.5, 1.0]]
    """
    rewards, is_end = _on_tokens(reward, values.level)
    return _advantages(rewards, values, is_end, gamma, lam, whiten)


def _on_tokens(reward: Rows, tokens: Level) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The reward of each token, and whether it ends a segment of the reward."""
    everywhere = reward.with_values(np.ones(reward.level.size))
    if reward.level.name == OUTPUT:
        return at_end(reward, tokens).values, at_end(everywhere, tokens).values > 0
    if reward.level.same_as(tokens):
        return reward.values, np.ones(tokens.size, dtype=bool)
    return reward.placed(tokens, "last").values, everywhere.placed(tokens, "last").values > 0


def _advantages(
    rewards: Floats,
    values: Rows,
    is_end: np.ndarray[tuple[int], np.dtype[np.bool_]],
    gamma: float,
    lam: float,
    whiten: bool,
) -> Rows:
    level = values.level
    discount = np.where(is_end, gamma, 1.0)
    known = ~np.isnan(rewards) & values.scored
    worth = np.where(values.scored, values.values, 0.0)
    deltas = np.where(known, rewards + discount * lead(worth, level) - worth, 0.0)
    result = backward(deltas, discount * lam, level)
    # A return that would need an unknown reward or value is unknown.
    hidden = backward((~known).astype(np.float64), np.ones(level.size), level) > 0
    result = np.where(hidden, np.nan, result)
    return values.with_values(whitened(result) if whiten else result)


ESTIMATORS: Final = (
    Estimator(
        name="gae",
        label="Token by token (GAE)",
        family=Family.STEPS,
        summary="Rewards and values of tokens, discounted from each to the next.",
        formula="A_t = delta_t + gamma lambda A_{t+1}, delta_t = r_t + gamma V_{t+1} - V_t",
        papers=(Paper("High-Dimensional Continuous Control Using Generalized Advantage Estimation", "1506.02438"),),
        needs=(VALUES,),
        parameters=(_GAMMA, _LAMBDA, _WHITEN),
        accepts="any",
        gives="values",
        apply=gae,
        alone="As in any group: the baseline is the value",
    ),
    Estimator(
        name="action_decomposition",
        label="Actions into tokens (POAD)",
        family=Family.STEPS,
        summary="As token by token, but nothing is discounted within a turn or step: its length in tokens is free.",
        formula="delta_t = V_{t+1} - V_t within, r + gamma V_{t+1} - V_t at the end of an action",
        papers=(Paper("Reinforcing Language Agents via Policy Optimization with Action Decomposition", "2405.15821"),),
        needs=(VALUES,),
        parameters=(
            Parameter("gamma", "number", 0.99, "Gamma", "Discount from one action to the next", minimum=0, maximum=1),
            _LAMBDA,
            _WHITEN,
        ),
        accepts="any",
        gives="values",
        apply=action_decomposition,
        alone="As in any group: the baseline is the value",
    ),
)
