"""A model's spans on the annotation page: what is said of them is part of the answer, and names no model."""

import json

import numpy as np
import pytest
from django.urls import reverse

from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item
from annotations.actions.plan import change_plan
from annotations.actions.submission import submit_answer, undo_submission
from annotations.forms.plan import PlanForm
from annotations.models import Campaign, CampaignPlan
from annotations.overlay import overlay_data, shares, shown_by
from annotations.quality.reading import judgments_of
from projects.errors import AppError
from projects.models import Membership, Role
from rewards import signal_store
from rewards.actions.reviews import review_mark
from rewards.models import Judgment, Output, Rater, SpanMark
from rewards.reviews import Decision
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from rewards.text import sha256_text
from tests.annotations.campaigns import full_answer, make_campaign, span
from tests.factories import make_judgment, make_project, make_rater, make_user

pytestmark = pytest.mark.django_db

NAME, HASH = "Hidden-Critic-9B", "f" * 64
TEXT = "Paris is the capital."


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("lab", owner=owner)


@pytest.fixture
def critic(project):
    return Rater.objects.create(project=project, kind=Rater.Kind.SCORER, name=NAME, pseudonym=NAME, scorer_hash=HASH)


def marked(rater, start, end, kind="factual", **fields):
    """A mark of `rater` on the output that says TEXT."""
    output = Output.objects.get(project=rater.project, messages__0__text=TEXT)
    judgment = make_judgment(rater, Judgment.Kind.SPANS, output.task, output)
    place = {"message": 0, "start": start, "end": end, "quote": TEXT[start:end], "text_sha256": sha256_text(TEXT)}
    return SpanMark.objects.create(judgment=judgment, output=output, type=kind, value=-0.5, **place, **fields)


def leased(project, owner, overlay, **fields):
    """An item under a plan that shows `overlay` from the start."""
    campaign = fields.pop("campaign", None) or make_campaign(project, owner, **fields)
    change_plan(campaign=campaign, actor=owner, arms={"overlay": {"levels": ["start"], "sources": [], **overlay}})
    person = make_user()
    Membership.objects.create(project=project, user=person, role=Role.ANNOTATOR)
    held = lease_next_item(campaign=Campaign.objects.select_related("plan").get(pk=campaign.pk), user=person)
    return held, person


def label_of(held):
    texts = [Output.objects.get(pk=pk).messages[0]["text"] for pk in held.order]
    return "AB"[texts.index(TEXT)]


@pytest.fixture
def work(project, owner, critic):
    """An item in work with three marks of the critic: on Paris, on is and on capital."""
    campaign = make_campaign(project, owner)
    marks = [marked(critic, 0, 5), marked(critic, 6, 8, "unknown_kind"), marked(critic, 13, 20)]
    held, person = leased(project, owner, {"marks": [critic.pk]}, campaign=campaign)
    return held, person, marks


def test_what_is_said_of_a_models_spans_is_stored_as_reviews_beside_the_own_answer(work, critic):
    held, _, (first, second, third) = work
    changed = {"decision": "changed", **span(label_of(held), TEXT, 6, 12, type="irrelevant", comment="Both words.")}
    said = {str(first.pk): {"decision": "accepted"}, str(second.pk): {"decision": "rejected"}, str(third.pk): changed}
    submit_answer(assignment=held, key="k", answer={**full_answer(held), "@marks": said})

    reviews = Judgment.objects.filter(presentation__has_key="review").order_by("presentation__review__mark")
    decided = ((first, "accepted", True), (second, "rejected", False), (third, "changed", True))
    assert [row.presentation["review"] for row in reviews] == [
        {"mark": mark.pk, "decision": decision, "source": HASH, "value": -0.5, "verified": verified}
        for mark, decision, verified in decided
    ]
    kept = SpanMark.objects.filter(judgment__in=reviews).order_by("origin")
    assert [(row.origin_id, row.quote, row.type, row.value) for row in kept] == [
        (first.pk, "Paris", "factual", -0.5),
        # What the model's number would be for another type nobody knows.
        (third.pk, "is the", "irrelevant", None),
    ]
    third.refresh_from_db()
    assert (third.quote, third.type, third.value) == ("capital", "factual", -0.5)
    # One for each of two ratings, the preference and two texts looked through: reviews are no marks of one's own.
    assert judgments_of(held.campaign).count() == 5
    assert reviews.count() == 3
    assert held.project.judgment_count + 8 == type(held.project).objects.get(pk=held.project_id).judgment_count


