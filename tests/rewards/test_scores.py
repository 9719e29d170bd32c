"""Scores derived from stored verdicts."""

import pytest
from django.utils import timezone

from projects.errors import AppError
from rewards.actions.scores import derive_scores, derive_task_rubric_scores, score_table
from rewards.adjudicated import PREFIX, without_settled
from rewards.models import Criterion, DerivedScore, Judgment, Rubric, RubricVersion, Verdict
from rewards.verdict_table import verdict_table
from tests.factories import make_judgment, make_output, make_project, make_rater, make_rubric, make_task

pytestmark = pytest.mark.django_db

TWO = [
    {"key": "correct", "text": "The answer is correct.", "weight": 3.0},
    {"key": "short", "text": "The answer is short.", "weight": 1.0},
]


@pytest.fixture
def version():
    return make_rubric(make_project(), criteria=TWO)


@pytest.fixture
def output(version):
    return make_output(make_task(version.project))


def judge(rater, output, version, *, repeat=0, **values):
    judgment = make_judgment(rater, Judgment.Kind.VERDICTS, output.task, output, repeat=repeat)
    for criterion in version.criteria.all():
        value = values.get(criterion.key)
        state = Verdict.State.UNSCORED if value is None else Verdict.State.SCORED
        Verdict.objects.create(judgment=judgment, criterion=criterion, state=state, value=value)
    return judgment


def test_a_score_is_the_weighted_share_of_stored_verdicts(version, output):
    rater = make_rater(version.project)
    judge(rater, output, version, correct=1.0, short=0.5)

    definition = derive_scores(version=version, rater_ids=[rater.pk])

    score = DerivedScore.objects.defined_by(definition.hash).get()
    # (3 x 1 + 1 x 0.5) / 4
    assert (score.value, score.scored_count, score.total_count) == (0.875, 2, 2)


def test_what_is_unscored_is_left_out_and_counted(version, output):
    rater = make_rater(version.project)
    judge(rater, output, version, correct=None, short=0.5)

    definition = derive_scores(version=version, rater_ids=[rater.pk])

    score = DerivedScore.objects.defined_by(definition.hash).get()
    assert (score.value, score.scored_count, score.total_count) == (0.5, 1, 2)


def test_an_output_without_any_value_has_no_score(version, output):
    rater = make_rater(version.project)
    judge(rater, output, version)

    definition = derive_scores(version=version, rater_ids=[rater.pk])

    assert DerivedScore.objects.defined_by(definition.hash).get().value is None


def test_repeats_are_averaged_before_raters(version, output):
    one, two = make_rater(version.project), make_rater(version.project)
    judge(one, output, version, correct=1.0, short=1.0)
    judge(one, output, version, repeat=1, correct=0.0, short=1.0)
    judge(two, output, version, correct=0.0, short=1.0)

    table = verdict_table(version, [one.pk, two.pk])

    # correct: rater one gave (1 + 0) / 2, rater two 0, so (0.5 + 0) / 2; a mean over judgments would be 1/3.
    assert table.values.tolist() == [[0.25, 1.0]]


def test_withdrawn_judgments_do_not_count(version, output):
    rater = make_rater(version.project)
    judgment = judge(rater, output, version, correct=1.0, short=1.0)
    Judgment.objects.filter(pk=judgment.pk).update(withdrawn_at=timezone.now())

    assert verdict_table(version, [rater.pk]).output_ids == ()


def test_verdicts_of_another_version_count_where_it_asked_the_same(version, output):
    rater = make_rater(version.project)
    judge(rater, output, version, correct=1.0, short=0.0)
    newer = RubricVersion.objects.create(
        project=version.project, rubric=version.rubric, number=2, content_hash="another"
    )
    changed = [{**TWO[0], "weight": 9.0}, {**TWO[1], "text": "The answer has at most ten words."}]
    for position, fields in enumerate(changed):
        Criterion.objects.create(project=version.project, version=newer, position=position, **fields)

    table = verdict_table(newer, [rater.pk])

    assert table.values[0, 0] == 1.0
    assert str(table.values[0, 1]) == "nan"


def test_new_verdicts_replace_the_score_they_change(version, output):
    one, two = make_rater(version.project), make_rater(version.project)
    judge(one, output, version, correct=1.0, short=1.0)
    derive_scores(version=version, rater_ids=[one.pk, two.pk])
    judge(two, output, version, correct=0.0, short=0.0)

    definition = derive_scores(version=version, rater_ids=[one.pk, two.pk])

    assert [score.value for score in DerivedScore.objects.defined_by(definition.hash)] == [0.5]


def test_deriving_twice_writes_nothing_new(version, output):
    rater = make_rater(version.project)
    judge(rater, output, version, correct=1.0, short=1.0)
    first = derive_scores(version=version, rater_ids=[rater.pk])
    row = DerivedScore.objects.get()

    assert derive_scores(version=version, rater_ids=[rater.pk]) == first
    assert DerivedScore.objects.get().pk == row.pk


def test_each_task_is_scored_under_its_own_rubric(version, output):
    project, rater = version.project, make_rater(version.project)
    own = RubricVersion.objects.create(
        project=project,
        rubric=Rubric.objects.create(project=project, name="own", task_external_id=output.task.external_id),
        number=1,
        content_hash="own",
    )
    Criterion.objects.create(project=project, version=own, position=0, key="names-paris", text="Names Paris.")
    judge(rater, output, own, **{"names-paris": 0.25})

    definition = derive_task_rubric_scores(project=project, rater_ids=[rater.pk])

    assert DerivedScore.objects.defined_by(definition.hash).get().value == 0.25


def test_unknown_aggregations_and_wrong_weights_are_the_users_errors(version, output):
    table = verdict_table(version, [])

    for arguments in ({"aggregation": "median"}, {"weights": [1.0]}, {"weights": [1.0, float("nan")]}):
        with pytest.raises(AppError):
            score_table(table, **arguments)


def test_a_settled_verdict_is_never_pooled_with_those_that_it_settles(version, output):
    people = [make_rater(version.project) for _ in range(2)]
    settled = make_rater(version.project, f"{PREFIX}1")
    for rater in people:
        judge(rater, output, version, correct=1.0, short=1.0)
    judgment = make_judgment(settled, Judgment.Kind.VERDICTS, output.task, output)
    correct, short = version.criteria.order_by("position")
    Verdict.objects.create(judgment=judgment, criterion=correct, state=Verdict.State.SCORED, value=0.0)

    definition = derive_scores(version=version, rater_ids=[settled.pk, *(rater.pk for rater in people)])

    # Correctness is 0 as settled, and not the mean 2/3; on brevity nobody settled: (3 x 0 + 1 x 1) / 4.
    assert DerivedScore.objects.defined_by(definition.hash).get().value == 0.25
    Verdict.objects.create(judgment=judgment, criterion=short, state=Verdict.State.NOT_APPLICABLE)
    table = verdict_table(version, [settled.pk, *(rater.pk for rater in people)])
    # That it does not apply is an answer as well.
    assert (bool(table.not_applicable[0, 1]), table.judgment_ids) == (True, ((judgment.pk,),))
    assert without_settled([settled, *people]) == people
