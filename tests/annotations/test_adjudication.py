"""Settling items: the settled answer stands beside those that it settles, with a reason where it goes against them."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from annotations.access import assignment_for
from annotations.actions.adjudication import Settlement, settle_agreed, settle_item, undo_adjudication
from annotations.actions.lease import lease_next_item
from annotations.actions.submission import submit_answer, undo_submission
from annotations.adjudication.reading import compare_answers, lanes_of
from annotations.models import Adjudication, ItemDisagreement
from projects.errors import AppError
from rewards.models import Comparison, Judgment, Rating
from tests.annotations.campaigns import make_campaign, shown_outputs, span
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db

QUESTIONS = [
    {"kind": "rating", "key": "overall", "prompt": "How good?"},
    {"kind": "comparison", "key": "better", "prompt": "Which is better?"},
    {"kind": "spans", "key": "errors", "prompt": "Errors?", "types": [{"key": "factual", "label": "Factual"}]},
]


@pytest.fixture
def people():
    return {name: make_user(name) for name in ("olga", "ann", "ben", "cat")}


@pytest.fixture
def project(people):
    project = make_project("lab", owner=people["olga"], annotator=people["ann"])
    for name in ("ben", "cat"):
        project.memberships.create(user=people[name], role="annotator")
    return project


@pytest.fixture
def campaign(project, people):
    return make_campaign(project, people["olga"], items=1, questions=QUESTIONS, overlap=3)


def answered(campaign, user, stars, end):
    """Submit for the user's next item: stars by stored output, the first five or more characters of the first wrong."""
    assignment = assignment_for(user, lease_next_item(campaign=campaign, user=user).pk)
    stored = list(assignment.item.item_outputs.order_by("position").values_list("output_id", flat=True))
    shown = shown_outputs(assignment)
    label = {output.pk: label for label, output in shown.items()}
    best = max(range(2), key=stars.__getitem__)
    first = label[stored[0]]
    answer = {
        "overall": {label[pk]: value for pk, value in zip(stored, stars, strict=True)},
        "better": {"A-B": label[stored[best]]},
        "errors": [span(first, shown[first].messages[0]["text"], 0, end, severity="")] if end else [],
    }
    submit_answer(assignment=assignment, key="k", answer=answer, active_ms=30_000)
    return assignment


@pytest.fixture
def item(campaign, people):
    """Answered by three: two rate the first output 6 and one 5; all prefer it; two mark "Paris"."""
    for name, stars, end in (("ann", (6, 2), 5), ("ben", (6, 3), 5), ("cat", (5, 2), 0)):
        answered(campaign, people[name], stars, end)
    return campaign.items.order_by("position").first()


def decide(item, **changes):
    lanes = lanes_of(item)
    given = {"answer": lanes.lanes[0].answer, "seen": lanes.submissions, **changes}
    return Settlement(**given)


def settle(item, user, key="d1", **changes):
    return settle_item(item=item, actor=user, key=key, decision=decide(item, **changes))


def test_a_settled_answer_is_a_rater_of_its_own_and_touches_no_other(item, people, project):
    before = list(Judgment.objects.order_by("pk").values())
    project.refresh_from_db()
    count = project.judgment_count
    made = settle(item, people["olga"])
    assert (made.method, made.picked_id, made.departures) == ("picked", lanes_of(item).submissions[0], [])
    assert list(Judgment.objects.exclude(act=made.act).order_by("pk").values()) == before
    own = Judgment.objects.filter(act=made.act)
    assert {judgment.rater for judgment in own} == {made.rater}
    assert (made.rater.user, made.rater.label) == (None, f"adjudicated-{item.campaign_id}")
    stored = list(item.item_outputs.order_by("position").values_list("output_id", flat=True))
    values = dict(Rating.objects.filter(judgment__in=own).values_list("judgment__output_id", "value"))
    assert values == {stored[0]: 6, stored[1]: 2}
    compared = Comparison.objects.get(judgment__in=own)
    assert (compared.output_a_id, compared.choice) == (stored[0], "a")
    project.refresh_from_db()
    assert project.judgment_count == count + own.count()


def test_going_against_most_people_takes_a_reason_also_for_the_database(item, people):
    other = {**lanes_of(item).lanes[2].answer}
    with pytest.raises(AppError) as refused:
        settle(item, people["olga"], answer=other)
    assert refused.value.code == "reason_needed"
    assert refused.value.fields["departures"] == ["overall.A", "errors.A"]
    made = settle(item, people["olga"], answer=other, reason="It says nothing false.")
    assert (made.departures, made.reason) == (["overall.A", "errors.A"], "It says nothing false.")
    with pytest.raises(IntegrityError), transaction.atomic():
        Adjudication.objects.filter(pk=made.pk).update(reason="")


def test_the_same_decision_sent_again_changes_nothing_and_a_key_stands_for_one_answer(item, people):
    decision = decide(item)
    made = settle_item(item=item, actor=people["olga"], key="d1", decision=decision)
    assert settle_item(item=item, actor=people["olga"], key="d1", decision=decision) == made
    assert Judgment.objects.filter(rater=made.rater).count() == 5
    with pytest.raises(AppError, match="another answer"):
        settle(item, people["olga"], answer=lanes_of(item).lanes[1].answer)


def test_what_was_not_looked_at_is_not_settled(item, campaign, people):
    decision = decide(item)
    late = item.assignments.get(user=people["cat"])
    undo_submission(assignment=assignment_for(people["cat"], late.pk))
    with pytest.raises(AppError) as refused:
        settle_item(item=item, actor=people["olga"], key="d1", decision=decision)
    assert refused.value.code == "answers_changed"


