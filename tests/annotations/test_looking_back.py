"""Looking back at what was submitted or skipped, and when people are told who wrote what they judged."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotations.access import assignment_for
from annotations.actions.campaign import close_campaign, open_campaign, pause_campaign
from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item, skip_item, take_up_again
from annotations.actions.submission import submit_answer
from annotations.looking_back import neighbours_of
from annotations.models import Adjudication, Assignment, Campaign, CampaignItem, CampaignItemOutput, Submission
from annotations.protocols.presets import PRESETS
from annotations.reveal import policies_of
from projects.errors import AppError
from projects.models import Membership
from rewards.models import Output
from tests.annotations.campaigns import full_answer, make_campaign, shown_outputs
from tests.annotations.test_checks import RATING, campaign_of, make_gold
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def lease(campaign, user):
    return lease_next_item(campaign=Campaign.objects.select_related("protocol").get(pk=campaign.pk), user=user)


def submit(assignment):
    """The submit of a valid answer, which can be taken back no more where the campaign gives no time for it."""
    mine = assignment_for(assignment.user, assignment.pk)
    asked = {question["key"]: {} for question in mine.protocol.questions}
    answer = full_answer(mine) if "errors" in asked else {"overall": dict.fromkeys(shown_outputs(mine), 4)}
    submit_answer(assignment=mine, key="k", answer=answer)
    return mine


def told(assignment):
    mine = assignment_for(assignment.user, assignment.pk)
    return policies_of(mine, Submission.objects.filter(assignment=mine, undone_at=None).first())


def test_people_walk_their_own_items_by_when_they_were_over_and_by_key_where_that_is_the_same(client, project, owner):
    ann, ben = Membership.objects.get(project=project, role="annotator").user, make_user("ben")
    campaign = campaign_of(project, owner, 5, overlap=2)
    first = submit(lease(campaign, ann))
    skipped = lease(campaign, ann)
    skip_item(assignment=skipped, reason="")
    last = submit(lease(campaign, ann))
    in_work = lease(campaign, ann)
    Membership.objects.create(project=project, user=ben, role="annotator")
    theirs = submit(lease(campaign, ben))
    # The first two of the same moment, the third an hour before them; Ben's between.
    now = timezone.now()
    Assignment.objects.filter(pk=first.pk).update(submitted_at=now)
    Assignment.objects.filter(pk=skipped.pk).update(skipped_at=now)
    Assignment.objects.filter(pk=last.pk).update(submitted_at=now - timedelta(hours=1))
    Assignment.objects.filter(pk=theirs.pk).update(submitted_at=now - timedelta(minutes=30))

    walk = {pk: neighbours_of(assignment_for(ann, pk)) for pk in (last.pk, first.pk, skipped.pk, in_work.pk)}
    assert walk == {
        last.pk: (None, first.pk),
        first.pk: (last.pk, skipped.pk),
        skipped.pk: (first.pk, None),
        in_work.pk: (skipped.pk, None),
    }
    client.force_login(ann)
    back = client.get(reverse("annotations:item-last", args=[project.slug, campaign.pk]))
    assert back.url == reverse("annotations:annotate", args=[skipped.pk])
    assert client.get(f"/annotate/{theirs.pk}/").status_code == 404
    start = reverse("annotations:campaign-start", args=[project.slug, campaign.pk])
    assert "Looking back" in client.get(start).content.decode()
    client.force_login(owner)
    assert "Looking back" not in client.get(start).content.decode()
    nothing = client.get(reverse("annotations:item-last", args=[project.slug, campaign.pk]))
    assert nothing.url == start


def test_checks_stand_in_the_walk_as_work_does_and_training_does_not(project, owner, ann):
    campaign = campaign_of(project, owner, 3)
    make_gold(campaign.items.first(), owner, kind="training")
    gold = make_gold(campaign.items.get(position=2), owner)
    campaign.refresh_from_db()
    campaign.checks["gold_percent"] = 100
    campaign.save()
    done = [submit(lease(campaign, ann)) for _ in range(3)]
    assert [one.item.kind for one in done] == ["training", "gold", "work"]
    assert done[1].item == gold
    assert neighbours_of(assignment_for(ann, done[2].pk)) == (done[1].pk, None)
    assert neighbours_of(assignment_for(ann, done[1].pk)) == (None, done[2].pk)
    # Where people are told what is right, gold has a page of feedback, as training has.
    campaign.checks["tells_gold"] = True
    campaign.save()
    assert neighbours_of(assignment_for(ann, done[2].pk)) == (None, None)


def test_the_page_shows_texts_and_answer_and_until_when_it_can_be_taken_back(
    client, project, owner, ann, django_assert_max_num_queries
):
    campaign = make_campaign(project, owner, reveals_policies=True)
    assignment = submit(lease(campaign, ann))
    client.force_login(ann)
    with django_assert_max_num_queries(18):
        page = client.get(f"/annotate/{assignment.pk}/")
    words = page.content.decode()
    marked = shown_outputs(assignment)["A"].messages[0]["text"][:5]
    assert [list(row.lines) for row in page.context["said"]] == [
        [("Response A", "6 of 7: Very good: hardly a fault"), ("Response B", "2 of 7: Bad: misses the point")],
        [("Responses A and B", "A is better")],
        [("Response A", f"“{marked}”: Factual error, major"), ("Response B", "Nothing marked")],
    ]
    assert "secret-policy" not in words
    data = json.loads(words.split('id="looked-back" type="application/json">')[1].split("</script>")[0])
    assert {output["messages"][0]["text"] for output in data["outputs"]} == {"Paris is the capital.", "It is Lyon."}
    assert data["answer"]["errors"][0]["end"] == 5
    assert "You can take it back until" in words
    assert "Undo submit" in words

    Campaign.objects.update(undo_minutes=0)
    later = client.get(f"/annotate/{assignment.pk}/").content.decode()
    assert "It could be taken back until" in later
    assert "Undo submit" not in later
    assert "secret-policy-0" in later


def test_what_was_entered_before_a_skip_is_shown_and_taken_up_in_place_of_the_item_in_work(client, project, owner, ann):
    campaign = make_campaign(project, owner, items=2)
    skipped = lease(campaign, ann)
    save_draft(assignment=skipped, answer={"overall": {"A": 7}}, revision=0)
    skip_item(assignment=skipped, reason="I cannot judge this topic")
    in_work = lease(campaign, ann)
    save_draft(assignment=in_work, answer={"overall": {"B": 3}}, revision=0)
    client.force_login(ann)
    page = client.get(f"/annotate/{skipped.pk}/")
    assert page.context["said"][0].lines == [("Response A", "7 of 7: Could not be better")]
    assert "I cannot judge this topic" in page.content.decode()

    client.post(f"/annotate/{skipped.pk}/resume/")
    skipped.refresh_from_db()
    in_work.refresh_from_db()
    assert (skipped.status, in_work.status, in_work.draft.answer) == ("leased", "released", {"overall": {"B": 3}})


def test_where_an_item_cannot_be_taken_up_again_the_one_in_work_stays(project, owner, ann):
    campaign = make_campaign(project, owner, items=2)
    skipped = lease(campaign, ann)
    skip_item(assignment=skipped, reason="")
    in_work = lease(campaign, ann)
    CampaignItem.objects.filter(pk=skipped.item_id).update(withdrawn_at=timezone.now(), withdrawn_reason="Broken.")
    with pytest.raises(AppError) as refused:
        take_up_again(assignment=assignment_for(ann, skipped.pk))
    assert refused.value.code == "item_withdrawn"
    in_work.refresh_from_db()
    assert in_work.status == "leased"


def test_people_are_told_only_where_the_campaign_says_so_and_the_submit_stands_for_good(client, project, owner, ann):
    campaign = campaign_of(project, owner, 3, reveals_policies=True)
    assignment = submit(lease(campaign, ann))
    assert told(assignment) is None
    # It may be opened again, and the submit taken back then.
    close_campaign(campaign=campaign, actor=owner)
    assert told(assignment) is None
    open_campaign(campaign=campaign, actor=owner)
    Campaign.objects.update(undo_minutes=0)
    names = {label: output.policy.name for label, output in shown_outputs(assignment).items()}
    assert told(assignment) == names
    client.force_login(ann)
    data = client.get(f"/api/v1/assignments/{assignment.pk}").json()
    assert (data["policies"], data["answer"]) == (names, {"overall": {"A": 4, "B": 4}})
    # Not of what is in work or skipped; and of nothing where it is switched off.
    in_work = lease(campaign, ann)
    assert "secret-policy" not in client.get(f"/api/v1/assignments/{in_work.pk}").content.decode()
    skip_item(assignment=in_work, reason="")
    assert "secret-policy" not in client.get(f"/annotate/{in_work.pk}/").content.decode()
    Campaign.objects.update(reveals_policies=False)
    assert told(assignment) is None
    assert "secret-policy" not in client.get(f"/annotate/{assignment.pk}/").content.decode()


@pytest.mark.parametrize("settings", [{"repeat_percent": 5}, {"kinds": ["gold"]}, {"kinds": ["attention"]}])
def test_where_checks_or_repeats_are_mixed_in_nobody_is_told_before_the_campaign_is_closed(
    project, owner, ann, settings
):
    campaign = campaign_of(project, owner, 2, reveals_policies=True, undo_minutes=0)
    assignment = submit(lease(campaign, ann))
    Campaign.objects.update(checks=settings)
    assert told(assignment) is None
    campaign.refresh_from_db()
    pause_campaign(campaign=campaign, actor=owner)
    assert told(assignment) is None
    close_campaign(campaign=campaign, actor=owner)
    assert told(assignment) is not None


def test_nobody_is_told_of_responses_that_another_item_may_still_put_to_them(project, owner, ann):
    campaign = campaign_of(project, owner, 1, reveals_policies=True, undo_minutes=0)
    assignment = submit(lease(campaign, ann))
    assert told(assignment) is not None
    # Another campaign over the same outputs, not opened yet.
    again = make_campaign(
        project, owner, items=0, questions=RATING, name="Again", is_open=False, undo_minutes=0
    )  # fmt: skip
    assert told(assignment) is None
    open_campaign(campaign=again, actor=owner)
    other = lease(again, ann)
    assert told(assignment) is None
    skip_item(assignment=other, reason="")
    assert told(assignment) is None
    take_up_again(assignment=assignment_for(ann, other.pk))
    Campaign.objects.filter(pk=again.pk).update(undo_minutes=15)
    submit(other)
    # It could be taken back and answered anew.
    assert told(assignment) is None
    Campaign.objects.filter(pk=again.pk).update(undo_minutes=0)
    assert told(assignment) is not None
    # One response in common is enough, until the item is withdrawn.
    item = CampaignItem.objects.create(project=project, campaign=again, task=assignment.item.task, position=9)
    shared = Output.objects.get(pk=assignment.order[0])
    CampaignItemOutput.objects.create(item=item, output=shared, position=1)
    assert told(assignment) is None
    CampaignItem.objects.filter(pk=item.pk).update(withdrawn_at=timezone.now())
    assert told(assignment) is not None


def test_who_leads_and_answers_as_well_is_told_once_the_item_is_settled(project, owner):
    campaign = campaign_of(project, owner, 1, reveals_policies=True, undo_minutes=0, overlap=2)
    assignment = submit(lease(campaign, owner))
    assert told(assignment) is None
    Adjudication.objects.create(
        project=project, campaign=campaign, item=assignment.item, protocol=campaign.protocol,
        rater_id=assignment_for(owner, assignment.pk).rater_id, adjudicator=owner, idempotency_key="k",
        act="00000000-0000-0000-0000-000000000001", answer={}, lanes=[], method="own",
    )  # fmt: skip
    assert told(assignment) is not None


def test_the_setting_is_made_with_the_campaign_by_api(client, project, owner):
    made = campaign_of(project, owner, 1)
    assert made.reveals_policies is False
    client.force_login(owner)
    body = {"name": "Told", "protocol": {"questions": PRESETS["full"].questions}, "reveals_policies": True}
    answer = client.post(f"/api/v1/projects/{project.slug}/campaigns", json.dumps(body), "application/json").json()
    assert answer["reveals_policies"] is True
    assert Campaign.objects.get(pk=answer["id"]).reveals_policies is True
