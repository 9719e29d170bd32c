"""Who is given which item: the order of the queue, named people, skills, withdrawn items and the deadline."""

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item, release_item, renew_lease
from annotations.actions.plan import change_plan, set_skills
from annotations.actions.plan_items import free_items_of_leavers, restore_item, set_items, share_out, withdraw_item
from annotations.actions.submission import submit_answer
from annotations.models import Campaign, Draft, ReservedItem
from annotations.next_item import still_to_come
from projects.errors import AppError
from projects.models import AuditEvent, Membership, Role
from rewards.models import Task
from tests.annotations.campaigns import full_answer, make_campaign
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("lab", owner=owner)


def annotator(project, name):
    person = make_user(name)
    Membership.objects.create(project=project, user=person, role=Role.ANNOTATOR)
    return person


def positions(campaign, count, user=None):
    """Of the items that so many people are granted, one after the other; or of one person's, given back unseen."""
    campaign = Campaign.objects.select_related("protocol", "plan").get(pk=campaign.pk)
    return [lease_next_item(campaign=campaign, user=user or make_user()).item.position for _ in range(count)]


def test_a_random_order_is_the_one_that_the_campaigns_seed_draws(project, owner):
    campaign = make_campaign(project, owner, items=5)
    change_plan(campaign=campaign, actor=owner, order="random")
    # By hand: 52 bits of the MD5 of "seed:id", the smallest first.
    expected = sorted(
        campaign.items.all(), key=lambda item: hashlib.md5(f"{campaign.seed}:{item.pk}".encode()).hexdigest()[:13]
    )
    assert positions(campaign, 5) == [item.position for item in expected]


def test_the_highest_priority_is_asked_first_and_equal_ones_in_the_order_of_import(project, owner):
    campaign = make_campaign(project, owner, items=4)
    change_plan(campaign=campaign, actor=owner, order="priority")
    set_items(campaign=campaign, actor=owner, rows=[{"position": 3, "priority": 9}, {"position": 4, "priority": -1.5}])
    assert positions(campaign, 4) == [3, 1, 2, 4]


def test_priority_never_asks_twice_before_everything_was_asked_once(project, owner):
    campaign = make_campaign(project, owner, items=2, overlap=2)
    change_plan(campaign=campaign, actor=owner, order="priority")
    set_items(campaign=campaign, actor=owner, rows=[{"position": 2, "priority": 5}])
    assert positions(campaign, 4) == [2, 1, 2, 1]


def test_items_that_cannot_be_set_are_named_row_by_row_and_nothing_is_set(project, owner):
    campaign = make_campaign(project, owner, items=2)
    rows = [
        {"position": 1, "priority": 3},
        {"position": 9, "priority": 1},
        {"task": "none"},
        {"position": 2, "priority": float("nan"), "people": ["nobody"]},
    ]
    with pytest.raises(AppError) as refused:
        set_items(campaign=campaign, actor=owner, rows=rows)
    assert sorted(refused.value.fields) == ["rows.1.item", "rows.2.item", "rows.3.people", "rows.3.priority"]
    assert set(campaign.items.values_list("priority", flat=True)) == {0.0}


def test_of_two_rows_for_one_item_the_later_holds_and_what_neither_names_stays(project, owner):
    annotator(project, "ann")
    campaign = make_campaign(project, owner, items=2)
    first, second = campaign.items.select_related("task").order_by("position")
    rows = [{"position": 1, "priority": 3, "skills": ["law"]}, {"task": first.task.external_id, "priority": 4}]
    assert set_items(campaign=campaign, actor=owner, rows=rows) == 1
    set_items(campaign=campaign, actor=owner, rows=[{"position": 1, "people": ["ann", "ann"]}])
    first.refresh_from_db()
    assert (first.priority, first.skills, first.is_reserved) == (4, ["law"], True)
    assert ReservedItem.objects.get().item == first
    set_items(campaign=campaign, actor=owner, rows=[{"position": 1, "skills": [], "people": []}])
    first.refresh_from_db()
    assert (first.priority, first.skills, first.is_reserved) == (4, [], False)
    assert not second.is_reserved
    with pytest.raises(AppError, match="No item of this campaign"):
        set_items(campaign=campaign, actor=owner, rows=[{"position": 2**40}])


def test_setting_and_sharing_cost_the_same_however_many_items_there_are(project, owner, django_assert_max_num_queries):
    ann = annotator(project, "ann")
    campaign = make_campaign(project, owner, items=8)
    with django_assert_max_num_queries(14):
        set_items(campaign=campaign, actor=owner, rows=[{"position": n, "people": ["ann"]} for n in range(1, 9)])
    with django_assert_max_num_queries(12):
        share_out(campaign=campaign, actor=owner, people=[ann])
    assert ReservedItem.objects.count() == 8


def test_skills_of_several_people_are_kept_all_or_none(project, owner):
    ann, ben = annotator(project, "ann"), annotator(project, "ben")
    with pytest.raises(AppError) as refused:
        set_skills(project=project, actor=owner, skills={ann: ["law"], ben: ["x" * 101]})
    assert list(refused.value.fields) == [f"skills-{ben.pk}"]
    assert not ann.skills.exists()


def test_an_item_kept_for_somebody_is_theirs_first_and_nobody_elses(project, owner):
    ann, ben = annotator(project, "ann"), annotator(project, "ben")
    campaign = make_campaign(project, owner, items=2)
    set_items(campaign=campaign, actor=owner, rows=[{"position": 2, "people": ["ann"]}])
    assert positions(campaign, 1, ben) == [1]
    assert positions(campaign, 1, ann) == [2]
    assert positions(make_campaign(project, owner, items=0, name="Other"), 1, ben) == [1]
    campaign = Campaign.objects.select_related("plan").get(pk=campaign.pk)
    assert not still_to_come(annotator(project, "cat"), campaign).filter(is_reserved=True).exists()


