"""From a recipe and outputs of a project to numbers on levels: each kind of input, and what is refused by path."""

from typing import Any

import numpy as np
import pytest

from projects.errors import AppError
from rewards import signal_store
from rewards.models import Critique, Judgment, Output, SpanMark, StepLabel
from rewards.models import Rater as RaterRow
from rewards.recipe_frames import BuiltFrame, frame_for
from rewards.recipes.errors import RecipeError
from rewards.recipes.evaluate import evaluate
from rewards.recipes.tree import read_recipe
from rewards.segmentation import Segmentation, sentences, whole, words
from rewards.shaping.rows import Rows
from rewards.signals import RewardSignal
from rewards.text import sha256_text
from tests.factories import (
    make_comparison,
    make_judgment,
    make_output,
    make_project,
    make_rater,
    make_rating,
    make_rubric,
    make_task,
)

pytestmark = pytest.mark.django_db

TEXT = "Paris is big. Rome is old."
# words: Paris, is, big., Rome, is, old.


def _scorer(project: Any, name: str = "critic") -> RaterRow:
    digest = f"{name:0<64}"
    return RaterRow.objects.create(
        project=project, kind="scorer", name=name, pseudonym=f"scorer-{digest[:12]}", scorer_hash=digest
    )


def _store(rater: RaterRow, output: Any, values: Any, cut: Any = words, channel: str = "reward") -> None:
    segmentation = cut([message["text"] for message in output.messages]) if callable(cut) else cut
    signal = RewardSignal(segmentation, np.array(values, dtype=np.float32))
    signal_store.save_many([signal_store.NewSignal(output, rater, channel, signal, "0" * 64)])


def _mark(judgment: Judgment, start: int, end: int, label: str, **fields: Any) -> None:
    assert judgment.output is not None
    text = judgment.output.messages[0]["text"]
    SpanMark.objects.create(
        judgment=judgment,
        output=judgment.output,
        message=0,
        start=start,
        end=end,
        text_sha256=sha256_text(text),
        quote=text[start:end],
        type=label,
        **fields,
    )


def _built(project: Any, outputs: list[Any], declared: dict[str, Any], **more: Any) -> BuiltFrame:
    document = {"recipe": 1, "inputs": {"x": declared}, "reward": {"input": "x"}, **more}
    return frame_for(project, read_recipe(document), [output.pk for output in outputs])


def _rows(project: Any, outputs: list[Any], declared: dict[str, Any], **more: Any) -> Rows:
    return _built(project, outputs, declared, **more).frame.inputs["x"]


def _refused(project: Any, outputs: list[Any], declared: dict[str, Any], **more: Any) -> dict[str, str]:
    with pytest.raises(RecipeError) as caught:
        _built(project, outputs, declared, **more)
    return caught.value.problems


@pytest.fixture
def project() -> Any:
    return make_project()


@pytest.fixture
def two(project: Any) -> list[Any]:
    """Two outputs of one task."""
    task = make_task(project)
    return [make_output(task, TEXT), make_output(task, "No.")]


def test_a_signal_stands_on_the_words_that_it_was_stored_on_and_a_missing_one_is_unscored(project, two) -> None:
    _store(_scorer(project), two[0], [1, 0, -1, 0.5, 0, 2])
    built = _built(project, two, {"kind": "signal", "rater": "critic", "level": "token"})
    rows = built.frame.inputs["x"]
    assert rows.of(0).tolist() == [1, 0, -1, 0.5, 0, 2]
    assert np.isnan(rows.of(1)).all()
    assert built.notes[0].text == "x: 1 of 2 outputs have it"
    assert built.frame.groups.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("carry", "expected"),
    [
        # "Paris is big. " has 14 characters: 6 + 3 + 5; a value of 14 is one a character.
        ("sum", [6, 3, 5, 0, 0, 0]),
        ("mean", [14, 14, 14, 0, 0, 0]),
        ("each", [14, 14, 14, 0, 0, 0]),
        ("last", [0, 0, 14, 0, 0, 0]),
    ],
)
def test_a_signal_on_sentences_reaches_words_as_the_recipe_says(project, two, carry, expected) -> None:
    _store(_scorer(project), two[0], [14, 0], sentences)
    rows = _rows(project, two[:1], {"kind": "signal", "rater": "critic", "level": "token", "carry": carry})
    assert rows.of(0).tolist() == expected


