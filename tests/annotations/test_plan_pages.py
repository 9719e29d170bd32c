"""The pages of a campaign's plan: settings, items by file, sharing out, skills, withdrawing, and what is left."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item
from annotations.actions.plan import change_plan
from annotations.actions.reranking import rerank
from annotations.actions.submission import submit_answer
from annotations.forecast import what_is_left
from annotations.models import Campaign, Submission
from projects.models import Membership, Role
from tests.annotations.campaigns import full_answer, make_campaign
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client):
    person = make_user("olga")
    client.force_login(person)
    return person


@pytest.fixture
def project(owner):
    return make_project("lab", owner=owner)


def annotator(project, name):
    person = make_user(name)
    Membership.objects.create(project=project, user=person, role=Role.ANNOTATOR)
    return person


def reloaded(campaign):
    return Campaign.objects.select_related("plan", "protocol", "project").get(pk=campaign.pk)


def at(name, campaign, **more):
    return reverse(f"annotations:{name}", kwargs={"slug": "lab", "pk": campaign.pk, **more})


def settings(**changes):
    return {"order": "in_order", "rerank_every": 10, "arm_unit": "person", "pay_per": "", **changes}


def test_a_plan_is_kept_as_it_was_sent_and_shown_again(client, project, owner):
    campaign = make_campaign(project, owner)
    sent = settings(
        order="random",
        skill_tags="french, law, french",
        sequence="on",
        guidelines="# short\nBe brief.\n\n# long\nTake your time.\nRead twice.",
        pay_per="hour",
        pay_amount="12.5",
        currency="EUR",
        deadline="2030-05-01T12:00",
    )
    assert client.post(at("campaign-plan", campaign), sent).status_code == 302
    plan = reloaded(campaign).plan
    assert (plan.order, plan.skill_tags, plan.pay_amount) == ("random", ["french", "law"], 12.5)
    assert plan.arms["guidelines"][1] == {"name": "long", "text": "Take your time.\nRead twice."}
    page = client.get(at("campaign-plan", campaign)).content.decode()
    assert "# short\nBe brief." in page
    assert "2030-05-01T12:00" in page


def test_what_is_wrong_with_a_plan_stands_beside_its_field(client, project, owner):
    campaign = make_campaign(project, owner)
    for changes, words in (
        ({"order": "active"}, "Expected one of uncertainty"),
        ({"guidelines": "# one\nalone"}, "one alone is no factor"),
        ({"guidelines": "no name"}, "Expected a line"),
        ({"pay_per": "hour"}, "State an amount and what it is for"),
    ):
        page = client.post(at("campaign-plan", campaign), settings(**changes))
        assert page.status_code == 200
        assert words in page.content.decode()
    assert not hasattr(Campaign.objects.get(pk=campaign.pk), "plan") or not reloaded(campaign).plan.arms


def test_items_are_set_from_csv_and_a_bad_line_is_named(client, project, owner):
    annotator(project, "ann")
    campaign = make_campaign(project, owner, items=2)
    rows = "position,priority,skills,people\n2,7.5,law;french,ann\n"
    assert client.post(at("campaign-plan-items", campaign), {"rows": rows}).status_code == 302
    item = campaign.items.get(position=2)
    assert (item.priority, item.skills, item.is_reserved) == (7.5, ["french", "law"], True)
    for bad, words in (
        ("position,priority\n2,high\n", "Line 2, priority: expected a number, got high."),
        ("position,prio\n2,1\n", "Expected a header of position or task"),
        ("position,priority\n9,1\n", "No item of this campaign has this position or task."),
    ):
        page = client.post(at("campaign-plan-items", campaign), {"rows": bad})
        assert words in page.content.decode()


def test_sharing_out_and_skills_by_page(client, project, owner):
    ann, ben = annotator(project, "ann"), annotator(project, "ben")
    campaign = make_campaign(project, owner, items=4)
    client.post(at("campaign-plan-share", campaign), {"people": [ann.pk, ben.pk]})
    client.post(at("campaign-plan-skills", campaign), {f"skills-{ann.pk}": "law, french", f"skills-{ben.pk}": ""})
    assert sorted(ann.skills.values_list("name", flat=True)) == ["french", "law"]
    refused = client.post(at("campaign-plan-skills", campaign), {f"skills-{ann.pk}": "", f"skills-{ben.pk}": "x" * 101})
    assert "at most 100 characters" in refused.content.decode()
    assert ann.skills.count() == 2
    page = client.get(at("campaign-plan", campaign)).content.decode()
    assert "Kept for ann" in page
    assert "Kept for named people" in page


def test_an_item_is_withdrawn_and_asked_again_by_page(client, project, owner):
    campaign = make_campaign(project, owner, items=2)
    item = campaign.items.get(position=1)
    client.post(at("campaign-item-withdraw", campaign, item_pk=item.pk), {"reason": "The prompt is cut off."})
    assert "The prompt is cut off." in client.get(at("campaign-items", campaign)).content.decode()
    client.post(at("campaign-item-restore", campaign, item_pk=item.pk))
    item.refresh_from_db()
    assert item.withdrawn_at is None


def test_the_plan_says_why_it_asks_at_random_and_takes_few_queries(
    client, project, owner, django_assert_max_num_queries
):
    campaign = make_campaign(project, owner, items=3)
    change_plan(campaign=campaign, actor=owner, order="active", strategy="rucb")
    assert "not ranked yet" in client.get(at("campaign-plan", campaign)).content.decode()
    rerank(reloaded(campaign))
    with django_assert_max_num_queries(24):
        page = client.get(at("campaign-plan", campaign)).content.decode()
    assert "Asked at random: Nobody has compared, ranked or rated" in page


def test_what_is_left_counts_pays_and_forecasts(client, project, owner):
    campaign = make_campaign(project, owner, items=10, overlap=2)
    ann = annotator(project, "ann")
    for number in range(4):
        held = lease_next_item(campaign=campaign, user=ann)
        submit_answer(assignment=held, key=f"k{number}", answer=full_answer(held), active_ms=900_000)
    Submission.objects.update(created_at=timezone.now() - timedelta(days=2))
    change_plan(
        campaign=campaign, actor=owner, pay_per="hour", pay_amount=20.0, currency="EUR",
        deadline=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    left = what_is_left(reloaded(campaign))
    # 10 items by 2 people, 4 answered in 15 minutes each: 1 h spent, 16 to come at 5 each, all alike.
    assert left.remaining == 16
    assert (left.cost.spent, left.cost.to_come.value, left.cost.to_come.high) == (20.0, 80.0, 80.0)
    # Two a day: about 8 days, later than an hour from now.
    assert 6 < left.pace.forecast.days < 11
    assert left.is_late
    page = client.get(at("campaign-detail", campaign)).content.decode()
    assert "20.00 EUR so far; 80.00 to come" in page
    assert 'data-label="Pay so far" class="number">20.00<' in page
    assert "later than that is likelier than not" in page


def test_the_api_changes_a_plan_and_sets_items(client, project, owner):
    annotator(project, "ann")
    campaign = make_campaign(project, owner, items=3)
    url = f"/api/v1/projects/lab/campaigns/{campaign.pk}/plan"
    sent = {"order": "priority", "pay_per": "answer", "pay_amount": 0.5, "currency": "EUR"}
    answer = client.patch(url, sent, content_type="application/json")
    assert (answer.status_code, answer.json()["order"], answer.json()["remaining_answers"]) == (200, "priority", 3)
    rows = [{"position": 2, "priority": 4, "people": ["ann"]}, {"position": 3, "skills": ["law"]}]
    assert client.patch(f"{url}/items", {"rows": rows}, content_type="application/json").json() == {"items": 2}
    assert list(campaign.items.order_by("rank", "position").values_list("position", flat=True)) == [2, 1, 3]
    refused = client.patch(f"{url}/items", {"rows": [{"position": 7}]}, content_type="application/json")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["rows.0.item"])
    assert client.get(url).json()["last_ranking"] is None


def test_arms_stand_on_the_plan_and_among_the_figures_of_quality(client, project, owner):
    campaign = make_campaign(project, owner, items=2)
    change_plan(campaign=campaign, actor=owner, arms={"sequence": ["sparse_first", "dense_first"]}, arm_unit="item")
    held = lease_next_item(campaign=reloaded(campaign), user=annotator(project, "ann"))
    save_draft(assignment=held, answer={}, revision=0, first_finished=True)
    submit_answer(assignment=held, key="k", answer=full_answer(held), active_ms=90_000)
    for name in ("campaign-plan", "campaign-quality"):
        page = client.get(at(name, campaign)).content.decode()
        assert "Marks in the text first, then ratings and choices" in page
        # One answer of a minute and a half under one arm, none under the other.
        assert page.count('data-label="Minutes per answer" class="number">1.5<') == 1
