"""What people decided on a model's spans is settled like any answer, and never counted beside what it settles."""

from typing import Any

import pytest

from annotations.actions.adjudication import Settlement, settle_agreed, settle_item, undo_adjudication
from annotations.actions.lease import lease_next_item
from annotations.actions.plan import change_plan
from annotations.actions.submission import submit_answer
from annotations.adjudication.reading import lanes_of
from annotations.models import Campaign
from annotations.quality.reading import review_columns
from annotations.quality.report import quality_report
from annotations.quality.said import worded
from projects.errors import AppError
from rewards.models import Judgment, Output, Rater, SpanMark
from rewards.text import sha256_text
from tests.annotations.campaigns import make_campaign, shown_outputs, span
from tests.factories import make_judgment, make_project, make_user

pytestmark = pytest.mark.django_db

NAME, TEXT = "Hidden-Critic-9B", "Paris is the capital."
ERRORS: dict[str, Any] = {
    "kind": "spans",
    "key": "errors",
    "prompt": "Mark errors.",
    "types": [{"key": "factual", "label": "Factual"}, {"key": "irrelevant", "label": "Irrelevant"}],
    "severities": [{"key": "major", "label": "Major"}],
}
ACCEPTED, REJECTED = {"decision": "accepted"}, {"decision": "rejected"}


@pytest.fixture
def people():
    return {name: make_user(name) for name in ("olga", "ann", "ben", "cat")}


@pytest.fixture
def campaign(people):
    project = make_project("lab", owner=people["olga"])
    for name in ("ann", "ben", "cat"):
        project.memberships.create(user=people[name], role="annotator")
    campaign = make_campaign(project, people["olga"], questions=[ERRORS], overlap=3)
    critic = Rater.objects.create(
        project=project, kind=Rater.Kind.SCORER, name=NAME, pseudonym=NAME, scorer_hash="f" * 64
    )
    for start, end in ((0, 5), (6, 8), (13, 20), (9, 12)):
        output = Output.objects.get(project=project, messages__0__text=TEXT)
        judgment = make_judgment(critic, Judgment.Kind.SPANS, output.task, output)
        place = {"message": 0, "start": start, "end": end, "quote": TEXT[start:end], "text_sha256": sha256_text(TEXT)}
        SpanMark.objects.create(judgment=judgment, output=output, type="factual", value=-0.5, **place)
    shown = {"levels": ["start"], "sources": [], "marks": [critic.pk]}
    change_plan(campaign=campaign, actor=people["olga"], arms={"overlay": shown})
    return Campaign.objects.select_related("plan").get(pk=campaign.pk)


@pytest.fixture
def marks(campaign):
    return list(SpanMark.objects.filter(judgment__rater__name=NAME).order_by("pk"))


def decide(campaign, user, decisions):
    """Submit the same answer as everybody, with these decisions; a pair of offsets is a change."""
    held = lease_next_item(campaign=campaign, user=user)
    [label] = [label for label, output in shown_outputs(held).items() if output.messages[0]["text"] == TEXT]
    told = {
        str(mark.pk): said if isinstance(said, dict) else {"decision": "changed", **span(label, TEXT, *said)}
        for mark, said in decisions.items()
    }
    submit_answer(assignment=held, key="k", answer={"errors": [], "@marks": told}, active_ms=60_000)


@pytest.fixture
def item(campaign, people, marks):
    first, second, third, _ = marks
    decide(campaign, people["ann"], {first: ACCEPTED, second: REJECTED, third: (13, 16)})
    decide(campaign, people["ben"], {first: ACCEPTED, second: ACCEPTED, third: (13, 16)})
    decide(campaign, people["cat"], {first: REJECTED})
    return campaign.items.get()


def settle(item, user, answer, *, key="d", **changes):
    decision = Settlement(answer=answer, seen=lanes_of(item).submissions, **changes)
    return settle_item(item=item, actor=user, key=key, decision=decision)


def test_each_span_of_a_model_is_a_row_with_what_everybody_decided_and_no_model_is_named(client, item, people, marks):
    client.force_login(people["olga"])
    page = client.get(f"/p/lab/campaigns/{item.campaign_id}/adjudicate/{item.pk}/")
    block = page.context["blocks"][-1]
    told = [(row.name, [cell.text for cell in row.cells], row.agrees) for row in block.rows]
    label = "Response A: Model, Factual"
    assert told == [
        (f"{label} “Paris” (0–5)", ["Accepted", "Accepted", "Rejected"], False),
        (f"{label} “is” (6–8)", ["Rejected", "Accepted", "–"], False),
        (f"{label} “capital” (13–20)", ["Changed: Factual, major “cap” (13–16)"] * 2 + ["–"], True),
    ]
    # Only who said otherwise than most is apart, and who said nothing is not.
    assert [[cell.is_apart for cell in row.cells] for row in block.rows] == [
        [False, False, True],
        [True, True, False],
        [False, False, False],
    ]
    pieces = {piece.text: piece.words for piece in page.context["laned"][0].pieces}
    assert pieces["Paris"] == "1: Model, accepted: Factual; 2: Model, accepted: Factual"
    assert NAME not in page.content.decode()

    shown = client.get(f"/api/v1/projects/lab/campaigns/{item.campaign_id}/adjudication/items/{item.pk}").json()
    # The one on which nobody decided may be settled as well.
    assert [row["quote"] for row in shown["marks"]] == ["Paris", "is", "the", "capital"]
    assert [(row["id"], row["model"]) for row in shown["marks"][:1]] == [(marks[0].pk, "Model")]
    assert set(shown["merged"]["@marks"]) == {str(marks[0].pk), str(marks[2].pk)}
    assert NAME not in str(shown)


