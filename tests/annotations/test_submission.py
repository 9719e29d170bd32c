"""An answer becomes judgments exactly once, and can be taken back."""

import re
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from annotations.access import assignment_for
from annotations.actions.campaign import close_campaign, pause_campaign
from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item
from annotations.actions.submission import submit_answer, undo_submission
from annotations.models import Assignment, CampaignProgress, Draft, Submission
from projects.errors import AppError
from projects.models import Membership
from rewards.models import Comparison, Judgment, Rater, Rating, SpanMark
from tests.annotations.campaigns import full_answer, make_campaign, shown_outputs, span

FORM_TOKEN = re.compile(r"<input[^>]*csrfmiddlewaretoken[^>]*>")

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(project, owner):
    return make_campaign(project, owner, items=2)


@pytest.fixture
def assignment(campaign, ann):
    return assignment_for(ann, lease_next_item(campaign=campaign, user=ann).pk)


def test_a_submit_writes_one_judgment_for_each_thing_judged(assignment, project, campaign, ann):
    shown = shown_outputs(assignment)
    submit_answer(assignment=assignment, key="k1", answer=full_answer(assignment), active_ms=42_000)

    # Two ratings, one comparison, and one judgment of spans for each output, also for the one without marks.
    kinds = sorted(Judgment.objects.values_list("kind", flat=True))
    assert kinds == ["comparison", "rating", "rating", "spans", "spans"]
    rating = Rating.objects.get(judgment__output=shown["A"])
    assert (rating.question, rating.value, rating.scale_low, rating.scale_high) == ("overall", 6, 1, 7)
    mark = SpanMark.objects.get()
    assert (mark.output, mark.start, mark.end) == (shown["A"], 0, 5)
    assert (mark.quote, mark.type, mark.severity) == (shown["A"].messages[0]["text"][:5], "factual", "major")

    rater = Rater.objects.get()
    assert (rater.user, rater.kind) == (ann, "person")
    assert rater.pseudonym == "rater-1"
    submission = Submission.objects.get()
    assert set(Judgment.objects.values_list("act", flat=True)) == {submission.act}
    assignment.refresh_from_db()
    assert (assignment.status, assignment.active_ms) == ("submitted", 42_000)
    campaign.refresh_from_db()
    project.refresh_from_db()
    assignment.item.refresh_from_db()
    assert (campaign.submitted_count, project.judgment_count) == (1, 5)
    assert (assignment.item.granted_count, assignment.item.submitted_count) == (1, 1)
    progress = CampaignProgress.objects.get()
    assert (progress.user, progress.submitted_count, progress.active_ms) == (ann, 1, 42_000)


def test_the_order_shown_is_stored_with_every_answer(assignment):
    submit_answer(assignment=assignment, key="k1", answer=full_answer(assignment))
    for judgment in Judgment.objects.all():
        assert judgment.presentation["order"] == assignment.order
        assert judgment.presentation["seed"] == assignment.seed
        assert judgment.presentation["protocol"] == 1
    compared = Judgment.objects.get(kind="comparison")
    # Two outputs stand beside each other as shown.
    assert [compared.presentation["left"], compared.presentation["right"]] == assignment.order


@pytest.mark.parametrize("order_is_stored_order", [True, False])
def test_the_winner_is_the_output_that_was_meant_whichever_side_it_stood_on(assignment, order_is_stored_order):
    stored = list(assignment.item.item_outputs.values_list("output_id", flat=True))
    assignment.order = stored if order_is_stored_order else stored[::-1]
    assignment.save()
    winner = shown_outputs(assignment)["A"]
    submit_answer(assignment=assignment, key="k", answer={**full_answer(assignment), "preference": {"A-B": "A"}})
    comparison = Comparison.objects.get()
    assert [comparison.output_a_id, comparison.output_b_id] == stored
    assert comparison.choice == ("a" if order_is_stored_order else "b")
    assert winner.pk == (stored[0] if order_is_stored_order else stored[1])
    assert comparison.tie_kind == ""


@pytest.mark.parametrize("tie", ["both_good", "both_bad", "cannot_tell"])
def test_a_tie_keeps_its_kind(assignment, tie):
    submit_answer(assignment=assignment, key="k", answer={**full_answer(assignment), "preference": {"A-B": tie}})
    comparison = Comparison.objects.get()
    assert (comparison.choice, comparison.tie_kind) == ("tie", tie)


