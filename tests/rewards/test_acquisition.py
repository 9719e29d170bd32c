"""What to ask next: strategies against formulas worked by hand, and against annotators of known noise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.acquisition.arms import ARMS, Ratings, variance_adaptive
from rewards.acquisition.duels import ALPHA, DUELS, Duels
from rewards.acquisition.items import DifficultyPosterior, by_ensemble_variance, cluster_centres, sensitivity_sample
from rewards.acquisition.simulation import play_arms, play_duels, preferences, winner_of


def answered(*answers, n=3, **options):
    duels = Duels.of(n, **options)
    for pair, share, times in answers:
        for _ in range(times):
            duels.record(pair, share)
    return duels


def test_bounds_are_the_share_and_the_root_of_alpha_log_t_over_n():
    duels = answered(((0, 1), 1.0, 3), ((0, 1), 0.0, 1))
    low, high = duels.bounds()
    # 3 of 4, t = 5: width sqrt(.51 ln 5 / 4).
    width = math.sqrt(ALPHA * math.log(5) / 4)
    assert (low[0, 1], high[0, 1]) == (pytest.approx(0.75 - width), pytest.approx(0.75 + width))
    assert (low[1, 0], high[1, 0]) == (pytest.approx(0.25 - width), pytest.approx(0.25 + width))
    # Never asked: anything is possible; against itself nothing is open.
    assert (low[0, 2], high[0, 2], high[2, 2]) == (0, 1, 0.5)


def test_uncertainty_asks_the_pair_with_the_widest_posterior():
    # Beta(3, 3) has variance 1/28; Beta(5, 1) 5/252, Beta(1, 1) 1/12: the pair that nobody has met.
    duels = answered(((0, 1), 1.0, 2), ((0, 1), 0.0, 2), ((0, 2), 1.0, 4))
    assert DUELS["uncertainty"].choose(duels, np.random.default_rng(0)) == (1, 2)
    duels = answered(((0, 1), 1.0, 2), ((0, 1), 0.0, 2), ((0, 2), 1.0, 4), ((1, 2), 1.0, 5))
    assert DUELS["uncertainty"].choose(duels, np.random.default_rng(0)) == (0, 1)


def test_rucb_asks_a_sure_winner_against_itself():
    duels = answered(((0, 1), 1.0, 200), ((0, 2), 1.0, 200), ((1, 2), 1.0, 200))
    assert DUELS["rucb"].choose(duels, np.random.default_rng(0)) == (0, 0)
    # 1 may still beat 0: it is the opponent.
    duels = answered(((0, 1), 1.0, 3), ((0, 1), 0.0, 3), ((0, 2), 1.0, 200), ((1, 2), 1.0, 200))
    assert set(DUELS["rucb"].choose(duels, np.random.default_rng(0))) == {0, 1}


def test_borda_asks_who_may_win_most_against_anybody():
    duels = answered(((0, 1), 1.0, 50), ((0, 2), 1.0, 50), ((1, 2), 0.5, 50))
    pairs = [DUELS["borda"].choose(duels, np.random.default_rng(seed)) for seed in range(30)]
    assert {first for first, _ in pairs} == {0}
    assert {second for _, second in pairs} == {1, 2}


@pytest.mark.parametrize("name", list(DUELS))
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_a_strategy_names_options_that_are_there_and_draws_the_same_by_the_same_seed(name, seed):
    def game():
        rng = np.random.default_rng(seed)
        duels, asked = Duels.of(4, horizon=30), []
        for _ in range(30):
            pair = DUELS[name].choose(duels, rng)
            asked.append(pair)
            if pair[0] != pair[1]:
                duels.record(pair, float(rng.random() < 0.5))
        return asked

    asked = game()
    assert all(0 <= option < 4 for pair in asked for option in pair)
    assert asked == game()


def test_strategies_for_the_best_option_cost_less_than_random_pairs_and_find_it():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(6, 2))
    chances = preferences(2 * features @ np.array([1.0, -0.5]), lapse=0.1)
    curves = {
        curve.name: curve
        for curve in play_duels(list(DUELS.values()), chances, features=features, horizon=400, repeats=4)
    }
    baseline = curves["random"]
    for name in ("rucb", "borda", "copeland", "colstim"):
        assert curves[name].regret[-1] < 0.8 * baseline.regret[-1], name
        assert curves[name].found >= 0.75, name
    # Knowing what the options have in common is worth most.
    assert min(curves.values(), key=lambda curve: curve.regret[-1]).name == "colstim"
    assert all(later >= earlier for earlier, later in zip(baseline.regret, baseline.regret[1:], strict=False))
    # Random pairs cost the mean over options of P(w beats i) - 1/2 an answer.
    cost = (chances[winner_of(chances)] - 0.5).mean()
    assert baseline.regret[-1] / 400 == pytest.approx(cost, rel=0.1)


def test_colstim_draws_the_best_into_ever_more_of_its_pairs():
    features = np.random.default_rng(2).normal(size=(5, 2))
    chances = preferences(3 * features @ np.array([1.0, 1.0]))
    best = winner_of(chances)
    rng, duels, asked = np.random.default_rng(0), Duels.of(5, features, 400), []
    for _ in range(400):
        pair = DUELS["colstim"].choose(duels, rng)
        asked.append(pair)
        if pair[0] != pair[1]:
            duels.record(pair, float(rng.random() < chances[pair]))
    share = [np.mean([best in pair for pair in part]) for part in (asked[:50], asked[-50:])]
    assert share[1] > 0.9
    assert share[1] >= share[0]


def test_the_chance_of_an_annotator_is_bradley_terrys_mixed_with_blind_answers():
    chances = preferences([1.0, 0.0], temperature=0.5, lapse=0.2)
    assert chances[0, 1] == pytest.approx(0.8 / (1 + math.exp(-2)) + 0.1)
    assert (chances + chances.T) == pytest.approx(np.ones((2, 2)))
    assert winner_of(np.array([[0.5, 0.6, 0.6], [0.4, 0.5, 0.9], [0.4, 0.1, 0.5]])) == 0


def test_the_posterior_of_ratings_by_hand():
    ratings = Ratings.of(2, centre=1.0, weight=1.0, shape=2.0, rate=3.0)
    for value in (3.0, 5.0):
        ratings.record(0, value)
    centre, weight, shape, rate = ratings.posterior()
    # n = 2, mean 4, squared deviations 2: weight 3, centre (1 + 8) / 3, shape 3, rate 3 + (2 + 1 * 2 * 9 / 3) / 2.
    assert (centre[0], weight[0], shape[0], rate[0]) == (pytest.approx(3), 3, 3, pytest.approx(7))
    assert (centre[1], weight[1], shape[1], rate[1]) == (1, 1, 2, 3)


def test_variance_adaptive_sampling_goes_back_to_a_noisy_contender():
    # 0.9 without noise against 1.0 that divides its raters: with one noise for all the best is given up early.
    means, noise = [0.0, 0.3, 0.6, 0.9, 1.0], [0.1, 0.1, 0.1, 0.1, 2.0]
    curves = {curve.name: curve for curve in play_arms(list(ARMS.values()), means, noise, horizon=400, repeats=30)}
    assert curves["variance_adaptive"].regret[-1] < curves["equal_variance"].regret[-1] < curves["random"].regret[-1]
    rng, pulls = np.random.default_rng(0), np.zeros(5)
    ratings = Ratings.of(5)
    for _ in range(400):
        arm = variance_adaptive(ratings, rng)
        pulls[arm] += 1
        ratings.record(arm, float(rng.normal(means[arm], noise[arm])))
    assert pulls[[3, 4]].sum() > 350


def items(n=400, seed=0):
    rng = np.random.default_rng(seed)
    middles = rng.normal(0, 5, (8, 3))
    cluster = rng.choice(8, n, p=[0.4, 0.2, 0.1, 0.1, 0.08, 0.06, 0.04, 0.02])
    points = middles[cluster] + rng.normal(0, 0.3, (n, 3))
    return points, np.abs(middles[cluster].sum(axis=1)) ** 2 / 10 + rng.normal(0, 0.2, n) ** 2


def test_a_sensitivity_sample_estimates_the_mean_without_bias_and_better_than_an_even_one():
    points, loss = items()
    centre, cluster, distance = cluster_centres(points, 8, seed=1)
    rng = np.random.default_rng(3)
    found, even, covered = [], [], 0
    for _ in range(400):
        sample = sensitivity_sample(loss[centre], cluster, distance, 30, rng)
        estimate = sample.mean(loss[sample.chosen])
        found.append(estimate.value)
        covered += estimate.low <= loss.mean() <= estimate.high
        even.append(loss[rng.integers(len(loss), size=30)].mean())
    assert np.mean(found) == pytest.approx(loss.mean(), abs=4 * np.std(found) / 20)
    assert np.std(found) < 0.6 * np.std(even)
    assert covered / 400 > 0.88


def test_every_item_is_nearest_to_the_centre_item_of_its_own_cluster():
    points, _ = items(100)
    centre, cluster, distance = cluster_centres(points, 5)
    assert (distance[centre] == 0).all()
    assert (cluster[centre] == np.arange(len(centre))).all()
    assert np.linalg.norm(points - points[centre[cluster]], axis=1) == pytest.approx(distance)


def test_a_value_that_is_missing_from_a_sample_is_refused():
    sample = sensitivity_sample([1.0], [0, 0, 0], [0.0, 1.0, 2.0], 2, np.random.default_rng(0))
    with pytest.raises(ValueError, match="expected one for each of the 2 drawn"):
        sample.mean([1.0, float("nan")])
    with pytest.raises(ValueError, match="centre 0 has no loss"):
        sensitivity_sample([float("nan")], [0], [0.0], 1, np.random.default_rng(0))


def test_the_items_on_which_an_ensemble_differs_come_first_and_the_unscored_last():
    nan = float("nan")
    # Population variances: 1, 0, 4, undefined for one score.
    values = [[0.0, 5.0, 1.0, 9.0], [2.0, 5.0, 5.0, nan]]
    assert by_ensemble_variance(values, 4).tolist() == [2, 0, 1, 3]
    assert by_ensemble_variance(values, 1).tolist() == [2]


def test_the_same_difficulty_posterior_finds_the_items_on_which_annotators_are_split():
    # 20 of 20, 10 of 20, 0 of 20 agree: the one in the middle is the one to ask about.
    posterior = DifficultyPosterior(np.array([21.0, 11.0, 1.0]), np.array([1.0, 11.0, 21.0]))
    chosen = [int(posterior.choose(1, np.random.default_rng(seed))[0]) for seed in range(20)]
    assert set(chosen) == {1}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Duels.of(1), "expected at least 2"),
        (lambda: Duels.of(2, [[1.0], [float("inf")]]), "finite numbers, a row for each of 2"),
        (lambda: Duels.of(2).record((0, 0), 1.0), "two different options"),
        (lambda: Duels.of(2).record((0, 1), 1.5), "expected 0 to 1"),
        (lambda: Ratings.of(2).record(0, float("nan")), "expected a finite number"),
        (lambda: Ratings.of(0), "expected all above 0"),
        (lambda: preferences([0.0, 1.0], temperature=0), "expected above 0"),
        (lambda: play_duels([], [[0.5, 0.9], [0.9, 0.5]]), "for all pairs of options"),
        (lambda: play_arms([], [0.0], [0.1, 0.2]), "one of each for every output"),
        (lambda: cluster_centres([[1.0], [2.0]], 3), "expected 1 to 2"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()
