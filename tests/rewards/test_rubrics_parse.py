"""Rubrics from and to dictionaries, their hash, lint and differences."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rubrics.content import Criterion, Level, RubricContent
from rewards.rubrics.diff import diff_rubrics, diff_words
from rewards.rubrics.lint import lint
from rewards.rubrics.parse import RubricError, content_hash, rubric_from_dict, rubric_to_dict

FULL = {
    "criteria": [
        {"key": "correct", "text": "States the right dose", "weight": 5, "importance": "Essential", "must_have": True},
        {
            "key": "tone",
            "title": "Tone",
            "text": "How kind is it?",
            "kind": "ordinal",
            "levels": [{"label": "cold", "anchor": "curt"}, {"label": "ok"}, {"label": "warm"}],
            "may_be_na": True,
        },
    ]
}


def problems_of(data):
    with pytest.raises(RubricError) as caught:
        rubric_from_dict(data)
    return [str(problem) for problem in caught.value.problems]


def content(*criteria):
    return RubricContent(tuple(criteria))


def codes(*criteria):
    return [(finding.code, finding.key) for finding in lint(content(*criteria))]


def test_a_rubric_is_read_with_its_defaults():
    rubric = rubric_from_dict(FULL)
    assert rubric.criteria[0] == Criterion(
        "correct", "States the right dose", weight=5.0, importance="Essential", must_have=True
    )
    assert [level.value for level in rubric.criteria[1].levels] == [0.0, 0.5, 1.0]
    assert rubric.weights == (5.0, 1.0)


def test_the_written_form_is_json_and_reads_back_the_same():
    rubric = rubric_from_dict(FULL)
    assert rubric_from_dict(json.loads(json.dumps(rubric_to_dict(rubric)))) == rubric


def test_a_bare_list_of_texts_gets_numbered_keys():
    assert rubric_from_dict([{"text": "a"}, {"text": "b", "key": ""}]).keys == ("criterion-1", "criterion-2")


def test_every_problem_is_named_with_criterion_field_and_expectation():
    found = problems_of(
        [
            {"key": "a", "text": " ", "weight": "5", "kind": "scale"},
            {"key": "b c", "text": "x", "importance": "essential", "must_have": 1, "wieght": 2},
            "only a string",
            {"key": "a", "text": "again", "weight": float("nan")},
        ]
    )
    assert found == [
        "criterion 0 (a), kind: 'scale': expected one of ['binary', 'ordinal', 'nominal']",
        "criterion 0 (a), weight: '5': expected a number",
        "criterion 0 (a), text: missing: expected text",
        "criterion 1 (b c), wieght: unknown field: expected one of ['importance', 'key', 'kind', 'levels', "
        "'may_be_na', 'must_have', 'text', 'title', 'weight']",
        "criterion 1 (b c), must_have: 1: expected true or false",
        "criterion 1 (b c), key: 'b c': expected 1 to 80 letters, digits, hyphens or underscores",
        "criterion 1 (b c), importance: 'essential': expected one of ['Essential', 'Important', 'Optional', 'Pitfall']",
        "criterion 2, text: str: expected a mapping with at least a text",
        "criterion 3 (a), weight: nan: expected a number from -1e+06 to 1e+06",
        "criterion 3 (a), key: already the key of criterion 0",
    ]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([], "levels: expected a list of 2 to 50 levels"),
        ([{"label": "a"}], "levels: expected a list of 2 to 50 levels"),
        ("ab", "levels: expected a list of 2 to 50 levels"),
        ([{"label": "a"}, {"label": "a"}], "levels: label 'a' occurs more than once"),
        ([{"label": "a"}, "b"], r"levels\[1\]: 'b': expected a mapping with a label"),
        ([{"label": "a", "value": 0}, {"label": "b"}], r"levels\[1\].value: missing: expected a value for every level"),
        (
            [{"label": "a", "value": 0}, {"label": "b", "value": 7}],
            r"levels\[1\].value: 7: expected a number from 0 to 1",
        ),
        ([{"label": "a", "worth": 0}, {"label": "b"}], r"levels\[0\].worth: unknown field"),
    ],
)
def test_levels_say_what_was_expected(levels, expected):
    with pytest.raises(RubricError, match=expected):
        rubric_from_dict([{"text": "x", "kind": "ordinal", "levels": levels}])


def test_a_binary_criterion_has_no_levels():
    assert problems_of([{"text": "x", "levels": [{"label": "yes"}]}]) == [
        "criterion 0, levels: expected none for a binary criterion"
    ]


def test_a_nominal_level_may_have_no_value():
    rubric = rubric_from_dict(
        [{"text": "x", "kind": "nominal", "levels": [{"label": "prose"}, {"label": "list", "value": 1}]}]
    )
    assert [rubric.criteria[0].level_value(label) for label in ("prose", "list")] == [None, 1.0]
    with pytest.raises(ValueError, match="no level 'poem'"):
        rubric.criteria[0].level_value("poem")


def test_a_must_have_cannot_be_a_penalty():
    assert "expected a weight of at least 0" in problems_of([{"text": "x", "weight": -1, "must_have": True}])[0]


def test_nul_and_lone_surrogates_are_refused_by_field():
    found = problems_of([{"text": "a\x00", "title": "\ud800"}])
    assert found[0].startswith("criterion 0, text: NUL character at position 1")
    assert found[1].startswith("criterion 0, title: lone surrogate U+D800 at position 0")


@pytest.mark.parametrize("data", [None, {}, [], {"criteria": []}, {"criteria": {"a": 1}}, 3, "text"])
def test_a_rubric_without_a_list_of_criteria_is_refused(data):
    assert problems_of(data) == ["rubric: expected a list of at least one criterion"]


def test_too_many_criteria_are_refused():
    assert problems_of([{"text": "x"}] * 1001) == ["rubric: 1001 criteria: expected at most 1000"]


def test_the_hash_is_that_of_the_canonical_json():
    # printf '%s' '{"criteria":[{"importance":null,"key":"a","kind":"binary","levels":[],"may_be_na":false,
    # "must_have":false,"text":"é","title":"","weight":1.0}]}' (one line) | sha256sum
    assert content_hash(content(Criterion("a", "é", weight=1))) == (
        "7d7a81d2798bf1424f4a16477cc340258de781301ed040d9fea8069957651caa"
    )


def test_what_means_the_same_hashes_the_same_and_what_does_not_differs():
    plain = content(Criterion("a", "x", weight=0.0), Criterion("b", "y"))
    assert content_hash(plain) == content_hash(content(Criterion("a", "x", weight=-0.0), Criterion("b", "y")))
    assert content_hash(plain) != content_hash(content(*plain.criteria[::-1]))
    assert content_hash(plain) != content_hash(content(Criterion("a", "x"), Criterion("b", "y")))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["criteria", "text", "kind", "levels", "label", "value", "key", "weight", "x"])
                | st.integers(0, 2),
                inner | st.sampled_from(["ordinal", "nominal", "Essential"]),
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_comes_in_is_read_or_refused(data):
    try:
        rubric = rubric_from_dict(data)
    except RubricError:
        return
    assert rubric_from_dict(rubric_to_dict(rubric)) == rubric


@pytest.mark.parametrize(
    ("text", "weight", "is_wrong"),
    [
        ("Avoids medical jargon", -3, True),
        ("The response avoids medical jargon", -3, True),
        ("Correctly states the dose", -3, True),
        ("Fails to mention side effects", 4, True),
        ("Includes incorrect facts", 4, True),
        ("Avoids medical jargon", 3, False),
        ("Correctly states the dose", 3, False),
        ("Fails to mention side effects", -4, False),
        ("Does not clearly say where to go", -4, False),
        ("Recommends antibiotics", -6, False),
        ("Does not mention a doctor", -6, False),
    ],
)
def test_wording_that_contradicts_the_sign_is_found(text, weight, is_wrong):
    others = Criterion("z", "Other", weight=1)
    assert (("wrong_sign", "a") in codes(Criterion("a", text, weight=weight), others)) == is_wrong


def test_a_pitfall_phrased_as_a_fault_adds_when_it_is_met_and_is_found():
    assert codes(Criterion("a", "Omits the warning", importance="Pitfall")) == [("wrong_sign", "a")]
    assert codes(Criterion("a", "Avoids omitting the warning", importance="Pitfall")) == []


def test_rubrics_without_anything_to_earn_are_found():
    assert codes(Criterion("a", "x", weight=-1), Criterion("b", "y", weight=-2)) == [("all_penalties", "")]
    assert codes(Criterion("a", "x", weight=0), Criterion("b", "y", weight=-2)) == [
        ("no_positive_weight", ""),
        ("zero_weight", "a"),
    ]
    assert codes(Criterion("a", "x", weight=1), Criterion("b", "y", weight=-2)) == [("mixed_signs", "")]


def test_the_same_question_twice_is_found():
    assert codes(Criterion("a", "Is it  kind?"), Criterion("b", "is it kind?")) == [("duplicate_text", "b")]


def test_a_must_have_of_weight_zero_is_a_gate_and_no_mistake():
    assert codes(Criterion("a", "x", weight=0, must_have=True), Criterion("b", "y")) == []
    assert codes(Criterion("a", "x", importance="Optional", must_have=True, may_be_na=True)) == [
        ("optional_must_have", "a"),
        ("must_have_may_be_na", "a"),
    ]


def test_levels_out_of_order_and_without_anchors_are_found():
    levels = (Level("low", 0.5, "bad"), Level("high", 0.5))
    assert codes(Criterion("a", "x", kind="ordinal", levels=levels)) == [
        ("missing_anchor", "a"),
        ("levels_out_of_order", "a"),
        ("weight_out_of_reach", "a"),
    ]
    bare = (Level("x", None, "a"), Level("y", None, "b"))
    assert codes(Criterion("a", "x", kind="nominal", levels=bare)) == [("no_level_value", "a")]


def test_criteria_are_compared_by_key_and_field():
    old = content(Criterion("a", "Is kind"), Criterion("b", "Is short", weight=1), Criterion("c", "Is old"))
    new = content(Criterion("b", "Is very short", weight=2), Criterion("a", "Is kind"), Criterion("d", "Is new"))
    diff = diff_rubrics(old, new)
    assert [criterion.key for criterion in diff.added] == ["d"]
    assert [criterion.key for criterion in diff.removed] == ["c"]
    assert diff.reordered
    (change,) = diff.changed
    assert change.key == "b"
    assert [(field.field, field.old, field.new) for field in change.fields] == [
        ("text", "Is short", "Is very short"),
        ("weight", 1, 2),
    ]
    assert change.fields[0].words == (("equal", "Is "), ("insert", "very "), ("equal", "short"))
    assert change.fields[1].words == ()


def test_a_rubric_does_not_differ_from_itself():
    rubric = rubric_from_dict(FULL)
    assert diff_rubrics(rubric, rubric).is_empty


def test_removing_a_criterion_is_no_reordering():
    old = content(Criterion("a", "x"), Criterion("b", "y"), Criterion("c", "z"))
    assert not diff_rubrics(old, content(old.criteria[0], old.criteria[2])).reordered


@given(st.text(alphabet="ab c.\n", max_size=30), st.text(alphabet="ab c.\n", max_size=30))
def test_a_word_diff_gives_back_both_texts(old, new):
    changes = diff_words(old, new)
    assert "".join(text for operation, text in changes if operation != "insert") == old
    assert "".join(text for operation, text in changes if operation != "delete") == new


def test_a_very_long_text_is_replaced_as_a_whole():
    old, new = "a " * 20_000, "b " * 20_000
    assert diff_words(old, new) == (("delete", old), ("insert", new))
    assert diff_words(old, old) == (("equal", old),)
