"""The off-topic length probe: does a scorer put a long answer to another question above a short one to this?

Kim and Seo 2024 (arXiv 2402.03469) report that reward models trained on human preferences do. The probe needs no
judgments: what is off topic is known because it was written for another prompt.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.statistics.proportions import Proportion, wilson

BETWEEN = "\n\n"


class ProbeTexts(NamedTuple):
    """What one prompt is scored with.

    Attributes
    ----------
    own : str
        The response that was written for it.
    swapped : str
        One that was written for another prompt.
    padded : str or None
        That one, lengthened by more responses to other prompts; None where all of them together are not long enough.
    """

    own: str
    swapped: str
    padded: str | None


class Ordering(NamedTuple):
    """How often a scorer orders off-topic text above the response of the prompt.

    Attributes
    ----------
    wrong : Proportion
        Off-topic text scored higher, of the prompts in which both are scored; Wilson's interval.
    ties : int
        Scored alike; they are in ``wrong.n`` and not wrong.
    n_unscored : int
        Prompts left out because one of the two is unscored.
    """

    wrong: Proportion
    ties: int
    n_unscored: int


def probe_texts(responses: Sequence[str], *, longer: float = 2.0, seed: int = 0) -> list[ProbeTexts]:
    """Swap responses across prompts and lengthen them.

    The prompts are put in a circle by the seed; each gets the next response that differs from its own, padded with
    those after it until it has `longer` times the characters of its own.

    Parameters
    ----------
    responses : sequence of str, length n
        One for each prompt.
    longer : float
        At least 1.
    seed : int

    Returns
    -------
    list of ProbeTexts, length n

    Raises
    ------
    ValueError
        Where no two responses differ, or `longer` is below 1.
    """
    if len(set(responses)) < 2:
        raise ValueError("the probe swaps responses: expected at least two that differ")
    if not longer >= 1:
        raise ValueError(f"longer={longer}: expected at least 1")
    circle = list(range(len(responses)))
    random.Random(seed).shuffle(circle)
    texts: dict[int, ProbeTexts] = {}
    for place, prompt in enumerate(circle):
        own = responses[prompt]
        others = [responses[other] for other in (*circle[place + 1 :], *circle[:place]) if responses[other] != own]
        texts[prompt] = ProbeTexts(own, others[0], _padded(others, longer * len(own)))
    return [texts[prompt] for prompt in range(len(responses))]


def wrong_orderings(on_topic: npt.ArrayLike, off_topic: npt.ArrayLike, confidence: float = 0.95) -> Ordering:
    """Count prompts whose off-topic text scores higher than their own response.

    Parameters
    ----------
    on_topic, off_topic : array_like of float, shape (n,)
        NaN for unscored.
    confidence : float

    Raises
    ------
    ValueError
        For different shapes.
    """
    own, other = np.asarray(on_topic, dtype=np.float64), np.asarray(off_topic, dtype=np.float64)
    if own.ndim != 1 or own.shape != other.shape:
        raise ValueError(f"shapes {own.shape} and {other.shape}: expected two arrays of the same length")
    scored = ~(np.isnan(own) | np.isnan(other))
    own, other = own[scored], other[scored]
    return Ordering(
        wrong=wilson(int(np.count_nonzero(other > own)), len(own), confidence),
        ties=int(np.count_nonzero(other == own)),
        n_unscored=int(np.count_nonzero(~scored)),
    )


def _padded(others: Sequence[str], length: float) -> str | None:
    taken: list[str] = []
    reached = -len(BETWEEN)
    for text in others:
        taken.append(text)
        reached += len(BETWEEN) + len(text)
        if reached >= length:
            return BETWEEN.join(taken)
    return None
