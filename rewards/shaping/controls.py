"""Noise put on a reward, and rewards that know nothing of quality: what any training signal must be compared with."""

from typing import Final

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameter
from rewards.shaping.contract import Family, Operator, Paper, Slot, Want
from rewards.shaping.rows import Floats, Ints, Rows
from rewards.shaping.terms import check_groups, same_level

REDIT: Final = Paper("ReDit: Reward Dithering for Improved LLM Policy Optimization", "2506.18631")
NOISY: Final = Paper("The Climb Carves Wisdom Deeper Than the Summit", "2505.22653")
SPURIOUS: Final = Paper("Spurious Rewards: Rethinking Training Signals in RLVR", "2506.10947")
TTRL: Final = Paper("TTRL: Test-Time Reinforcement Learning", "2504.16084")


def dither(rewards: Rows, rng: np.random.Generator, noise: str = "gaussian", spread: float = 0.05) -> Rows:
    """``r = x + e``, ``e ~ N(0, s^2)`` or ``U(-a, a)`` (ReDit, arXiv 2506.18631).

    The mean of r is x, so advantages stay unbiased; outputs of equal reward no longer have an advantage of exactly 0.

    Parameters
    ----------
    rewards : Rows
    rng : numpy Generator
        One draw a segment, scored or not, so that a missing score does not change the noise on others.
    noise : {"gaussian", "uniform"}
    spread : float
        s, the standard deviation, or a, half the width; at least 0.

    Raises
    ------
    ValueError
        For a spread below 0.
    """
    if spread < 0:
        raise ValueError(f"spread {spread:g}: expected at least 0")
    size = rewards.level.size
    drawn = rng.normal(0.0, spread, size) if noise == "gaussian" else rng.uniform(-spread, spread, size)
    return rewards.with_values(rewards.values + drawn)


def flip_noise(
    scores: Rows,
    groups: Ints,
    rng: np.random.Generator,
    unit: str = "group",
    rate: float = 0.2,
    low: float = 0.0,
    high: float = 1.0,
) -> Rows:
    """``r = lo + hi - x`` with probability p, else x (The Climb Carves Wisdom, arXiv 2505.22653: ``1 - x``).

    The released code draws once for all outputs of a task, which keeps their order within the task or turns it round
    as a whole; a draw for each output is the noise of an unreliable verifier.

    Parameters
    ----------
    scores : Rows
        One number an output.
    groups : ndarray of int64, shape (n,)
    rng : numpy Generator
    unit : {"group", "output"}
        What is drawn for.
    rate : float
        p, 0 to 1.
    low, high : float
        The two values that change places.

    Raises
    ------
    ValueError
        For a rate outside 0 to 1, or another number of groups than outputs.
    """
    _check_rate(rate)
    check_groups(groups, scores)
    draws = rng.random(int(groups.max(initial=-1)) + 1)[groups] if unit == "group" else rng.random(len(scores))
    return scores.with_values(np.where(draws < rate, low + high - scores.values, scores.values))


def class_conditional_noise(
    scores: Rows,
    rng: np.random.Generator,
    rate_high: float = 0.1,
    rate_low: float = 0.1,
    low: float = 0.0,
    high: float = 1.0,
) -> Rows:
    """``r = lo + hi - x`` with the probability of its class: p+ nearer to hi, p- nearer to lo, else x.

    A verifier that misses right answers more often than it lets wrong ones pass, or the other way round; common
    practice since class-conditional label noise (The Climb Carves Wisdom, arXiv 2505.22653, flips both alike).

    Parameters
    ----------
    scores : Rows
        One number an output.
    rng : numpy Generator
    rate_high, rate_low : float
        p+ for scores of at least ``(lo + hi) / 2``, p- below; 0 to 1.
    low, high : float

    Raises
    ------
    ValueError
        For a rate outside 0 to 1.
    """
    _check_rate(rate_high)
    _check_rate(rate_low)
    rate = np.where(scores.values >= (low + high) / 2, rate_high, rate_low)
    flipped = rng.random(len(scores)) < rate
    return scores.with_values(np.where(flipped, low + high - scores.values, scores.values))


def random_control(like: Rows, rng: np.random.Generator, rate: float = 0.5) -> Rows:
    """``r ~ Bernoulli(p)``, whatever was written (Spurious Rewards, arXiv 2506.10947: random).

    Parameters
    ----------
    like : Rows
        The reward to be compared with: only where it has a number is one drawn, so that both cover the same outputs.
    rng : numpy Generator
    rate : float
        p, 0 to 1.

    Raises
    ------
    ValueError
        For a rate outside 0 to 1.
    """
    _check_rate(rate)
    drawn = rng.random(like.level.size) < rate
    return like.with_values(np.where(like.scored, drawn, np.nan))


