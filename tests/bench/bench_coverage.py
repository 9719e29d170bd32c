"""How often stated intervals hold the truth: a thousand simulated campaigns each, of known truth.

It takes minutes, too long for the tests. ``python -m tests.bench coverage`` works it out, and prints the share of
95 % intervals that hold what they estimate; `LOW` to `HIGH` is what a thousand simulations allow beside rounding.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from rewards.statistics.agreement import cohen_kappa, krippendorff_alpha
from rewards.statistics.concordance import Place, rank_agreement
from rewards.statistics.dawid_skene import accuracy_draws
from rewards.statistics.jackknife import grouped_jackknife
from rewards.statistics.leniency import fit_leniency
from rewards.statistics.mace import mace
from rewards.statistics.pair_agreement import Given, distance_alpha
from rewards.statistics.proportions import cluster_bootstrap_mean, wilson
from rewards.statistics.unitising import Unit, UnitisingAlpha, unitising_alpha
from tests.bench.figures import Figure, at_least, at_most

SIMULATIONS = 1_000
REPLICATES = 400
LOW, HIGH = 93.0, 97.0

Floats = npt.NDArray[np.float64]
Held = float | npt.NDArray[np.bool_]
"""Whether an interval held its truth, or which of several did."""
Columns = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]

LEVELS = 5
SHIFTS = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
THRESHOLDS = np.array([-2.0, -0.7, 0.5, 2.0])
ACCURACIES = np.array([0.9, 0.8, 0.7])
OF_MANY_CLASSES = np.array([0.9, 0.8, 0.7, 0.6, 0.8])
COMPETENCES = np.array([0.9, 0.7, 0.5, 0.3])


def figures() -> Iterator[Figure]:
    for name, held in SCENARIOS.items():
        share = 100 * float(np.mean([np.mean(held(np.random.default_rng(seed), seed)) for seed in range(SIMULATIONS)]))
        yield at_least(f"coverage of 95 % intervals: {name}", share, "%", LOW)
        yield at_most(f"coverage of 95 % intervals: {name}", share, "%", HIGH)


def _is_within(low: float | Floats, high: float | Floats, truth: float | Floats) -> npt.NDArray[np.bool_]:
    return np.asarray((low <= np.asarray(truth)) & (np.asarray(truth) <= high))


def _answers(rng: np.random.Generator, n_units: int, accuracies: Floats, n_classes: int) -> Columns:
    """Everybody answers every unit: the true class with their chance, else any other one alike."""
    units = np.repeat(np.arange(n_units), len(accuracies))
    raters = np.tile(np.arange(len(accuracies)), n_units)
    true = rng.integers(0, n_classes, n_units)[units]
    wrong = (true + rng.integers(1, n_classes, len(units))) % n_classes
    return units, raters, np.where(rng.random(len(units)) < accuracies[raters], true, wrong)


def _nominal_alpha(rng: np.random.Generator, seed: int) -> Held:
    """Three classes of one third each; three people who answer the true one with chance 0.7, else any other.

    Two answers to one unit are equal with chance .7^2 + 2 * .15^2 = .535, to different ones with 1/3:
    alpha = 1 - .465 / (2/3).
    """
    truth = 1 - (1 - (0.7**2 + 2 * 0.15**2)) / (2 / 3)
    found = krippendorff_alpha(*_answers(rng, 100, np.full(3, 0.7), 3), replicates=REPLICATES, seed=seed)
    return _is_within(found.low, found.high, truth)


def _ordinal_alpha(rng: np.random.Generator, seed: int) -> Held:
    """Ratings by three people, each off by one level at either side with chance 0.2.

    Alpha of the whole population follows from the joint distribution of two answers and its margins.
    """
    true = rng.integers(0, LEVELS, 60)
    units = np.repeat(np.arange(60), 3)
    off = rng.choice([-1, 0, 1], size=180, p=[0.2, 0.6, 0.2])
    values = np.clip(true[units] + off, 0, LEVELS - 1)
    found = krippendorff_alpha(
        units, np.tile(np.arange(3), 60), values, metric="ordinal", replicates=REPLICATES, seed=seed
    )
    return _is_within(found.low, found.high, _ORDINAL_TRUTH)


def _ordinal_truth() -> float:
    given = np.zeros((LEVELS, LEVELS))
    for true in range(LEVELS):
        for off, chance in ((-1, 0.2), (0, 0.6), (1, 0.2)):
            given[true, min(max(true + off, 0), LEVELS - 1)] += chance
    together = given.T @ given / LEVELS
    margin = given.mean(axis=0)
    ranks = margin.cumsum() - margin / 2
    apart = (ranks[:, None] - ranks) ** 2
    return 1 - float((apart * together).sum()) / float(margin @ apart @ margin)


_ORDINAL_TRUTH = _ordinal_truth()


def _kappa(rng: np.random.Generator, seed: int) -> Held:
    """Two people, three classes, right with 0.8: equal with .8^2 + 2 * .1^2 = .66 against 1/3 by chance."""
    _, _, values = _answers(rng, 100, np.full(2, 0.8), 3)
    found = cohen_kappa(values[::2], values[1::2])
    return _is_within(found.low, found.high, 1 - (1 - 0.66) / (2 / 3))


def _unitising(n: int, rng: np.random.Generator, seed: int, replicates: int) -> UnitisingAlpha:
    """Each text of 200 characters has an error of 20 or none; each of three people finds it with 0.8, give or take."""
    units = []
    for text in np.flatnonzero(rng.random(n) < 0.7):
        begin = int(rng.integers(10, 160))
        for who in np.flatnonzero(rng.random(3) < 0.8):
            first, last = (int(one) for one in rng.integers(-5, 6, 2))
            units.append(Unit(int(text), int(who), "error", begin + first, begin + 20 + last))
    everyone = dict.fromkeys(range(n), (0, 1, 2))
    return unitising_alpha(
        units, lengths=dict.fromkeys(range(n), 200), observers=everyone, replicates=replicates, seed=seed
    )


_UNITISING_TRUTH = _unitising(20_000, np.random.default_rng(10**6), 0, 0).value


def _unitising_alpha(rng: np.random.Generator, seed: int) -> Held:
    found = _unitising(60, rng, seed, REPLICATES // 2)
    return _is_within(found.low, found.high, _UNITISING_TRUTH)


def _orders(n: int, rng: np.random.Generator) -> list[Place]:
    """Three people order four outputs of each item by what is true and noise of the same size."""
    true = rng.normal(size=(n, 1, 4))
    ranks = np.argsort(np.argsort(true + rng.normal(size=(n, 3, 4)), axis=2), axis=2)
    return [Place(*place, int(tier)) for place, tier in np.ndenumerate(ranks)]


_TAU_TRUTH = rank_agreement(_orders(4_000, np.random.default_rng(10**6)), replicates=0).tau.value


def _mean_tau(rng: np.random.Generator, seed: int) -> Held:
    found = rank_agreement(_orders(40, rng), replicates=REPLICATES, seed=seed).tau
    return _is_within(found.low, found.high, _TAU_TRUTH)


def _win_rate(rng: np.random.Generator, seed: int) -> Held:
    """Forty tasks of four pairs; a task's chance of a win is Beta(3, 2), so that pairs of one task are alike."""
    tasks = np.repeat(np.arange(40), 4)
    wins = rng.random(160) < rng.beta(3, 2, 40)[tasks]
    found = cluster_bootstrap_mean(wins, tasks, replicates=REPLICATES, seed=seed)
    return _is_within(found.low, found.high, 0.6)


