"""The badge of an output that a detector finds outside of what it knows."""

import numpy as np
import pytest
from django.urls import reverse

from rewards import signal_store
from rewards.models import Rater
from rewards.segmentation import whole
from rewards.signals import RewardSignal
from tests.factories import make_output, make_project, make_task, make_user

pytestmark = pytest.mark.django_db

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def task(owner):
    return make_task(make_project("novel", owner=owner), "t")


def detector(task, name):
    return Rater.objects.create(
        project=task.project, kind=Rater.Kind.SCORER, name=name, pseudonym=name[:3], scorer_hash=name[:1] * 64
    )


def say(rater, output, value, channel="out_of_domain"):
    signal = RewardSignal(whole(["hello"]), np.array([value], dtype=np.float32))
    signal_store.save_many([signal_store.NewSignal(output, rater, channel, signal, f"{value}")])


def page_of(client, owner, task):
    client.force_login(owner)
    return client.get(reverse("rewards:task-detail", args=["novel", task.pk])).content.decode()


def test_an_output_outside_gets_a_badge_for_each_detector_that_says_so(client, owner, task):
    one, other = make_output(task, "hello", policy="a"), make_output(task, "hello", policy="b")
    for name in ("first", "second"):
        rater = detector(task, name)
        say(rater, one, 1.0)
        say(rater, other, 0.0)
    page = page_of(client, owner, task)
    assert page.count(">out of domain</span>") == 2
    assert "nearly all outputs that first knows" in page


def test_the_newest_word_of_a_detector_counts(client, owner, task):
    output, rater = make_output(task, "hello"), detector(task, "first")
    say(rater, output, 1.0)
    say(rater, output, 0.0)
    assert ">out of domain</span>" not in page_of(client, owner, task)


def test_a_detectors_name_is_text(client, owner, task):
    say(detector(task, HOSTILE), make_output(task, "hello"), 1.0)
    page = page_of(client, owner, task)
    assert HOSTILE not in page
    assert ">out of domain</span>" in page


def test_where_nothing_detects_novelty_it_costs_no_query(client, owner, task, django_assert_num_queries):
    output, rater = make_output(task, "hello"), detector(task, "first")
    say(rater, output, 1.0, channel="reward")
    page_of(client, owner, task)
    from rewards.querysets.signal import SignalChoice
    from rewards.task_page.badges import out_of_domain

    with django_assert_num_queries(0):
        assert out_of_domain([SignalChoice(rater.pk, "reward", "whole")], [output.pk]) == {}
