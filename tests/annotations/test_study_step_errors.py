"""Step labels of scorers in the dense bench: the first wrong step against people's labels and marks."""

import pytest
from django.urls import reverse

from annotations.actions.study import run_study
from rewards import signal_store
from rewards.adjudicated import PREFIX
from rewards.models import Judgment, Rater, SpanMark, StepLabel
from rewards.segmentation import sentences, steps
from tests.factories import make_judgment, make_output, make_project, make_rater, make_task, make_user

pytestmark = pytest.mark.django_db

TEXT = "One is right. Two is wrong.\n\nThree is so too.\n\nFour."


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("stepped", owner=owner)


@pytest.fixture
def person(project):
    return make_rater(project, "ann")


@pytest.fixture
def judge(project):
    return Rater.objects.create(
        project=project, kind=Rater.Kind.SCORER, name="judge", pseudonym="judge", scorer_hash="j" * 64
    )


def output_of(project, number):
    return make_output(make_task(project, f"t{number}"), TEXT)


def label(rater, output, labels, *, cut=steps, kind=Judgment.Kind.STEPS):
    """Label the steps of an output; None leaves one out."""
    judgment = make_judgment(rater, kind, output.task, output)
    found = cut([TEXT])
    assert len(found) == len(labels)
    stored = signal_store.segmentation_for(output, found.segmenter, found.spans)
    StepLabel.objects.bulk_create(
        StepLabel(judgment=judgment, segmentation=stored, step=step, label=value)
        for step, value in enumerate(labels)
        if value is not None
    )


def mark(rater, output, start=None, end=None):
    judgment = make_judgment(rater, Judgment.Kind.SPANS, output.task, output)
    if start is not None:
        SpanMark.objects.create(
            judgment=judgment, output=output, message=0, start=start, end=end, text_sha256="h", quote="q", type="wrong"
        )


def result_of(project):
    study = run_study(project, kind="dense", parameters={})
    assert study.failure == ""
    return study.result["steps"]


def test_the_first_wrong_step_is_compared_with_that_of_people(project, person, judge):
    # Right on the first, a step too late on the second; nothing wrong in the third, where it finds something, and in
    # the fourth, where it does not: 1/2 and 1/2, so F1 is 1/2.
    for number, (said, found) in enumerate(
        [([1, -1, -1], [1, -1, 1]), ([-1, 1, 1], [1, -1, 1]), ([1, 1, 1], [-1, 1, 1]), ([1, 0, 1], [1, 1, 0])]
    ):
        output = output_of(project, number)
        label(person, output, said)
        label(judge, output, found)
    [row] = result_of(project)["rows"]
    assert (row["name"], row["outputs"]) == ("judge", 4)
    assert row["on_erroneous"]["value"] == 0.5
    assert row["on_correct"]["value"] == 0.5
    assert row["f1"] == pytest.approx(0.5)


def test_where_nobody_labelled_steps_the_first_mark_says_where_the_error_begins(project, person, judge):
    # "wrong" begins at 21, in the first step; the scorer that says so is right, however long the mark is.
    one, clean = output_of(project, 0), output_of(project, 1)
    mark(person, one, 21, 40)
    mark(person, clean)
    label(judge, one, [-1, 1, 1])
    label(judge, clean, [1, 1, 1])
    found = result_of(project)
    assert (found["outputs"], found["erroneous"]) == (2, 1)
    assert found["rows"][0]["f1"] == 1


def test_peoples_step_labels_come_before_their_marks(project, person, judge):
    output = output_of(project, 0)
    mark(person, output, 0, 3)
    label(person, output, [1, 1, -1])
    label(judge, output, [1, 1, -1])
    assert result_of(project)["rows"][0]["on_erroneous"]["value"] == 1


def test_steps_that_are_cut_otherwise_are_compared_by_their_place(project, person, judge):
    # People label sentences: the second, from 14 on, is wrong. It begins within the scorer's first step.
    output = output_of(project, 0)
    label(person, output, [1, -1, 1, 1], cut=sentences)
    label(judge, output, [-1, 1, 1])
    assert result_of(project)["rows"][0]["on_erroneous"]["value"] == 1


def test_of_several_people_the_earliest_error_counts(project, person, judge):
    output = output_of(project, 0)
    label(person, output, [1, 1, -1])
    label(make_rater(project, "ben"), output, [1, -1, 1])
    label(judge, output, [1, -1, 1])
    assert result_of(project)["rows"][0]["on_erroneous"]["value"] == 1


def test_what_somebody_settled_on_does_not_count_beside_the_answers_that_it_settles(project, person, judge):
    settled = make_rater(project, f"{PREFIX}1")
    output = output_of(project, 1)
    label(person, output, [1, -1, 1])
    label(settled, output, [-1, 1, 1])
    label(judge, output, [1, -1, 1])
    [row] = result_of(project)["rows"]
    assert row["on_erroneous"]["value"] == 1.0


def test_what_only_one_side_labelled_is_not_compared_and_no_labels_are_no_answer(project, person, judge):
    label(person, output_of(project, 0), [1, 1, -1])
    label(judge, output_of(project, 1), [1, 1, -1])
    both = output_of(project, 2)
    label(person, both, [1, 1, -1])
    label(judge, both, [None, None, None])
    assert result_of(project)["rows"] == []


def test_the_page_shows_the_scorers_that_label_steps(client, project, owner, person, judge):
    output = output_of(project, 0)
    label(person, output, [1, -1, 1])
    label(judge, output, [1, -1, 1])
    study = run_study(project, kind="dense", parameters={})
    client.force_login(owner)
    page = client.get(reverse("annotations:study-detail", args=["stepped", study.pk])).content.decode()
    assert "Which scorer names the first wrong step" in page
    assert "judge" in page
    assert "Nobody has marked spans yet" not in page


def test_a_study_from_before_steps_were_read_is_still_shown(client, project, owner, person, judge):
    output = output_of(project, 0)
    mark(person, output, 21, 40)
    study = run_study(project, kind="dense", parameters={})
    study.result = {name: value for name, value in study.result.items() if name != "steps"}
    study.save()
    client.force_login(owner)
    assert client.get(reverse("annotations:study-detail", args=["stepped", study.pk])).status_code == 200
