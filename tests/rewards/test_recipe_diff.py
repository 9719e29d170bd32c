"""What changed between two recipes, by path."""

from typing import Any

from rewards.recipes.diff import Change, diff_recipes
from rewards.recipes.tree import read_recipe

INPUTS = {"critic": {"kind": "given", "level": "token"}, "rm": {"kind": "given"}}


def _recipe(*terms: Any, **more: Any) -> Any:
    reward = {"op": "weighted_sum", "terms": list(terms)}
    return read_recipe({"recipe": 1, "inputs": INPUTS, "reward": reward, **more})


CRITIC = {"of": {"input": "critic"}, "weight": 0.5}
AT_END = {"of": {"op": "end_of_sequence", "scores": {"input": "rm"}}}


def test_a_changed_weight_is_one_change_at_its_path() -> None:
    changes = diff_recipes(_recipe(CRITIC, AT_END), _recipe(CRITIC | {"weight": 2}, AT_END))
    assert changes == [Change("reward.terms[0].weight", "changed", 0.5, 2.0)]


def test_a_default_that_is_spelled_out_is_no_change() -> None:
    assert diff_recipes(_recipe(CRITIC, AT_END), _recipe(CRITIC, AT_END | {"weight": 1.0}, seed=0)) == []


def test_another_operator_in_a_place_is_one_change() -> None:
    other = {"of": {"op": "clip", "rewards": {"input": "critic"}, "low": -1, "high": 1}}
    [change] = diff_recipes(_recipe(CRITIC, AT_END), _recipe(CRITIC, other))
    assert (change.path, change.kind) == ("reward.terms[1].of", "changed")
    assert (change.old["op"], change.new["op"]) == ("end_of_sequence", "clip")


def test_added_and_removed_terms_inputs_and_advantages_are_told() -> None:
    bare = read_recipe({"recipe": 1, "inputs": {"rm": INPUTS["rm"]}, "reward": AT_END["of"]})
    more = _recipe(CRITIC, AT_END, advantage={"estimator": "group_mean_std"})
    paths = {(change.path, change.kind) for change in diff_recipes(bare, more)}
    assert paths == {("inputs.critic", "added"), ("reward", "changed"), ("advantage", "added")}
    backwards = {(change.path, change.kind) for change in diff_recipes(more, bare)}
    assert backwards == {("inputs.critic", "removed"), ("reward", "changed"), ("advantage", "removed")}
    assert [c.kind for c in diff_recipes(_recipe(CRITIC, AT_END), _recipe(CRITIC))] == ["removed"]
