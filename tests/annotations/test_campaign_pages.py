"""Campaigns in the browser: who may do what, and what the forms do."""

import pytest
from django.urls import reverse

from annotations.access import assignment_for
from annotations.actions.lease import lease_next_item
from annotations.actions.submission import submit_answer
from annotations.models import Assignment, Campaign, CampaignItemOutput, CampaignMember
from annotations.selection import Selection
from projects.models import AuditEvent, Membership
from rewards.models import Judgment, Task
from tests.annotations.campaigns import full_answer, make_campaign, make_item_outputs
from tests.factories import make_project, make_rubric, make_task, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return {role: make_user(role) for role in ("owner", "manager", "annotator", "viewer", "stranger")}


@pytest.fixture
def project(people):
    return make_project("lab", **{role: user for role, user in people.items() if role != "stranger"})


@pytest.fixture
def campaign(project, people):
    return make_campaign(project, people["manager"], items=3)


def question_form(index, **fields):
    return {f"q-{index}-{name}": value for name, value in fields.items()}


RATING_FORM = {
    "kind": "rating", "prompt": "How good?", "key": "", "scale_low": 1, "scale_high": 5,
    "anchors": "1: Bad\n5: Good", "required": "on",
}  # fmt: skip
COMPARISON_FORM = {
    "kind": "comparison", "prompt": "Which?", "key": "", "pairs": "all",
    "ties": ["both_good", "both_bad"], "required": "on",
}  # fmt: skip
SPANS_FORM = {
    "kind": "spans", "prompt": "Mark", "key": "", "types": "Factual error | Not true\nstyle: Bad style",
    "severities": "Minor, Major", "comments": "on",
}  # fmt: skip


def form_data(*questions, **fields):
    data = {
        "name": "A campaign", "outputs_per_item": 2, "overlap": 1, "lease_minutes": 30, "undo_minutes": 15,
        "guidelines": "Read first.", "q-TOTAL_FORMS": len(questions), "q-INITIAL_FORMS": 0, **fields,
    }  # fmt: skip
    for index, question in enumerate(questions):
        data |= question_form(index, **question)
    return data


def test_a_manager_makes_a_campaign_with_questions_of_every_kind(client, project, people):
    make_item_outputs(project, ["one", "two", "three"])
    client.force_login(people["manager"])
    answer = client.post(
        reverse("annotations:campaign-create", args=["lab"]), form_data(RATING_FORM, COMPARISON_FORM, SPANS_FORM)
    )
    campaign = Campaign.objects.get()
    assert answer.url == reverse("annotations:campaign-detail", args=["lab", campaign.pk])
    assert (campaign.status, campaign.item_count, campaign.protocol.number) == ("draft", 1, 1)
    assert campaign.items.get().item_outputs.count() == 2
    rating, comparison, spans = campaign.protocol.questions
    assert (rating["key"], rating["scale_high"], rating["anchors"]) == ("rating", 5, {"1": "Bad", "5": "Good"})
    assert comparison["ties"] == ["both_good", "both_bad"]
    assert [(entry["key"], entry["label"], entry["description"]) for entry in spans["types"]] == [
        ("factual-error", "Factual error", "Not true"),
        ("style", "Bad style", ""),
    ]
    assert [entry["key"] for entry in spans["severities"]] == ["minor", "major"]
    assert AuditEvent.objects.get(verb="campaign.created").actor == people["manager"]


def test_problems_stand_beside_their_question(client, project, people):
    make_item_outputs(project, ["one", "two"])
    client.force_login(people["manager"])
    wrong = {**SPANS_FORM, "types": "\n".join(f"type {number}" for number in range(10))}
    page = client.post(reverse("annotations:campaign-create", args=["lab"]), form_data(RATING_FORM, wrong))
    assert "Expected a list of 1 to 9 entries." in page.content.decode()
    assert page.context["questions"].forms[1].errors["types"]
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "required"),
        ({"outputs_per_item": 1}, "Expected 2 to 8 outputs"),
        ({"tags": "nothing-has-this"}, "No task chosen has 2 outputs"),
    ],
)
def test_what_cannot_be_made_says_why(client, project, people, fields, words):
    make_item_outputs(project, ["one", "two"])
    client.force_login(people["manager"])
    page = client.post(reverse("annotations:campaign-create", args=["lab"]), form_data(COMPARISON_FORM, **fields))
    assert words in page.content.decode()
    assert not Campaign.objects.exists()