def test_what_is_settled_on_a_models_span_is_a_review_of_the_campaigns_own_rater_until_it_is_taken_back(
    client, item, people, marks
):
    client.force_login(people["olga"])
    url = f"/api/v1/projects/lab/campaigns/{item.campaign_id}/adjudication/items/{item.pk}"
    shown = client.get(url).json()
    answer = shown["merged"] | {"@marks": shown["merged"]["@marks"] | {str(marks[0].pk): REJECTED}}
    body = {"key": "d", "answer": answer, "seen": [lane["submission"] for lane in shown["lanes"]]}
    refused = client.post(url, body, content_type="application/json").json()
    assert (refused["code"], refused["fields"]["departures"]) == ("reason_needed", [f"@marks.{marks[0].pk}"])
    others = list(Judgment.objects.order_by("pk").values())
    sent = client.post(url, body | {"reason": "It is a name, not an error."}, content_type="application/json").json()
    made = item.adjudications.get(pk=sent["id"])
    assert list(Judgment.objects.exclude(act=made.act).order_by("pk").values()) == others

    reviews = Judgment.objects.filter(act=made.act, presentation__has_key="review").order_by(
        "presentation__review__mark"
    )
    assert {row.rater.pseudonym for row in reviews} == {f"adjudicated-{item.campaign_id}"}
    decided = [(row.presentation["review"]["mark"], row.presentation["review"]["decision"]) for row in reviews]
    assert decided == [(marks[0].pk, "rejected"), (marks[2].pk, "changed")]
    [kept] = SpanMark.objects.filter(judgment__in=reviews)
    assert (kept.origin_id, kept.quote, kept.severity, kept.value) == (marks[2].pk, "cap", "major", None)

    undo_adjudication(adjudication=made, actor=people["olga"])
    standing = Judgment.objects.reviews_of(marks[0]).standing()
    assert [row.presentation["review"]["decision"] for row in standing] == ["accepted", "accepted", "rejected"]


def test_items_whose_decisions_differ_wait_and_those_on_which_all_who_decided_agree_are_settled_together(
    campaign, people, marks
):
    decide(campaign, people["ann"], {marks[0]: ACCEPTED})
    decide(campaign, people["ben"], {marks[0]: REJECTED})
    assert settle_agreed(campaign=campaign, actor=people["olga"]).settled == 0
    assert campaign.disagreements.get().questions == ["@marks"]
    again = make_campaign(campaign.project, people["olga"], questions=[ERRORS], overlap=2, name="Again", items=0)
    change_plan(campaign=again, actor=people["olga"], arms=campaign.plan.arms)
    decide(again, people["ann"], {marks[0]: ACCEPTED})
    decide(again, people["ben"], {marks[0]: ACCEPTED, marks[1]: REJECTED})
    assert settle_agreed(campaign=again, actor=people["olga"]).settled == 1
    made = again.adjudications.get()
    assert made.answer == {"errors": [], "@marks": {str(marks[0].pk): ACCEPTED, str(marks[1].pk): REJECTED}}


def test_a_span_that_no_model_marked_here_is_refused_by_its_name(item, people, marks):
    own = SpanMark.objects.filter(origin=marks[0]).first()
    for name, said in ((str(own.pk), ACCEPTED), ("x", ACCEPTED), (str(marks[0].pk), {"decision": "maybe"})):
        with pytest.raises(AppError) as refused:
            settle(item, people["olga"], {"errors": [], "@marks": {name: said}})
        assert [*refused.value.fields] == [f"@marks.{name}"]


def test_agreement_on_a_models_spans_is_by_the_span_and_without_what_was_settled(client, item, people, marks):
    client.force_login(people["olga"])
    merged = lanes_of(item)
    settle(item, people["olga"], {"errors": [], "@marks": merged.lanes[1].answer["@marks"]}, reason="So it is.")
    columns = review_columns(item.campaign)
    # Paris: a a r, is: r a, capital: c c.
    assert sorted(columns.values) == ["accepted"] * 3 + ["changed"] * 2 + ["rejected"] * 2
    report = quality_report(item.campaign)
    row = report["questions"][-1]
    # Hand: coincidences o_aa = 1, o_ar = o_ra = 1/2 + 1/2 + 1 = 2, o_cc = 2, so that n = 7 with margins 3, 2, 2:
    # alpha = 1 - (n - 1) * 4 / (2 * (3 * 2 + 3 * 2 + 2 * 2)) = 1 - 24 / 32.
    assert (row["n_units"], row["value"]) == (3, pytest.approx(0.25))
    assert row["parts"][0]["note"] == {"code": "decided", "accepted": 3, "changed": 2, "rejected": 2}
    assert worded(report)["questions"][-1]["parts"][0]["note"] == "3 accepted, 2 changed, 2 rejected"
