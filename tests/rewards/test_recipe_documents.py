"""What a recipe is stored as: one normal form and one hash for equal recipes."""

from typing import Any

import pytest

from rewards.recipes.document import content_hash, normal_form
from rewards.recipes.errors import RecipeError
from rewards.recipes.inputs import KINDS, read_input
from rewards.recipes.tree import read_recipe

DOCUMENT: dict[str, Any] = {
    "recipe": 1,
    "inputs": {
        "critic": {"kind": "signal", "rater": "critic", "level": "token"},
        "marks": {"kind": "marks", "values": {"wrong": -0.5, "vague": {"major": -0.25, "": -0.1}}, "raters": ["ann"]},
        "stars": {"kind": "rating", "raters": "people"},
    },
    "nodes": {
        "end": {"op": "end_of_sequence", "scores": {"input": "stars"}},
        "alias": {"node": "end"},
    },
    "reward": {
        "op": "weighted_sum",
        "terms": [
            {"of": {"input": "critic"}, "weight": 0.5},
            {"of": {"node": "alias"}},
            {"of": {"node": "end"}},
            {"of": {"input": "marks"}},
        ],
    },
    "advantage": {"estimator": "group_mean_std"},
}


def test_the_normal_form_reads_as_the_same_recipe_with_the_same_normal_form() -> None:
    normal = normal_form(read_recipe(DOCUMENT))
    assert normal_form(read_recipe(normal)) == normal
    assert normal["nodes"]["alias"] == {"node": "end"}
    assert normal["reward"]["terms"][1] == {"of": {"node": "end"}, "weight": 1.0}
    assert normal["inputs"]["marks"]["values"] == DOCUMENT["inputs"]["marks"]["values"]
    assert normal["advantage"]["eps"] == 0.0001


def test_defaults_written_out_or_keys_in_another_order_make_no_other_recipe() -> None:
    spelled_out = normal_form(read_recipe(DOCUMENT))
    backwards = dict(reversed(list(spelled_out.items())))
    assert content_hash(read_recipe(backwards)) == content_hash(read_recipe(DOCUMENT))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"tokens": "tokenizer:abc"},
        {"advantage": {"estimator": "group_mean_std", "eps": 0.5}},
        {"reward": {"input": "critic"}},
    ],
)
def test_whatever_changes_a_number_changes_the_hash(change: dict[str, Any]) -> None:
    assert content_hash(read_recipe(DOCUMENT | change)) != content_hash(read_recipe(DOCUMENT))


@pytest.mark.parametrize(
    ("declared", "path", "expected"),
    [
        (7, "", "expected an object that says what it is"),
        ({"kind": "magic"}, ".kind", "expected one of signal, rating"),
        ({"kind": ["signal"]}, ".kind", "expected one of signal, rating"),
        ({"kind": "signal", "level": "token"}, ".rater", "missing: stored signal needs it"),
        ({"kind": "signal", "rater": "a", "carry": "half"}, ".carry", "expected one of sum, mean"),
        ({"kind": "signal", "rater": "a", "carry": "each"}, ".carry", "one number an output: expected one of sum"),
        ({"kind": "signal", "rater": "a", "raters": "all"}, ".raters", "there is no such parameter"),
        ({"kind": "rating", "level": "token"}, ".level", "ratings stands on one of output, not token"),
        ({"kind": "rating", "raters": []}, ".raters", "expected one of all, people, models, or a list of names"),
        ({"kind": "rating", "raters": [{}]}, ".raters", "or a list of names"),
        ({"kind": "marks", "values": {}}, ".values", "numbers by label"),
        ({"kind": "marks", "values": {"wrong": "bad"}}, ".values.wrong", "expected a number"),
        ({"kind": "marks", "values": {"wrong": {"major": float("nan")}}}, ".values.wrong.major", "expected a number"),
        ({"kind": "marks", "values": {"wrong": True}}, ".values.wrong", "expected a number"),
        ({"kind": "metadata"}, ".field", "missing"),
        ({"kind": "fact", "fact": "mood"}, ".fact", "expected one of n_words"),
        ({"kind": "given", "level": "word"}, ".level", "expected one of output, turn"),
    ],
)
def test_a_wrong_setting_of_an_input_is_told_by_its_path(declared: Any, path: str, expected: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_input("x", declared)
    assert expected in caught.value.problems[f"inputs.x{path}"]


def test_a_node_on_a_broken_input_is_not_told_as_a_second_problem() -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe({"recipe": 1, "inputs": {"x": {"kind": "metadata"}}, "reward": {"input": "x"}})
    assert list(caught.value.problems) == ["inputs.x.field"]


def test_a_wrong_advantage_is_told_by_its_path() -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(DOCUMENT | {"advantage": {"estimator": "group_mean_std", "eps": -1}})
    assert "expected at least 0" in caught.value.problems["advantage.eps"]


def test_each_kind_of_input_can_be_read_from_its_defaults_and_what_it_needs() -> None:
    for kind in KINDS.values():
        read = read_input("x", {"kind": kind.name, **dict.fromkeys(kind.needed, "a")})
        assert read.level == kind.levels[0]
