"""A model’s values on the annotation page: shown when the arm says, without its name, and kept with the answer."""

import json

import numpy as np
import pytest
from django.urls import reverse

from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item
from annotations.actions.plan import change_plan
from annotations.actions.submission import submit_answer
from annotations.arms import arms_of
from annotations.forms.plan import PlanForm
from annotations.models import Campaign
from annotations.overlay import overlay_data
from annotations.page_data import assignment_data
from projects.errors import AppError
from projects.models import Membership, Role
from rewards import signal_store
from rewards.models import Judgment, Output
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from tests.annotations.campaigns import full_answer, make_campaign
from tests.factories import make_project, make_rater, make_user

pytestmark = pytest.mark.django_db

NAME = "Hidden-Critic-9B"


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("lab", owner=owner)


@pytest.fixture
def rater(project):
    return make_rater(project, NAME)


def give_values(project, rater, *, channel="secret-channel", values=(0.5, -2.0)):
    """To the longer of the two outputs of each item: its first five characters and the next one."""
    cut = Segmentation("secret-cut", np.array([[0, 0, 5], [0, 5, 6]]))
    outputs = Output.objects.filter(project=project, messages__0__text="Paris is the capital.")
    signal = RewardSignal(cut, np.array(values, dtype="f4"))
    signal_store.save_many([signal_store.NewSignal(one, rater, channel, signal, "h") for one in outputs])


def shown(rater, *levels, **more):
    source = {"rater": rater.pk, "channel": "secret-channel", "segmenter": "secret-cut"}
    return {"overlay": {"levels": [*levels], "sources": [source], **more}}


def leased(project, owner, rater, *levels):
    campaign = make_campaign(project, owner)
    give_values(project, rater)
    change_plan(campaign=campaign, actor=owner, arms=shown(rater, *levels))
    person = make_user()
    Membership.objects.create(project=project, user=person, role=Role.ANNOTATOR)
    held = lease_next_item(campaign=Campaign.objects.select_related("plan").get(pk=campaign.pk), user=person)
    return held, person


def label_of(held, text):
    return next(
        label
        for label, pk in zip("AB", held.order, strict=True)
        if Output.objects.get(pk=pk).messages[0]["text"] == text
    )


def test_values_come_by_label_on_one_scale_and_an_output_without_any_says_so(project, owner, rater):
    held, _ = leased(project, owner, rater, "start")
    (found,) = overlay_data(held)["sources"]
    # The larger of the two magnitudes, 2.0, is where the colour is darkest.
    assert found["limit"] == 2.0
    block = found["outputs"][label_of(held, "Paris is the capital.")]
    # Lengths 5 and 1 without gaps, times two: 10 is K and 2 is C.
    assert block["spans"] == ["KC"]
    assert found["outputs"][label_of(held, "It is Lyon.")] is None


def test_no_byte_names_the_model_its_channel_or_its_cut(client, project, owner, rater):
    held, person = leased(project, owner, rater, "start")
    client.force_login(person)
    sent = [
        client.get(reverse("annotations:annotate", args=[held.pk])),
        client.get(f"/api/v1/assignments/{held.pk}"),
        client.post(f"/api/v1/assignments/{held.pk}/overlay"),
    ]
    assert [response.status_code for response in sent] == [200, 200, 200]
    assert b"data-overlay-toggle" in sent[0].content
    for response in sent:
        told = f"{response.headers}{response.content.decode()}"
        assert not [word for word in (NAME, "secret-channel", "secret-cut", "secret-policy") if word in told]


def test_after_an_own_answer_it_is_refused_until_the_draft_says_something(project, owner, rater):
    held, _ = leased(project, owner, rater, "after")
    empty = {"overall": {}, "preference": {}, "errors": [], "@overlay": {"shown": True, "threshold": 0}}
    for revision, answer in enumerate((None, empty)):
        if answer is not None:
            save_draft(assignment=held, answer=answer, revision=revision - 1)
        with pytest.raises(AppError) as refused:
            overlay_data(held)
        assert (refused.value.code, refused.value.status) == ("overlay_too_early", 409)
    save_draft(assignment=held, answer={**empty, "overall": {"A": 4}}, revision=1)
    assert overlay_data(held)["sources"][0]["limit"] == 2.0


