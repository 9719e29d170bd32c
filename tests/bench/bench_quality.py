"""Quality of annotations: agreement over a million judgments."""

import time
from collections.abc import Iterator

import numpy as np

from rewards.statistics.agreement import METRICS, krippendorff_alpha
from tests.bench.figures import Figure, at_most

JUDGMENTS = 1_000_000


def figures() -> Iterator[Figure]:
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
