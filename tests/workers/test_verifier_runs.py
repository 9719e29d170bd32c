"""Verifiers in a run: on the queue without a device, stored as signals, and identified by the task's metadata too."""

import pytest

from rewards import signal_store
from rewards.models import Critique, Output, RewardSignal
from tests.factories import make_output, make_project, make_task
from tests.workers.counting_source import start
from workers.actions.scorers import create_scorer
from workers.estimation import SECONDS_WITHOUT_MODEL, estimate_run
from workers.inputs import hash_input
from workers.models import Attempt
from workers.scoring import work_once
from workers.selection import OutputSelection
from workers.sources.registry import source_named

pytestmark = pytest.mark.django_db


def stored_values(output) -> dict[str, float]:
    rows = RewardSignal.objects.filter(output=output, segmentation__segmenter="whole/1")
    return {found.channel: float(found.signal.values[0]) for found in signal_store.load(rows)}


def test_a_run_of_unit_tests_waits_on_the_queue_without_a_device_and_stores_what_it_found():
    project = make_project()
    tests = [{"call": "double", "arguments": [n], "returns": 2 * n} for n in (1, 3)]
    task = make_task(project, metadata={"tests": tests})
    right, half = (make_output(task, f"def double(n): return {code}\n") for code in ("2 * n", "n + 1"))
    bare = make_output(make_task(project), "def double(n): return 2 * n\n")
    scorer = create_scorer(project=project, source="code_tests", actor=None)
    assert scorer.queue == "cpu"
    run = start(project, scorer)
    while work_once("cpu", run=run):
        pass
    assert stored_values(right) == {"correct": 1, "tests_passed": 1, "partial_credit": 15}
    assert stored_values(half) == {"correct": 0, "tests_passed": 0.5, "partial_credit": 2.5}
    assert Attempt.objects.get(output=bare).reason == "no_metadata"
    said = Critique.objects.get(judgment__output=half)
    assert said.text == "1 of 2 tests pass.\nTest 2 returned 4."


def test_a_run_without_a_model_is_not_estimated_at_the_speed_of_one():
    project = make_project()
    for _ in range(10):
        make_output(make_task(project, reference="4"), "word " * 10_000)
    scorer = create_scorer(project=project, source="exact_match", actor=None)
    estimate = estimate_run(project=project, scorer=scorer, selection=OutputSelection())
    # At 800 tokens a second 500,000 characters would take two and a half minutes.
    assert estimate.seconds == pytest.approx(10 * SECONDS_WITHOUT_MODEL)


def test_other_tests_are_another_input_and_other_metadata_matters_only_to_who_reads_it():
    task = make_task(make_project(), metadata={"tests": ["assert True"]}, reference="4")
    output = make_output(task, "4")

    def hashes() -> list[str]:
        names = ("code_tests", "exact_match")
        return [hash_input(task, [output], None, source_named(name).declaration.inputs) for name in names]

    tested, matched = hashes()
    task.metadata = {"tests": ["assert False"]}
    tested_again, matched_again = hashes()
    assert tested != tested_again
    assert matched == matched_again


def test_an_output_of_several_messages_has_its_value_at_the_end():
    project = make_project()
    messages = [
        {"role": "assistant", "channel": "thinking", "text": "Hm."},
        {"role": "assistant", "channel": "answer", "text": "4"},
    ]
    output = Output.objects.create(
        project=project, task=make_task(project, reference="4"), external_id="two", messages=messages
    )
    run = start(project, create_scorer(project=project, source="exact_match", actor=None))
    while work_once("cpu", run=run):
        pass
    assert stored_values(output) == {"correct": 1}
    [found] = signal_store.load(RewardSignal.objects.filter(output=output, channel="correct"))
    assert found.signal.segmentation.spans.tolist() == [[1, 1, 1]]
