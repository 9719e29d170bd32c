"""Retention: what would go is told before, what is due goes, the rest stays, and how much went is on record."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.asserts import assertContains

from annotations.access import assignment_for
from annotations.actions.campaign import close_campaign
from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item, release_item
from annotations.actions.submission import submit_answer, undo_submission
from annotations.models import Assignment, Campaign, CampaignProgress, Draft, Submission
from annotations.quality.reading import judgments_of
from projects.actions import pieces, retention
from projects.actions.retention import apply_retention, what_is_due
from projects.models import AuditEvent, Project
from rewards.actions.erasing import erase_replies, with_replies_before
from rewards.models import Judgment, JudgmentTrace
from rewards.provenance import ERASED, shown_replies
from tests.annotations.campaigns import full_answer, make_campaign
from tests.factories import make_judgment, make_output, make_rater, make_task
from tests.populated import populate
from workers.models import RubricProposal

LONG_AGO = timedelta(days=40)


def keep(project, **days):
    Project.objects.filter(pk=project.pk).update(retention=days)


def aged(rows, **columns):
    rows.update(**dict.fromkeys(columns or ("created_at",), timezone.now() - LONG_AGO))


def n_due(project, **days):
    return {due.kind.key: due.n for due in what_is_due(project, days) if due.n}


def start(campaign, person):
    return assignment_for(person, lease_next_item(campaign=campaign, user=person).pk)


def test_old_drafts_go_and_what_is_in_work_stays(cast):
    campaign = make_campaign(cast.project, cast.owner, items=2)
    for person in (cast.annotator, cast.manager):
        save_draft(assignment=start(campaign, person), answer={"overall": {"A": 1}}, revision=0)
    release_item(assignment=Assignment.objects.get(user=cast.annotator))
    aged(Draft.objects, saved_at=1)
    assert n_due(cast.project, drafts=30) == {"drafts": 1}
    assert n_due(cast.project, drafts=41) == {}
    keep(cast.project, drafts=30)
    apply_retention()
    assert Draft.objects.get().assignment.user == cast.manager
    assert cast.project.erasures.totals() == {"drafts": 1}
    assert AuditEvent.objects.get(verb="retention.applied").data == {"drafts": 1, "days": 30}


def test_raw_replies_lose_their_text_and_nothing_else(cast):
    output = make_output(make_task(cast.project))
    judgment = make_judgment(make_rater(cast.project), "critique", output.task, output)
    reply = {"purpose": "judge", "parse_state": "parsed", "text": "I think", "prompt_tokens": 7}
    trace = JudgmentTrace.objects.create(judgment=judgment, replies=[reply, reply], reply_tokens=3)
    # The time of a judgment cannot be changed: the days are turned round instead.
    keep(cast.project, replies=1)
    later = timezone.now() + timedelta(days=2)
    due = with_replies_before(cast.project, later)
    erase_replies([row.pk for row in due])
    trace.refresh_from_db()
    kept = {"purpose": "judge", "parse_state": "parsed", "prompt_tokens": 7, "erased": True}
    assert (trace.replies, trace.reply_tokens) == ([kept, kept], 3)
    assert shown_replies(trace.replies)[0].detail == ERASED
    assert not due.all().exists()


def test_answers_that_were_taken_back_go_and_what_replaced_them_stays(cast):
    campaign = make_campaign(cast.project, cast.owner)
    assignment = start(campaign, cast.annotator)
    submit_answer(assignment=assignment, key=str(uuid.uuid4()), answer=full_answer(assignment))
    undo_submission(assignment=assignment_for(cast.annotator, assignment.pk))
    again = assignment_for(cast.annotator, assignment.pk)
    submit_answer(assignment=again, key=str(uuid.uuid4()), answer=full_answer(again))
    taken_back = Judgment.objects.exclude(withdrawn_at=None)
    n, standing = taken_back.count(), list(Judgment.objects.filter(withdrawn_at=None).values_list("pk", flat=True))
    assert n == len(standing) > 0
    aged(taken_back, withdrawn_at=1)
    aged(Submission.objects.exclude(undone_at=None), undone_at=1)
    keep(cast.project, withdrawn=30)
    apply_retention()
    assert set(Judgment.objects.values_list("pk", flat=True)) == set(standing)
    assert not Judgment.objects.exclude(replaces=None).exists()
    assert Submission.objects.get().undone_at is None
    assert cast.project.erasures.totals() == {"withdrawn": n}
    cast.project.refresh_from_db()
    assert cast.project.judgment_count == len(standing)


def test_peoples_work_in_closed_campaigns_goes_and_the_judgments_stay(cast):
    campaigns = [make_campaign(cast.project, cast.owner, name=name) for name in ("closed", "open")]
    for campaign in campaigns:
        assignment = start(campaign, cast.annotator)
        submit_answer(assignment=assignment, key=str(uuid.uuid4()), answer=full_answer(assignment), active_ms=5000)
    close_campaign(campaign=campaigns[0], actor=cast.owner)
    keep(cast.project, campaigns=30)
    assert apply_retention() == 0
    aged(AuditEvent.objects.filter(verb="campaign.closed"))
    assert n_due(cast.project, campaigns=30) == {"campaigns": 1}
    before = judgments_of(campaigns[0]).count()
    apply_retention()
    gone, kept = Submission.objects.order_by("assignment__campaign__name")
    assert (gone.answer, gone.active_ms) == ({}, 0)
    assert (bool(kept.answer), kept.active_ms) == (True, 5000)
    assert [row.active_ms for row in CampaignProgress.objects.order_by("campaign__name")] == [0, 5000]
    assert judgments_of(campaigns[0]).count() == before > 0
    assert apply_retention() == 0


def test_a_campaign_that_no_log_saw_closing_counts_from_its_last_submit(cast):
    campaign = make_campaign(cast.project, cast.owner)
    assignment = start(campaign, cast.annotator)
    submit_answer(assignment=assignment, key=str(uuid.uuid4()), answer=full_answer(assignment), active_ms=5000)
    Campaign.objects.update(status="closed", created_at=timezone.now() - LONG_AGO)
    assert n_due(cast.project, campaigns=30) == {}
    aged(Submission.objects)
    assert n_due(cast.project, campaigns=30) == {"campaigns": 1}


def test_what_a_model_wrote_beside_a_proposed_rubric_goes_counted_from_its_last_writing(db):
    house = populate()
    reply = {"purpose": "write", "parse_state": "parsed", "text": "I think", "seed": 7}
    proposals = RubricProposal.objects.filter(project=house.project)
    aged(proposals)
    proposals.update(replies=[reply], heartbeat_at=timezone.now())
    assert n_due(house.project, replies=30) == {}
    aged(proposals, heartbeat_at=1)
    assert n_due(house.project, replies=30) == {"replies": 1}
    keep(house.project, replies=30)
    apply_retention()
    assert proposals.get().replies == [{"purpose": "write", "parse_state": "parsed", "seed": 7, "erased": True}]
    assert house.project.erasures.totals() == {"replies": 1}


@pytest.fixture
def withdrawn(cast, monkeypatch):
    """Five judgments taken back long ago, in pieces of two."""
    monkeypatch.setattr(pieces, "PIECE_ROWS", 2)
    rater, output = make_rater(cast.project), make_output(make_task(cast.project))
    for _ in range(5):
        make_judgment(rater, "critique", output.task, output)
    aged(Judgment.objects, withdrawn_at=1)
    keep(cast.project, withdrawn=30)
    return cast.project


def test_what_was_cut_off_between_two_pieces_goes_on_and_is_on_record_once(withdrawn, monkeypatch):
    written = []

    def broken(**event):
        written.append(record(**event))
        if len(written) == 2:
            raise OSError("killed")

    record = retention.record_event
    monkeypatch.setattr(retention, "record_event", broken)
    with pytest.raises(OSError, match="killed"):
        apply_retention()
    # The piece that was under way came back whole, with its record.
    assert (Judgment.objects.count(), withdrawn.erasures.totals()) == (3, {"withdrawn": 2})
    monkeypatch.setattr(retention, "record_event", record)
    assert apply_retention() == 3
    assert withdrawn.erasures.totals() == {"withdrawn": 5}
    logged = AuditEvent.objects.filter(verb="retention.applied").order_by("pk")
    assert [event.data["withdrawn"] for event in logged] == [2, 2, 1]


def test_days_that_an_owner_changes_meanwhile_hold_from_the_next_piece_on(withdrawn, monkeypatch):
    def changing(**event):
        record(**event)
        keep(withdrawn, withdrawn=300)

    record = retention.record_event
    monkeypatch.setattr(retention, "record_event", changing)
    assert apply_retention() == 2
    assert Judgment.objects.count() == 3


def test_the_page_previews_what_would_go_saves_and_refuses_nonsense(cast, browse):
    campaign = make_campaign(cast.project, cast.owner)
    save_draft(assignment=start(campaign, cast.annotator), answer={}, revision=0)
    release_item(assignment=Assignment.objects.get())
    aged(Draft.objects, saved_at=1)
    owner = browse(cast.owner)
    url = "/p/quill/settings/data/"
    preview = owner.get(url, {"drafts": 30, "replies": "x"}, headers={"HX-Request": "true"})
    assertContains(preview, "1 would go now")
    assert Draft.objects.exists()
    refused = owner.post(url, {"fate_of_judgments": "purge", "drafts": 0})
    assertContains(refused, "greater than or equal to 1")
    owner.post(url, {"fate_of_judgments": "purge", "drafts": 30})
    cast.project.refresh_from_db()
    assert (cast.project.fate_of_judgments, cast.project.retention) == ("purge", {"drafts": 30})
    assert browse(cast.manager).get(url).status_code == 403


@pytest.mark.parametrize("is_marked", [True, False])
def test_a_project_marked_for_deletion_is_left_as_it_is_so_that_it_can_be_restored_whole(cast, is_marked):
    campaign = make_campaign(cast.project, cast.owner)
    save_draft(assignment=start(campaign, cast.annotator), answer={}, revision=0)
    release_item(assignment=Assignment.objects.get())
    aged(Draft.objects, saved_at=1)
    keep(cast.project, drafts=1)
    if is_marked:
        now = timezone.now()
        Project.objects.filter(pk=cast.project.pk).update(deletion_asked_at=now, deletion_due_at=now)
    apply_retention()
    assert Draft.objects.exists() == is_marked


def test_the_api_changes_the_policy_in_part_and_says_what_would_go(cast, browse):
    campaign = make_campaign(cast.project, cast.owner)
    save_draft(assignment=start(campaign, cast.annotator), answer={}, revision=0)
    release_item(assignment=Assignment.objects.get())
    aged(Draft.objects, saved_at=1)
    keep(cast.project, replies=90)
    owner, url = browse(cast.owner), "/api/v1/projects/quill/data-policy"
    asked = owner.get(url, {"drafts": 30}).json()
    assert (asked["due"]["drafts"], asked["retention"]["drafts"], asked["retention"]["replies"]) == (1, None, 90)
    assert owner.get(url, {"drafts": "x"}).status_code == 400
    sent = {"fate_of_judgments": "purge", "retention": {"drafts": 30}}
    changed = owner.patch(url, sent, content_type="application/json").json()
    assert (changed["fate_of_judgments"], changed["due"]["drafts"]) == ("purge", 1)
    cast.project.refresh_from_db()
    assert cast.project.retention == {"drafts": 30, "replies": 90}
    refused = owner.patch(url, {"retention": {"drafts": 0}}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")
    owner.patch(url, {"retention": {"replies": None}}, content_type="application/json")
    cast.project.refresh_from_db()
    assert cast.project.retention == {"drafts": 30}
