"""Finding items of a campaign: by words, by how far they are, by kind, and by who has to do with them."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from annotations.actions.gold import make_check
from annotations.actions.lease import skip_item
from annotations.actions.plan_items import withdraw_item
from annotations.actions.submission import submit_answer
from annotations.models import Assignment, CampaignItem
from tests.annotations.campaigns import full_answer, make_campaign, make_item_outputs
from tests.factories import make_user
from tests.projects.conftest import *  # noqa: F403 - the people and their browsers


@pytest.fixture
def ben(cast):
    person = make_user("ben")
    cast.project.memberships.create(user=person, role="annotator")
    return person


@pytest.fixture
def campaign(cast, ben):
    """Six items: 1 answered by both, 2 skipped by one and held by the other, 3 withdrawn, 4 a check, 5 and 6 wait."""
    for number in range(1, 7):
        make_item_outputs(cast.project, ["Yes, it is.", "No, it is not."], prompt=f"Is number{number} a prime?")
    campaign = make_campaign(cast.project, cast.owner, items=0, overlap=2)
    for person in (cast.annotator, ben):
        held = force(campaign, 1, person)
        submit_answer(assignment=held, key=person.username, answer=full_answer(held))
    skip_item(assignment=force(campaign, 2, cast.annotator), reason="I do not read <b>Latin</b>")
    force(campaign, 2, ben)
    withdraw_item(item=campaign.items.get(position=3), actor=cast.owner, reason="Cut off")
    make_check(item=campaign.items.get(position=4), kind="gold", actor=cast.owner)
    return campaign


def force(campaign, position, person):
    """That item in work for that person, whichever would be next."""
    item = campaign.items.get(position=position)
    CampaignItem.objects.filter(pk=item.pk).update(granted_count=item.granted_count + 1)
    return Assignment.objects.create(
        project=campaign.project,
        campaign=campaign,
        item=item,
        user=person,
        seed=1,
        order=list(item.outputs.order_by("item_outputs__position").values_list("pk", flat=True)),
        protocol=campaign.protocol,
        lease_until=timezone.now() + timedelta(minutes=5),
    )


FOUND = (
    ({}, [1, 2, 3, 4, 5, 6]),
    ({"search": "prime number5"}, [5]),
    ({"state": "waiting"}, [2, 5, 6]),
    ({"state": "answered"}, [1]),
    ({"state": "held"}, [2]),
    ({"state": "skipped"}, [2]),
    ({"state": "withdrawn"}, [3]),
    ({"kind": "gold"}, [4]),
    ({"search": "number2", "state": "answered"}, []),
)


def test_items_are_found_by_what_is_asked(campaign):
    for conditions, positions in FOUND:
        found = campaign.items.matching(campaign, **conditions).order_by("position")
        assert (conditions, list(found.values_list("position", flat=True))) == (conditions, positions)


def test_a_person_and_a_state_are_of_the_same_piece_of_work(campaign, cast, ben):
    def found(**conditions):
        items = campaign.items.matching(campaign, **conditions).order_by("position")
        return list(items.values_list("position", flat=True))

    assert found(person=cast.annotator) == found(person=ben) == [1, 2]
    assert found(person=cast.annotator, state="skipped") == [2]
    assert found(person=ben, state="skipped") == []
    assert found(person=ben, state="held") == [2]


def test_the_page_finds_items_and_says_why_somebody_skipped(campaign, cast, browse, django_assert_max_num_queries):
    client = browse(cast.viewer)
    address = f"/p/quill/campaigns/{campaign.pk}/items/"
    with django_assert_max_num_queries(9):
        page = client.get(address, {"state": "skipped"})
    assertContains(page, "I do not read &lt;b&gt;Latin&lt;/b&gt;")
    assertContains(page, "number2")
    assertNotContains(page, "number1")
    part = client.get(address, {"person": "ben", "state": "skipped"}, headers={"HX-Request": "true"})
    assertContains(part, "No item fits.")
    assertNotContains(part, "<html")
    # An old link, or somebody's typing, still opens the list.
    assertContains(client.get(address, {"state": "lost", "person": "stranger", "q": "number6"}), "number6")


def test_programs_find_items_and_are_told_what_cannot_be_looked_for(campaign, cast, browse):
    client = browse(cast.owner)
    address = f"/api/v1/projects/quill/campaigns/{campaign.pk}/items"
    assert [row["position"] for row in client.get(address, {"state": "waiting"}).json()["results"]] == [2, 5, 6]
    wrong = client.get(address, {"state": "lost", "person": "stranger"})
    assert (wrong.status_code, sorted(wrong.json()["fields"])) == (400, ["person", "state"])
