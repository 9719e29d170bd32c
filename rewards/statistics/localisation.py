"""How well a dense reward finds the places that people marked: ranking of tokens, overlap of spans, the first error.

A dense reward is read as a detector of errors: the lower a token's value, the more it is suspected. All scores here
are of a suspicion, larger meaning worse, so a reward enters with its sign turned. Tokens are positive where a human
span covers any of their characters. Unscored tokens (NaN) are left out and counted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.statistics.proportions import Estimate, cluster_bootstrap_mean, percentile_interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MATCH_IOU = 0.5


@dataclass(frozen=True)
class MarkedTokens:
    """The tokens of many outputs in one row: what is suspected, and what people marked.

    Attributes
    ----------
    suspicion : float64 array, shape (n,)
        NaN is unscored.
    marked : bool array, shape (n,)
        Whether a human span covers a character of the token.
    output : int64 array, shape (n,)
        Which output each token belongs to: ascending runs.
    start, end : int64 array, shape (n,)
        Of the token in its output's text, in code points.
    task : int64 array, shape (n,)
        What is drawn with replacement for intervals.
    """

    suspicion: Floats
    marked: Flags
    output: Ints
    start: Ints
    end: Ints
    task: Ints

    def __post_init__(self) -> None:
        lengths = {len(column) for column in vars(self).values()}
        if len(lengths) != 1:
            raise ValueError(f"columns of lengths {sorted(lengths)}: expected one length")

    def scored(self) -> "MarkedTokens":
        """Without the unscored tokens."""
        keep = ~np.isnan(self.suspicion)
        return MarkedTokens(**{name: column[keep] for name, column in vars(self).items()})


class Curve(NamedTuple):
    """Area under a curve over tokens, with an interval over tasks, and the base rate that guessing reaches."""

    area: Estimate
    base_rate: float


def auroc(tokens: MarkedTokens, *, replicates: int = 200, confidence: float = 0.95, seed: int = 0) -> Estimate:
    """Area under the receiver operating characteristic: the chance that a marked token is more suspected than one
    that is not, ties counting half (Fawcett 2006, Pattern Recognition Letters 27). NaN where one kind is missing.
    """
    ranked = _Ranked(tokens.scored())
    return _with_interval(ranked, ranked.auroc, replicates, confidence, seed)


def average_precision(tokens: MarkedTokens, *, replicates: int = 200, confidence: float = 0.95, seed: int = 0) -> Curve:
    """Area under precision against recall, as the step sum ``sum_k (R_k - R_{k-1}) P_k`` over distinct values (no
    interpolation; Davis and Goadrich 2006, ICML). Guessing reaches the base rate, the share of marked tokens.
    """
    ranked = _Ranked(tokens.scored())
    area = _with_interval(ranked, ranked.average_precision, replicates, confidence, seed)
    return Curve(area, float(ranked.marked.mean()) if len(ranked.marked) else float("nan"))


class SpanScore(NamedTuple):
    """Overlap of suspected with marked places at one threshold.

    Attributes
    ----------
    threshold : float
        Tokens whose suspicion is at least this are flagged.
    token_precision, token_recall, token_f1 : float
    span_precision, span_recall, span_f1 : float
        Runs of flagged tokens against runs of marked tokens; two runs match where the intersection of their
        characters is at least half of their union, one to one.
    """

    threshold: float
    token_precision: float
    token_recall: float
    token_f1: float
    span_precision: float
    span_recall: float
    span_f1: float


def matched_rate_threshold(tokens: MarkedTokens) -> float:
    """The suspicion that flags as many tokens as people marked: no threshold is tuned on the marks' places.

    NaN where nothing is scored or nothing marked.
    """
    scored = tokens.scored()
    wanted = int(scored.marked.sum())
    if not wanted:
        return float("nan")
    return float(np.sort(scored.suspicion)[-wanted])


def span_score(tokens: MarkedTokens, threshold: float) -> SpanScore:
    """Precision, recall and F1 over tokens and over spans of what is at least as suspected as `threshold`."""
    scored = tokens.scored()
    flagged = scored.suspicion >= threshold
    both = int((flagged & scored.marked).sum())
    token = _precision_recall_f1(both, int(flagged.sum()), int(scored.marked.sum()))
    found, wanted = _runs(scored, flagged), _runs(scored, scored.marked)
    span = _precision_recall_f1(_matches(found, wanted), len(found), len(wanted))
    return SpanScore(threshold, *token, *span)


class FirstError(NamedTuple):
    """Whether the place that is suspected first is where people saw the first error.

    Attributes
    ----------
    exact : Estimate
        Of the outputs with an error: the share whose first flagged sentence holds the first marked token.
    worst : Estimate
        The share whose most suspected sentence (mean over tokens) holds a marked token at all.
    """

    exact: Estimate
    worst: Estimate


def first_error(
    tokens: MarkedTokens,
    sentence: Ints,
    threshold: float,
    *,
    replicates: int = 1_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> FirstError:
    """Localisation of the first error by sentence (as ProcessBench does by step, Zheng et al. 2024, arXiv 2412.06559).

    Parameters
    ----------
    tokens : MarkedTokens
    sentence : int64 array, shape (n,)
        Number of each token's sentence within its output.
    threshold : float
        As for `span_score`.
    """
    exact, worst, tasks = [], [], []
    for rows in _by_output(tokens.output):
        marked = tokens.marked[rows]
        if not marked.any():
            continue
        suspicion, within = tokens.suspicion[rows], sentence[rows]
        flagged = np.flatnonzero(suspicion >= threshold)
        exact.append(bool(len(flagged)) and within[flagged[0]] == within[np.flatnonzero(marked)[0]])
        means = {one: np.nanmean(suspicion[within == one]) for one in _scored_sentences(suspicion, within)}
        worst.append(bool(means) and bool(marked[within == max(means, key=lambda one: means[one])].any()))
        tasks.append(int(tokens.task[rows][0]))

    def share(hits: list[bool]) -> Estimate:
        values = np.array(hits, dtype=np.float64)
        return cluster_bootstrap_mean(values, tasks, replicates=replicates, confidence=confidence, seed=seed)

    return FirstError(exact=share(exact), worst=share(worst))


class _Ranked:
    """Tokens from the most suspected down, with the ends of runs of equal suspicion: sorted once for all replicates."""

    def __init__(self, tokens: MarkedTokens) -> None:
        order = np.argsort(-tokens.suspicion, kind="stable")
        self.marked = tokens.marked[order]
        self.tasks, self.task_of = np.unique(tokens.task[order], return_inverse=True)
        ordered = tokens.suspicion[order]
        self._ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(ordered) else np.zeros(0, int)

    def auroc(self, weights: Floats) -> float:
        positives, negatives = self._cumulated(weights)
        if not len(positives) or positives[-1] == 0 or negatives[-1] == 0:
            return float("nan")
        # Each step: new negatives lie below all positives so far and level with the new ones.
        before = np.concatenate([[0.0], positives[:-1]])
        new_negatives = np.diff(negatives, prepend=0.0)
        won = (new_negatives * (before + positives) / 2).sum()
        return float(won / (positives[-1] * negatives[-1]))

    def average_precision(self, weights: Floats) -> float:
        positives, negatives = self._cumulated(weights)
        if not len(positives) or positives[-1] == 0:
            return float("nan")
        flagged = positives + negatives
        precision = np.divide(positives, flagged, out=np.zeros_like(positives), where=flagged > 0)
        return float((np.diff(positives, prepend=0.0) * precision).sum() / positives[-1])

    def _cumulated(self, weights: Floats) -> tuple[Floats, Floats]:
        """Weight of marked and of other tokens down to the end of each run of equal suspicion."""
        positives = np.cumsum(weights * self.marked)[self._ends]
        negatives = np.cumsum(weights * ~self.marked)[self._ends]
        return positives, negatives


def _with_interval(
    ranked: _Ranked, statistic: Callable[[Floats], float], replicates: int, confidence: float, seed: int
) -> Estimate:
    n = len(ranked.marked)
    value = statistic(np.ones(n))
    if len(ranked.tasks) < 2 or np.isnan(value):
        return Estimate(value, float("nan"), float("nan"), n)
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(replicates):
        times = np.bincount(generator.integers(len(ranked.tasks), size=len(ranked.tasks)), minlength=len(ranked.tasks))
        drawn.append(statistic(times[ranked.task_of].astype(np.float64)))
    return Estimate(value, *percentile_interval(np.array(drawn), confidence, n_drawn=len(ranked.tasks)), n)


def _precision_recall_f1(right: int, found: int, wanted: int) -> tuple[float, float, float]:
    """NaN where undefined: nothing found, nothing wanted."""
    precision = right / found if found else float("nan")
    recall = right / wanted if wanted else float("nan")
    return precision, recall, 2 * right / (found + wanted) if found + wanted else float("nan")


def _runs(tokens: MarkedTokens, chosen: Flags) -> list[tuple[int, int, int]]:
    """Output, start and end of each run of chosen tokens that follow each other."""
    places = np.flatnonzero(chosen)
    if not len(places):
        return []
    breaks = (np.diff(places) > 1) | (np.diff(tokens.output[places]) != 0)
    firsts = places[np.concatenate([[True], breaks])]
    lasts = places[np.concatenate([breaks, [True]])]
    return [
        (int(tokens.output[first]), int(tokens.start[first]), int(tokens.end[last]))
        for first, last in zip(firsts, lasts, strict=True)
    ]


def _matches(found: Sequence[tuple[int, int, int]], wanted: Sequence[tuple[int, int, int]]) -> int:
    """How many runs match one to one; runs of one side do not overlap, so no run can match two at half or more."""
    by_output: dict[int, list[tuple[int, int]]] = {}
    for output, start, end in wanted:
        by_output.setdefault(output, []).append((start, end))
    return sum(
        any(_iou((start, end), other) >= MATCH_IOU for other in by_output.get(output, ()))
        for output, start, end in found
    )


def _iou(one: tuple[int, int], other: tuple[int, int]) -> float:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    if shared <= 0:
        return 0.0
    return shared / (max(one[1], other[1]) - min(one[0], other[0]))


def _by_output(output: Ints) -> list[slice]:
    cuts = np.flatnonzero(np.diff(output)) + 1
    edges = [0, *cuts.tolist(), len(output)]
    return [slice(first, last) for first, last in pairwise(edges) if last > first]


def _scored_sentences(suspicion: Floats, sentence: Ints) -> list[int]:
    return [int(one) for one in np.unique(sentence[~np.isnan(suspicion)])]
