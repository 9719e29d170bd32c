"""A recipe's version becomes a stored reward: once for the same inputs, again for others."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from projects.errors import AppError
from rewards import signal_store, tasks
from rewards.actions.recipe_rewards import (
    STALE_AFTER,
    cancel_storing,
    definition_hash,
    requeue_stalled_stored_rewards,
    start_storing,
    store_reward,
    stored_reward,
)
from rewards.actions.recipes import create_recipe
from rewards.models import DerivedScore, RewardSignal, StoredReward
from rewards.recipe_frames import frame_for
from rewards.recipes.tree import read_recipe
from tests.factories import make_output, make_project, make_rater, make_rating, make_task, make_user

pytestmark = pytest.mark.django_db

DOCUMENT: dict[str, Any] = {
    "recipe": 1,
    "inputs": {"stars": {"kind": "rating"}},
    "reward": {"op": "end_of_sequence", "scores": {"input": "stars"}, "onto": "token"},
    "advantage": {"estimator": "group_mean"},
}


@pytest.fixture
def project() -> Any:
    return make_project()


@pytest.fixture
def outputs(project: Any) -> list[Any]:
    task = make_task(project, tags=["one"])
    outputs = [make_output(task, "Yes, sir."), make_output(task, "No.")]
    for output, value in zip(outputs, (1, 3), strict=True):
        make_rating(make_rater(project), output, value)
    return outputs


@pytest.fixture
def version(project: Any, outputs: list[Any]) -> Any:
    return create_recipe(project=project, actor=None, name="Stars", document=DOCUMENT)


@pytest.fixture
def store(django_capture_on_commit_callbacks: Any) -> Any:
    def stored(version: Any, **scope: str) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            start_storing(version=version, actor=None, **scope)
        return stored_reward(version)

    return stored


def test_rewards_and_advantages_are_stored_on_their_own_segments(version, outputs, store) -> None:
    state = store(version)
    assert (state.status, state.n_outputs, state.n_scored) == ("done", 2, 2)
    stored = {
        (signal.output_id, signal.channel): signal.signal
        for signal in signal_store.load(RewardSignal.objects.filter(rater=state.rater_id))
    }
    reward = stored[outputs[0].pk, "reward"]
    assert (reward.segmentation.segmenter, reward.values.tolist()) == ("word/1", [0, 1])
    # The mean of 1 and 3 is 2.
    assert stored[outputs[0].pk, "advantage"].values.tolist() == [-1]
    assert stored[outputs[1].pk, "advantage"].segmentation.segmenter == "whole/1"
    scores = DerivedScore.objects.defined_by(definition_hash(version)).ranked()
    assert [(score.output_id, score.value) for score in scores] == [(outputs[1].pk, 3), (outputs[0].pk, 1)]


def test_storing_again_writes_nothing_until_an_input_changes(version, project, outputs, store) -> None:
    store(version)
    before = RewardSignal.objects.count()
    store(version)
    assert RewardSignal.objects.count() == before
    make_rating(make_rater(project), outputs[0], 5)
    store(version)
    assert RewardSignal.objects.count() == 2 * before
    assert DerivedScore.objects.get(output=outputs[0]).value == 3


def test_a_stored_reward_is_a_signal_that_another_recipe_starts_from(version, project, outputs, store) -> None:
    store(version)
    signal = {"kind": "signal", "rater": "Stars, version 1", "channel": "reward", "level": "output"}
    recipe = read_recipe({"recipe": 1, "inputs": {"x": signal}, "reward": {"input": "x"}})
    assert frame_for(project, recipe, [output.pk for output in outputs]).frame.inputs["x"].values.tolist() == [1, 3]


def test_an_output_without_a_reward_is_stored_as_unscored(version, project, outputs, store) -> None:
    silent = make_output(outputs[0].task, "Hm.")
    assert store(version).n_scored == 2
    score = DerivedScore.objects.get(output=silent)
    assert (score.value, score.scored_count, score.total_count) == (None, 0, 1)
    assert RewardSignal.objects.filter(output=silent, channel="reward").get().total is None


def test_a_selection_is_narrowed_and_an_empty_one_refused(version, project, outputs, store) -> None:
    other = make_output(make_task(project), "Elsewhere.")
    store(version, tag="one")
    assert not RewardSignal.objects.filter(output=other).exists()
    with pytest.raises(AppError) as caught:
        start_storing(version=version, actor=None, tag="two")
    assert caught.value.code == "selection_empty"


def test_a_recipe_that_cannot_be_computed_says_why_and_writes_nothing(project, outputs, store) -> None:
    passed = {"recipe": 1, "inputs": {"x": {"kind": "metadata", "field": "passed"}}, "reward": {"input": "x"}}
    version = create_recipe(project=project, actor=None, name="Passed", document=passed)
    make_output(outputs[0].task, "Hm.", generation={"passed": "yes"}, external_id="o-9")
    state = store(version)
    assert state.status == "failed"
    assert "inputs.x.field: output o-9 has 'yes' there" in state.failure
    assert not RewardSignal.objects.exists()


def test_what_nobody_expected_ends_the_request_as_well(version, store, monkeypatch) -> None:
    def full(new_signals: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(signal_store, "save_many", full)
    with pytest.raises(OSError, match="no space left"):
        store(version)
    state = stored_reward(version)
    assert (state.status, state.failure) == ("failed", "OSError: no space left")


def test_the_scores_of_an_earlier_selection_do_not_stand_beside_those_of_the_newest(version, project, store) -> None:
    make_rating(make_rater(project), make_output(make_task(project), "Elsewhere."), 7)
    store(version)
    assert DerivedScore.objects.count() == 3
    store(version, tag="one")
    assert sorted(DerivedScore.objects.values_list("value", flat=True)) == [1, 3]
    assert DerivedScore.objects.values("judgment_set_hash").distinct().count() == 1


def test_one_request_at_a_time_is_open_and_a_cancelled_one_makes_room(version) -> None:
    asked = start_storing(version=version, actor=None)
    with pytest.raises(AppError, match="being stored already"):
        start_storing(version=version, actor=None)
    assert cancel_storing(version=version, actor=make_user()).status == "cancelled"
    store_reward(asked.pk)
    assert not RewardSignal.objects.exists()
    with pytest.raises(AppError) as caught:
        cancel_storing(version=version, actor=make_user("late"))
    assert (caught.value.code, caught.value.status) == ("storing_ended", 409)
    start_storing(version=version, actor=None)


def test_a_worker_stops_writing_where_its_request_was_cancelled_or_is_another_ones(version, monkeypatch) -> None:
    asked, save_many = start_storing(version=version, actor=None), signal_store.save_many
    # Cancelled while the last lot is written: the scores do not change any more.
    taken_over: dict[str, Any] = {"status": "cancelled"}

    def meanwhile(signals: Any) -> Any:
        StoredReward.objects.filter(pk=asked.pk).update(**taken_over)
        return save_many(signals)

    monkeypatch.setattr(signal_store, "save_many", meanwhile)
    store_reward(asked.pk)
    taken_over = {"status": "running", "attempt": uuid.uuid4()}
    StoredReward.objects.filter(pk=asked.pk).update(status="queued")
    store_reward(asked.pk)
    asked.refresh_from_db()
    assert (asked.status, asked.attempt) == ("running", taken_over["attempt"])
    assert asked.finished_at is None
    assert not DerivedScore.objects.exists()


def test_a_request_that_an_emptied_broker_forgot_is_sent_again(version, monkeypatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr(tasks.store_recipe_reward, "delay", sent.append)
    asked = start_storing(version=version, actor=None)
    assert requeue_stalled_stored_rewards() == 0
    long_ago = timezone.now() - STALE_AFTER - timedelta(seconds=1)
    for silent in (
        {"created_at": long_ago},
        {"status": "running", "heartbeat_at": long_ago, "attempt": uuid.uuid4()},
    ):
        StoredReward.objects.filter(pk=asked.pk).update(**silent)
        assert requeue_stalled_stored_rewards() == 1
    store_reward(sent[-1])
    assert StoredReward.objects.get().status == "done"
