"""Reading and computing recipes: errors name the node, named nodes are computed once."""

from typing import Any

import numpy as np
import pytest

from rewards.recipes.errors import RecipeError
from rewards.recipes.evaluate import Frame, evaluate
from rewards.recipes.tree import read_recipe
from rewards.shaping.rows import Level, Rows

INPUTS = {
    "critic": {"kind": "given", "level": "token"},
    "prm": {"kind": "given", "level": "step"},
    "rm": {"kind": "given", "level": "output"},
}


def _recipe(reward: Any, **more: Any) -> dict[str, Any]:
    return {"recipe": 1, "inputs": INPUTS, "reward": reward, **more}


def _sum(*terms: Any, **more: Any) -> dict[str, Any]:
    return {"op": "weighted_sum", "terms": [{"of": node, **weight} for node, weight in terms], **more}


CRITIC = {"input": "critic"}
RM_AT_END = {"op": "end_of_sequence", "scores": {"input": "rm"}, "onto": "token"}


def _frame() -> Frame:
    tokens = Level.of_lengths("token", [3, 2])
    inputs = {"critic": Rows(tokens, np.array([1, 0, -1, 2, 0.0])), "rm": Rows.scalars([4, 10])}
    return Frame(np.array([0, 0]), inputs, {"token": tokens})


def test_the_score_at_the_end_and_the_critic_on_its_tokens() -> None:
    # 0.5 x critic + rm at the last token: [.5, 0, -.5 + 4] and [1, 0 + 10].
    recipe = read_recipe(_recipe(_sum((CRITIC, {"weight": 0.5}), (RM_AT_END, {}))))
    result = evaluate(recipe, _frame(), keep=frozenset({"reward.terms[1].of"}))
    assert result.reward.to_lists() == [[0.5, 0, 3.5], [1, 10]]
    assert result.kept["reward.terms[1].of"].to_lists() == [[0, 0, 4], [0, 10]]


@pytest.mark.parametrize(
    ("reward", "more", "path", "expected"),
    [
        ({"op": "sum_of_all"}, {}, "reward", "there is no operator 'sum_of_all'"),
        (
            {"input": "judge"},
            {},
            "reward",
            "there is no input 'judge': expected one of those declared (critic, prm, rm)",
        ),
        ({"node": "z"}, {}, "reward", "there is no node 'z': expected one of none"),
        (
            _sum((CRITIC, {}), ({"input": "rm"}, {})),
            {},
            "reward.terms[1].of",
            "stands on the level output: expected token",
        ),
        (
            _sum((CRITIC, {}), ({"input": "prm"}, {})),
            {},
            "reward.terms[1].of",
            "stands on the level step: expected token",
        ),
        (_sum((CRITIC, {"weight": "much"})), {}, "reward.terms[0].weight", "expected a number"),
        (_sum((CRITIC, {"wait": 1})), {}, "reward.terms[0].wait", "there is no such parameter"),
        (_sum((CRITIC, {}), unscored="zero"), {}, "reward.unscored", "expected one of unscored, skip"),
        ({"op": "weighted_sum", "terms": []}, {}, "reward.terms", "expected a list of at least 1"),
        ({"op": "end_of_sequence"}, {}, "reward.scores", "missing: end_of_sequence needs it"),
        ({"op": "end_of_sequence", "scores": CRITIC}, {}, "reward.scores", "expected one number an output"),
        ({"input": "rm", "node": "z"}, {}, "reward", 'expected {"input": NAME}'),
        (CRITIC, {"recipe": 2}, "recipe", "expected 1"),
        (CRITIC, {"sed": 2}, "sed", "there is no such part"),
        (CRITIC, {"seed": -1}, "seed", "expected a whole number"),
        (CRITIC, {"inputs": {"critic": {"level": "word"}}}, "inputs.critic.level", "expected one of output, turn"),
        (
            CRITIC,
            {"nodes": {"a": {"node": "b"}, "b": _sum(({"node": "a"}, {}))}},
            "nodes.b.terms[0].of",
            "a cycle: a > b > a",
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_node_with_what_was_expected(
    reward: Any, more: dict[str, Any], path: str, expected: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(_recipe(reward) | more)
    assert expected in caught.value.problems[path]


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(_recipe(_sum(({"input": "a"}, {}), ({"input": "b"}, {}))))
    assert set(caught.value.problems) == {"reward.terms[0].of", "reward.terms[1].of"}


def test_a_tree_that_never_ends_is_refused() -> None:
    node: dict[str, Any] = CRITIC
    for _ in range(60):
        node = _sum((node, {}))
    with pytest.raises(RecipeError, match="too large"):
        read_recipe(_recipe(node))


def test_a_named_node_is_one_node_wherever_it_is_used() -> None:
    recipe = read_recipe(_recipe(_sum(({"node": "rm"}, {}), ({"node": "rm"}, {"weight": 2})), nodes={"rm": RM_AT_END}))
    reward = evaluate(recipe, _frame()).reward
    assert reward.to_lists() == [[0, 0, 12], [0, 30]]


def test_a_term_without_a_number_takes_the_sums_with_it_unless_it_is_skipped() -> None:
    tokens = Level.of_lengths("token", [2])
    frame = Frame(np.array([0]), {"critic": Rows(tokens, np.array([1, np.nan]))}, {"token": tokens})
    frame = Frame(frame.groups, {**frame.inputs, "rm": Rows.scalars([5])}, frame.levels)
    terms = ((CRITIC, {}), (RM_AT_END, {}))
    strict = evaluate(read_recipe(_recipe(_sum(*terms))), frame).reward
    assert strict.of(0).tolist() == pytest.approx([1, float("nan")], nan_ok=True)
    assert evaluate(read_recipe(_recipe(_sum(*terms, unscored="skip"))), frame).reward.to_lists() == [[1, 5]]


def test_a_missing_input_or_level_is_named_when_it_is_computed() -> None:
    frame = _frame()
    with pytest.raises(RecipeError, match="reward: the input prm has no values here"):
        evaluate(read_recipe(_recipe({"input": "prm"})), frame)
    onto_steps = {**RM_AT_END, "onto": "step"}
    with pytest.raises(RecipeError, match="reward: there are no steps here to place onto"):
        evaluate(read_recipe(_recipe(onto_steps)), frame)