def test_sharing_out_gives_everybody_equally_many_and_each_item_its_overlap(project, owner):
    people = [annotator(project, name) for name in ("ann", "ben", "cat")]
    campaign = make_campaign(project, owner, items=6, overlap=2)
    assert share_out(campaign=campaign, actor=owner, people=people) == {"ann": 4, "ben": 4, "cat": 4}
    assert ReservedItem.objects.filter(item__campaign=campaign).count() == 12
    share_out(campaign=campaign, actor=owner, people=[])
    assert positions(campaign, 1, make_user()) == [1]
    with pytest.raises(AppError) as refused:
        share_out(campaign=campaign, actor=owner, people=people[:1])
    assert refused.value.code == "people_too_few"


def test_items_kept_for_a_removed_member_are_freed_and_the_log_says_so(project, owner):
    ann = annotator(project, "ann")
    campaign = make_campaign(project, owner, items=1)
    share_out(campaign=campaign, actor=owner, people=[ann])
    assert free_items_of_leavers(campaign) == 0
    Membership.objects.filter(user=ann).delete()
    assert free_items_of_leavers(campaign) == 1
    assert positions(campaign, 1, annotator(project, "ben")) == [1]
    assert AuditEvent.objects.filter(verb="campaign.items_freed").exists()


def test_who_lacks_a_skill_that_an_item_asks_for_is_not_given_it(project, owner):
    ann, ben = annotator(project, "ann"), annotator(project, "ben")
    campaign = make_campaign(project, owner, items=2)
    first = campaign.items.get(position=1)
    Task.objects.filter(pk=first.task_id).update(tags=["french", "law"])
    change_plan(campaign=campaign, actor=owner, skill_tags=["french", "law"])
    first.refresh_from_db()
    assert sorted(first.skills) == ["french", "law"]
    set_skills(project=project, actor=owner, skills={ann: ["law", " french ", ""], ben: ["law"]})
    assert positions(campaign, 1, ben) == [2]
    assert positions(campaign, 1, ann) == [1]


def test_whoever_holds_a_withdrawn_item_is_told_and_keeps_the_draft(project, owner):
    ann = annotator(project, "ann")
    campaign = make_campaign(project, owner, items=2)
    held = lease_next_item(campaign=campaign, user=ann)
    save_draft(assignment=held, answer={"overall": {"A": 3}}, revision=0)
    withdraw_item(item=held.item, actor=owner, reason="The prompt is cut off.")
    for attempt in (
        lambda: renew_lease(assignment=held),
        lambda: submit_answer(assignment=held, key="k", answer=full_answer(held)),
    ):
        with pytest.raises(AppError) as refused:
            attempt()
        assert (refused.value.code, refused.value.status) == ("item_withdrawn", 409)
        assert "The prompt is cut off." in refused.value.message
    assert Draft.objects.get(assignment=held).answer == {"overall": {"A": 3}}
    campaign.refresh_from_db()
    assert campaign.item_count == 1
    assert positions(campaign, 1, ann) == [2]
    restore_item(item=held.item, actor=owner)
    assert positions(campaign, 1, annotator(project, "ben")) == [1]


def test_an_item_is_not_withdrawn_without_a_reason(project, owner):
    campaign = make_campaign(project, owner)
    with pytest.raises(AppError) as refused:
        withdraw_item(item=campaign.items.get(), actor=owner, reason=" ")
    assert refused.value.code == "reason_needed"


def test_after_the_deadline_nothing_new_is_given_out_and_work_can_be_finished(project, owner):
    ann = annotator(project, "ann")
    campaign = make_campaign(project, owner, items=2)
    held = lease_next_item(campaign=campaign, user=ann)
    change_plan(campaign=campaign, actor=owner, deadline=timezone.now() - timedelta(minutes=1))
    campaign = Campaign.objects.select_related("plan", "protocol").get(pk=campaign.pk)
    assert lease_next_item(campaign=campaign, user=ann) == held
    with pytest.raises(AppError) as refused:
        lease_next_item(campaign=campaign, user=annotator(project, "ben"))
    assert refused.value.code == "deadline_passed"
    submit_answer(assignment=held, key="k", answer=full_answer(held))
    with pytest.raises(AppError):
        lease_next_item(campaign=campaign, user=ann)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"order": "best"}, "order"),
        ({"order": "active"}, "strategy"),
        ({"order": "active", "strategy": "margin"}, "scorer"),
        ({"pay_per": "hour"}, "pay_amount"),
        ({"rerank_every": 0}, "rerank_every"),
    ],
)
def test_a_plan_that_cannot_be_followed_names_the_field(project, owner, changes, field):
    campaign = make_campaign(project, owner)
    with pytest.raises(AppError) as refused:
        change_plan(campaign=campaign, actor=owner, **changes)
    assert list(refused.value.fields) == [field]


def test_a_released_item_keeps_its_place(project, owner):
    campaign = make_campaign(project, owner, items=2)
    change_plan(campaign=campaign, actor=owner, order="priority")
    set_items(campaign=campaign, actor=owner, rows=[{"position": 2, "priority": 1}])
    campaign = Campaign.objects.select_related("plan", "protocol").get(pk=campaign.pk)
    held = lease_next_item(campaign=campaign, user=make_user())
    release_item(assignment=held)
    assert positions(campaign, 1) == [2]