def test_the_same_name_twice_is_refused(client, campaign, people):
    client.force_login(people["manager"])
    url = reverse("annotations:campaign-create", args=["lab"])
    page = client.post(url, form_data(RATING_FORM, name=campaign.name))
    assert "Another campaign of this project has this name." in page.content.decode()


def test_a_preset_and_a_further_question_come_from_the_server(client, project, people):
    client.force_login(people["manager"])
    page = client.get(reverse("annotations:campaign-create", args=["lab"]) + "?preset=spans")
    assert len(page.context["questions"].forms) == 1
    added = client.get(reverse("annotations:question-add", args=["lab"]), {"kind": "rating", "q-TOTAL_FORMS": "1"})
    assert 'name="q-1-prompt"' in added.content.decode()
    assert 'name="q-TOTAL_FORMS" value="2"' in added.content.decode()


def test_the_selection_is_counted_while_it_is_chosen(client, project, people):
    task = make_item_outputs(project, ["one"])
    Task.objects.filter(pk=task.pk).update(tags=["poem"])
    make_item_outputs(project, ["two"])
    make_task(project)
    client.force_login(people["manager"])
    url = reverse("annotations:campaign-preview", args=["lab"])
    assert "<strong>2</strong>" in client.get(url, {"outputs_per_item": 2}).content.decode()
    assert "<strong>1</strong>" in client.get(url, {"outputs_per_item": 2, "tags": "poem"}).content.decode()


def test_items_take_the_outputs_drawn_and_leave_superseded_ones_out(project, people):
    task = make_item_outputs(project, ["one", "two", "three", "four"])
    task.outputs.filter(preview="four").update(is_current=False)
    campaign = make_campaign(project, people["owner"], items=0, selection=Selection(outputs_per_item=3))
    drawn = CampaignItemOutput.objects.filter(item__campaign=campaign).order_by("position")
    assert [row.output.preview for row in drawn] == ["one", "two", "three"]
    assert [row.position for row in drawn] == [1, 2, 3]


def test_status_changes_follow_the_buttons(client, campaign, people):
    client.force_login(people["manager"])
    for change, status in (("pause", "paused"), ("open", "open"), ("close", "closed"), ("open", "open")):
        client.post(reverse(f"annotations:campaign-{change}", args=["lab", campaign.pk]))
        campaign.refresh_from_db()
        assert campaign.status == status


def test_a_closed_campaign_cannot_be_paused(client, campaign, people):
    Campaign.objects.filter(pk=campaign.pk).update(status="closed")
    client.force_login(people["manager"])
    assert client.post(reverse("annotations:campaign-pause", args=["lab", campaign.pk])).status_code == 409


def test_changed_questions_are_a_new_version_and_unchanged_ones_are_not(client, campaign, people):
    client.force_login(people["manager"])
    url = reverse("annotations:protocol-edit", args=["lab", campaign.pk])
    shown = client.get(url)
    unchanged = {"guidelines": campaign.protocol.guidelines, "q-INITIAL_FORMS": 3, "q-TOTAL_FORMS": 3}
    for index, form in enumerate(shown.context["questions"].forms):
        for field in form:
            value = field.value()
            if value not in (None, False):
                unchanged[f"q-{index}-{field.name}"] = "on" if value is True else value
    client.post(url, unchanged)
    campaign.refresh_from_db()
    assert campaign.protocol.number == 1
    client.post(url, {**unchanged, "q-0-prompt": "How helpful?"})
    campaign.refresh_from_db()
    assert campaign.protocol.number == 2
    assert campaign.protocol.questions[0]["prompt"] == "How helpful?"
    assert campaign.protocols.get(number=1).questions[0]["prompt"] == "How good is this response?"


def test_a_version_cannot_be_changed_in_place(campaign):
    from django.db import IntegrityError, InternalError, transaction

    with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
        campaign.protocols.update(guidelines="changed")


