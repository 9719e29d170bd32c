"""A study of the order: what comes second is refused before the first part is finished, and the true order is kept."""

from datetime import datetime

import pytest
from django.utils import timezone

from annotations.access import assignment_for
from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item
from annotations.actions.plan import change_plan
from annotations.actions.submission import submit_answer, undo_submission
from annotations.answering_page import annotate_page
from annotations.looking_back import looking_back_page, submitted_data
from annotations.models import Assignment, Campaign, Draft
from projects.errors import AppError
from rewards.models import Judgment
from tests.annotations.campaigns import full_answer, make_campaign
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db

SECOND = {"sparse_first": ["errors"], "dense_first": ["overall", "preference"]}


@pytest.fixture
def held():
    """An item whose ratings and comparison come first."""
    return item_in("sparse_first")


def item_in(sequence):
    olga, ann = make_user("olga"), make_user("ann")
    project = make_project("lab", owner=olga)
    project.memberships.create(user=ann, role="annotator")
    campaign = make_campaign(project, olga)
    change_plan(campaign=campaign, actor=olga, arms={"sequence": ["sparse_first", "dense_first"]})
    found = lease_next_item(campaign=Campaign.objects.select_related("plan").get(pk=campaign.pk), user=ann)
    Assignment.objects.filter(pk=found.pk).update(arm={"sequence": sequence})
    return assignment_for(ann, found.pk)


def first_of(held):
    answer = full_answer(held)
    return {key: value for key, value in answer.items() if key not in SECOND[held.arm["sequence"]]}


def finish(held, answer=None, revision=0):
    return save_draft(assignment=held, answer=answer or first_of(held), revision=revision, first_finished=True)


@pytest.mark.parametrize("sequence", SECOND)
def test_the_second_part_is_refused_by_its_questions_until_the_first_is_finished(sequence):
    held = item_in(sequence)
    whole = full_answer(held)
    # Empty answers to what waits are those of a page that was not touched there.
    untouched = dict.fromkeys(SECOND[sequence], {} if sequence == "dense_first" else [])
    save_draft(assignment=held, answer={**first_of(held), **untouched}, revision=0)
    for early in (
        lambda: save_draft(assignment=held, answer=whole, revision=1),
        lambda: submit_answer(assignment=held, key="k", answer=whole),
        # Nor by claiming what is the server's to say.
        lambda: submit_answer(assignment=held, key="k", answer=whole | {"@stages": {"finished_at": "2020-01-01"}}),
    ):
        with pytest.raises(AppError) as refused:
            early()
        assert (refused.value.code, [*refused.value.fields]) == ("first_part_open", SECOND[sequence])
    if sequence == "sparse_first":
        # What is said of a model's span is dense as well.
        with pytest.raises(AppError) as refused:
            save_draft(assignment=held, answer={"@marks": {"1": {"decision": "accepted"}}}, revision=1)
        assert [*refused.value.fields] == ["@marks"]
    assert annotate_page(assignment_for(held.user, held.pk))["data"]["later"] == SECOND[sequence]
    finish(held, revision=1)
    held = assignment_for(held.user, held.pk)
    data = annotate_page(held)["data"]
    assert (data["later"], data["draft"]["answer"]) == ([], first_of(held))
    save_draft(assignment=held, answer=whole, revision=2)
    submit_answer(assignment=held, key="k", answer=whole)
    assert Judgment.objects.filter(presentation__stages__first_changed=False).count() == 5


def test_what_the_first_part_said_when_it_was_finished_is_kept_with_whether_it_was_changed_since(held):
    before = timezone.now()
    finish(held)
    changed = {**full_answer(held), "overall": {"A": 1, "B": 2}}
    # Said again later, it is not finished anew.
    save_draft(assignment=held, answer=changed, revision=1, first_finished=True)
    done = submit_answer(assignment=held, key="k", answer=changed)
    kept = done.submission.answer["@stages"]
    assert (kept["first"], kept["first_changed"]) == (first_of(held), True)
    assert before <= datetime.fromisoformat(kept["finished_at"]) <= done.submission.created_at
    told = {"finished_at": kept["finished_at"], "first_changed": True}
    assert [row.presentation["stages"] for row in Judgment.objects.filter(act=done.submission.act)] == [told] * 5
    # The same submit again is the same submit.
    again = submit_answer(assignment=assignment_for(held.user, held.pk), key="k", answer=changed)
    assert again.submission == done.submission
    # The record is the server's: whoever looks back reads what they said, and nothing else.
    mine = assignment_for(held.user, held.pk)
    assert submitted_data(mine)["answer"] == looking_back_page(mine, None)["data"]["answer"] == changed


def test_a_submit_that_is_taken_back_is_still_in_its_second_part_and_remembers_the_first(held):
    finish(held)
    done = submit_answer(assignment=held, key="k", answer=full_answer(held))
    undo_submission(assignment=assignment_for(held.user, held.pk))
    held = assignment_for(held.user, held.pk)
    assert annotate_page(held)["data"]["later"] == []
    changed = {**full_answer(held), "preference": {"A-B": "B"}}
    again = submit_answer(assignment=held, key="l", answer=changed).submission.answer["@stages"]
    assert again == done.submission.answer["@stages"] | {"first_changed": True}


def test_a_draft_whose_second_part_was_begun_before_anybody_asked_goes_on_without_a_time(held):
    Draft.objects.create(assignment=held, answer=full_answer(held), revision=1, saved_at=timezone.now())
    save_draft(assignment=held, answer=full_answer(held), revision=1)
    done = submit_answer(assignment=held, key="k", answer=full_answer(held))
    assert done.submission.answer["@stages"] == {"finished_at": None}