def inverted(rewards: Rows, low: float = 0.0, high: float = 1.0) -> Rows:
    """``r = lo + hi - x``, of a reward from lo to hi (Spurious Rewards, arXiv 2506.10947: ``1 - x``).

    Twice applied it is the reward again.

    Parameters
    ----------
    rewards : Rows
    low, high : float
        The ends of its scale.
    """
    return rewards.with_values(low + high - rewards.values)


def majority_vote(answers: Rows, groups: Ints, ties: str = "unscored") -> Rows:
    """``r = 1[answer = the task's most frequent answer]`` (TTRL, arXiv 2504.16084; Spurious Rewards, arXiv 2506.10947).

    Parameters
    ----------
    answers : Rows
        One number an output; equal numbers are equal answers. Outputs without an answer do not vote.
    groups : ndarray of int64, shape (n,)
    ties : {"unscored", "all"}
        Where several answers are most frequent: the task has no label and stays unscored, or each of them counts.
        (Released code takes the one met first, which depends on the order of outputs.)

    Raises
    ------
    ValueError
        For another number of groups than outputs.
    """
    return _vote(answers, groups, answers.scored, ties)


def incorrect_majority(answers: Rows, outcomes: Rows, groups: Ints, threshold: float = 0.5, ties: str = "all") -> Rows:
    """``r = 1[answer = the task's most frequent wrong answer]`` (Spurious Rewards, arXiv 2506.10947: incorrect).

    Parameters
    ----------
    answers : Rows
        One number an output; equal numbers are equal answers.
    outcomes : Rows
        Below `threshold` is wrong. Outputs without an outcome do not vote, and are rewarded by their answer.
    groups : ndarray of int64, shape (n,)
    threshold : float
    ties : {"unscored", "all"}
        As for `majority_vote`.

    Returns
    -------
    Rows
        Unscored for a task without a wrong answer: it has no such label.

    Raises
    ------
    ValueError
        For another number of groups than outputs.
    """
    voting = answers.scored & (outcomes.values < threshold)
    return _vote(answers, groups, voting, ties)


def calibrated(rewards: Rows, fallback: Rows, threshold: float = 0.0) -> Rows:
    """``r = x`` where ``x > c``, another reward elsewhere (The Climb Carves Wisdom, arXiv 2505.22653: calibration).

    A noisy verifier's 0 may be a false one; there the paper pays a reward for the pattern of reasoning.

    Parameters
    ----------
    rewards, fallback : Rows
        On the same segments. Where the first is unscored so is the result.
    threshold : float
        c.

    Raises
    ------
    ValueError
        Where the two stand on different segments.
    """
    same_level([rewards, fallback], "input")
    instead = np.where(rewards.scored, fallback.values, np.nan)
    return rewards.with_values(np.where(rewards.values > threshold, rewards.values, instead))


def _vote(answers: Rows, groups: Ints, voting: npt.NDArray[np.bool_], ties: str) -> Rows:
    """1 for the answer of most votes in its group, 0 for others; unscored without votes or, if so asked, by a tie."""
    check_groups(groups, answers)
    known = np.flatnonzero(answers.scored)
    _, answer = np.unique(answers.values[known], return_inverse=True)
    n_answers, n_groups = int(answer.max(initial=-1)) + 1, int(groups.max(initial=-1)) + 1
    pairs, ballot = np.unique(groups[known] * n_answers + answer, return_inverse=True)
    votes = np.bincount(ballot, voting[known], minlength=len(pairs))
    of_pair = pairs // max(n_answers, 1)
    most = np.zeros(n_groups)
    np.maximum.at(most, of_pair, votes)
    wins = (votes == most[of_pair]) & (votes > 0)
    n_winners = np.bincount(of_pair, wins, minlength=n_groups)[of_pair]
    no_label = (n_winners == 0) | ((n_winners > 1) & (ties == "unscored"))
    result: Floats = np.full(len(answers), np.nan)
    result[known] = np.where(no_label, np.nan, wins)[ballot]
    return answers.with_values(result)


def _check_rate(rate: float) -> None:
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"rate {rate:g}: expected 0 to 1")


_LOW: Final = Parameter("low", "number", 0.0, "Lowest")
_HIGH: Final = Parameter("high", "number", 1.0, "Highest")
_SEEDED: Final = frozenset({Want.RNG})
_GROUPED: Final = frozenset({Want.GROUPS})


def _rate(name: str, default: float, label: str) -> Parameter:
    return Parameter(name, "number", default, label, minimum=0.0, maximum=1.0)


