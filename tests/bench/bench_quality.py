"""Quality of annotations: agreement over a million judgments, and how often stated intervals hold the truth.

Coverage is counted over a thousand simulated campaigns of known truth, which takes too long for the tests.
"""

import time
from collections.abc import Iterator

import numpy as np

from rewards.statistics.agreement import METRICS, krippendorff_alpha
from rewards.statistics.leniency import fit_leniency
from rewards.statistics.proportions import wilson
from tests.bench.figures import Figure, at_least, at_most

JUDGMENTS = 1_000_000
SIMULATIONS = 1_000
REPLICATES = 400
LOW, HIGH = 93.0, 97.0

SHIFTS = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
THRESHOLDS = np.array([-2.0, -0.7, 0.5, 2.0])


def figures() -> Iterator[Figure]:
    yield from _speed()
    for name, covered in (
        ("alpha, nominal, 100 units of 3 people", _alpha_coverage()),
        ("leniency, 100 units of 3 of 5 people", _leniency_coverage()),
        ("share right, 30 known answers at 80 %", _wilson_coverage()),
    ):
        share = 100 * covered
        yield at_least(f"coverage of 95 % intervals: {name}", share, "%", LOW)
        yield at_most(f"coverage of 95 % intervals: {name}", share, "%", HIGH)


def _speed() -> Iterator[Figure]:
    rng = np.random.default_rng(0)
    units, raters = np.repeat(np.arange(JUDGMENTS // 4), 4), np.tile(np.arange(4), JUDGMENTS // 4)
    values = np.clip(np.repeat(rng.integers(1, 8, JUDGMENTS // 4), 4) + rng.integers(-1, 2, JUDGMENTS), 1, 7)
    for metric in METRICS:
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            krippendorff_alpha(units, raters, values, metric=metric)
            seconds.append(time.perf_counter() - start)
        yield at_most(f"alpha of {JUDGMENTS:,} judgments, {metric}", min(seconds), "s", 2)


def _alpha_coverage() -> float:
    """Three classes of one third each; three people who answer the true one with chance 0.7, else any other.

    Two answers to one unit are equal with chance .7^2 + 2 * .15^2 = .535, to different ones with 1/3:
    alpha = 1 - .465 / (2/3).
    """
    truth = 1 - (1 - (0.7**2 + 2 * 0.15**2)) / (2 / 3)
    units, raters = np.repeat(np.arange(100), 3), np.tile(np.arange(3), 100)
    held = 0
    for seed in range(SIMULATIONS):
        rng = np.random.default_rng(seed)
        true = np.repeat(rng.integers(0, 3, 100), 3)
        wrong = (true + rng.integers(1, 3, 300)) % 3
        values = np.where(rng.random(300) < 0.7, true, wrong)
        found = krippendorff_alpha(units, raters, values, replicates=REPLICATES, seed=seed)
        held += found.low <= truth <= found.high
    return held / SIMULATIONS


def _leniency_coverage() -> float:
    held = 0.0
    for seed in range(SIMULATIONS):
        rng = np.random.default_rng(seed)
        quality = rng.normal(0, 1.5, 100)
        raters = np.argsort(rng.random((100, 5)), axis=1)[:, :3]
        latent = quality[:, None] + SHIFTS[raters] + rng.logistic(size=raters.shape)
        values = 1 + (latent[..., None] > THRESHOLDS).sum(axis=-1)
        found = fit_leniency(np.repeat(np.arange(100), 3), raters.ravel(), values.ravel())
        shifts = SHIFTS[[rater for rater in found.raters if isinstance(rater, int)]]
        held += float(np.mean((found.low <= shifts) & (shifts <= found.high)))
    return held / SIMULATIONS


def _wilson_coverage() -> float:
    hits = np.random.default_rng(0).binomial(30, 0.8, SIMULATIONS)
    return float(np.mean([found.low <= 0.8 <= found.high for found in (wilson(int(hit), 30) for hit in hits)]))