def test_no_byte_tells_whose_the_spans_are(client, work):
    held, person, marks = work
    client.force_login(person)
    said = {str(marks[0].pk): {"decision": "accepted"}}
    save_draft(assignment=held, answer={"@marks": said}, revision=0)
    sent = [
        client.get(reverse("annotations:annotate", args=[held.pk])),
        client.get(f"/api/v1/assignments/{held.pk}"),
        client.post(f"/api/v1/assignments/{held.pk}/overlay"),
    ]
    assert [response.status_code for response in sent] == [200, 200, 200]
    shown = sent[2].json()["marks"]
    assert [(row["source"], row["quote"], row["type"]) for row in shown] == [
        ("Model", "Paris", "factual"),
        ("Model", "is", "unknown_kind"),
        ("Model", "capital", "factual"),
    ]
    for response in sent:
        told = f"{response.headers}{response.content.decode()}"
        assert not [word for word in (NAME, HASH, "secret-policy") if word in told]


def test_taking_the_submit_back_takes_the_reviews_back_and_the_next_submit_corrects_them(work):
    held, _, (first, *_) = work
    accepted = {**full_answer(held), "@marks": {str(first.pk): {"decision": "accepted"}}}
    submit_answer(assignment=held, key="one", answer=accepted)
    undo_submission(assignment=held)
    held.refresh_from_db()
    assert held.draft.answer == accepted
    rejected = {**accepted, "@marks": {str(first.pk): {"decision": "rejected"}}}
    for _ in range(2):
        submit_answer(assignment=held, key="two", answer=rejected)
    old, new = Judgment.objects.reviews_of(first).order_by("pk")
    assert old.withdrawn_at is not None
    assert (new.replaces_id, new.withdrawn_at, new.spans.count()) == (old.pk, None, 0)


def test_what_the_same_person_said_of_a_span_elsewhere_is_withdrawn(work):
    held, person, (first, *_) = work
    earlier = review_mark(mark=first, user=person, decision=Decision.REJECTED)
    count = type(held.project).objects.get(pk=held.project_id).judgment_count
    submit_answer(
        assignment=held, key="k", answer={**full_answer(held), "@marks": {str(first.pk): {"decision": "accepted"}}}
    )
    earlier.refresh_from_db()
    assert earlier.withdrawn_at is not None
    (standing,) = Judgment.objects.reviews_of(first).standing()
    assert standing.presentation["review"]["decision"] == "accepted"
    # Five answers and the review came, one review went.
    assert type(held.project).objects.get(pk=held.project_id).judgment_count == count + 5


def test_a_decision_that_cannot_be_stored_is_refused_by_the_span_and_its_field(work, project):
    held, _, (first, *_) = work
    other = marked(make_rater(project, "somebody"), 0, 5)
    place = span(label_of(held), TEXT, 0, 5)
    wrong = {
        "@marks": "yes",
        f"@marks.{other.pk}": {str(other.pk): {"decision": "accepted"}},
        "@marks.x": {"x": {"decision": "accepted"}},
        f"@marks.{first.pk}": {str(first.pk): {"decision": "maybe"}},
        f"@marks.{first.pk}.type": {str(first.pk): {"decision": "changed", **place, "type": "invented"}},
        f"@marks.{first.pk}.severity": {str(first.pk): {"decision": "changed", **place, "severity": "mortal"}},
    }
    as_it_was = {**place, "type": "factual", "severity": "", "decision": "changed"}
    elsewhere = {**place, "start": 1, "decision": "changed"}
    cases = [*wrong.items(), *((f"@marks.{first.pk}", {str(first.pk): one}) for one in (as_it_was, elsewhere))]
    for name, said in cases:
        with pytest.raises(AppError) as refused:
            submit_answer(assignment=held, key="k", answer={**full_answer(held), "@marks": said})
        assert (refused.value.code, [*refused.value.fields]) == ("answer_invalid", [name])
    assert not Judgment.objects.filter(presentation__has_key="review").exists()


def test_a_span_that_was_withdrawn_while_it_was_looked_at_may_still_be_spoken_of(work):
    held, _, (first, *_) = work
    first.judgment.withdrawn_at = held.created_at
    first.judgment.save()
    assert [row["quote"] for row in overlay_data(held)["marks"]] == ["is", "capital"]
    submit_answer(
        assignment=held, key="k", answer={**full_answer(held), "@marks": {str(first.pk): {"decision": "accepted"}}}
    )
    assert Judgment.objects.reviews_of(first).count() == 1