def _ties(default: str) -> Parameter:
    choices = (("unscored", "Leave the task unscored"), ("all", "Count each of them"))
    return Parameter("ties", "choice", default, "Where several are most frequent", choices=choices)


OPERATORS: Final = (
    Operator(
        name="dither",
        label="Dithering",
        family=Family.CONTROL,
        summary="Adds a little noise of mean 0, so that outputs of equal reward differ.",
        formula="r = x + e, e ~ N(0, s^2) or U(-a, a)",
        papers=(REDIT,),
        slots=(Slot("rewards", "Rewards"),),
        parameters=(
            Parameter(
                "noise", "choice", "gaussian", "Noise", choices=(("gaussian", "Gaussian"), ("uniform", "Uniform"))
            ),
            Parameter("spread", "number", 0.05, "Deviation or half width", minimum=0.0, maximum=1000.0),
        ),
        apply=dither,
        wants=_SEEDED,
    ),
    Operator(
        name="flip_noise",
        label="Flip at random",
        family=Family.CONTROL,
        summary="Turns rewards round with a probability, task by task or output by output.",
        formula="r = lo + hi - x with probability p",
        papers=(NOISY,),
        slots=(Slot("scores", "Scores", accepts="output"),),
        parameters=(
            Parameter(
                "unit",
                "choice",
                "group",
                "Drawn for each",
                choices=(("group", "Task"), ("output", "Output")),
            ),
            _rate("rate", 0.2, "Rate"),
            _LOW,
            _HIGH,
        ),
        apply=flip_noise,
        gives="output",
        wants=_SEEDED | _GROUPED,
    ),
    Operator(
        name="class_conditional_noise",
        label="Flip by class",
        family=Family.CONTROL,
        summary="Turns high rewards round with one probability and low ones with another.",
        formula="r = lo + hi - x with probability p+ | p-",
        papers=(NOISY,),
        slots=(Slot("scores", "Scores", accepts="output"),),
        parameters=(
            _rate("rate_high", 0.1, "Rate of the high ones"),
            _rate("rate_low", 0.1, "Rate of the low ones"),
            _LOW,
            _HIGH,
        ),
        apply=class_conditional_noise,
        gives="output",
        wants=_SEEDED,
    ),
    Operator(
        name="random_control",
        label="Random reward",
        family=Family.CONTROL,
        summary="1 with a probability, else 0, wherever another reward has a number.",
        formula="r ~ Bernoulli(p)",
        papers=(SPURIOUS,),
        slots=(Slot("like", "Where this has a number"),),
        parameters=(_rate("rate", 0.5, "Rate"),),
        apply=random_control,
        wants=_SEEDED,
    ),
    Operator(
        name="inverted",
        label="Inverted",
        family=Family.CONTROL,
        summary="Turns a reward round on its scale.",
        formula="r = lo + hi - x",
        papers=(SPURIOUS,),
        slots=(Slot("rewards", "Rewards"),),
        parameters=(_LOW, _HIGH),
        apply=inverted,
    ),
    Operator(
        name="majority_vote",
        label="Majority within the task",
        family=Family.CONTROL,
        summary="1 for outputs that give their task's most frequent answer.",
        formula="r = 1[answer = mode_task answer]",
        papers=(TTRL, SPURIOUS),
        slots=(Slot("answers", "Answers, as numbers", accepts="output"),),
        parameters=(_ties("unscored"),),
        apply=majority_vote,
        gives="output",
        wants=_GROUPED,
    ),
    Operator(
        name="incorrect_majority",
        label="Most frequent wrong answer",
        family=Family.CONTROL,
        summary="1 for outputs that give their task's most frequent wrong answer.",
        formula="r = 1[answer = mode_task of wrong answers]",
        papers=(SPURIOUS,),
        slots=(
            Slot("answers", "Answers, as numbers", accepts="output"),
            Slot("outcomes", "Outcomes", accepts="output"),
        ),
        parameters=(
            Parameter("threshold", "number", 0.5, "Right from"),
            _ties("all"),
        ),
        apply=incorrect_majority,
        gives="output",
        wants=_GROUPED,
    ),
    Operator(
        name="calibrated",
        label="Another reward where this is 0",
        family=Family.CONTROL,
        summary="Keeps a reward where it is above a threshold and takes another where it is not.",
        formula="r = x if x > c, else y",
        papers=(NOISY,),
        slots=(Slot("rewards", "Rewards"), Slot("fallback", "Otherwise")),
        parameters=(Parameter("threshold", "number", 0.0, "Kept above"),),
        apply=calibrated,
    ),
)