def _share_right(rng: np.random.Generator, seed: int) -> Held:
    found = wilson(int(rng.binomial(30, 0.8)), 30)
    return _is_within(found.low, found.high, 0.8)


def _dawid_skene(rng: np.random.Generator, seed: int) -> Held:
    found = accuracy_draws(*_answers(rng, 100, ACCURACIES, 3), draws=REPLICATES, seed=seed)
    return _is_within(found.low, found.high, ACCURACIES[_places(found.raters)])


def _many_classes(rng: np.random.Generator, seed: int) -> Held:
    """Five raters of five classes: a confusion matrix has twenty-five cells for a hundred answers."""
    found = accuracy_draws(*_answers(rng, 100, OF_MANY_CLASSES, 5), draws=REPLICATES, seed=seed)
    return _is_within(found.low, found.high, OF_MANY_CLASSES[_places(found.raters)])


def _best_of_many_classes(rng: np.random.Generator, seed: int) -> Held:
    """The one who is nearest to a bound, alone."""
    held = np.asarray(_many_classes(rng, seed))
    return float(held[0])


def _mace(rng: np.random.Generator, seed: int) -> Held:
    """Who does not know guesses the first of four classes more often than the others."""
    raters = np.tile(np.arange(4), 100)
    units = np.repeat(np.arange(100), 4)
    guesses = rng.choice(4, size=400, p=[0.4, 0.2, 0.2, 0.2])
    knows = rng.random(400) < COMPETENCES[raters]
    values = np.where(knows, rng.integers(0, 4, 100)[units], guesses)
    found = mace(units, raters, values, restarts=2, draws=REPLICATES, seed=seed)
    return _is_within(found.low, found.high, COMPETENCES[_places(found.raters)])


