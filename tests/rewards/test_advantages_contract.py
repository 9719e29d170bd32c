"""Every estimator keeps what it declares, and a recipe's choice of one is checked by path."""

import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rewards.advantages
import rewards.preferences
from rewards.advantages import ESTIMATORS, estimate, read_estimator
from rewards.advantages.contract import Estimator, Family, Need
from rewards.advantages.registry import by_family
from rewards.recipes.errors import RecipeError
from rewards.shaping.rows import LEVELS, Rows

ROOT = Path(__file__).resolve().parents[2]
NAN = float("nan")
FEW = settings(max_examples=10, deadline=None)
MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (rewards.advantages, rewards.preferences)
    for module in pkgutil.iter_modules(package.__path__)
]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_docstrings_hold(module: str) -> None:
    results = doctest.testmod(importlib.import_module(module))
    assert results.failed == 0


def test_a_notebook_needs_no_django_for_advantages_and_previews() -> None:
    code = """
import sys
sys.modules["django"] = None
import numpy as np
from rewards.advantages import estimate, read_estimator
from rewards.preferences import PairLogProbs, preview_loss
from rewards.shaping.rows import Rows
rows = estimate(read_estimator({"estimator": "group_mean"}), Rows.scalars([1, 0]), np.array([4, 4]), {})
one = Rows.ragged("token", [[-1.0]])
print(rows.values.tolist(), preview_loss("dpo", PairLogProbs(one, one, one, one)).margins.tolist())
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "[0.5, -0.5] [0.0]\n"


class Batch:
    """Outputs as plain lists, from which any subset in any order makes the inputs of any estimator."""

    def __init__(self, seed: int, sizes: list[int], binary: bool) -> None:
        rng = np.random.default_rng(seed)
        self.groups = np.repeat(np.arange(len(sizes)), sizes)
        n = len(self.groups)
        numbers = rng.integers(0, 2, n) if binary else rng.integers(0, 9, n) / 8
        self.scores = numbers.astype(float)
        self.lengths = rng.integers(1, 5, n)
        self.dense = [(rng.integers(0, 9, length) / 8).tolist() for length in self.lengths]
        self.extras = {
            "greedy": rng.integers(0, 9, n) / 8,
            "metric": rng.integers(0, 4, n).astype(float),
            "start": rng.integers(0, 9, n) / 8,
            "outcome": rng.integers(0, 2, n).astype(float),
            "success": rng.integers(0, 2, n).astype(float),
            "objectives": rng.integers(0, 9, n) / 8,
            "log_probs": [(-rng.random(length) - 0.1).tolist() for length in self.lengths],
            "policy_log_probs": [(-rng.random(length) - 0.1).tolist() for length in self.lengths],
            "matches": [rng.integers(0, 2, length).tolist() for length in self.lengths],
            "tokens": [rng.integers(1, 9, length).tolist() for length in self.lengths],
            "values": [rng.normal(size=length).tolist() for length in self.lengths],
            "nodes": [rng.integers(0, 3, length).tolist() for length in self.lengths],
        }

    def __len__(self) -> int:
        return len(self.groups)

    def run(self, estimator: Estimator, index: list[int] | None = None, offsets: np.ndarray | None = None) -> list:
        """Advantages, one list an output."""
        chosen = list(range(len(self))) if index is None else index
        groups = self.groups[chosen]
        shift = np.zeros(len(chosen)) if offsets is None else offsets[groups]
        if estimator.accepts == "dense":
            reward = Rows.ragged("step", [[v + shift[i] for v in self.dense[at]] for i, at in enumerate(chosen)])
        else:
            reward = Rows.scalars(self.scores[chosen] + shift)
        extras = {need.name: self._extra(need, chosen) for need in estimator.needs if need.name != "lengths"}
        named = {name: [name] if estimator.need(name).many else name for name in extras}
        read = read_estimator({"estimator": estimator.name, "extras": named})
        return estimate(read, reward, groups, extras).to_lists()

    def _extra(self, need: Need, chosen: list[int]) -> Rows:
        values = self.extras[need.name]
        picked = [values[at] for at in chosen]
        return Rows.ragged("step", picked) if isinstance(values, list) else Rows.scalars(picked)


BATCHES = st.builds(
    Batch,
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    binary=st.booleans(),
)
EVERY = pytest.mark.parametrize("name", list(ESTIMATORS))


def close(one: list, other: list) -> None:
    for left, right in zip(one, other, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-6, atol=1e-8)


@EVERY
@FEW
@given(batch=BATCHES)
def test_no_output_is_lost_to_groups_of_one_or_of_equal_rewards(name: str, batch: Batch) -> None:
    assert all(np.isfinite(row).all() for row in batch.run(ESTIMATORS[name]))


@EVERY
@FEW
@given(batch=BATCHES, data=st.data())
def test_the_order_of_outputs_says_nothing(name: str, batch: Batch, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(batch))))
    advantages = batch.run(ESTIMATORS[name])
    close(batch.run(ESTIMATORS[name], order), [advantages[at] for at in order])


@EVERY
@FEW
@given(batch=BATCHES, data=st.data())
def test_an_unscored_output_has_no_advantage_and_no_part_in_those_of_others(
    name: str, batch: Batch, data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.sampled_from(range(len(batch))), unique=True, min_size=1))
    kept.sort()
    alone = batch.run(ESTIMATORS[name], kept)
    for at in set(range(len(batch))) - set(kept):
        batch.scores[at] = NAN
        batch.dense[at] = [NAN] * len(batch.dense[at])
    advantages = batch.run(ESTIMATORS[name])
    close([advantages[at] for at in kept], alone)
    assert all(np.isnan(advantages[at]).all() for at in set(range(len(batch))) - set(kept))


@pytest.mark.parametrize("name", [name for name, one in ESTIMATORS.items() if one.ignores_offset])
@FEW
@given(batch=BATCHES, seed=st.integers(0, 1000))
def test_what_is_added_to_a_whole_group_changes_nothing(name: str, batch: Batch, seed: int) -> None:
    offsets = np.random.default_rng(seed).integers(-8, 9, len(batch)) / 4
    before = batch.run(ESTIMATORS[name])
    # Q at the start is on the scale of the Q of steps, and moves along.
    batch.extras["start"] = batch.extras["start"] + offsets[batch.groups]
    close(batch.run(ESTIMATORS[name], offsets=offsets), before)


@pytest.mark.parametrize("name", [name for name, one in ESTIMATORS.items() if one.sums_to_zero])
@FEW
@given(batch=BATCHES)
def test_the_advantages_of_a_group_sum_to_zero(name: str, batch: Batch) -> None:
    sums = np.bincount(batch.groups, [row[0] for row in batch.run(ESTIMATORS[name])])
    np.testing.assert_allclose(sums, 0, atol=1e-6)


@pytest.mark.parametrize("name", [name for name, one in ESTIMATORS.items() if one.alone == "0" and not one.needs])
def test_an_output_alone_in_its_group_gets_what_is_declared(name: str) -> None:
    batch = Batch(seed=3, sizes=[4, 1, 3], binary=False)
    assert batch.run(ESTIMATORS[name])[4] == [0]


def test_every_estimator_stands_under_its_name_and_family_with_formula_and_paper() -> None:
    assert sum(map(len, by_family().values())) == len(ESTIMATORS)
    for name, estimator in ESTIMATORS.items():
        assert name == estimator.name
        assert estimator.label
        assert estimator.summary.endswith((".", "?"))
        assert estimator.formula
        assert estimator.papers
        assert estimator.gives in {"output", "reward", *(need.name for need in estimator.needs)}
    assert [family for family, members in by_family().items() if not members] == []
    assert all(family.label for family in Family)


def problems(document: object, **checks: object) -> dict[str, str]:
    with pytest.raises(RecipeError) as caught:
        read_estimator(document, **checks)
    return caught.value.problems


def test_each_problem_of_a_choice_is_told_by_its_path() -> None:
    assert problems([]) == {"advantage": 'expected an object with "estimator"'}
    assert "there is no estimator 'grpo'" in problems({"estimator": "grpo"})["advantage.estimator"]
    document = {"estimator": "quantile_baseline", "level": 2, "k": 1, "extras": {"greedy": "g"}}
    assert problems(document, path="a") == {
        "a.k": "there is no such parameter",
        "a.level": "expected at most 0.99",
        "a.extras.greedy": "quantile_baseline does not need it: expected none",
    }
    assert problems({"estimator": "greedy_baseline", "extras": ["g"]})["advantage.extras"].startswith(
        "expected an object"
    )
    two = {"estimator": "greedy_baseline", "extras": {"greedy": ["a", "b"]}}
    assert problems(two) == {"advantage.extras.greedy": "expected one input"}
    heavy = {"estimator": "normalise_then_sum", "extras": {"objectives": ["a", {"input": "b", "weight": "much"}, 3]}}
    assert problems(heavy) == {
        "advantage.extras.objectives[1].weight": "expected a number",
        "advantage.extras.objectives[2]": 'expected the name of an input, or {"input": NAME, ...}',
    }


def test_inputs_are_checked_where_their_levels_are_known() -> None:
    levels = {"greedy": "token", "right": "output", "steps": "step"}
    assert problems({"estimator": "greedy_baseline"}, levels=levels) == {
        "advantage.extras.greedy": "the input greedy stands on the level token: expected one number an output"
    }
    missing = problems({"estimator": "conditional", "extras": {"metric": "length"}}, levels=levels)
    assert missing == {
        "advantage.extras.metric": "there is no input 'length': expected one of those declared (greedy, right, steps)"
    }
    apart = {"estimator": "two_level", "extras": {"matches": "steps"}}
    assert problems(apart, levels=levels, reward_level="turn") == {
        "advantage.extras.matches": "stands on the level step: expected turn, as the reward"
    }
    assert "needs a reward on turns" in problems({"estimator": "turn_returns"}, reward_level="output")["advantage"]


def test_a_choice_remembers_its_inputs_and_their_weights() -> None:
    document = {"estimator": "normalise_then_sum", "extras": {"objectives": ["a", {"input": "b", "weight": 0.2}]}}
    chosen = read_estimator(document, levels={"a": "output", "b": "output"}, reward_level="token")
    assert chosen.input_names == ("a", "b")
    assert chosen.per_item == {"objectives": {"weight": (1.0, 0.2)}}
    assert chosen.parameters["batch"] is True
    assert read_estimator({"estimator": "greedy_baseline"}).input_names == ("greedy",)
    assert read_estimator({"estimator": "pairwise"}).input_names == ()


def failure(document: dict, reward: Rows, groups: object, extras: dict[str, Rows]) -> dict[str, str]:
    with pytest.raises(RecipeError) as caught:
        estimate(read_estimator(document), reward, groups, extras)
    return caught.value.problems


def test_what_cannot_be_computed_names_the_place_and_what_was_expected() -> None:
    reward, groups = Rows.scalars([1, 0]), np.array([0, 0])
    remax = {"estimator": "greedy_baseline"}
    assert failure(remax, reward, groups, {}) == {"advantage.extras.greedy": "the input greedy has no values here"}
    assert failure(remax, reward, groups, {"greedy": Rows.scalars([1])}) == {
        "advantage.extras.greedy": "the input greedy has 1 outputs: expected 2"
    }
    assert "expected one number an output" in str(
        failure(remax, reward, groups, {"greedy": Rows.ragged("step", [[1], [1]])})
    )
    assert "expected one whole number" in failure(remax, reward, np.array([0]), {})["advantage"]
    assert "expected one whole number" in failure(remax, reward, np.array([0.5, 1]), {})["advantage"]
    beta = {"estimator": "beta_normalisation"}
    assert failure(beta, Rows.scalars([1, 3]), groups, {}) == {"advantage": "output 1: reward 3: expected from 0 to 1"}
    assert "stands on the level output" in failure({"estimator": "turn_returns"}, reward, groups, {})["advantage"]
    steps, others = Rows.ragged("step", [[1, 1], [1]]), Rows.ragged("step", [[1], [1, 1]])
    pure = failure({"estimator": "token_baseline"}, steps, groups, {"tokens": others})
    assert pure == {"advantage.extras.tokens": "the input tokens stands on other segments than the reward"}


def test_a_dense_reward_counts_by_its_sum_where_whole_outputs_are_compared() -> None:
    dense, groups = Rows.ragged("token", [[0.5, 0.5], [], [0, NAN]]), np.array([7, 7, 7])
    advantages = estimate(read_estimator({"estimator": "group_mean"}), dense, groups, {})
    # Sums 1, none and 0: the mean of the two that there are is 1/2.
    assert advantages.level.name == LEVELS[0]
    assert advantages.values.tolist() == pytest.approx([0.5, NAN, -0.5], nan_ok=True)


def test_no_outputs_have_no_advantages() -> None:
    empty = Batch(seed=0, sizes=[], binary=True)
    assert all(empty.run(estimator) == [] for estimator in ESTIMATORS.values())