@pytest.mark.parametrize(("carry", "expected"), [("sum", 2.5), ("mean", 2.5 / 6), ("last", 2.0)])
def test_a_signal_becomes_one_number_an_output(project, two, carry, expected) -> None:
    _store(_scorer(project), two[0], [1, 0, -1, 0.5, 0, 2])
    rows = _rows(project, two, {"kind": "signal", "rater": "critic", "level": "output", "carry": carry})
    assert rows.values[0] == pytest.approx(expected)
    assert np.isnan(rows.values[1])


def test_the_newest_signal_of_an_output_counts(project, two) -> None:
    critic = _scorer(project)
    for input_hash, value in (("a", 1.0), ("b", 2.0)):
        signal = RewardSignal(whole([TEXT]), np.array([value], dtype=np.float32))
        signal_store.save_many([signal_store.NewSignal(two[0], critic, "score", signal, input_hash * 64)])
    assert _rows(project, two, {"kind": "signal", "rater": "critic", "level": "output"}).values[0] == 2.0


def test_what_a_signal_needs_and_the_project_lacks_is_told_before_anything_is_computed(project, two) -> None:
    critic = _scorer(project)
    signal = {"kind": "signal", "level": "token"}
    assert "there is no rater 'judge'" in _refused(project, two, signal | {"rater": "judge"})["inputs.x.rater"]
    assert "stored no signal" in _refused(project, two, signal | {"rater": "critic"})["inputs.x.rater"]
    _store(critic, two[0], [1, 0, -1, 0.5, 0, 2])
    missing = _refused(project, two, signal | {"rater": "critic", "channel": "view_a"})
    assert missing["inputs.x.channel"] == "critic has no channel 'view_a': expected one of reward"
    _store(critic, two[0], [1, 2], sentences, channel="view_b")
    assert "several channels: expected one of reward, view_b" in str(
        _refused(project, two, signal | {"rater": "critic"})
    )
    wrong_cut = signal | {"rater": "critic", "channel": "view_b", "segmenter": "step/1"}
    assert "expected one of sentence/1, word/1" in _refused(project, two, wrong_cut)["inputs.x.segmenter"]


def test_outputs_without_a_signal_that_others_have_are_a_note_and_no_error(project, two) -> None:
    _store(_scorer(project), two[0], [1, 0, -1, 0.5, 0, 2])
    built = _built(project, two[1:], {"kind": "signal", "rater": "critic", "level": "token"})
    assert built.notes[0].text == "x: 0 of 1 outputs have it"


def test_two_raters_of_one_name_are_told_apart_by_their_short_names(project, two) -> None:
    digest = "f" * 64
    other = RaterRow.objects.create(
        project=project, kind="scorer", name="critic", pseudonym="scorer-ffffffffffff", scorer_hash=digest
    )
    first = _scorer(project)
    _store(first, two[0], [1, 0, -1, 0.5, 0, 2])
    _store(other, two[0], [0, 0, 0, 0, 0, 7])
    signal = {"kind": "signal", "level": "output"}
    assert "scorer-ffffffffffff" in _refused(project, two, signal | {"rater": "critic"})["inputs.x.rater"]
    assert _rows(project, two, signal | {"rater": "scorer-ffffffffffff"}).values[0] == 7


def test_raters_of_other_projects_are_not_there(project, two) -> None:
    elsewhere = make_project()
    _store(_scorer(elsewhere), make_output(make_task(elsewhere), "No."), [1])
    assert "inputs.x.rater" in _refused(project, two, {"kind": "signal", "rater": "critic", "level": "token"})


