"""When work will be finished and what it will cost, with an interval, from what was done so far."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtri

FEWEST_DAYS = 5
"""Days of work from which on the forecast draws days as they were; before, it takes answers to come evenly."""
FEWEST_ANSWERS = 3
REPLICATES = 2_000
HORIZON_DAYS = 3_650


class Forecast(NamedTuple):
    """Days until the remaining answers are given: median and central interval; infinite beyond `HORIZON_DAYS`.

    Attributes
    ----------
    days, low, high : float
    rule : str
        "days" where days of work were drawn anew, "even" where answers were taken to come evenly.
    """

    days: float
    low: float
    high: float
    rule: str


class Total(NamedTuple):
    """A sum that is still to come, with its interval."""

    value: float
    low: float
    high: float


def finish_by_days(remaining: int, daily: Sequence[int], *, confidence: float = 0.9, seed: int = 0) -> Forecast:
    """Days like those seen, drawn with replacement until the answers are there.

    Days on which nobody worked belong to `daily`: weekends come in the forecast as often as they did.

    Parameters
    ----------
    remaining : int
        Answers that are still wanted.
    daily : sequence of int
        Answers on each whole day so far.
    confidence : float
    seed : int

    Raises
    ------
    ValueError
        For days without a single answer.
    """
    counts = np.asarray(daily, dtype=np.float64)
    if not len(counts) or counts.sum() <= 0:
        raise ValueError("days without an answer: expected some answers")
    rng = np.random.default_rng(seed)
    length = min(HORIZON_DAYS, int(4 * remaining / counts.mean()) + 30)
    took = np.full(REPLICATES, np.inf)
    for place in range(REPLICATES):
        done = rng.choice(counts, length).cumsum()
        at = int(np.searchsorted(done, remaining))
        if at < length:
            before = done[at - 1] if at else 0.0
            # The last day is needed in part: answers within a day are taken to come evenly.
            took[place] = at + (remaining - before) / (done[at] - before)
    low, middle, high = (_quantile(took, q) for q in ((1 - confidence) / 2, 0.5, (1 + confidence) / 2))
    return Forecast(middle, low, high, "days")


def finish_evenly(remaining: int, answers: int, days: float, *, confidence: float = 0.9) -> Forecast:
    """Answers that come evenly: given n in time T, R more take ``T X``, X beta prime with parameters R and n.

    That is a Poisson process whose rate has the posterior Gamma(n, T): the time to the R-th next answer is a ratio of
    gamma variables.

    Raises
    ------
    ValueError
        For fewer than one answer, or no time.
    """
    if answers < 1 or days <= 0:
        raise ValueError(f"{answers} answers in {days} days: expected at least 1 in more than 0")
    shares = [float(betaincinv(remaining, answers, q)) for q in ((1 - confidence) / 2, 0.5, (1 + confidence) / 2)]
    low, middle, high = (days * share / (1 - share) if share < 1 else float("inf") for share in shares)
    return Forecast(middle, low, high, "even")


def sum_to_come(remaining: int, mean: float, deviation: float, n: int, *, confidence: float = 0.9) -> Total:
    """The sum of R values like the n seen: ``R m -+ z sqrt(R s^2 + R^2 s^2 / n)``, never below 0.

    Both the values to come and the mean itself are uncertain. NaN bounds for fewer than two values.
    """
    if n < 2:
        return Total(remaining * mean if n else float("nan"), float("nan"), float("nan"))
    z = float(ndtri((1 + confidence) / 2))
    half = z * np.sqrt(remaining * deviation**2 + remaining**2 * deviation**2 / n)
    return Total(remaining * mean, max(0.0, remaining * mean - half), remaining * mean + half)


def _quantile(took: npt.NDArray[np.float64], q: float) -> float:
    """By order, so that infinite times stay what they are."""
    return float(np.sort(took)[min(len(took) - 1, int(q * len(took)))])
