"""The questions of a protocol: what is accepted, and how what is wrong is named."""

import pytest

from annotations.protocols import ShownItem, ShownOutput, min_outputs, parse_questions, protocol_hash
from annotations.protocols.presets import COMPARISON, PRESETS, RATING, SPANS
from projects.errors import AppError


def refused(config):
    with pytest.raises(AppError) as error:
        parse_questions(config)
    assert error.value.code == "protocol_invalid"
    return error.value.fields


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid_and_come_back_as_they_were_written(name):
    questions = parse_questions(PRESETS[name].questions)
    written = [question.config() for question in questions]
    assert [question.config() for question in parse_questions(written)] == written


def test_defaults_are_written_out():
    (question,) = parse_questions([{"kind": "rating", "key": "q", "prompt": "How good?"}])
    assert (question.scale_low, question.scale_high, question.required, question.allow_na) == (1, 7, True, False)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prompt": ""}, "questions.0.prompt"),
        ({"key": "Not A Key"}, "questions.0.key"),
        ({"scale_low": 7}, "questions.0.scale_high"),
        ({"scale_high": 99}, "questions.0.scale_high"),
        ({"scale_high": True}, "questions.0.scale_high"),
        ({"anchors": {"9": "beyond"}}, "questions.0.anchors.9"),
        ({"anchors": ["x"]}, "questions.0.anchors"),
        ({"allow_na": "yes"}, "questions.0.allow_na"),
        ({"criterion": "first"}, "questions.0.criterion"),
        ({"scale_hgih": 5}, "questions.0.scale_hgih"),
        ({"prompt": "nul \x00"}, "questions.0.prompt"),
    ],
)
def test_a_rating_that_does_not_fit_names_its_field(change, field):
    assert field in refused([{**RATING, **change}])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"pairs": "some"}, "questions.0.pairs"),
        ({"ties": ["maybe"]}, "questions.0.ties"),
        ({"ties": "both_good"}, "questions.0.ties"),
    ],
)
def test_a_comparison_that_does_not_fit_names_its_field(change, field):
    assert field in refused([{**COMPARISON, **change}])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"types": []}, "questions.0.types"),
        ({"types": [{"key": "a", "label": "A"}] * 10}, "questions.0.types"),
        ({"types": [{"key": "a", "label": "A"}, {"key": "a", "label": "B"}]}, "questions.0.types"),
        ({"types": [{"key": "a", "label": ""}]}, "questions.0.types.0.label"),
        ({"types": [{"key": "a", "label": "A", "colour": 9}]}, "questions.0.types.0.colour"),
        ({"types": ["a"]}, "questions.0.types.0"),
        ({"severities": [{"key": "x"}]}, "questions.0.severities.0.label"),
    ],
)
def test_spans_that_do_not_fit_name_their_field(change, field):
    assert field in refused([{**SPANS, **change}])


def test_problems_of_all_questions_are_told_at_once():
    fields = refused([{**RATING, "prompt": ""}, {"kind": "essay"}, {**COMPARISON, "key": "overall"}, "x"])
    assert set(fields) >= {"questions.0.prompt", "questions.1.kind", "questions.3"}


def test_keys_are_used_once_and_spans_asked_once():
    assert "questions.1.key" in refused([RATING, {**COMPARISON, "key": "overall"}])
    assert "questions" in refused([SPANS, {**SPANS, "key": "more"}])
    assert "questions" in refused([])


def test_a_comparison_needs_two_outputs():
    assert min_outputs(parse_questions([RATING, SPANS])) == 1
    assert min_outputs(parse_questions([RATING, COMPARISON])) == 2


def test_the_hash_covers_questions_guidelines_and_the_reference():
    questions = parse_questions([RATING])
    hashes = {
        protocol_hash(questions, "a", show_reference=False),
        protocol_hash(questions, "b", show_reference=False),
        protocol_hash(questions, "a", show_reference=True),
        protocol_hash(parse_questions([{**RATING, "prompt": "Other?"}]), "a", show_reference=False),
    }
    assert len(hashes) == 4


def shown(labels, seed=0):
    outputs = [ShownOutput(label, number, ["text"]) for number, label in enumerate(labels)]
    return ShownItem(outputs, [output.pk for output in outputs], seed)


def test_two_outputs_are_compared_as_they_stand():
    (question,) = parse_questions([COMPARISON])
    for seed in range(20):
        (pair,) = question.pairs_of(shown("AB", seed))
        assert (pair.name, pair.left.label, pair.right.label) == ("A-B", "A", "B")


def test_the_sides_of_each_pair_of_several_are_drawn():
    (question,) = parse_questions([COMPARISON])
    sides = [pair.left.label == "A" for seed in range(200) for pair in question.pairs_of(shown("ABC", seed))[:1]]
    # 200 fair draws: 4 standard deviations around 100 is 72 to 128.
    assert 72 <= sum(sides) <= 128
    assert [pair.name for pair in question.pairs_of(shown("ABC"))] == ["A-B", "A-C", "B-C"]


def test_neighbours_only():
    (question,) = parse_questions([{**COMPARISON, "pairs": "consecutive"}])
    assert [pair.name for pair in question.pairs_of(shown("ABCD"))] == ["A-B", "B-C", "C-D"]
