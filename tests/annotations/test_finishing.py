"""Those who lead a campaign are told once that all of it is answered, and once more after it has grown."""

import pytest

from annotations.actions.campaign_settings import add_tasks, change_campaign
from annotations.actions.finishing import tell_of_answered_campaigns
from annotations.actions.lease import lease_next_item
from annotations.actions.plan_items import withdraw_item
from annotations.actions.submission import submit_answer, undo_submission
from annotations.models import Campaign
from projects.models import Notification
from projects.notices import line_of
from tests.annotations.campaigns import full_answer, make_campaign, make_item_outputs
from tests.projects.conftest import *  # noqa: F403 - the people and their browsers


@pytest.fixture
def campaign(cast):
    return make_campaign(cast.project, cast.owner, items=2, name="Both")


def answer(campaign, person):
    held = lease_next_item(campaign=Campaign.objects.get(pk=campaign.pk), user=person)
    submit_answer(assignment=held, key=f"{person}-{held.pk}", answer=full_answer(held))
    return held


def told():
    return sorted(notice.user.username for notice in Notification.objects.filter(kind="campaign.answered"))


def test_leads_are_told_once_when_the_last_answer_is_there(cast, campaign):
    first = answer(campaign, cast.annotator)
    assert tell_of_answered_campaigns() == 0
    undo_submission(assignment=first)
    submit_answer(assignment=first, key="again", answer=full_answer(first))
    answer(campaign, cast.annotator)
    assert (tell_of_answered_campaigns(), tell_of_answered_campaigns()) == (1, 0)
    assert told() == ["manager", "owner"]
    notice = Notification.objects.filter(kind="campaign.answered").first()
    assert line_of(notice) == "Every item of “Both” in Quill is answered: 2 answers."
    assert notice.url.endswith(f"/campaigns/{campaign.pk}/quality/")


def test_after_more_tasks_or_people_they_are_told_once_more(cast, campaign):
    for _ in range(2):
        answer(campaign, cast.annotator)
    tell_of_answered_campaigns()
    make_item_outputs(cast.project, ["Yes, it is.", "No, it is not."])
    add_tasks(campaign=Campaign.objects.get(pk=campaign.pk), actor=cast.owner)
    assert tell_of_answered_campaigns() == 0
    answer(campaign, cast.annotator)
    assert tell_of_answered_campaigns() == 1
    change_campaign(campaign=Campaign.objects.get(pk=campaign.pk), actor=cast.owner, overlap=2)
    assert tell_of_answered_campaigns() == 0


def test_answers_to_a_withdrawn_item_do_not_stand_for_those_that_are_missing(cast, campaign):
    held = answer(campaign, cast.annotator)
    withdraw_item(item=held.item, actor=cast.owner, reason="Cut off")
    # One item is left, and one answer was given: to the other one.
    assert tell_of_answered_campaigns() == 0
    answer(campaign, cast.annotator)
    assert tell_of_answered_campaigns() == 1
