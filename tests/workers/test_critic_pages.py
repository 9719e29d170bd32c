"""What critics say reaches the output page, marked as a model's, and never an annotator."""

import json
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotations.actions.lease import lease_next_item
from rewards.models import Judgment, Output, SpanMark
from rewards.parameters import validate_parameters
from rewards.text import sha256_text
from tests.annotations.campaigns import make_campaign
from tests.factories import make_judgment, make_output, make_project, make_rater, make_rubric, make_task, make_user
from tests.workers.counting_source import CountingSource, registered, start
from tests.workers.scripted_engine import ScriptedEngine
from workers.scoring import work_once
from workers.sources.contract import Estimate, Input
from workers.sources.critics.drlc import DrlcCritic
from workers.sources.results import Gives

pytestmark = pytest.mark.django_db

TEXT = "Paris is the capital."
CRITIQUE = {
    "explanation": "as it is",
    "spans": [
        {"quote": "Paris", "occurrence": None, "explanation": "CRITICS WORDS <b>", "kind": "good"},
        {"quote": "is the", "occurrence": None, "explanation": "dull", "kind": "bad"},
        {"quote": "London", "occurrence": None, "explanation": "wrong", "kind": "bad"},
    ],
}


class DrivenCritic(CountingSource):
    """The real critic with a scripted model, where a run finds it."""

    def __init__(self, *replies):
        super().__init__()
        self.replies = iter(replies)
        needs = frozenset({Input.TASK, Input.OUTPUT})
        self.declaration = replace(
            CountingSource.declaration, needs=needs, gives=frozenset({Gives.SPANS, Gives.SIGNALS})
        )

    def estimate(self, items, parameters):
        return Estimate(len(items), 0)

    def score(self, items, engines, parameters):
        critic = DrlcCritic()
        own = validate_parameters(critic.declaration.parameters, {})
        models: dict[str, Any] = {"critic": ScriptedEngine(lambda asked: json.dumps(next(self.replies)))}
        return critic.score(items, models, own)


def criticise(project, *replies):
    with registered(DrivenCritic(*replies)):
        run = start(project)
        while work_once("cpu", run=run):
            pass
    run.refresh_from_db()
    assert run.scored_count == len(replies)


def mark(rater, output, start_at, end, **fields):
    text = output.messages[0]["text"]
    judgment = make_judgment(rater, Judgment.Kind.SPANS, output.task, output)
    values = {"message": 0, "quote": text[start_at:end], "text_sha256": sha256_text(text), "type": "Irrelevant"}
    return SpanMark.objects.create(judgment=judgment, output=output, start=start_at, end=end, **(values | fields))


def page_of(user, task):
    client = Client()
    client.force_login(user)
    return client, client.get(reverse("rewards:task-detail", args=[task.project.slug, task.pk]))


def test_a_critics_spans_stand_on_the_output_page_beside_peoples_and_can_be_told_from_them():
    viewer, person = make_user("vera"), make_user("paula")
    project = make_project("quill", viewer=viewer)
    output = make_output(make_task(project), TEXT)
    criticise(project, CRITIQUE)
    mark(make_rater(project, "Paula", person), output, 0, 5)
    client, response = page_of(viewer, output.task)
    page = response.content.decode()
    [panel] = response.context["page"].panels
    assert [(row.mark.quote, row.mark.type, row.mark.value, row.rater.kind) for row in panel.marks] == [
        ("Paris", "good", 0.5, "scorer"),
        ("Paris", "Irrelevant", None, "person"),
        ("is the", "bad", -0.5, "scorer"),
    ]
    assert page.count(" data-model>") == 2
    assert page.count("</span> <i>model</i>") == 2
    assert "good · +0.5 · Counting" in page
    assert "2 marked" in page
    assert "CRITICS WORDS &lt;b&gt;" in page
    judgment = Judgment.objects.get(project=project, kind="spans", rater__kind="scorer")
    replies = client.get(reverse("rewards:judgment-replies", args=["quill", judgment.pk])).content.decode()
    assert "2 of 3 quotes located" in replies
    channels = {labelled.choice.channel for labelled in response.context["page"].choices}
    assert channels == {"critic_reward", "quotes_located"}


def test_an_output_in_which_a_critic_marked_nothing_says_so():
    viewer = make_user("vera")
    project = make_project("quill", viewer=viewer)
    output = make_output(make_task(project), TEXT)
    criticise(project, {"explanation": "as it is", "spans": []})
    _, response = page_of(viewer, output.task)
    assert response.context["page"].panels[0].marks == []
    assert "0 marked" in response.content.decode()


def test_evidence_names_its_criterion():
    viewer = make_user("vera")
    project = make_project("quill", viewer=viewer)
    output = make_output(make_task(project), TEXT)
    criterion = make_rubric(project, criteria=[{"key": "names_it", "text": "It names it."}]).criteria.get()
    mark(make_rater(project, "Rita"), output, 0, 5, type="evidence", criterion=criterion)
    _, response = page_of(viewer, output.task)
    assert "evidence · names_it · Rita" in response.content.decode()


def test_annotators_never_see_what_a_critic_marked():
    owner, annotator = make_user("olga"), make_user("anna")
    project = make_project("lab", owner=owner, annotator=annotator)
    campaign = make_campaign(project, owner, texts=[TEXT, "It is Lyon."])
    lyon = {"explanation": "x", "spans": [{"quote": "Lyon", "explanation": "CRITICS WORDS", "kind": "bad"}]}
    outputs = Output.objects.filter(task__project=project).order_by("pk")
    criticise(project, *[CRITIQUE if one.messages[0]["text"] == TEXT else lyon for one in outputs])
    assert SpanMark.objects.count() == 3
    held = lease_next_item(campaign=campaign, user=annotator)
    client = Client()
    client.force_login(annotator)
    page = client.get(reverse("annotations:annotate", args=[held.pk])).content.decode()
    assert "It is Lyon." in page
    for secret in ("CRITICS WORDS", "data-model", "critic_reward", "Counting"):
        assert secret not in page
