"""What a worker does with a batch: results are stored once, errors find their culprit, nothing becomes zero."""

import pytest

from rewards import signal_store
from rewards.models import Judgment, Output, RewardSignal
from tests.factories import make_output, make_project, make_task
from tests.workers.counting_source import BREAKS, MODEL_GONE, REFUSED, TOO_BIG, counting_scorer, expire, start
from workers.actions.batches import GIVE_UP_AFTER, claim_batch
from workers.actions.results import LeaseLostError
from workers.actions.runs import cancel_run, resume_run, retry_failed
from workers.models import Attempt, Batch, Run, RunItem, Scorer
from workers.scoring import score_batch, work_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def task(project):
    return make_task(project)


def outputs(task, *texts):
    return [make_output(task, text) for text in texts]


def work_through(run):
    while work_once(run.scorer.queue, run=run):
        pass
    run.refresh_from_db()
    return run


def counts(run):
    return run.scored_count, run.unscored_count, run.failed_count, run.reused_count


def test_a_run_stores_one_signal_for_each_output_and_finishes(project, task, counting):
    outputs(task, "four", "letter")
    run = work_through(start(project))
    assert run.status == Run.Status.FINISHED
    assert counts(run) == (2, 0, 0, 0)
    # len("four") = 4 and len("letter") = 6, on one segment each
    assert sorted(RewardSignal.objects.values_list("total", flat=True)) == [4.0, 6.0]
    assert set(Batch.objects.values_list("status", flat=True)) == {Batch.Status.DONE}


def test_an_unscored_item_has_a_reason_and_no_value(project, task, counting):
    outputs(task, "fine", f"{REFUSED} text")
    run = work_through(start(project))
    assert counts(run) == (1, 1, 0, 0)
    item = RunItem.objects.get(status=RunItem.Status.UNSCORED)
    assert item.reason == "context_overrun"
    assert item.attempts.get().detail == "too long"
    assert not RewardSignal.objects.filter(output=item.output).exists()


def test_an_unexpected_error_is_traced_to_its_item_and_the_others_are_scored(project, task, counting):
    outputs(task, "a", "bb", f"{BREAKS} ccc", "dddd")
    run = work_through(start(project))
    assert counts(run) == (3, 0, 1, 0)
    failed = Attempt.objects.get(status=Attempt.Status.FAILED)
    assert failed.output.messages[0]["text"] == f"{BREAKS} ccc"
    assert failed.reason == "unexpected_error"
    assert "this source breaks" in failed.traceback
    assert RewardSignal.objects.count() == 3


def test_running_out_of_memory_halves_and_leaves_only_the_one_that_never_fits_unscored(project, task, counting):
    outputs(task, "a", "bb", f"{TOO_BIG} ccc", "dddd")
    run = work_through(start(project))
    assert counts(run) == (3, 1, 0, 0)
    assert RunItem.objects.get(status=RunItem.Status.UNSCORED).reason == "out_of_memory"


def test_an_error_of_the_model_fails_the_items_with_its_code_and_no_search(project, task, counting):
    outputs(task, "a", f"{MODEL_GONE}")
    run = work_through(start(project))
    assert counts(run) == (0, 0, 2, 0)
    assert set(RunItem.objects.values_list("reason", flat=True)) == {"model_missing"}
    assert len(counting.calls) == 1


def test_an_error_that_quotes_a_nul_is_stored_all_the_same(project, task, counting):
    outputs(task, "a")

    def quote_hostile_text():
        raise RuntimeError("cannot read 'a\x00b\ud800'")

    counting.before = quote_hostile_text
    run = work_through(start(project))
    assert counts(run) == (0, 0, 1, 0)
    assert "cannot read" in Attempt.objects.get().traceback


def test_a_result_that_cannot_be_stored_fails_alone(project, task, counting, monkeypatch):
    bad, good = outputs(task, "bad", "good one")
    save_many = signal_store.save_many

    def refuse_bad(new_signals):
        wanted = list(new_signals)
        if any(new.output == bad for new in wanted):
            raise ValueError("a segmenter cut this output differently before")
        return save_many(wanted)

    monkeypatch.setattr(signal_store, "save_many", refuse_bad)
    run = work_through(start(project))
    assert counts(run) == (1, 0, 1, 0)
    assert RunItem.objects.get(output=good).status == RunItem.Status.SCORED
    assert "differently before" in RunItem.objects.get(output=bad).attempts.get().traceback


def test_what_was_scored_before_is_taken_over_without_calling_the_source(project, task, counting):
    outputs(task, "a", "bb")
    work_through(start(project))
    outputs(task, "ccc")
    counting.calls.clear()
    second = work_through(start(project))
    assert counting.texts == ["ccc"]
    assert counts(second) == (3, 0, 0, 2)
    assert second.status == Run.Status.FINISHED
    assert RewardSignal.objects.count() == 3


def test_a_run_of_nothing_new_finishes_at_once(project, task, counting):
    outputs(task, "a")
    work_through(start(project))
    again = start(project)
    assert again.status == Run.Status.FINISHED
    assert counts(again) == (1, 0, 0, 1)
    assert not again.batches.exists()


def test_what_another_run_scores_meanwhile_is_taken_over_when_it_is_stored(project, task, counting):
    outputs(task, "a")
    first, second = start(project), start(project)

    def let_the_other_run_win():
        counting.after = lambda: None
        work_through(second)

    counting.after = let_the_other_run_win
    work_through(first)
    second.refresh_from_db()
    assert counts(first) == (1, 0, 0, 1)
    assert counts(second) == (1, 0, 0, 0)
    assert RewardSignal.objects.count() == 1
    assert Attempt.objects.filter(status=Attempt.Status.SCORED).count() == 1