PAGES = {
    # address: what each role gets
    "campaign-list": {"owner": 200, "manager": 200, "annotator": 200, "viewer": 200, "stranger": 404},
    "campaign-create": {"owner": 200, "manager": 200, "annotator": 403, "viewer": 403, "stranger": 404},
    "campaign-preview": {"owner": 200, "manager": 200, "annotator": 403, "viewer": 403, "stranger": 404},
    "question-add": {"owner": 400, "manager": 400, "annotator": 403, "viewer": 403, "stranger": 404},
    "campaign-detail": {"owner": 200, "manager": 200, "annotator": 302, "viewer": 200, "stranger": 404},
    "campaign-items": {"owner": 200, "manager": 200, "annotator": 403, "viewer": 200, "stranger": 404},
    "protocol-edit": {"owner": 200, "manager": 200, "annotator": 403, "viewer": 403, "stranger": 404},
    "campaign-start": {"owner": 200, "manager": 200, "annotator": 200, "viewer": 403, "stranger": 404},
}
ACTIONS = {
    "campaign-open": {"owner": 302, "manager": 302, "annotator": 403, "viewer": 403, "stranger": 404},
    "campaign-pause": {"owner": 302, "manager": 302, "annotator": 403, "viewer": 403, "stranger": 404},
    "campaign-close": {"owner": 302, "manager": 302, "annotator": 403, "viewer": 403, "stranger": 404},
    "item-next": {"owner": 302, "manager": 302, "annotator": 302, "viewer": 403, "stranger": 404},
}
OF_PROJECT = {"campaign-list", "campaign-create", "campaign-preview", "question-add"}


def address(name, campaign):
    return reverse(f"annotations:{name}", args=["lab"] if name in OF_PROJECT else ["lab", campaign.pk])


@pytest.mark.parametrize("role", ["owner", "manager", "annotator", "viewer", "stranger"])
def test_every_page_opens_to_the_right_people_only(client, campaign, people, role):
    client.force_login(people[role])
    assert {name: client.get(address(name, campaign)).status_code for name in PAGES} == {
        name: expected[role] for name, expected in PAGES.items()
    }


@pytest.mark.parametrize("role", ["owner", "manager", "annotator", "viewer", "stranger"])
@pytest.mark.parametrize("name", ACTIONS)
def test_every_button_works_for_the_right_people_only(client, campaign, people, role, name):
    client.force_login(people[role])
    assert client.get(address(name, campaign)).status_code == 405
    assert client.post(address(name, campaign)).status_code == ACTIONS[name][role]


@pytest.mark.parametrize("name", [*PAGES, *ACTIONS])
def test_nobody_gets_in_without_signing_in(client, campaign, name):
    method = client.get if name in PAGES else client.post
    assert method(address(name, campaign)).status_code == 302
    assert "/sign-in" in method(address(name, campaign)).url


@pytest.mark.parametrize("role", ["owner", "manager", "viewer", "stranger"])
@pytest.mark.parametrize("name", ["annotate", "item-regain", "submit-undo"])
def test_somebody_elses_item_is_not_there(client, campaign, people, role, name):
    assignment = lease_next_item(campaign=campaign, user=people["annotator"])
    client.force_login(people[role])
    url = reverse(f"annotations:{name}", args=[assignment.pk])
    assert (client.get(url) if name == "annotate" else client.post(url)).status_code == 404


def test_a_campaign_with_named_people_asks_nobody_else(client, campaign, people, project):
    ben = make_user("ben")
    Membership.objects.create(project=project, user=ben, role="annotator")
    CampaignMember.objects.create(campaign=campaign, user=ben)
    client.force_login(people["annotator"])
    assert campaign.name not in client.get(address("campaign-list", campaign)).content.decode()
    assert client.get(address("campaign-start", campaign)).status_code == 404
    assert client.post(address("item-next", campaign)).status_code == 404
    client.force_login(ben)
    assert client.post(address("item-next", campaign)).status_code == 302


def test_a_draft_is_not_shown_to_annotators(client, campaign, people):
    Campaign.objects.filter(pk=campaign.pk).update(status="draft")
    client.force_login(people["annotator"])
    assert client.get(address("campaign-start", campaign)).status_code == 404


def test_start_leads_to_the_item_and_back_to_the_start_when_all_is_done(client, project, people):
    campaign = make_campaign(project, people["owner"], items=1)
    client.force_login(people["annotator"])
    started = client.post(address("item-next", campaign))
    assignment = Assignment.objects.get()
    assert started.url == reverse("annotations:annotate", args=[assignment.pk])
    submit_answer(
        assignment=assignment_for(people["annotator"], assignment.pk), key="k", answer=full_answer(assignment)
    )
    assert client.post(address("item-next", campaign)).url == address("campaign-start", campaign)
    assert "every item that waits for you" in client.get(address("campaign-start", campaign)).content.decode()


