"""A run survives what machines do: every output is scored once, whatever was killed, emptied, doubled or restarted.

All counts are read by SQL from the tables themselves, not from what the application says of them.
"""

import pytest

from tests.chaos.conftest import OUTPUTS
from tests.chaos.stack import LEASE_SECONDS

pytestmark = pytest.mark.chaos

# The log-ratio stores its value by token and by step, and both views' log-probabilities by token.
SIGNALS_PER_OUTPUT = 4
# How much later than promised a busy machine may be.
GRACE_SECONDS = 10
START_SECONDS = 300
RUN_SECONDS = 300


def begin(stack, workers=1):
    """Beat, so many workers, and a run that is a fifth done; its key."""
    stack.start_worker(queue="cpu", beat=True)
    for _ in range(workers):
        stack.start_worker()
    alive = "SELECT count(*) FROM workers_workerheartbeat WHERE queue = 'gpu'"
    stack.wait_until(lambda: stack.sql(alive) == workers, seconds=START_SECONDS, what="the workers live")
    run = stack.start_run("chaos")
    stack.wait_until(lambda: stack.settled(run) > OUTPUTS // 5, seconds=START_SECONDS, what="a fifth is scored")
    return run


def assert_every_output_is_scored_once(stack, run):
    counters = stack.sql(
        "SELECT status, item_count, scored_count, unscored_count, failed_count, reused_count, attempted_count "
        "FROM workers_run WHERE id = %s",
        run,
    )
    assert counters == ("finished", OUTPUTS, OUTPUTS, 0, 0, 0, OUTPUTS)
    items = "SELECT count(*), count(DISTINCT output_id) FROM workers_runitem WHERE run_id = %s AND status = 'scored'"
    assert stack.sql(items, run) == (OUTPUTS, OUTPUTS)
    attempts = "SELECT count(*), count(DISTINCT (rater_id, input_hash, repeat)), max(number) FROM workers_attempt"
    assert stack.sql(attempts) == (OUTPUTS, OUTPUTS, 1)
    signals = (
        "SELECT count(*), count(DISTINCT (segmentation_id, channel)), count(DISTINCT output_id), min(scored_count) > 0"
    )
    signals += " FROM rewards_rewardsignal"
    expected = OUTPUTS * SIGNALS_PER_OUTPUT
    assert stack.sql(signals) == (expected, expected, OUTPUTS, True)
    assert stack.sql("SELECT count(*) FROM workers_batch WHERE status <> 'done'") == 0


def leased_batch(stack, worker=None):
    """Key and attempt of a batch that is under way."""
    return stack.sql(
        "SELECT id, attempt FROM workers_batch WHERE status = 'leased' AND worker LIKE %s ORDER BY id LIMIT 1",
        f"{worker or 'gpu'}%",
    )


def kill_while_computing(stack, index):
    """SIGKILL a worker that holds a batch; the batch's key and attempt."""
    name = f"gpu{index}@"
    stack.wait_until(lambda: leased_batch(stack, name), seconds=30, what="the worker holds a batch")
    stack.workers[index].kill()
    stack.workers[index].wait()
    return leased_batch(stack, name)


def test_a_killed_worker_and_an_emptied_broker_cost_one_batch_and_no_row(stack):
    run = begin(stack)
    lost = kill_while_computing(stack, 1)
    stack.flush_broker()
    scored_before = stack.settled(run)
    assert scored_before < OUTPUTS
    stack.start_worker()
    stack.wait_until(lambda: stack.is_finished(run), seconds=RUN_SECONDS, what="the run finishes")
    assert_every_output_is_scored_once(stack, run)
    # Only what the dead worker held was claimed a second time.
    again = stack.sql("SELECT count(*), coalesce(sum(attempt - 1), 0) FROM workers_batch WHERE attempt > 1")
    assert again == ((1, 1) if lost else (0, 0))


def test_another_worker_takes_over_within_two_leases(stack):
    run = begin(stack, workers=2)
    lost = kill_while_computing(stack, 1)
    stack.flush_broker()
    if lost is None:
        pytest.skip("the worker had just finished its batch when it was killed")
    took = stack.wait_until(
        lambda: stack.sql("SELECT attempt > %s OR status = 'done' FROM workers_batch WHERE id = %s", lost[1], lost[0]),
        seconds=RUN_SECONDS,
        what="the lost batch is claimed again",
    )
    assert took <= 2 * LEASE_SECONDS + GRACE_SECONDS
    stack.wait_until(lambda: stack.is_finished(run), seconds=RUN_SECONDS, what="the run finishes")
    assert_every_output_is_scored_once(stack, run)


def test_messages_delivered_many_times_to_two_workers_score_nothing_twice(stack):
    run = begin(stack, workers=2)
    stack.python("from workers.actions.dispatch import send_work; send_work(queue='gpu', messages=100)")
    stack.wait_until(lambda: stack.is_finished(run), seconds=RUN_SECONDS, what="the run finishes")
    assert_every_output_is_scored_once(stack, run)
    assert stack.sql("SELECT max(attempt) FROM workers_batch") == 1


def test_a_run_cancelled_midway_stops_keeps_what_it_has_and_resumes(stack):
    run = begin(stack)
    change = "from workers.models import Run; from workers.actions.runs import *; "
    stack.python(f"{change} cancel_run(run=Run.objects.get(pk={run}), actor=None)")
    stack.wait_until(lambda: leased_batch(stack) is None, seconds=30, what="the worker gives its batch back")
    kept = stack.settled(run)
    assert kept < OUTPUTS
    assert stack.sql("SELECT count(*) FROM workers_attempt") == kept
    stack.python(f"{change} resume_run(run=Run.objects.get(pk={run}), actor=None)")
    stack.wait_until(lambda: stack.is_finished(run), seconds=RUN_SECONDS, what="the run finishes")
    assert_every_output_is_scored_once(stack, run)


def test_a_killed_database_costs_at_most_one_batch(stack):
    run = begin(stack)
    stack.kill_database()
    stack.wait_until(lambda: stack.is_finished(run), seconds=RUN_SECONDS, what="the run finishes")
    assert_every_output_is_scored_once(stack, run)
    assert stack.sql("SELECT coalesce(sum(attempt - 1), 0) FROM workers_batch") <= 1
    assert [worker.poll() for worker in stack.workers] == [None, None]