def test_outputs_with_equal_texts_are_different_samples(project, task, counting):
    outputs(task, "same", "same")
    run = work_through(start(project))
    assert counts(run) == (2, 0, 0, 0)
    assert RewardSignal.objects.values("output").distinct().count() == 2


def test_other_parameters_are_another_scorer_and_score_anew(project, task, counting):
    outputs(task, "four")
    work_through(start(project))
    work_through(start(project, counting_scorer(project, factor=2.0)))
    assert sorted(RewardSignal.objects.values_list("total", flat=True)) == [4.0, 8.0]


def test_repeats_are_items_of_their_own(project, task, counting):
    outputs(task, "four")
    run = work_through(start(project, repeats=3))
    assert counts(run) == (3, 0, 0, 0)
    assert sorted(RewardSignal.objects.values_list("repeat", flat=True)) == [0, 1, 2]


def test_retrying_touches_only_what_failed(project, task, counting):
    outputs(task, "a", f"{REFUSED}", "bb")
    broken = RuntimeError("a passing fault")

    def break_once():
        if "bb" in counting.calls[-1]:
            raise broken

    counting.after = break_once
    # One by one, so that the fault hits "bb" alone.
    run = work_through(start(project))
    failed = run.failed_count
    assert failed >= 1
    counting.after = lambda: None
    counting.calls.clear()
    assert retry_failed(run=run, actor=None) == failed
    assert run.status == Run.Status.RUNNING
    work_through(run)
    assert "bb" in counting.texts
    assert REFUSED not in counting.texts
    assert counts(run) == (2, 1, 0, 0)
    assert run.status == Run.Status.FINISHED
    attempts = Attempt.objects.filter(output__messages__0__text="bb").order_by("number")
    assert [(attempt.number, attempt.status) for attempt in attempts] == [(1, "failed"), (2, "scored")]


def test_a_worker_that_lost_its_lease_writes_nothing(project, task, counting):
    outputs(task, "a", "bb")
    run = start(project)
    slow = claim_batch(queue="cpu", worker="slow")

    def another_worker_takes_over():
        counting.after = lambda: None
        expire(slow)
        work_through(run)

    counting.after = another_worker_takes_over
    with pytest.raises(LeaseLostError):
        score_batch(slow)
    run.refresh_from_db()
    assert counts(run) == (2, 0, 0, 0)
    assert RewardSignal.objects.count() == 2
    assert set(Attempt.objects.values_list("worker", flat=True)) != {"slow"}


def test_a_lease_that_ran_out_unclaimed_may_still_be_written_under(project, task, counting):
    outputs(task, "a")
    run = start(project)
    batch = claim_batch(queue="cpu", worker="slow")
    counting.after = lambda: expire(batch)
    score_batch(batch)
    run.refresh_from_db()
    assert counts(run) == (1, 0, 0, 0)


def test_cancel_is_seen_between_micro_batches_and_what_is_scored_stays(project, task, counting):
    outputs(task, *("x" * n for n in range(1, 11)))
    run = start(project)
    counting.after = lambda: cancel_run(run=run, actor=None) if len(counting.calls) == 1 else None
    work_through(run)
    assert run.status == Run.Status.CANCELLED
    assert len(counting.calls) == 1
    assert run.scored_count == len(counting.calls[0]) == RewardSignal.objects.count()
    assert set(run.batches.values_list("status", flat=True)) == {Batch.Status.CANCELLED}


def test_a_cancelled_run_resumes_with_what_is_left(project, task, counting):
    outputs(task, *("x" * n for n in range(1, 11)))
    run = start(project)
    counting.after = lambda: cancel_run(run=run, actor=None) if len(counting.calls) == 1 else None
    work_through(run)
    resume_run(run=run, actor=None)
    work_through(run)
    assert run.status == Run.Status.FINISHED
    assert counts(run) == (10, 0, 0, 0)
    assert sorted(len(text) for text in counting.texts) == list(range(1, 11))


def test_an_item_that_ends_every_worker_fails_and_the_rest_is_scored(project, task, counting):
    outputs(task, "deadly", "fine")
    run = start(project)
    batch = claim_batch(queue="cpu", worker="w0")
    for number in range(GIVE_UP_AFTER):
        expire(batch)
        batch = claim_batch(queue="cpu", worker=f"w{number + 1}")
    assert batch.stalled_leases == GIVE_UP_AFTER
    score_batch(batch)
    run.refresh_from_db()
    assert counts(run) == (1, 0, 1, 0)
    # Longest first: "deadly" was under way each time.
    assert RunItem.objects.get(status=RunItem.Status.FAILED).output.messages[0]["text"] == "deadly"
    assert RunItem.objects.get(status=RunItem.Status.FAILED).reason == "worker_lost"


def test_an_output_of_another_shape_fails_alone_as_unreadable(project, task, counting):
    outputs(task, "good", "fine")
    without_text = [{"role": "assistant"}]
    Output.objects.create(project=project, task=task, external_id="x", messages=without_text, content_hash="0" * 64)
    run = work_through(start(project))
    assert counts(run) == (2, 0, 1, 0)
    assert RunItem.objects.get(status=RunItem.Status.FAILED).reason == "unreadable_input"


def test_a_scorer_of_a_source_that_is_gone_fails_its_items_and_says_so(project, task, counting):
    outputs(task, "a")
    run = start(project)
    Scorer.objects.update(source="gone")
    work_through(run)
    assert counts(run) == (0, 0, 1, 0)
    assert RunItem.objects.get().reason == "unknown_source"


def test_a_numeric_source_writes_no_judgment(project, task, counting):
    outputs(task, "a")
    work_through(start(project))
    assert not Judgment.objects.exists()