def test_an_output_of_another_project_is_refused(project, two) -> None:
    elsewhere = make_output(make_task(make_project()))
    with pytest.raises(AppError) as caught:
        _built(project, [*two, elsewhere], {"kind": "fact", "fact": "n_words"})
    assert caught.value.code == "output_unknown"


def test_a_stored_tokenizers_tokens_carry_the_reward_and_outputs_never_cut_are_left_out(project, two) -> None:
    cut = Segmentation("tokenizer:abc", np.array([[0, 0, 6], [0, 6, 14], [0, 14, 26]]))
    _store(_scorer(project), two[0], [1, 2, 3], cut)
    built = _built(project, two, {"kind": "signal", "rater": "critic", "level": "token"}, tokens="tokenizer:abc")
    assert built.output_ids == (two[0].pk,)
    assert built.frame.inputs["x"].to_lists() == [[1, 2, 3]]
    assert built.left_out == {two[1].pk: "tokenizer:abc has not cut it into tokens"}


def test_tokens_of_a_tokenizer_that_has_cut_nothing_are_refused(project, two) -> None:
    problems = _refused(project, two, {"kind": "fact", "fact": "n_words"}, tokens="tokenizer:zzz")
    assert "expected words, or a stored tokenizer" in problems["tokens"]


def test_an_output_without_text_is_left_out_of_a_reward_on_tokens(project, two) -> None:
    empty = make_output(two[0].task, "")
    make_rating(make_rater(project), empty, 3)
    make_rating(make_rater(project), two[1], 3)
    document = {
        "recipe": 1,
        "inputs": {"x": {"kind": "rating"}},
        "reward": {"op": "end_of_sequence", "scores": {"input": "x"}},
    }
    recipe = read_recipe(document)
    built = frame_for(project, recipe, [empty.pk, two[1].pk])
    assert built.left_out == {empty.pk: "it has no token"}
    assert evaluate(recipe, built.frame).reward.to_lists() == [[3]]


def test_ratings_are_the_mean_over_raters_of_each_ones_mean(project, two) -> None:
    ann, bob = make_rater(project), make_rater(project)
    for rater, value in ((ann, 1), (ann, 3), (bob, 7)):
        make_rating(rater, two[0], value)
    # ann's mean is 2, bob's 7: 4.5; on the scale from 1 to 7 that is (1/6 + 1) / 2 = 3.5 / 6.
    assert _rows(project, two, {"kind": "rating"}).values[0] == 4.5
    assert _rows(project, two, {"kind": "rating", "scale": "unit"}).values[0] == pytest.approx(3.5 / 6)
    assert _rows(project, two, {"kind": "rating", "raters": [bob.name]}).values[0] == 7
    assert np.isnan(_rows(project, two, {"kind": "rating"}).values[1])


def test_withdrawn_answers_and_answers_of_others_do_not_count(project, two) -> None:
    person, model = make_rater(project), _scorer(project, "judge")
    make_rating(person, two[0], 2)
    make_rating(model, two[0], 6)
    Judgment.objects.filter(pk=make_rating(person, two[0], 7).judgment_id).update(withdrawn_at="2026-01-01T00:00Z")
    assert _rows(project, two, {"kind": "rating", "raters": "people"}).values[0] == 2
    assert _rows(project, two, {"kind": "rating", "raters": "models"}).values[0] == 6
    assert _rows(project, two, {"kind": "rating"}).values[0] == 4


def test_a_kind_of_answer_that_the_project_has_never_seen_is_refused(project, two) -> None:
    assert _refused(project, two, {"kind": "rating"}) == {"inputs.x": "this project has no rating yet"}
    assert _refused(project, two, {"kind": "given"})["inputs.x.kind"].startswith("not bound yet")