def test_the_same_submit_sent_again_changes_nothing(assignment):
    answer = full_answer(assignment)
    first = submit_answer(assignment=assignment, key="k1", answer=answer)
    again = submit_answer(assignment=assignment, key="k1", answer=answer)
    assert again == first
    assert Submission.objects.count() == 1
    assert Judgment.objects.count() == 5


def test_the_same_key_with_another_answer_is_refused(assignment):
    submit_answer(assignment=assignment, key="k1", answer=full_answer(assignment))
    with pytest.raises(AppError) as refused:
        submit_answer(assignment=assignment, key="k1", answer={**full_answer(assignment), "overall": {"A": 1, "B": 1}})
    assert refused.value.code == "key_reused"
    assert Judgment.objects.count() == 5


def test_a_second_submit_is_refused(assignment):
    submit_answer(assignment=assignment, key="k1", answer=full_answer(assignment))
    with pytest.raises(AppError) as refused:
        submit_answer(assignment=assignment, key="k2", answer=full_answer(assignment))
    assert refused.value.code == "already_submitted"


@pytest.mark.django_db(transaction=True)
def test_a_double_click_is_one_submit(assignment, ann):
    answer, results, barrier = full_answer(assignment), [], threading.Barrier(6)

    def click():
        try:
            barrier.wait()
            results.append(submit_answer(assignment=assignment_for(ann, assignment.pk), key="k1", answer=answer))
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    submission = Submission.objects.get()
    assert [result.submission for result in results] == [submission] * 6
    assert Judgment.objects.count() == 5
    assert CampaignProgress.objects.get().submitted_count == 1


def test_a_late_submit_counts_if_nobody_took_the_item(assignment, campaign):
    Assignment.objects.filter(pk=assignment.pk).update(status="expired")
    campaign.items.filter(pk=assignment.item_id).update(granted_count=0)
    submit_answer(assignment=assignment, key="k1", answer=full_answer(assignment))
    assignment.item.refresh_from_db()
    assert (assignment.item.granted_count, assignment.item.submitted_count) == (1, 1)


def test_a_late_submit_is_refused_if_somebody_finished_the_item(assignment, campaign):
    save_draft(assignment=assignment, answer=full_answer(assignment), revision=0)
    Assignment.objects.filter(pk=assignment.pk).update(status="expired")
    campaign.items.filter(pk=assignment.item_id).update(granted_count=1, submitted_count=1)
    with pytest.raises(AppError) as refused:
        submit_answer(assignment=assignment, key="k1", answer=full_answer(assignment))
    assert refused.value.code == "lease_lost"
    assert not Judgment.objects.exists()
    assert Draft.objects.get().answer == full_answer(assignment)


def test_a_closed_campaign_takes_no_submit_and_keeps_the_draft(assignment, campaign, owner, ann):
    save_draft(assignment=assignment, answer={"overall": {"A": 2}}, revision=0)
    close_campaign(campaign=campaign, actor=owner)
    with pytest.raises(AppError) as refused:
        submit_answer(assignment=assignment_for(ann, assignment.pk), key="k1", answer=full_answer(assignment))
    assert refused.value.code == "campaign_closed"
    assert Draft.objects.exists()


def test_undo_withdraws_the_judgments_and_brings_the_draft_back(assignment, project, campaign, ann):
    answer = full_answer(assignment)
    submit_answer(assignment=assignment, key="k1", answer=answer, active_ms=9_000)
    undo_submission(assignment=assignment)
    assert not Judgment.objects.standing().exists()
    assert Judgment.objects.filter(withdrawn_by=ann).count() == 5
    assignment.refresh_from_db()
    assert assignment.status == "leased"
    assert assignment.draft.answer == answer
    campaign.refresh_from_db()
    project.refresh_from_db()
    assignment.item.refresh_from_db()
    assert (campaign.submitted_count, project.judgment_count) == (0, 0)
    assert (assignment.item.granted_count, assignment.item.submitted_count) == (1, 0)
    progress = CampaignProgress.objects.get()
    assert (progress.submitted_count, progress.active_ms) == (0, 0)


def test_a_corrected_answer_replaces_the_one_taken_back(assignment):
    submit_answer(assignment=assignment, key="k1", answer=full_answer(assignment))
    old = {judgment.idempotency_key.partition(":")[2]: judgment.pk for judgment in Judgment.objects.all()}
    undo_submission(assignment=assignment)
    submit_answer(assignment=assignment, key="k2", answer={**full_answer(assignment), "overall": {"A": 1, "B": 7}})
    new = Judgment.objects.standing()
    assert new.count() == 5
    assert {judgment.idempotency_key.partition(":")[2]: judgment.replaces_id for judgment in new} == old
    assert sorted(Rating.objects.filter(judgment__in=new).values_list("value", flat=True)) == [1, 7]