def test_a_plan_offers_spans_only_of_models_that_marked_some_and_where_spans_are_asked_for(project, owner, critic):
    campaign = make_campaign(project, owner)
    for marks in ([critic.pk], [critic.pk, critic.pk], "all"):
        with pytest.raises(AppError):
            leased(project, owner, {"marks": marks}, campaign=campaign)
    marked(critic, 0, 5)
    rating = [{"kind": "rating", "key": "overall", "prompt": "How good?"}]
    unasked = make_campaign(project, owner, questions=rating, name="Ratings alone", is_open=False)
    with pytest.raises(AppError) as refused:
        leased(project, owner, {"marks": [critic.pk]}, campaign=unasked)
    assert "overlay_marks" in refused.value.fields
    sent = {"order": "in_order", "rerank_every": 10, "arm_unit": "person", "pay_per": "", "overlay": ["start"]}
    form = PlanForm(campaign, {**sent, "overlay_marks": [critic.pk], "overlay_people": "on"})
    assert form.is_valid(), form.errors
    changed = change_plan(campaign=campaign, actor=owner, **form.changes())
    assert changed.arms == {"overlay": {"levels": ["start"], "sources": [], "marks": [critic.pk], "people": True}}


def test_several_sources_have_numbers_for_names_and_an_older_plan_names_one(project, owner, critic):
    campaign = make_campaign(project, owner)
    output = Output.objects.get(project=project, messages__0__text=TEXT)
    cut = Segmentation("words", np.array([[0, 0, 5], [0, 5, 6]]))
    other = make_rater(project, "another")
    given = [(critic, "a"), (other, "a"), (critic, "b")]
    for rater, channel in given:
        signal = RewardSignal(cut, np.array([0.5, 1.0], dtype="f4"))
        signal_store.save_many([signal_store.NewSignal(output, rater, channel, signal, "h")])
    sources = [{"rater": rater.pk, "channel": channel, "segmenter": "words"} for rater, channel in given]
    held, _ = leased(project, owner, {"sources": sources}, campaign=campaign)
    names = [source["name"] for source in overlay_data(held)["sources"]]
    assert names == ["Model 1, value 1", "Model 2", "Model 1, value 2"]

    older = {"overlay": {"levels": ["start"], **sources[1]}}
    CampaignPlan.objects.filter(campaign=campaign).update(arms=older)
    campaign = Campaign.objects.select_related("plan").get(pk=campaign.pk)
    assert [signal.rater_id for signal in shown_by(campaign).signals] == [other.pk]
    # Kept as it is though items are given out: only its way to be written is new.
    assert change_plan(campaign=campaign, actor=owner, arms=older).arms["overlay"]["sources"] == [sources[1]]


def test_the_share_of_people_counts_each_once_over_all_who_looked():
    # Of four, rater 1 marked [0, 4) in two overlapping marks, rater 2 marked [2, 6).
    found = shares([(1, 0, 0, 3), (1, 0, 1, 4), (2, 0, 2, 6)], 4, [8, 0, 2])
    assert found.spans.tolist() == [[0, 0, 2], [0, 2, 4], [0, 4, 6], [0, 6, 8], [2, 0, 2]]
    assert found.values.tolist() == [0.25, 0.5, 0.25, 0.0, 0.0]


def test_people_are_shown_from_two_on_and_never_those_who_answer_beside_one(project, owner):
    campaign = make_campaign(project, owner, overlap=3)
    for name in ("ann", "bob"):
        marked(make_rater(project, name), 0, 5)
    held, _ = leased(project, owner, {"people": True}, campaign=campaign)
    colleague = make_user("col")
    Membership.objects.create(project=project, user=colleague, role=Role.ANNOTATOR)
    theirs = lease_next_item(campaign=held.campaign, user=colleague)
    own = {**full_answer(theirs), "errors": [span(label_of(theirs), TEXT, 13, 20)]}
    submit_answer(assignment=theirs, key="k", answer=own)

    (source,) = overlay_data(held)["sources"]
    assert (source["name"], source["limit"]) == ("People", 1.0)
    # Cut once, behind the five characters that both marked: 10 is K; the other 16, two base-32 digits, are gB.
    assert source["outputs"][label_of(held)]["spans"] == ["KgB"]
    assert [block for block in source["outputs"].values() if block is None] == [None]
    assert json.dumps(overlay_data(held))


def test_the_answer_keeps_which_sources_were_looked_at(project, owner):
    held, _ = leased(project, owner, {"people": True})
    seen = {"shown": True, "threshold": 0, "sources": [1]}
    for wrong in ([0], [1, 1], "1", [1.0]):
        with pytest.raises(AppError) as refused:
            submit_answer(
                assignment=held, key="k", answer={**full_answer(held), "@overlay": {**seen, "sources": wrong}}
            )
        assert [*refused.value.fields] == ["@overlay"]
    submit_answer(assignment=held, key="k", answer={**full_answer(held), "@overlay": seen})
    assert Judgment.objects.filter(presentation__overlay=seen).count() == 5
