"""Constraints: each kind by hand, both accuracies, and pairs of prompts whose labels are right by construction."""

import json

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from rewards.parameters import ParameterError
from tests.factories import make_output, make_project, make_task
from tests.workers.verifying import values, verified
from workers.management.commands.constraint_pairs import pair_row
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.verifiers.constraint_checks import ConstraintChecks
from workers.sources.verifiers.constraint_pairs import prompt_pair
from workers.sources.verifiers.constraints import KINDS, ConstraintError, holds_loosely, read_constraints

CHECKS = ConstraintChecks()
STORY = "The cat sat on the mat. It was warm, and quiet.\n\nNobody came to see the sleeping animal."


def holds(answer: str, constraint: dict) -> bool:
    [read] = read_constraints([constraint])
    return read.holds(answer)


@pytest.mark.parametrize(
    ("constraint", "kept", "broken"),
    [
        ({"kind": "min_words", "n": 3}, "one two three", "one two"),
        ({"kind": "max_words", "n": 3}, "one-two three", "one-two three four"),
        ({"kind": "min_characters", "n": 3}, "abc", "ab"),
        ({"kind": "max_characters", "n": 3}, "猫坐在", "abcd"),
        ({"kind": "min_sentences", "n": 2}, "One. Two.", "One, e.g. two."),
        ({"kind": "max_sentences", "n": 1}, "Dr. Who came.", "One. Two."),
        ({"kind": "paragraphs", "n": 2}, "one\nmore\n \ntwo\n\n\n", "one\ntwo"),
        ({"kind": "bullets", "n": 2}, "So:\n* one\n  - two", "So:\n* one\n**bold** two"),
        ({"kind": "highlights", "n": 2}, "*one* and **two**", "*one* and * two * three"),
        ({"kind": "placeholders", "n": 1}, "Dear [name]", "Dear [] name"),
        ({"kind": "max_capital_words", "n": 1}, "I like NASA", "I like NASA and ESA"),
        ({"kind": "max_commas", "n": 0}, "a b", "a, b"),
        ({"kind": "contains", "words": ["cat", "mat"]}, "A CAT on a mat.", "A category, a mat"),
        ({"kind": "contains", "words": ["c++"]}, "I like C++.", "I like C."),
        ({"kind": "avoids", "words": ["cat"]}, "concatenate", "a Cat"),
        ({"kind": "word_frequency", "word": "the cat", "n": 2}, "The cat and the cat", "the cat"),
        ({"kind": "starts_with", "text": "Dear "}, "  dear Ada", "My dear"),
        ({"kind": "ends_with", "text": "Yours."}, "... yours.\n", "Yours. Ada"),
        ({"kind": "script", "script": "cyrillic"}, "Привет, world", "Hello, мир"),
        ({"kind": "script", "script": "CJK"}, "猫坐在垫子上", "the cat"),
        ({"kind": "lowercase"}, "all small, 1", "Not all"),
        ({"kind": "uppercase"}, "ALL CAPITALS 1", "NOT all"),
        ({"kind": "title"}, "<<A title>>\nText", "<<A title>"),
        ({"kind": "postscript"}, "Text\nP.S. More", "The P.S. is missing"),
        ({"kind": "quoted"}, '"All of it"', '"A part" of it'),
        ({"kind": "json"}, '```json\n{"a": 1}\n```', "a: 1"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_each_kind_holds_where_it_should_and_nowhere_else(constraint, kept, broken):
    assert holds(kept, constraint)
    assert not holds(broken, constraint)


def test_every_kind_is_told_to_the_policy_in_a_sentence():
    samples = {"count": 3, "text": "word", "words": ["cat", "mat"], "script": "GREEK"}
    for kind in KINDS.values():
        [constraint] = read_constraints(
            [{"kind": kind.name, **{name: samples[sort] for name, sort in kind.fields.items()}}]
        )
        assert constraint.instruction.endswith((".", "*."))
        assert "{" not in constraint.instruction
        for value in constraint.values.values():
            assert str(value[0] if isinstance(value, list) else value) in constraint.instruction


def test_both_accuracies_and_a_channel_for_each_constraint():
    constraints = [
        {"kind": "max_words", "n": 5},
        {"kind": "contains", "words": ["cat"]},
        {"kind": "contains", "words": ["dog"]},
        {"kind": "lowercase"},
    ]
    found = values(verified(CHECKS, "the cat sat", metadata={"constraints": constraints}))
    assert found == {
        "correct": 0, "satisfied": 0.75, "max_words": 1, "contains": 1, "contains_2": 0, "lowercase": 1,
    }  # fmt: skip
    found = values(verified(CHECKS, "the cat sat", constraints=json.dumps(constraints[:2])))
    assert (found["correct"], found["satisfied"]) == (1, 1)


def test_loose_checks_forgive_an_opening_line_and_asterisks():
    constraint = '[{"kind": "max_words", "n": 3}]'
    text = "Sure, here is the story that you wanted:\nthe cat sat"
    assert values(verified(CHECKS, text, constraints=constraint))["correct"] == 0
    assert values(verified(CHECKS, text, constraints=constraint, loose=True))["correct"] == 1
    [starts] = read_constraints([{"kind": "starts_with", "text": "The cat"}])
    assert holds_loosely(starts, "**The** cat sat")
    [one] = read_constraints([{"kind": "max_words", "n": 0}])
    assert not holds_loosely(one, "a single line"), "an answer of which nothing is left keeps no bound"


def test_no_answer_keeps_no_constraint_not_even_an_upper_bound():
    thinking = OutputMessage("assistant", "Hm.", channel="thinking")
    found = values(verified(CHECKS, thinking, constraints='[{"kind": "max_words", "n": 3}]'))
    assert found == {"correct": 0, "satisfied": 0, "max_words": 0}


def test_without_constraints_there_is_no_value():
    assert verified(CHECKS, "a").reason == "no_constraints"
    assert verified(CHECKS, "a", metadata={"constraints": [{"kind": "max_words"}]}).reason == "invalid_metadata"


@pytest.mark.parametrize(
    ("given_", "problem"),
    [
        ("[]", "a list of constraints"),
        ("{}", "a list of constraints"),
        ('[{"kind": "nonsense"}]', "constraint 1: expected an object with a kind"),
        ('[{"kind": "max_words", "n": -1}]', "n is -1: expected a whole number"),
        ('[{"kind": "max_words", "n": true}]', "n is True"),
        ('[{"kind": "max_words", "n": 1, "m": 1}]', "m is none of n"),
        ('[{"kind": "contains", "words": "cat"}]', "words is 'cat': expected a list"),
        ('[{"kind": "script", "script": "Elvish"}]', "expected one of LATIN"),
        ('[{"kind": "starts_with", "text": " "}]', "expected text"),
        ("[", "not JSON"),
    ],
)
def test_constraints_that_cannot_be_read_are_refused_with_what_was_expected(given_, problem):
    with pytest.raises(ParameterError, match="constraints: ") as caught:
        verified(CHECKS, "a", constraints=given_)
    assert problem in str(caught.value)


def test_too_many_constraints_are_refused():
    with pytest.raises(ConstraintError, match="50 at most"):
        read_constraints([{"kind": "lowercase"}] * 51)


@given(st.one_of(st.just(STORY), st.text(max_size=200)), st.integers(0, 2**32), st.integers(1, 4), st.data())
def test_a_pair_is_labelled_right_by_construction(text, seed, n_constraints, data):
    n_broken = data.draw(st.integers(1, n_constraints))
    pair = prompt_pair(text, n_constraints=n_constraints, n_broken=n_broken, seed=seed)
    if pair is None:
        assert text != STORY
        return
    assert len(pair.chosen) == len(pair.rejected) == n_constraints
    assert len(pair.broken) == n_broken
    assert all(constraint.holds(text) for constraint in pair.chosen)
    for place, (chosen, rejected) in enumerate(zip(pair.chosen, pair.rejected, strict=True)):
        assert chosen.kind is rejected.kind
        assert rejected.holds(text) == (place not in pair.broken)
        assert (chosen == rejected) == (place not in pair.broken)
    assert len({constraint.kind.name for constraint in pair.chosen}) == n_constraints
    # What is written to a file is read back as the same constraints.
    assert read_constraints([constraint.to_json() for constraint in pair.rejected]) == list(pair.rejected)


def test_every_kind_with_parameters_can_be_broken_and_kept_for_some_text():
    text = f"{STORY}\n\n* one *bright* point\n* NASA and [place]"
    seen = {c.kind.name for seed in range(60) for c in prompt_pair(text, n_constraints=6, n_broken=3, seed=seed).chosen}
    assert seen == {name for name, kind in KINDS.items() if kind.fields}


def test_the_same_seed_gives_the_same_pair():
    first, again, other = (prompt_pair(STORY, n_constraints=3, n_broken=1, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_pair_that_makes_no_sense_is_refused():
    for n_constraints, n_broken in ((3, 0), (3, 4), (0, 0)):
        with pytest.raises(ValueError, match="expected at least one"):
            prompt_pair(STORY, n_constraints=n_constraints, n_broken=n_broken, seed=0)


def test_an_output_without_an_answer_gives_no_row():
    thinking = OutputMessage("assistant", "Hm.", channel="thinking")
    assert pair_row(SourceItem("k", (), (thinking,)), n_constraints=1, n_broken=1, seed=0) is None


@pytest.mark.django_db
def test_the_command_writes_a_labelled_pair_for_each_output(tmp_path, capsys):
    project = make_project()
    task = make_task(project, prompt="Tell a story.")
    for number in range(3):
        make_output(task, STORY, external_id=f"o{number}")
    out = tmp_path / "pairs.jsonl"
    call_command("constraint_pairs", project=project.slug, out=out, constraints=3, broken=2, seed=5)
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["o0", "o1", "o2"]
    assert "3 pairs" in capsys.readouterr().out
    for row in rows:
        assert row["response"] == STORY
        assert row["prompt_chosen"][-1]["content"].startswith("Tell a story.\n\n- ")
        assert row["prompt_chosen"] != row["prompt_rejected"]
        rejected = [constraint.holds(STORY) for constraint in read_constraints(row["constraints_rejected"])]
        assert [place for place, kept in enumerate(rejected) if not kept] == row["broken"]
        assert len(row["broken"]) == 2
    assert rows[0]["constraints_chosen"] != rows[1]["constraints_chosen"], "each output has a draw of its own"
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("constraint_pairs", project=project.slug, out=out)
    with pytest.raises(CommandError, match="no project"):
        call_command("constraint_pairs", project="none", out=tmp_path / "x")
    with pytest.raises(CommandError, match="--broken"):
        call_command("constraint_pairs", project=project.slug, out=tmp_path / "x", constraints=1, broken=2)