def test_undo_gives_the_item_taken_up_since_back_with_its_draft(assignment, campaign, ann):
    submit_answer(assignment=assignment, key="k1", answer=full_answer(assignment))
    other = lease_next_item(campaign=campaign, user=ann)
    save_draft(assignment=other, answer={"overall": {"A": 4}}, revision=0)
    undo_submission(assignment=assignment)
    other.refresh_from_db()
    assert other.status == "released"
    assert other.draft.answer == {"overall": {"A": 4}}
    assert lease_next_item(campaign=campaign, user=ann) == assignment


def test_undo_is_refused_after_its_minutes(assignment, campaign):
    submit_answer(assignment=assignment, key="k1", answer=full_answer(assignment))
    too_old = timezone.now() - timedelta(minutes=campaign.undo_minutes, seconds=1)
    Submission.objects.update(created_at=too_old)
    with pytest.raises(AppError) as refused:
        undo_submission(assignment=assignment)
    assert refused.value.code == "undo_too_late"
    assert Judgment.objects.standing().count() == 5


def test_there_is_nothing_to_undo_twice(assignment):
    submit_answer(assignment=assignment, key="k1", answer=full_answer(assignment))
    undo_submission(assignment=assignment)
    with pytest.raises(AppError) as refused:
        undo_submission(assignment=assignment)
    assert refused.value.code == "nothing_to_undo"


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"overall": {"A": 6}}, "overall.B", "Rate Response B"),
        ({"overall": {"A": 6, "B": 8}}, "overall.B", "from 1 to 7"),
        ({"overall": {"A": 6, "B": True}}, "overall.B", "from 1 to 7"),
        ({"overall": {"A": 6, "B": "na"}}, "overall.B", "from 1 to 7"),
        ({"overall": {"A": 6, "B": 6, "C": 1}}, "overall.C", "no such response"),
        ({"overall": [6, 2]}, "overall", "object"),
        ({"preference": {}}, "preference.A-B", "Compare Responses A-B"),
        ({"preference": {"A-B": "C"}}, "preference.A-B", "A, both_good, both_bad, cannot_tell, B"),
        ({"preference": {"A-B": "A", "B-A": "A"}}, "preference.B-A", "not asked"),
        ({"errors": {}}, "errors", "list"),
        ({"errors": ["x"]}, "errors.0", "object"),
        ({"bonus": 1}, "bonus", "not asked"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_by_field(assignment, change, field, words):
    with pytest.raises(AppError) as refused:
        submit_answer(assignment=assignment, key="k1", answer={**full_answer(assignment), **change})
    assert refused.value.code == "answer_invalid"
    assert words in refused.value.fields[field][0]
    assert not Judgment.objects.exists()


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"quote": "Rome"}, "errors.0", "reads"),
        ({"text_sha256": "0" * 64}, "errors.0", "another text"),
        ({"start": 5, "end": 5, "quote": ""}, "errors.0", "empty"),
        ({"end": 10_000}, "errors.0", "expected 0 <= start < end"),
        ({"message": 3}, "errors.0", "message 3"),
        ({"start": "0"}, "errors.0", "whole numbers"),
        ({"start": -1}, "errors.0", "expected 0"),
        ({"output": "Z"}, "errors.0.output", "no such response"),
        ({"type": "nonsense"}, "errors.0.type", "Span 1"),
        ({"severity": "huge"}, "errors.0.severity", "Span 1"),
        ({"comment": "x" * 2001}, "errors.0.comment", "2,000"),
    ],
)
def test_a_span_that_does_not_fit_is_named(assignment, fields, name, words):
    text = shown_outputs(assignment)["A"].messages[0]["text"]
    answer = {**full_answer(assignment), "errors": [{**span("A", text, 0, 5), **fields}]}
    with pytest.raises(AppError) as refused:
        submit_answer(assignment=assignment, key="k1", answer=answer)
    assert words in refused.value.fields[name][0]


@pytest.mark.parametrize("comment", ["nul \x00", "half \ud800"])
def test_characters_that_cannot_be_stored_are_refused(assignment, comment):
    text = shown_outputs(assignment)["A"].messages[0]["text"]
    answer = {**full_answer(assignment), "errors": [span("A", text, 0, 5, comment=comment)]}
    with pytest.raises(AppError) as refused:
        submit_answer(assignment=assignment, key="k1", answer=answer)
    assert refused.value.code == "answer_invalid"
    with pytest.raises(AppError):
        save_draft(assignment=assignment, answer=answer, revision=0)