def _ratings(rng: np.random.Generator) -> Columns:
    quality = rng.normal(0, 1.5, 100)
    raters = np.argsort(rng.random((100, 5)), axis=1)[:, :3]
    latent = quality[:, None] + SHIFTS[raters] + rng.logistic(size=raters.shape)
    return np.repeat(np.arange(100), 3), raters.ravel(), 1 + (latent[..., None] > THRESHOLDS).sum(axis=-1).ravel()


def _leniency(rng: np.random.Generator, seed: int) -> Held:
    found = fit_leniency(*_ratings(rng))
    return _is_within(found.low, found.high, SHIFTS[_places(found.raters)])


def _thresholds(rng: np.random.Generator, seed: int) -> Held:
    found = fit_leniency(*_ratings(rng))
    return _is_within(found.threshold_low, found.threshold_high, THRESHOLDS)


def _texts(rng: np.random.Generator, seed: int) -> Held:
    """Values of which only squared distances are known, a normal one of each unit and as much noise: alpha is 1/2."""
    values = rng.normal(size=(40, 1)) + rng.normal(size=(40, 3))
    given = [Given(unit, rater, float(value)) for (unit, rater), value in np.ndenumerate(values)]
    found = distance_alpha(given, lambda a, b: (a - b) ** 2, seed=seed)
    return _is_within(found.low, found.high, 0.5)


def _arms(rng: np.random.Generator, seed: int) -> Held:
    """Two people in each of two arms on the same 60 units of three classes, right with 0.85 and with 0.7."""
    true = rng.integers(0, 3, 60)
    arms = []
    for accuracy in (0.85, 0.7):
        wrong = (true[:, None] + rng.integers(1, 3, (60, 2))) % 3
        arms.append(np.where(rng.random((60, 2)) < accuracy, true[:, None], wrong))

    def alpha(values: npt.NDArray[np.int64], kept: npt.NDArray[np.int64]) -> float:
        return krippendorff_alpha(np.repeat(kept, 2), np.tile([0, 1], len(kept)), values[kept].ravel()).value

    def difference(kept: frozenset[object]) -> float:
        places = np.array([one for one in kept if isinstance(one, int)])
        return alpha(arms[0], places) - alpha(arms[1], places)

    found = grouped_jackknife(range(60), difference, seed=seed)
    truths = [1 - (1 - right**2 - (1 - right) ** 2 / 2) / (2 / 3) for right in (0.85, 0.7)]
    return _is_within(found.low, found.high, truths[0] - truths[1])


def _places(raters: list[object]) -> list[int]:
    return [rater for rater in raters if isinstance(rater, int)]


SCENARIOS: Mapping[str, Callable[[np.random.Generator, int], Held]] = {
    "alpha, nominal, 100 units of 3": _nominal_alpha,
    "alpha, ordinal, 60 units of 3": _ordinal_alpha,
    "kappa, 100 pairs": _kappa,
    "unitising alpha, 60 texts of 3": _unitising_alpha,
    "mean tau-b, 40 items of 3": _mean_tau,
    "win rate, 40 tasks of 4 pairs": _win_rate,
    "share right, 30 known answers": _share_right,
    "Dawid-Skene accuracy, 100 units of 3": _dawid_skene,
    "Dawid-Skene accuracy, 100 units of 5, 5 classes": _many_classes,
    "Dawid-Skene accuracy of the best of 5, 5 classes": _best_of_many_classes,
    "MACE competence, 100 units of 4": _mace,
    "leniency, 100 units of 3 of 5": _leniency,
    "thresholds, 100 units of 3 of 5": _thresholds,
    "alpha by distances, 40 units of 3": _texts,
    "difference of two arms' alpha, 60 units of 2": _arms,
}
