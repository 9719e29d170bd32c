"""Editing a recipe's document: places, nodes put in and taken away, fields read back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.composer.document import (
    PlaceError,
    below,
    bound_input,
    keys_of,
    level_of,
    moved,
    path_of,
    renamed_input,
    replaced,
    unwrapped,
    value_at,
    with_estimator,
    with_extra,
    with_input,
    with_term,
    with_value,
    without,
    wrapped,
)
from rewards.composer.editing import edited, read_json, write_json
from rewards.composer.fields import Field, fields_of, nodes_of
from rewards.composer.form import recipe_form
from rewards.parameters import Parameter
from rewards.recipes.errors import RecipeError
from rewards.recipes.tree import read_recipe
from rewards.shaping.registry import OPERATORS

INPUTS = {
    "critic": {"kind": "given", "level": "token"},
    "rm": {"kind": "given", "level": "output"},
}
AT_END = {"op": "end_of_sequence", "scores": {"input": "rm"}, "onto": "token"}


def sum_recipe(**more: Any) -> dict[str, Any]:
    terms = [{"of": {"input": "critic"}, "weight": 0.5}, {"of": AT_END, "weight": 1.0}]
    return {
        "recipe": 1,
        "inputs": INPUTS,
        "reward": {"op": "weighted_sum", "terms": terms, "unscored": "unscored"},
        **more,
    }


@given(st.lists(st.text(max_size=5), max_size=4))
def test_a_pointer_gives_back_the_keys_that_it_was_made_of_whatever_they_hold(keys):
    assert keys_of(below("", *keys)) == keys


def test_a_pointer_is_told_as_recipes_tell_their_paths():
    assert path_of("/reward/terms/0/of/scores") == "reward.terms[0].of.scores"
    assert path_of("/inputs/a~1b/level") == "inputs.a/b.level"


def test_an_edit_leaves_the_document_as_it_was():
    document = sum_recipe()
    before = json.dumps(document)
    with_value(document, "/reward/terms/0/weight", 2.0)
    without(document, "/reward/terms/0")
    wrapped(document, "/reward", "sigmoid")
    renamed_input(document, "rm", "judge")
    assert json.dumps(document) == before


@pytest.mark.parametrize("pointer", ["/reward/terms/7/of", "/nodes/z", "reward", "/reward/terms/x", "/recipe/0"])
def test_a_place_that_is_not_there_is_refused(pointer):
    with pytest.raises(PlaceError):
        value_at(sum_recipe(), pointer)
    with pytest.raises(PlaceError):
        without(sum_recipe(), pointer)


def test_a_term_moves_up_and_down_and_stops_at_the_ends():
    document = moved(sum_recipe(), "/reward/terms/1", -1)
    assert [term["of"] for term in document["reward"]["terms"]] == [AT_END, {"input": "critic"}]
    assert moved(document, "/reward/terms/0", -1) == document


def test_an_input_is_renamed_wherever_it_is_used():
    document = renamed_input(sum_recipe(nodes={"z": {"input": "rm"}}), "rm", "judge")
    assert list(document["inputs"]) == ["critic", "judge"]
    assert document["reward"]["terms"][1]["of"]["scores"] == {"input": "judge"}
    assert document["nodes"]["z"] == {"input": "judge"}


@pytest.mark.parametrize("name", ["critic", "", "  "])
def test_an_input_takes_no_name_that_is_taken_or_empty(name):
    with pytest.raises(PlaceError, match="expected a name that no other input has"):
        renamed_input(sum_recipe(), "rm", name)


def test_the_first_input_becomes_the_reward_and_a_taken_name_gets_a_number():
    first, name = with_input({"recipe": 1, "inputs": {}, "reward": {"input": ""}}, "rm", INPUTS["rm"])
    assert (first["reward"], name) == ({"input": "rm"}, "rm")
    second, name = with_input(first, "rm", INPUTS["rm"])
    assert (second["reward"], name) == ({"input": "rm"}, "rm 2")


def test_another_source_keeps_the_level_where_it_can_stand_there():
    document = bound_input(sum_recipe(), "/inputs/rm", {"kind": "signal", "level": "token", "rater": "Critic"})
    assert document["inputs"]["rm"] == {"kind": "signal", "level": "output", "rater": "Critic"}
    # Ratings have no tokens: they come on their own level.
    document = bound_input(sum_recipe(), "/inputs/critic", {"kind": "rating"})
    assert document["inputs"]["critic"] == {"kind": "rating"}


def test_levels_are_told_through_operators_and_names():
    document = sum_recipe(nodes={"z": AT_END})
    levels = [level_of(document, node) for node in ({"input": "rm"}, AT_END, {"node": "z"}, document["reward"])]
    assert levels == ["output", "token", "token", "token"]
    assert level_of(document, {"node": "nowhere"}) == ""
    # A name that leads to itself ends, and says nothing.
    assert level_of({"nodes": {"a": {"node": "a"}}}, {"node": "a"}) == ""


def test_an_operator_takes_over_what_stood_inside_the_one_before():
    document = replaced(sum_recipe(), "/reward", "op:product")
    assert [term["of"] for term in document["reward"]["terms"]] == [{"input": "critic"}, AT_END]
    # What fits in one slot only is the first; the others go.
    document = replaced(document, "/reward", "op:sigmoid")
    assert document["reward"]["rewards"] == {"input": "critic"}


def test_wrapping_and_taking_away_again_is_the_recipe_before():
    document = sum_recipe()
    around = wrapped(document, "/reward", "sigmoid")
    assert around["reward"]["rewards"] == document["reward"]
    assert unwrapped(around, "/reward") == document


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_every_operator_can_be_put_around_the_reward_and_stays_a_recipe_or_says_what_does_not_fit(name):
    document = wrapped(sum_recipe(), "/reward", name)
    # Only levels may not fit: every slot is filled and every parameter is there.
    assert all("level" in message for message in problems_of(document).values())


def problems_of(document):
    try:
        read_recipe(document)
    except RecipeError as error:
        return error.problems
    return {}


SCALED = {"op": "affine", "rewards": {"input": "critic"}, "scale": 2.0}


def test_a_node_gets_a_name_by_a_button_and_gives_the_same_recipe_when_it_loses_it():
    document = sum_recipe()
    document["reward"]["terms"][0]["of"] = SCALED
    named = edited(document, {"edit": "give-name /reward/terms/0/of"}).document
    [(name, node)] = named["nodes"].items()
    assert (node, named["reward"]["terms"][0]["of"]) == (SCALED, {"node": name})
    assert read_recipe(named).nodes.keys() == {name}
    renamed = edited(named, {f"name:/nodes/{name}": "twice"}).document
    assert renamed["reward"]["terms"][0]["of"] == {"node": "twice"}
    # Used a second time, both places get a copy of their own.
    renamed["reward"]["terms"][1]["of"] = {"node": "twice"}
    back = edited(renamed, {"edit": "take-name /nodes/twice"}).document
    assert [term["of"] for term in back["reward"]["terms"]] == [SCALED, SCALED]
    assert "nodes" not in back


@pytest.mark.parametrize("edit", ["give-name /reward/terms/0/of", "give-name /nodes/a", "take-name /nodes/b"])
def test_a_name_that_cannot_be_given_or_taken_is_refused(edit):
    document = sum_recipe(nodes={"a": SCALED, "b": {"op": "affine", "rewards": {"node": "b"}}})
    with pytest.raises(RecipeError):
        edited(document, {"edit": edit})


def test_two_nodes_take_no_one_name():
    document = sum_recipe(nodes={"a": SCALED, "b": SCALED})
    with pytest.raises(RecipeError, match="no other node has"):
        edited(document, {"name:/nodes/a": "b"})


@pytest.mark.parametrize("choice", ["op:no_such", "input:", "", "thing:rm"])
def test_a_choice_that_says_nothing_is_refused(choice):
    with pytest.raises(PlaceError, match=r"reward: there is no"):
        replaced(sum_recipe(), "/reward", choice)


def test_a_term_is_added_with_its_defaults_on_a_level_that_the_slot_takes():
    document = with_term(sum_recipe(), "/reward/terms")
    assert document["reward"]["terms"][2] == {"of": {"input": "critic"}, "weight": 1.0}
    # Beside terms on whole outputs comes one on whole outputs, though tokens would be taken too.
    whole = sum_recipe(reward={"op": "weighted_sum", "terms": [{"of": {"input": "rm"}}]})
    assert with_term(whole, "/reward/terms")["reward"]["terms"][1]["of"] == {"input": "rm"}
    with pytest.raises(PlaceError, match="takes no list"):
        with_term(sum_recipe(), "/reward/unscored")


def test_an_estimator_comes_with_its_defaults_and_an_input_for_what_it_needs():
    document = with_estimator(sum_recipe(), "normalise_then_sum")
    assert document["advantage"]["extras"]["objectives"][0]["input"] == "rm"
    assert len(with_extra(document, "objectives")["advantage"]["extras"]["objectives"]) == 2
    assert "advantage" not in with_estimator(document, "")
    with pytest.raises(PlaceError, match="does not need it"):
        with_extra(document, "greedy")


def posted(document, **fields):
    return {"recipe": write_json(document)} | fields


def test_fields_go_back_into_the_document_in_their_own_type():
    document = sum_recipe()
    result = edited(document, posted(document, **{"v:/reward/terms/0/weight": "0.25", "v:/reward/unscored": "skip"}))
    assert result.document["reward"]["terms"][0]["weight"] == 0.25
    assert result.document["reward"]["unscored"] == "skip"
    assert not result.is_reshaped


def test_what_comes_back_unchanged_changes_nothing():
    document = sum_recipe(advantage={"estimator": "group_mean_std"}, seed=3)
    fields = {field.name: field.text for field in fields_of(recipe_form(document, {}))}
    nodes = {f"is:{node.pointer}": node.choice for node in nodes_of(recipe_form(document, {}))}
    # Defaults that the document leaves out are in the fields, and not put into the document by looking at it.
    assert edited(document, posted(document, **fields, **nodes)).document == document


@pytest.mark.parametrize("number", [0.1, 1 / 3, 1e-12, 123456.789, -0.05, 5.0])
def test_a_number_is_shown_as_exactly_as_it_is_stored(number):
    field = Field("/x", Parameter("x", "number", 0.0, "X"), number)
    assert float(field.text) == number


@pytest.mark.parametrize("typed", ["much", "", "nan", "inf", "1e999"])
def test_what_is_no_number_is_kept_for_the_check_to_name(typed):
    document = sum_recipe()
    result = edited(document, posted(document, **{"v:/reward/terms/0/weight": typed}))
    with pytest.raises(RecipeError) as refused:
        read_recipe(result.document)
    assert refused.value.problems == {"reward.terms[0].weight": "expected a number"}


def test_a_checkbox_that_was_on_the_page_and_is_not_sent_is_off():
    document = sum_recipe()
    scores = [{"of": {"input": "rm"}}]
    document["reward"] = {"op": "sum_of_products", "terms": scores, "weights": scores, "normalised": True}
    assert edited(document, posted(document)).document == document
    off = edited(document, posted(document, **{"shown:/reward/normalised": "1"})).document
    assert off["reward"]["normalised"] is False


def test_buttons_do_what_they_say():
    document = sum_recipe()
    press = lambda edit, **more: edited(document, posted(document, edit=edit, **more))  # noqa: E731
    assert len(press("remove /reward/terms/0").document["reward"]["terms"]) == 1
    assert press("down /reward/terms/0").document["reward"]["terms"][0]["of"] == AT_END
    assert press("add-term /reward/terms").focus == "/reward/terms/2/of"
    offer = json.dumps({"name": "people", "input": {"kind": "rating"}})
    assert press("add-input", offer=offer).document["inputs"]["people"] == {"kind": "rating"}
    assert press("", **{"is:/reward/terms/1/of": "input:critic"}).document["reward"]["terms"][1]["of"] == {
        "input": "critic"
    }
    assert press("", **{"bind:/inputs/rm": offer}).document["inputs"]["rm"]["kind"] == "rating"
    assert press("", **{"name:/inputs/rm": "judge"}).document["inputs"].keys() == {"critic", "judge"}


@pytest.mark.parametrize("edit", ["remove /reward/terms/9", "add-term /reward", "up /reward", "add-extra x"])
def test_a_button_about_a_place_that_is_gone_is_an_error_and_not_a_fault(edit):
    document = sum_recipe()
    with pytest.raises(RecipeError):
        edited(document, posted(document, edit=edit))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"recipe": 1,', "line 1, column 14"),
        ("[1]", "expected an object"),
        ('{"seed": NaN}', "NaN is no number of JSON"),
        ("[" * 100_000, ""),
        ("x" * 200_001, "expected at most 200,000"),
    ],
)
def test_text_that_is_no_document_says_where_and_what_was_expected(text, message):
    with pytest.raises(RecipeError) as refused:
        read_json(text)
    assert message in refused.value.problems["recipe"]


def test_problems_stand_at_their_fields_and_what_is_left_is_loose():
    document = sum_recipe()
    problems = {
        "reward.terms[0].weight": "expected a number",
        "reward.terms[1].of": "stands on the level output",
        "inputs.rm": "unknown",
        "somewhere": "else",
    }
    form = recipe_form(document, problems)
    by_path = {field.path: field.error for field in fields_of(form)}
    assert by_path["reward.terms[0].weight"] == "expected a number"
    assert {node.path: node.error for node in nodes_of(form)}["reward.terms[1].of"] == "stands on the level output"
    assert next(one.error for one in form.inputs if one.name == "rm") == "unknown"
    assert form.loose == [("somewhere", "else")]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["op", "input", "node", "terms", "of", "inputs", "nodes", "reward", "advantage", "kind"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_document_has_a_form(value):
    document = value if isinstance(value, dict) else {"reward": value}
    form = recipe_form(document, {})
    list(fields_of(form))
    list(nodes_of(form))


def test_a_slider_holds_the_number_and_its_bounds():
    weight = Parameter("weight", "number", 1.0, "Weight", minimum=-1000.0, maximum=1000.0)
    assert Field("/w", weight, 0.5).slider[:2] == (-2.0, 2.0)
    assert Field("/w", weight, -30.0).slider[:2] == (-60.0, 60.0)
    share = Parameter("share", "number", 0.5, "Share", minimum=0.0, maximum=1.0)
    assert Field("/s", share, 0.2).slider[:2] == (0.0, 1.0)
    assert Field("/s", share, "much").slider is None
    assert Field("/s", share, 7.0).slider is None