def test_a_submitted_item_offers_the_way_back(client, campaign, people):
    ann = people["annotator"]
    assignment = assignment_for(ann, lease_next_item(campaign=campaign, user=ann).pk)
    submit_answer(assignment=assignment, key="k", answer=full_answer(assignment))
    client.force_login(ann)
    page = client.get(reverse("annotations:annotate", args=[assignment.pk]))
    assert "Undo submit" in page.content.decode()
    undone = client.post(reverse("annotations:submit-undo", args=[assignment.pk]))
    assert undone.url == reverse("annotations:annotate", args=[assignment.pk])
    assert not Judgment.objects.standing().exists()


def test_a_lost_item_says_so_and_leads_on(client, campaign, people):
    ann = people["annotator"]
    held = lease_next_item(campaign=campaign, user=ann)
    Assignment.objects.filter(pk=held.pk).update(status="expired")
    campaign.items.filter(pk=held.item_id).update(granted_count=1)
    client.force_login(ann)
    page = client.get(reverse("annotations:annotate", args=[held.pk])).content.decode()
    assert "went to someone else" in page
    assert "Next item" in page


def test_hostile_text_is_data_and_never_markup(client, project, people):
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    campaign = make_campaign(project, people["owner"], texts=[hostile, "plain"])
    ann = people["annotator"]
    held = lease_next_item(campaign=campaign, user=ann)
    client.force_login(ann)
    page = client.get(reverse("annotations:annotate", args=[held.pk]))
    assert "<script>alert" not in page.content.decode()
    assert "<img src=x" not in page.content.decode()
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_lists_cost_the_same_however_long_they_are(client, project, people, django_assert_max_num_queries):
    campaign = make_campaign(project, people["owner"], items=3, overlap=3)
    client.force_login(people["owner"])
    counts = {}
    for name, most in (("campaign-list", 5), ("campaign-items", 8), ("campaign-detail", 12)):
        with django_assert_max_num_queries(most) as captured:
            client.get(address(name, campaign))
        counts[name] = len(captured)
    for _ in range(3):
        user = make_user()
        Membership.objects.create(project=project, user=user, role="annotator")
        held = assignment_for(user, lease_next_item(campaign=campaign, user=user).pk)
        submit_answer(assignment=held, key="k", answer=full_answer(held))
    for number in range(2):
        make_campaign(project, people["owner"], name=f"more {number}")
    for name, count in counts.items():
        with django_assert_max_num_queries(count + 1) as captured:
            client.get(address(name, campaign))
        # People of the items are one query that an empty list does not make.
        assert len(captured) <= count + (name == "campaign-items")


def test_the_page_of_an_item_costs_the_same_after_many_submits(client, project, people, django_assert_num_queries):
    campaign = make_campaign(project, people["owner"], items=6)
    ann = people["annotator"]
    client.force_login(ann)

    def look():
        held = lease_next_item(campaign=campaign, user=ann)
        url = reverse("annotations:annotate", args=[held.pk])
        client.get(url)
        # The last of them: the tokens that marks may snap to.
        with django_assert_num_queries(9):
            client.get(url)
        return held

    look()
    for _ in range(3):
        held = assignment_for(ann, lease_next_item(campaign=campaign, user=ann).pk)
        submit_answer(assignment=held, key="k", answer=full_answer(held))
    look()


def test_the_criteria_of_a_rubric_become_ratings(client, project, people):
    version = make_rubric(
        project,
        criteria=[
            {"key": "correct", "text": "The answer is correct.", "may_be_na": True},
            {
                "key": "tone",
                "text": "How kind is it?",
                "kind": "ordinal",
                "levels": [{"label": label, "value": value} for value, label in enumerate(("Rude", "Plain", "Kind"))],
            },
        ],
    )
    client.force_login(people["manager"])
    url = reverse("annotations:question-add", args=["lab"])
    added = client.get(url, {"rubric": version.rubric_id, "q-TOTAL_FORMS": "1"})
    html = added.content.decode()
    assert 'name="q-1-prompt" value="The answer is correct."' in html
    assert 'name="q-1-scale_high" value="5"' in html
    assert f'name="q-2-criterion" value="{version.criteria.get(key="tone").pk}"' in html
    assert 'name="q-2-scale_high" value="3"' in html
    assert "1: Rude\n2: Plain\n3: Kind" in html
    assert 'name="q-TOTAL_FORMS" value="3"' in added.content.decode()
    elsewhere = make_rubric(make_project(), name="theirs")
    assert client.get(url, {"rubric": elsewhere.rubric_id, "q-TOTAL_FORMS": "1"}).status_code == 404