def test_the_share_of_comparisons_won_counts_ties_half_and_leaves_out_who_cannot_tell(project, two) -> None:
    rater = make_rater(project)
    make_comparison(rater, two[0], two[1], "a")
    make_comparison(rater, two[1], two[0], "tie", tie_kind="equal")
    make_comparison(rater, two[0], two[1], "tie", tie_kind="cannot_tell")
    make_comparison(rater, two[1], two[1], "tie", tie_kind="equal")
    # The first wins one and ties one of two: 1.5 / 2; the second the rest.
    assert _rows(project, two, {"kind": "comparison"}).values.tolist() == [0.75, 0.25]


MARKS: dict[str, Any] = {"kind": "marks", "values": {"wrong": -0.5, "vague": {"major": -0.25, "": -0.125}}}


@pytest.fixture
def marked(project: Any, two: list[Any]) -> list[Any]:
    """The first output: `is big` wrong, `old` vague and major; the second was read and nothing was found."""
    rater = make_rater(project, "ann")
    judgment = make_judgment(rater, "spans", two[0].task, two[0])
    _mark(judgment, 6, 12, "wrong")
    _mark(judgment, 22, 25, "vague", severity="major")
    _mark(judgment, 0, 5, "funny", value=9.0)
    make_judgment(rater, "spans", two[1].task, two[1])
    return two


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [0, -0.5, -0.5, 0, 0, -0.25]),
        ({"place": "last"}, [0, 0, -0.5, 0, 0, -0.25]),
        # "is big" has six characters: "is " three of them, "big" three.
        ({"place": "split"}, [0, -0.25, -0.25, 0, 0, -0.25]),
        ({"unmarked": 0.1}, [0.1, -0.5, -0.5, 0.1, 0.1, -0.25]),
        ({"level": "sentence", "place": "lowest", "unmarked": 0.3}, [-0.5, -0.25]),
        ({"level": "output"}, [-0.75]),
        ({"level": "output", "place": "lowest"}, [-0.5]),
    ],
)
def test_marked_spans_are_worth_what_the_recipe_says(project, marked, settings, expected) -> None:
    built = _built(project, marked, MARKS | settings)
    rows = built.frame.inputs["x"]
    assert rows.of(0) == pytest.approx(expected)
    assert rows.of(1) == pytest.approx(settings.get("unmarked", 0.0))
    assert "1 spans of other labels do not count" in built.notes[0].text


def test_marks_without_values_in_the_recipe_are_worth_their_own(project, marked) -> None:
    rows = _rows(project, marked, {"kind": "marks"})
    assert rows.of(0).tolist() == [9, 0, 0, 0, 0, 0]


def test_two_readers_of_one_output_are_averaged(project, marked) -> None:
    bob = make_judgment(make_rater(project, "bob"), "spans", marked[0].task, marked[0])
    _mark(bob, 0, 5, "wrong")
    # ann: [0, -.5, -.5, 0, 0, -.25]; bob: [-.5, 0, 0, 0, 0, 0].
    assert _rows(project, marked, MARKS).of(0).tolist() == [-0.25, -0.25, -0.25, 0, 0, -0.125]
    lowest = _rows(project, marked, MARKS | {"level": "sentence", "place": "lowest", "unmarked": 0.3}).of(0)
    # ann: [-.5, -.25]; bob: [-.5, .3].
    assert lowest == pytest.approx([-0.5, 0.025])