def test_a_second_adjudicator_is_told_of_the_first_and_may_then_replace_the_answer(item, people):
    first = settle(item, people["olga"])
    other = lanes_of(item).lanes[1].answer
    with pytest.raises(AppError) as refused:
        settle(item, people["olga"], key="d2", answer=other, reason="B is better than that.")
    assert refused.value.code == "adjudication_changed"
    second = settle(item, people["olga"], key="d2", answer=other, standing=first.pk, reason="B is better.")
    first.refresh_from_db()
    assert first.undone_at is not None
    assert second.replaces == first
    standing = Judgment.objects.standing().filter(rater=second.rater)
    assert {judgment.act for judgment in standing} == {second.act}
    assert all(judgment.replaces.act == first.act for judgment in standing)


def test_taking_back_withdraws_the_judgments_and_nothing_else(item, people, project):
    made = settle(item, people["olga"])
    undo_adjudication(adjudication=made, actor=people["olga"])
    assert not Judgment.objects.standing().filter(act=made.act).exists()
    assert Judgment.objects.standing().filter(project=project).count() == 15
    with pytest.raises(AppError) as refused:
        undo_adjudication(adjudication=made, actor=people["olga"])
    assert refused.value.code == "nothing_to_undo"


def test_an_answer_that_the_questions_do_not_take_names_what_is_wrong(item, people):
    with pytest.raises(AppError) as refused:
        settle(item, people["olga"], answer={"overall": {"A": 9}})
    assert {"overall.A", "overall.B", "better.A-B"} <= set(refused.value.fields)


def test_the_queue_knows_how_far_answers_are_apart_and_follows_them(item, campaign, people):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert compare_answers(campaign) == 1
    assert len(queries) <= 6
    assert compare_answers(campaign) == 0
    found = ItemDisagreement.objects.get()
    # Ratings: of three pairs two differ for either output (6 6 5 and 2 3 2); spans: two of three on the first, none on
    # the second; the comparison is unanimous: (2/3 + 0 + 1/3) / 3.
    assert found.value == pytest.approx(1 / 3)
    assert (found.agrees, found.questions, found.lane_count) == (False, ["overall", "errors"], 3)
    for name in ("cat", "ben"):
        undo_submission(assignment=assignment_for(people[name], item.assignments.get(user=people[name]).pk))
    assert compare_answers(campaign) == 1
    assert not ItemDisagreement.objects.exists()


def test_items_on_which_all_agree_are_settled_together_and_the_others_left_open(project, people):
    campaign = make_campaign(project, people["olga"], items=2, questions=QUESTIONS, overlap=2)
    for name, differs in (("ann", 0), ("ben", 1)):
        for _ in range(2):
            assignment = lease_next_item(campaign=campaign, user=people[name])
            answered(campaign, people[name], (7, 1 + differs * (assignment.item.position == 1)), 5)
    # The one that they agree on is the nearest; what lies beyond the limit is said.
    assert settle_agreed(campaign=campaign, actor=people["olga"], iou=0.5, limit=1) == (1, True)
    assert settle_agreed(campaign=campaign, actor=people["olga"], iou=0.5, limit=1) == (0, False)
    made = Adjudication.objects.get()
    assert (made.method, made.item.position, made.reason) == ("agreed", 2, "")
    assert settle_agreed(campaign=campaign, actor=people["olga"]).settled == 0


def test_nothing_of_a_settled_answer_can_be_changed(item, people):
    made = settle(item, people["olga"])
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Adjudication.objects.filter(pk=made.pk).update(answer={})


def test_an_item_is_read_settled_and_taken_back_over_the_api(client, item, people):
    client.force_login(people["olga"])
    queue = f"/api/v1/projects/lab/campaigns/{item.campaign_id}/adjudication"
    with CaptureQueriesContext(connection) as queries:
        [row] = client.get(queue).json()["results"]
    assert (row["item"], row["answers"], row["settled"], row["questions"]) == (item.pk, 3, False, ["overall", "errors"])
    # The queue is brought up to date on the way; a row more costs nothing more.
    assert len(queries) <= 16
    url = f"{queue}/items/{item.pk}"
    shown = client.get(url).json()
    assert [lane["rater"] for lane in shown["lanes"]] == ["rater-1", "rater-2", "rater-3"]
    assert shown["merged"]["overall"] == {"A": 6, "B": 2}
    assert [part["agrees"] for part in shown["parts"]] == [False, False, True, False, True]
    body = {"key": "k", "answer": shown["merged"], "seen": [lane["submission"] for lane in shown["lanes"]]}
    made = client.post(url, body, content_type="application/json").json()
    assert (made["method"], made["departures"], made["rater"], made["next"]) == (
        "picked",
        [],
        f"adjudicated-{item.campaign_id}",
        None,
    )
    assert client.get(f"{queue}?state=open").json()["results"] == []
    assert client.post(f"{queue}/{made['id']}/undo").status_code == 204
    assert client.get(f"{queue}?state=nonsense").json()["code"] == "filter_invalid"


def test_people_stand_under_pseudonyms_until_an_owner_asks_for_names(client, item, people, project):
    url = f"/p/lab/campaigns/{item.campaign_id}/adjudicate/{item.pk}/"
    client.force_login(people["olga"])
    shown = client.get(url).content.decode()
    assert "rater-1" in shown
    assert ">ben<" not in shown
    named = client.get(f"{url}?names=1").content.decode()
    assert "rater-2" not in named
    assert "ben" in named
    manager = make_user("max")
    project.memberships.create(user=manager, role="manager")
    client.force_login(manager)
    assert "rater-2" in client.get(f"{url}?names=1").content.decode()
