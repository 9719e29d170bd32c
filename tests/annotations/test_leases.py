"""Who gets which item, and for how long."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from annotations.actions.campaign import close_campaign, pause_campaign
from annotations.actions.lease import expire_leases, lease_next_item, regain_item, release_item, renew_lease, skip_item
from annotations.models import Assignment, Campaign, CampaignItem, CampaignProgress
from projects.errors import AppError
from tests.annotations.campaigns import make_campaign
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("lab", owner=owner)


def let_run_out(assignment):
    Assignment.objects.filter(pk=assignment.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def granted(campaign):
    return list(campaign.items.order_by("position").values_list("granted_count", flat=True))


def test_the_next_item_is_leased_with_an_order_that_is_kept(project, owner):
    campaign = make_campaign(project, owner, items=2)
    assignment = lease_next_item(campaign=campaign, user=make_user())
    assert assignment.status == "leased"
    assert assignment.item.position == 1
    outputs = set(assignment.item.item_outputs.values_list("output_id", flat=True))
    assert set(assignment.order) == outputs
    assert len(assignment.order) == 2
    assert assignment.protocol == campaign.protocol
    assert granted(campaign) == [1, 0]


def test_a_person_has_one_item_in_work_and_gets_it_again(project, owner):
    campaign, ann = make_campaign(project, owner, items=2), make_user()
    first = lease_next_item(campaign=campaign, user=ann)
    again = lease_next_item(campaign=campaign, user=ann)
    assert again == first
    assert granted(campaign) == [1, 0]


def test_orders_differ_between_people_and_items_but_not_between_looks(project, owner):
    campaign = make_campaign(project, owner, items=1, overlap=40)
    orders: Counter[tuple[int, ...]] = Counter()
    for _ in range(40):
        assignment = lease_next_item(campaign=campaign, user=make_user())
        orders[tuple(assignment.order)] += 1
    # Two outputs: 40 fair draws. P(fewer than 8 of either) < 1e-4, and the draws are fixed by no test seed.
    assert len(orders) == 2
    assert min(orders.values()) >= 8


def test_nobody_is_granted_an_item_beyond_the_overlap(project, owner):
    campaign = make_campaign(project, owner, items=1, overlap=2)
    assert lease_next_item(campaign=campaign, user=make_user()) is not None
    assert lease_next_item(campaign=campaign, user=make_user()) is not None
    assert lease_next_item(campaign=campaign, user=make_user()) is None


def test_everything_is_covered_once_before_anything_is_covered_twice(project, owner):
    campaign = make_campaign(project, owner, items=2, overlap=2)
    positions = [lease_next_item(campaign=campaign, user=make_user()).item.position for _ in range(4)]
    assert positions == [1, 2, 1, 2]


def test_a_lease_that_ran_out_goes_to_someone_else(project, owner):
    campaign, slow, quick = make_campaign(project, owner), make_user(), make_user()
    held = lease_next_item(campaign=campaign, user=slow)
    assert lease_next_item(campaign=campaign, user=quick) is None
    let_run_out(held)
    taken = lease_next_item(campaign=campaign, user=quick)
    assert taken.item == held.item
    held.refresh_from_db()
    assert held.status == "expired"
    assert granted(campaign) == [1]
    with pytest.raises(AppError) as refused:
        renew_lease(assignment=held)
    assert refused.value.code == "lease_lost"
    assert refused.value.status == 409


def test_a_lease_that_ran_out_unnoticed_is_simply_renewed(project, owner):
    campaign, ann = make_campaign(project, owner), make_user()
    held = lease_next_item(campaign=campaign, user=ann)
    let_run_out(held)
    renew_lease(assignment=held)
    assert expire_leases(campaign=campaign) == 0
    assert granted(campaign) == [1]


def test_an_expired_item_that_is_still_free_can_be_taken_up_again(project, owner):
    campaign, ann = make_campaign(project, owner), make_user()
    held = lease_next_item(campaign=campaign, user=ann)
    let_run_out(held)
    assert expire_leases(campaign=campaign) == 1
    assert granted(campaign) == [0]
    renew_lease(assignment=held)
    held.refresh_from_db()
    assert held.status == "leased"
    assert granted(campaign) == [1]


def test_a_released_item_is_free_at_once_and_keeps_its_order_for_the_same_person(project, owner):
    campaign, ann, ben = make_campaign(project, owner), make_user(), make_user()
    held = lease_next_item(campaign=campaign, user=ann)
    assert release_item(assignment=held)
    assert not release_item(assignment=held)
    assert granted(campaign) == [0]
    again = lease_next_item(campaign=campaign, user=ann)
    assert (again.pk, again.order) == (held.pk, held.order)
    release_item(assignment=again)
    assert lease_next_item(campaign=campaign, user=ben) is not None


def test_a_skipped_item_says_why_and_does_not_come_back_by_itself(project, owner):
    campaign, ann = make_campaign(project, owner, items=2), make_user()
    held = lease_next_item(campaign=campaign, user=ann)
    skip_item(assignment=held, reason="I do not read French.")
    assert granted(campaign) == [0, 0]
    assert lease_next_item(campaign=campaign, user=ann).item.position == 2
    held.refresh_from_db()
    assert (held.status, held.reason) == ("skipped", "I do not read French.")
    assert CampaignProgress.objects.get(user=ann).skipped_count == 1
    with pytest.raises(AppError) as refused:
        skip_item(assignment=held, reason="")
    assert refused.value.code == "not_in_work"


def test_a_skip_can_be_taken_back(project, owner):
    campaign, ann = make_campaign(project, owner), make_user()
    held = lease_next_item(campaign=campaign, user=ann)
    skip_item(assignment=held, reason="")
    regain_item(assignment=held)
    held.refresh_from_db()
    assert held.status == "leased"
    assert granted(campaign) == [1]
    assert CampaignProgress.objects.get(user=ann).skipped_count == 0


def test_an_item_cannot_be_taken_up_beside_another_one(project, owner):
    campaign, ann = make_campaign(project, owner, items=2), make_user()
    skipped = lease_next_item(campaign=campaign, user=ann)
    skip_item(assignment=skipped, reason="")
    lease_next_item(campaign=campaign, user=ann)
    with pytest.raises(AppError) as refused:
        regain_item(assignment=skipped)
    assert refused.value.code == "other_item_open"


def test_a_paused_campaign_gives_nothing_new_but_lets_people_finish(project, owner):
    campaign, ann = make_campaign(project, owner, items=2), make_user()
    held = lease_next_item(campaign=campaign, user=ann)
    pause_campaign(campaign=campaign, actor=owner)
    assert lease_next_item(campaign=campaign, user=ann) == held
    with pytest.raises(AppError) as refused:
        lease_next_item(campaign=campaign, user=make_user())
    assert refused.value.code == "campaign_paused"


def test_a_closed_campaign_gives_nothing(project, owner):
    campaign, ann = make_campaign(project, owner), make_user()
    lease_next_item(campaign=campaign, user=ann)
    close_campaign(campaign=campaign, actor=owner)
    with pytest.raises(AppError) as refused:
        lease_next_item(campaign=campaign, user=ann)
    assert refused.value.code == "campaign_closed"


def test_a_draft_begun_under_older_questions_is_finished_under_them(project, owner):
    from annotations.actions.campaign import ProtocolContent, revise_protocol
    from annotations.actions.draft import save_draft
    from annotations.protocols.presets import PRESETS

    campaign, ann = make_campaign(project, owner, items=2), make_user()
    begun = lease_next_item(campaign=campaign, user=ann)
    save_draft(assignment=begun, answer={"overall": {"A": 3}}, revision=0)
    release_item(assignment=begun)
    newer = revise_protocol(
        campaign=campaign, actor=owner, protocol=ProtocolContent(questions=PRESETS["rating"].questions)
    )
    again = lease_next_item(campaign=Campaign.objects.get(pk=campaign.pk), user=ann)
    assert again.pk == begun.pk
    assert again.protocol.number == 1
    other = lease_next_item(campaign=Campaign.objects.get(pk=campaign.pk), user=make_user())
    assert other.protocol == newer


def _at_once(functions):
    """Run the functions in threads that start together, and return what they gave; each has its own connection."""
    barrier = threading.Barrier(len(functions))
    results: list[object] = [None] * len(functions)

    def run(index, function):
        try:
            barrier.wait()
            results[index] = function()
        except Exception as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
def test_32_people_at_once_are_never_granted_more_than_the_overlap(project, owner):
    # 10 items x 3 people = 30 places for 32 people: all 30 are given, none twice, two people get nothing.
    campaign = make_campaign(project, owner, items=10, overlap=3)
    people = [make_user() for _ in range(32)]
    results = _at_once([lambda user=user: lease_next_item(campaign=campaign, user=user) for user in people])
    assert not [result for result in results if isinstance(result, Exception)]
    given = Counter(result.item_id for result in results if result is not None)
    assert sum(given.values()) == 30
    assert set(given.values()) == {3}
    assert granted(campaign) == [3] * 10


@pytest.mark.django_db(transaction=True)
def test_two_tabs_of_one_person_get_the_same_item(project, owner):
    campaign, ann = make_campaign(project, owner, items=8), make_user()
    results = _at_once([lambda: lease_next_item(campaign=campaign, user=ann)] * 8)
    assert {result.pk for result in results} == {results[0].pk}
    assert sum(granted(campaign)) == 1


@pytest.mark.django_db(transaction=True)
def test_giving_back_and_taking_at_once_keeps_the_counts(project, owner):
    campaign = make_campaign(project, owner, items=3, overlap=2)
    people = [make_user() for _ in range(12)]

    def work(user):
        for _ in range(4):
            assignment = lease_next_item(campaign=campaign, user=user)
            if assignment is not None:
                release_item(assignment=assignment)
        return True

    results = _at_once([lambda user=user: work(user) for user in people])
    assert results == [True] * 12
    assert granted(campaign) == [0, 0, 0]
    assert not CampaignItem.objects.filter(assignments__status="leased").exists()