def test_faults_and_where_to_stop_by_one_person_add_up_and_are_not_averaged(project, marked) -> None:
    ann = RaterRow.objects.get(name="ann")
    stopped = make_judgment(ann, "spans", marked[0].task, marked[0], presentation={"asked": "stop"})
    _mark(stopped, 14, 18, "stop", value=-1.0)
    # The faults weigh as before, and "Rome" is where to stop; a second reader of places to stop halves that alone.
    both = {**MARKS, "values": {**MARKS["values"], "stop": -1}}
    assert _rows(project, marked, both).of(0).tolist() == [0, -0.5, -0.5, -1, 0, -0.25]
    make_judgment(make_rater(project, "bob"), "spans", marked[0].task, marked[0], presentation={"asked": "stop"})
    assert _rows(project, marked, both).of(0).tolist() == [0, -0.5, -0.5, -0.5, 0, -0.25]
    # Who does not ask for one of the two is not told of it.
    assert _rows(project, marked, MARKS).of(0).tolist() == [0, -0.5, -0.5, 0, 0, -0.25]
    alone = _rows(project, marked, {"kind": "marks", "values": {"stop": -1}})
    assert alone.of(0).tolist() == [0, 0, 0, -0.5, 0, 0]
    assert np.isnan(alone.of(1)).all()


def test_a_settled_answer_counts_only_where_its_rater_is_named(project, two) -> None:
    make_rating(make_rater(project), two[0], 2)
    settled = RaterRow.objects.create(
        project=project, kind="person", name="Adjudicated: Errors", pseudonym="adjudicated-7"
    )
    make_rating(settled, two[0], 6)
    assert _rows(project, two, {"kind": "rating"}).values[0] == 2
    assert _rows(project, two, {"kind": "rating", "raters": ["adjudicated-7"]}).values[0] == 6
    ann = make_rater(project, "ann")
    with pytest.raises(RecipeError, match="adjudicated-7 settled what others answered"):
        _rows(project, two, {"kind": "rating", "raters": ["adjudicated-7", ann.name]})


def test_an_output_that_nobody_marked_up_is_unscored_and_a_label_never_used_is_told(project, marked) -> None:
    third = make_output(marked[0].task, "Yes.")
    built = _built(project, [*marked, third], {"kind": "marks", "values": {"wrogn": -1}})
    assert np.isnan(built.frame.inputs["x"].of(2)).all()
    assert "no span here is wrogn" in built.notes[0].text


def test_labels_of_steps_are_averaged_and_steps_without_one_are_unscored(project) -> None:
    output = make_output(make_task(project), "One.\nTwo.\nThree.")
    cut = signal_store.segmentation_for(output, "step/1", np.array([[0, 0, 5], [0, 5, 10], [0, 10, 16]]))
    for labels in ({0: 1, 1: -1}, {0: 1, 1: 0}):
        judgment = make_judgment(make_rater(project), "steps", output.task, output)
        for step, label in labels.items():
            StepLabel.objects.create(judgment=judgment, segmentation=cut, step=step, label=label)
    rows = _rows(project, [output], {"kind": "steps"})
    assert rows.of(0)[:2].tolist() == [1.0, -0.5]
    assert np.isnan(rows.of(0)[2])
    assert _rows(project, [output], {"kind": "steps", "level": "output", "carry": "sum"}).values[0] == 0.5


def test_missing_information_is_counted_over_those_who_looked(project, marked) -> None:
    rater = RaterRow.objects.get(name="ann")
    for _ in range(2):
        judgment = make_judgment(rater, "critique", marked[0].task, marked[0])
        Critique.objects.create(judgment=judgment, kind="missing", text="The year.")
    third = make_output(marked[0].task, "Yes.")
    values = _rows(project, [*marked, third], {"kind": "critiques"}).values
    assert values[:2].tolist() == [2, 0]
    assert np.isnan(values[2])


def _verdict(rater: RaterRow, output: Any, criterion: Any, value: float) -> None:
    judgment = make_judgment(rater, "verdicts", output.task, output)
    judgment.verdicts.create(criterion=criterion, value=value)