def test_a_text_about_nul_is_no_nul(assignment):
    save_draft(assignment=assignment, answer={"note": "write \\u0000 in JSON"}, revision=0)
    assert Draft.objects.get().answer == {"note": "write \\u0000 in JSON"}


@pytest.mark.parametrize(
    ("text", "start", "end", "quoted"),
    [
        ("line one\r\nline two", 5, 14, "one\r\nline"),
        ("ok 👩‍👩‍👧‍👦 family", 3, 10, "👩‍👩‍👧‍👦"),
        ("e\u0301te\u0301 d'hiver", 0, 5, "e\u0301te\u0301"),
        ("שלום עולם", 5, 9, "עולם"),
    ],
)
def test_offsets_are_code_points_of_the_text_as_stored(project, owner, ann, text, start, end, quoted):
    campaign = make_campaign(project, owner, texts=[text, "other"], name="odd texts")
    assignment = assignment_for(ann, lease_next_item(campaign=campaign, user=ann).pk)
    label = next(label for label, output in shown_outputs(assignment).items() if output.messages[0]["text"] == text)
    answer = {**full_answer(assignment), "errors": [span(label, text, start, end)]}
    submit_answer(assignment=assignment, key="k1", answer=answer)
    assert SpanMark.objects.get().quote == quoted


def test_a_person_who_left_the_project_is_told_so_and_reaches_nothing(assignment, ann):
    Membership.objects.filter(user=ann).delete()
    with pytest.raises(AppError) as refused:
        assignment_for(ann, assignment.pk)
    assert (refused.value.code, refused.value.status) == ("not_a_member", 403)


def test_a_window_from_before_a_submit_does_not_overwrite_what_undo_brought_back(assignment):
    answer = full_answer(assignment)
    seen = save_draft(assignment=assignment, answer={"overall": {"A": 2}}, revision=0).revision
    submit_answer(assignment=assignment, key="k", answer=answer)
    undo_submission(assignment=assignment)
    with pytest.raises(AppError) as refused:
        save_draft(assignment=assignment, answer={"overall": {"A": 7}}, revision=seen)
    assert refused.value.code == "draft_conflict"
    assert Draft.objects.get().answer == answer


def test_drafts_rise_in_revision_and_refuse_an_older_window(assignment):
    first = save_draft(assignment=assignment, answer={"overall": {"A": 1}}, revision=0)
    assert first.revision == 1
    second = save_draft(assignment=assignment, answer={"overall": {"A": 2}}, revision=1)
    assert second.revision == 2
    for stale in (0, 1, 3):
        with pytest.raises(AppError) as refused:
            save_draft(assignment=assignment, answer={"overall": {"A": 7}}, revision=stale)
        assert refused.value.code == "draft_conflict"
    assert Draft.objects.get().answer == {"overall": {"A": 2}}


def send(client, assignment, **wanted):
    body = {"key": "k", "answer": full_answer(assignment), "with_next": True, **wanted}
    url = reverse("annotations-api:assignment-submit", args=[assignment.pk])
    return client.post(url, body, content_type="application/json")


def test_a_submit_leads_to_the_next_item_in_one_request_and_repeated_to_the_same(client, assignment, ann):
    client.force_login(ann)
    answers = [send(client, assignment) for _ in range(2)]
    following = Assignment.objects.get(status="leased")
    assert following.item_id != assignment.item_id
    assert {answer.json()["next"] for answer in answers} == {reverse("annotations:annotate", args=[following.pk])}
    assert Submission.objects.count() == 1


def test_what_a_submit_sends_of_the_next_item_is_what_its_page_shows(client, assignment, ann):
    client.force_login(ann)
    said = send(client, assignment, with_page=True).json()
    page = client.get(said["next"]).content.decode()
    # Each answer of the server masks its token for forms anew.
    sent = FORM_TOKEN.sub("", said["page"])
    for first, last in (('<div class="row focus-status">', "</div>"), ('<script id="assignment"', "<template")):
        start = page.index(first)
        assert FORM_TOKEN.sub("", page[start : page.index(last, start)]).strip() in sent
    assert 'value="1"' in sent


def test_an_answer_is_kept_where_no_next_item_is_given_out(client, assignment, ann, campaign, owner):
    pause_campaign(campaign=campaign, actor=owner)
    client.force_login(ann)
    answer = send(client, assignment)
    assert (answer.status_code, answer.json()["next"]) == (200, None)
    assert Submission.objects.count() == 1
    assert not Assignment.objects.filter(status="leased").exists()
