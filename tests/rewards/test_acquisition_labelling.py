"""Picking items for people where a judge has scored all: what each strategy costs beyond the best order."""

import numpy as np
import pytest

from rewards.acquisition.labelling import PICKERS, Picker, play_items

N = 240


def kinds(n=N, k=6, seed=3):
    """Items of k kinds far apart, and the kind of each."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % k
    return rng.normal(scale=10, size=(k, 4))[kind] + rng.normal(scale=0.05, size=(n, 4)), kind


def by(order):
    return Picker("test", "Test", order)


def test_the_order_of_the_largest_errors_costs_nothing_and_takes_all_away():
    truth = np.linspace(0.1, 0.9, N)

    def knowing(known, n, rng):
        return np.argsort(-((known.score - truth) ** 2))[:n]

    [curve] = play_items([by(knowing)], truth, kinds()[0], np.full(N, 0.3), horizon=100, repeats=3)
    assert curve.regret == pytest.approx([0.0] * len(curve.regret))
    assert curve.found == pytest.approx(1.0)


def test_a_fixed_order_costs_what_a_hand_works_out():
    seen = {}

    def in_order(known, n, rng):
        seen["score"] = known.scores.mean(axis=0)
        return np.arange(3)

    # Without noise the first two items have no error: whoever asks them first owes that of the third until the end.
    truth, noise = np.array([0.5, 0.2, 0.7]), np.array([0.0, 0.0, 0.4])
    [curve] = play_items([by(in_order)], truth, np.eye(3), noise, horizon=3, repeats=1, points=3)
    owed = (seen["score"][2] - 0.7) ** 2
    assert owed > 0
    assert curve.regret == pytest.approx([owed, owed, 0.0])
    assert curve.found == pytest.approx(1.0)


def test_every_strategy_asks_each_item_once_and_knows_no_truth():
    features, _ = kinds()
    truth = np.random.default_rng(0).random(N)
    seen = {}
    for name, picker in PICKERS.items():

        def watched(known, n, rng, picker=picker, name=name):
            seen[name] = picker.order(known, n, rng)
            return seen[name]

        play_items([Picker(name, name, watched)], truth, features, np.full(N, 0.2), horizon=150, repeats=1)
        assert len(set(seen[name].tolist())) == 150
        assert set(seen[name].tolist()) <= set(range(N))


def test_where_judges_err_by_kind_dispute_and_centres_beat_chance():
    features, kind = kinds()
    # A judge that answers by lot is least sure in the middle: sd sqrt(p (1 - p)).
    truth = np.array([0.01, 0.5, 0.99, 0.45, 0.02, 0.55])[kind]
    noise = np.sqrt(truth * (1 - truth))
    curves = {c.name: c for c in play_items(list(PICKERS.values()), truth, features, noise, horizon=100, repeats=8)}
    ends = {name: curve.regret[-1] for name, curve in curves.items()}
    for name in ("ensemble_variance", "cluster_sensitivity"):
        assert ends[name] < 0.85 * ends["random"], name


def test_middling_difficulty_asks_what_the_judges_hold_for_neither_right_nor_wrong():
    features, kind = kinds()
    truth = np.array([0.0, 0.5, 1.0, 0.5, 0.0, 1.0])[kind]
    asked = {}

    def watched(known, n, rng):
        asked["order"] = PICKERS["difficulty"].order(known, n, rng)
        return asked["order"]

    play_items([by(watched)], truth, features, np.full(N, 0.05), horizon=60, repeats=1)
    # A third of the items is middling; with three judges the posterior is wide, so not all that is asked is.
    assert np.mean(truth[asked["order"]] == 0.5) > 0.5


def test_errors_that_the_judges_share_are_found_by_asking_at_the_centres_alone():
    features, kind = kinds()
    # All judges are wrong about one kind in the same way: they neither differ there nor doubt.
    truth = np.where(kind == 2, 0.0, 1.0)
    noise = np.zeros(N)

    def fooled(order):
        def shifted(known, n, rng):
            scores = np.ones_like(known.scores)
            return order(known._replace(scores=scores), n, rng)

        return shifted

    chosen = {}
    for name in ("ensemble_variance", "cluster_sensitivity"):

        def kept(known, n, rng, name=name):
            chosen[name] = fooled(PICKERS[name].order)(known, n, rng)
            return chosen[name]

        play_items([by(kept)], truth, features, noise, horizon=60, repeats=1)
    share = {name: float(np.mean(kind[order] == 2)) for name, order in chosen.items()}
    # A sixth of the items is of that kind.
    assert share["cluster_sensitivity"] > 2 * share["ensemble_variance"]


def test_equal_items_leave_clusters_empty_without_a_word():
    [curve] = play_items([PICKERS["cluster_sensitivity"]], [0.5] * 40, np.zeros((40, 2)), [0.1] * 40, horizon=20)
    assert 0 < curve.found < 1


def test_what_cannot_be_played_is_named():
    features, _ = kinds()
    for changes, words in (
        ({"truth": np.full(N, 2.0)}, "truth from"),
        ({"noise": np.full(N, -1.0)}, "noise of 0"),
        ({"horizon": N + 1}, "one each at most"),
    ):
        game = {"truth": np.zeros(N), "features": features, "noise": np.zeros(N), "horizon": 10, **changes}
        with pytest.raises(ValueError, match=words):
            play_items(list(PICKERS.values()), **game)