def test_a_rubrics_score_and_one_criterions_verdict(project, two) -> None:
    version = make_rubric(
        project,
        "Quality",
        [{"key": "a", "text": "A.", "weight": 3.0}, {"key": "b", "text": "B.", "weight": 1.0}],
    )
    a, b = version.criteria.order_by("position")
    judge = _scorer(project, "judge")
    _verdict(judge, two[0], a, 1.0)
    _verdict(judge, two[0], b, 0.0)
    # (3 x 1 + 1 x 0) / 4.
    assert _rows(project, two, {"kind": "rubric", "rubric": "Quality"}).values[0] == 0.75
    assert _rows(project, two, {"kind": "verdict", "rubric": "Quality", "criterion": "b"}).values[0] == 0
    assert "expected one of Quality" in _refused(project, two, {"kind": "rubric", "rubric": "Style"})["inputs.x.rubric"]
    no_criterion = {"kind": "verdict", "rubric": "Quality", "criterion": "c"}
    assert "expected one of a, b" in _refused(project, two, no_criterion)["inputs.x.criterion"]
    assert "no version 4" in str(_refused(project, two, {"kind": "rubric", "rubric": "Quality", "version": 4}))


def test_each_tasks_own_rubric_scores_its_outputs(project, two) -> None:
    other = make_output(make_task(project), "Yes.")
    judge = _scorer(project, "judge")
    for output, value in ((two[0], 1.0), (other, 0.25)):
        version = make_rubric(project, f"Of {output.task.external_id}")
        version.rubric.task_external_id = output.task.external_id
        version.rubric.save()
        _verdict(judge, output, version.criteria.get(), value)
    values = _rows(project, [*two, other], {"kind": "rubric"}).values
    assert values[[0, 2]].tolist() == [1.0, 0.25]
    assert np.isnan(values[1])


def test_a_field_of_the_output_or_its_task_is_a_number_or_true_or_false(project) -> None:
    task = make_task(project, metadata={"difficulty": 0.5})
    outputs = [
        make_output(task, generation={"checks": {"passed": True}}),
        make_output(task, generation={"checks": {"passed": False}}),
        make_output(task),
    ]
    passed = _rows(project, outputs, {"kind": "metadata", "field": "checks.passed"}).values
    assert passed[:2].tolist() == [1, 0]
    assert np.isnan(passed[2])
    assert (
        _rows(project, outputs, {"kind": "metadata", "of": "task", "field": "difficulty"}).values.tolist() == [0.5] * 3
    )
    named = make_output(task, generation={"checks": {"passed": "yes"}}, external_id="o-9")
    problems = _refused(project, [named], {"kind": "metadata", "field": "checks.passed"})
    assert problems["inputs.x.field"] == "output o-9 has 'yes' there: expected a number, or true or false"


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ("n_words", 10),
        ("n_tokens", 10),
        ("n_characters", 27),
        ("n_turns", 2),
        ("n_tool_calls", 1),
        # Ten words are seven 4-grams, and `a b c d` is there twice.
        ("repetition", 1 - 6 / 7),
        ("reference_words", 2),
        ("reference_characters", 9),
    ],
)
def test_facts_are_counted_in_the_text(project, fact, expected) -> None:
    messages = [
        {"role": "tool", "channel": "tool", "text": "results"},
        {"role": "assistant", "channel": "answer", "text": "a b c d a b c d fghi"},
    ]
    task = make_task(project, reference="Yes, sir.")
    output = Output.objects.create(project=project, task=task, external_id="o", messages=messages, content_hash="0")
    assert _rows(project, [output], {"kind": "fact", "fact": fact}).values[0] == pytest.approx(expected)


def test_a_frame_costs_a_few_queries_however_many_outputs(project, django_assert_num_queries) -> None:
    critic, task = _scorer(project), make_task(project)
    outputs = [make_output(task, TEXT) for _ in range(6)]
    for output in outputs:
        _store(critic, output, [1, 0, -1, 0.5, 0, 2])
    for some in (outputs[:2], outputs):
        # Raters, choices of signals, outputs with texts, stored words, values.
        with django_assert_num_queries(5):
            _rows(project, some, {"kind": "signal", "rater": "critic", "level": "token"})
