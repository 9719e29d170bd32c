"""How soon every estimator has the advantages of 100,000 outputs in 12,500 groups, beside a loop over the groups."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from rewards.advantages import ESTIMATORS, Estimator, estimate, read_estimator
from rewards.advantages.pass_at_k import best_of_n
from rewards.shaping.rows import Ints, Level, Rows
from tests.bench.figures import Figure, at_least, at_most

N_GROUPS = 12_500
SIZE = 8
N = N_GROUPS * SIZE
N_STEPS = 4
LIMIT_SECONDS = 0.3


def figures() -> Iterator[Figure]:
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(N_GROUPS), SIZE))
    reward = Rows.scalars(rng.integers(0, 2, N).astype(float))
    steps = Level.of_lengths("step", [N_STEPS] * N)
    dense = Rows(steps, rng.integers(0, 3, steps.size) / 2)
    extras = _extras(rng, steps)
    for estimator in ESTIMATORS.values():
        rows = dense if estimator.accepts == "dense" else reward
        seconds = _seconds(_run(estimator, rows, groups, extras))
        yield at_most(f"{estimator.name}, {N:,} outputs", seconds, "s", LIMIT_SECONDS)
    yield from _beside_loops(reward, groups, extras)
    scores = rng.normal(size=(2, 10_000))
    yield Figure("best of 1 to 64 from 10,000", _seconds(lambda: best_of_n(*scores, np.arange(1, 65))), "s")


def _run(estimator: Estimator, reward: Rows, groups: Ints, extras: dict[str, Rows]) -> Callable[[], Rows]:
    """With every input that the estimator can use; the number of tokens is counted from their log-probs."""
    named = {need.name: ["objectives", "outcome"] if need.many else need.name for need in estimator.needs}
    named.pop("lengths", None)
    chosen = read_estimator({"estimator": estimator.name, "extras": named})
    return lambda: estimate(chosen, reward, groups, extras)


def _extras(rng: np.random.Generator, steps: Level) -> dict[str, Rows]:
    output = {name: Rows.scalars(rng.random(N)) for name in ("greedy", "metric", "start", "objectives")}
    output |= {name: Rows.scalars(rng.integers(0, 2, N).astype(float)) for name in ("outcome", "success")}
    dense = {name: Rows(steps, -rng.random(steps.size)) for name in ("log_probs", "policy_log_probs", "values")}
    dense["matches"] = Rows(steps, rng.integers(0, 2, steps.size).astype(float))
    dense["tokens"] = Rows(steps, rng.integers(1, 50, steps.size).astype(float))
    dense["nodes"] = Rows(steps, np.tile(np.arange(N_STEPS), N) * 10 + rng.integers(0, 3, steps.size))
    return output | dense


def _beside_loops(reward: Rows, groups: Ints, extras: dict[str, Rows]) -> Iterator[Figure]:
    """The same numbers from numpy, one group after the other."""

    def mean_std(own: np.ndarray) -> np.ndarray:
        return (own - own.mean()) / (own.std(ddof=1) + 1e-4)

    def quantile(own: np.ndarray) -> np.ndarray:
        return (own - np.quantile(own, 0.4, method="inverted_cdf")) / (own.std(ddof=1) + 1e-4)

    for name, formula in (("group_mean_std", mean_std), ("quantile_baseline", quantile)):
        start = time.perf_counter()
        order = np.argsort(groups, kind="stable")
        looped = np.empty(N)
        for members in np.split(order, np.arange(SIZE, N, SIZE)):
            looped[members] = formula(reward.values[members])
        slow = time.perf_counter() - start
        run = _run(ESTIMATORS[name], reward, groups, extras)
        np.testing.assert_allclose(run().values, looped)
        yield at_least(f"{name} beside a loop over groups", slow / _seconds(run), "times", 10)


def _seconds(run: Callable[[], object]) -> float:
    """The best of three, after one to warm up."""
    run()
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return min(taken)