def test_off_sends_neither_the_values_nor_the_switch(client, project, owner, rater):
    campaign = make_campaign(project, owner, items=2, overlap=2)
    give_values(project, rater)
    change_plan(campaign=campaign, actor=owner, arms=shown(rater, "off", "start"), arm_unit="item")
    person = make_user()
    Membership.objects.create(project=project, user=person, role=Role.ANNOTATOR)
    client.force_login(person)
    campaign = Campaign.objects.select_related("plan").get(pk=campaign.pk)
    held = lease_next_item(campaign=campaign, user=person)
    if held.arm["overlay"] == "start":
        submit_answer(assignment=held, key="k", answer=full_answer(held))
        held = lease_next_item(campaign=campaign, user=person)
    assert held.arm == {"overlay": "off"}
    assert assignment_data(held)["overlay"] is None
    assert b"data-overlay" not in client.get(reverse("annotations:annotate", args=[held.pk])).content
    assert client.post(f"/api/v1/assignments/{held.pk}/overlay").json()["code"] == "overlay_off"


def test_every_judgment_says_whether_the_values_were_shown(project, owner, rater):
    held, _ = leased(project, owner, rater, "start")
    seen = {"shown": True, "threshold": 0.25}
    submit_answer(assignment=held, key="k", answer={**full_answer(held), "@overlay": seen})
    told = Judgment.objects.filter(presentation__assignment=held.pk).values_list("presentation", flat=True)
    assert [(row["arm"], row["overlay"]) for row in told] == [({"overlay": "start"}, seen)] * 5


def test_a_word_about_the_values_that_says_nothing_is_refused_by_name(project, owner, rater):
    held, _ = leased(project, owner, rater, "start")
    for wrong in ("yes", {"shown": 1, "threshold": 0}, {"shown": True, "threshold": 2}):
        with pytest.raises(AppError) as refused:
            submit_answer(assignment=held, key="k", answer={**full_answer(held), "@overlay": wrong})
        assert [*refused.value.fields] == ["@overlay"]


def test_a_plan_takes_only_values_that_are_stored_for_its_outputs(project, owner, rater):
    campaign = make_campaign(project, owner)
    give_values(project, rater, channel="another")
    with pytest.raises(AppError) as refused:
        change_plan(campaign=campaign, actor=owner, arms=shown(rater, "start"))
    assert "overlay_source" in refused.value.fields
    unnamed = {"levels": ["start"], "sources": [{"rater": None, "channel": "c", "segmenter": "s"}]}
    for config in ({"levels": ["off"]}, unnamed, {"levels": ["start"], "depth": 1}, {"sources": []}):
        with pytest.raises(AppError) as refused:
            change_plan(
                campaign=campaign, actor=owner, arms={"overlay": {**shown(rater, "start")["overlay"], **config}}
            )
        assert refused.value.code == "arms_invalid"


def test_the_form_keeps_whose_values_are_shown_and_when(project, owner, rater):
    campaign = make_campaign(project, owner)
    give_values(project, rater)
    sent = {"order": "in_order", "rerank_every": 10, "arm_unit": "person", "pay_per": "", "overlay": ["off", "after"]}
    assert "overlay_source" in PlanForm(campaign, sent).errors
    form = PlanForm(campaign, {**sent, "overlay_source": [f"{rater.pk}:secret-channel:secret-cut"]})
    assert form.is_valid(), form.errors
    changed = change_plan(campaign=campaign, actor=owner, **form.changes())
    assert changed.arms == shown(rater, "off", "after")
    assert arms_of(changed.arms) == [{"overlay": "off"}, {"overlay": "after"}]
    again = PlanForm(Campaign.objects.select_related("plan").get(pk=campaign.pk))
    assert again["overlay_source"].value() == [f"{rater.pk}:secret-channel:secret-cut"]
    assert again["overlay"].value() == ["off", "after"]


def test_showing_the_values_costs_four_queries(project, owner, rater, django_assert_num_queries):
    held, _ = leased(project, owner, rater, "start")
    # outputs, signals, raters, segmentations; the plan came with the campaign
    with django_assert_num_queries(4):
        assert json.dumps(overlay_data(held))
