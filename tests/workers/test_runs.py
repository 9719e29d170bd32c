"""Runs: what they select, what they cost, and who may do what to them when."""

import pytest

from projects.errors import AppError
from projects.models import AuditEvent
from tests.factories import make_output, make_project, make_task
from tests.workers.counting_source import counting_scorer, start
from workers.actions.runs import cancel_run, resume_run, retry_failed, start_run
from workers.actions.scorers import archive_scorer
from workers.estimation import estimate_run
from workers.models import Run
from workers.progress import progress_of
from workers.scoring import work_once
from workers.selection import OutputSelection

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def scorer(project, counting):
    return counting_scorer(project)


def selected(project, scorer=None, **conditions):
    outputs = OutputSelection(**conditions).outputs(project, scorer)
    return [output.external_id for output in outputs]


@pytest.fixture
def varied(project):
    """Two tasks with two outputs each."""
    sums = make_task(project, "sums", tags=["maths", "easy"], split="train")
    poems = make_task(project, "poems", tags=["writing"], split="test")
    for task in (sums, poems):
        for policy in ("small", "large"):
            make_output(task, "text", policy=policy, external_id=f"{task.external_id}-{policy}")


def test_an_empty_selection_means_every_current_output_of_the_project(project, varied):
    make_output(make_task(make_project()), external_id="foreign")
    assert selected(project) == ["sums-small", "sums-large", "poems-small", "poems-large"]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"tags": ("writing", "nothing")}, ["poems-small", "poems-large"]),
        ({"splits": ("train",)}, ["sums-small", "sums-large"]),
        ({"policies": ("small",)}, ["sums-small", "poems-small"]),
        ({"task_ids": ("poems",)}, ["poems-small", "poems-large"]),
        ({"output_ids": ("sums-large",)}, ["sums-large"]),
        ({"tags": ("maths",), "policies": ("large",)}, ["sums-large"]),
        ({"limit": 3}, ["sums-small", "sums-large", "poems-small"]),
        ({"tags": ("'; DROP TABLE",)}, []),
    ],
)
def test_conditions_narrow_together(project, varied, conditions, expected):
    assert selected(project, **conditions) == expected


def test_only_unscored_leaves_out_what_this_scorer_has_scored(project, varied, scorer):
    start(project, scorer, selection=OutputSelection(limit=1))
    while work_once("cpu"):
        pass
    assert selected(project, scorer, only_unscored=True) == ["sums-large", "poems-small", "poems-large"]


def test_a_selection_survives_its_stored_form():
    selection = OutputSelection(tags=("a", "b"), only_unscored=True, limit=5)
    assert selection.to_json() == {"tags": ["a", "b"], "only_unscored": True, "limit": 5}
    assert OutputSelection.from_json(selection.to_json()) == selection


def test_the_estimate_counts_outputs_repeats_what_is_known_and_what_is_read(project, counting, scorer):
    task = make_task(project)
    make_output(task, "x" * 400)
    make_output(task, "x" * 4000)
    start(project, scorer, selection=OutputSelection(limit=1))
    while work_once("cpu"):
        pass
    Run.objects.update(busy_seconds=2.0, attempted_characters=400)
    estimate = estimate_run(project=project, scorer=scorer, selection=OutputSelection(), repeats=2)
    assert (estimate.outputs, estimate.items, estimate.reused, estimate.to_compute) == (2, 4, 1, 3)
    # The sample is both outputs: (400 + 4000) / 2 = 2200 characters an item, 3 items; no model reads tokens of them.
    assert (estimate.characters, estimate.tokens) == (6600, 0)
    # The run before read 400 characters in 2 s: 6600 take 33 s.
    assert estimate.seconds == pytest.approx(33.0)
    assert estimate.measured_on == Run.objects.get().pk


def test_without_a_measured_run_the_estimate_assumes_800_tokens_a_second(project, scorer):
    make_output(make_task(project), "x" * 6400)
    scorer.content["models"] = {"judge": {"pinned": True}}
    estimate = estimate_run(project=project, scorer=scorer, selection=OutputSelection())
    # 6400 characters / 4 / 800
    assert estimate.tokens == 1600
    assert estimate.seconds == pytest.approx(2.0)
    assert estimate.measured_on is None


def test_outputs_of_megabytes_are_not_read_for_an_estimate(project, counting, scorer):
    task = make_task(project)
    make_output(task, "x" * 400)
    # Random text, since what is stored is compressed.
    make_output(task, "".join(f"{number * 7919 % 99991:x} " for number in range(200_000)))
    make_output(make_task(project, reference="Paris."), "x" * 400)
    estimate = estimate_run(project=project, scorer=scorer, selection=OutputSelection())
    assert (estimate.outputs, estimate.characters) == (3, 1200)


def test_starting_is_refused_where_nothing_is_selected(project, scorer):
    with pytest.raises(AppError) as error:
        start(project, scorer)
    assert error.value.code == "nothing_selected"
    assert not Run.objects.exists()


@pytest.mark.parametrize("repeats", [0, 101])
def test_repeats_have_bounds(project, varied, scorer, repeats):
    with pytest.raises(AppError) as error:
        start(project, scorer, repeats=repeats)
    assert error.value.code == "repeats_invalid"


def test_an_archived_scorer_starts_nothing(project, varied, scorer):
    archive_scorer(scorer=scorer, actor=None)
    with pytest.raises(AppError) as error:
        start(project, scorer)
    assert error.value.code == "scorer_archived"


def test_every_change_of_a_run_is_in_the_audit_log(project, varied, scorer):
    run = start(project, scorer)
    cancel_run(run=run, actor=None)
    resume_run(run=run, actor=None)
    verbs = AuditEvent.objects.filter(object_type="run").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["run.started", "run.cancelled", "run.resumed"]


def test_what_is_over_cannot_be_cancelled_resumed_or_tried_again(project, varied, scorer):
    run = start(project, scorer)
    while work_once("cpu"):
        pass
    for change, code in (
        (cancel_run, "run_not_active"),
        (resume_run, "run_not_cancelled"),
        (retry_failed, "nothing_failed"),
    ):
        with pytest.raises(AppError) as error:
            change(run=run, actor=None)
        assert (error.value.code, error.value.status) == (code, 409)


def test_progress_says_how_many_of_how_many_and_why_not(project, counting, scorer):
    from tests.workers.counting_source import BREAKS, REFUSED

    task = make_task(project)
    for text in ("a", "bb", f"{REFUSED} 1", f"{REFUSED} 2", BREAKS):
        make_output(task, text)
    run = start(project, scorer)
    while work_once("cpu"):
        pass
    run.refresh_from_db()
    progress = progress_of(run)
    assert (progress.settled, progress.percent, progress.workers) == (5, 100, 0)
    assert [(reason.status, reason.code, reason.count) for reason in progress.reasons] == [
        ("unscored", "context_overrun", 2),
        ("failed", "unexpected_error", 1),
    ]
    assert progress.seconds_left is None


def test_percent_is_rounded_down_so_that_100_means_all(project, scorer):
    run = Run(project=project, scorer=scorer, item_count=1000, scored_count=999, status="running")
    run.pk = 0
    assert progress_of(run).percent == 99


def test_100000_outputs_are_queued_in_one_statement(project, scorer, django_assert_max_num_queries):
    # Three outputs or a hundred thousand: the number of statements is the same.
    task = make_task(project)
    for number in range(3):
        make_output(task, "x" * number)
    with django_assert_max_num_queries(20):
        start_run(project=project, scorer=scorer, selection=OutputSelection(), actor=None)
