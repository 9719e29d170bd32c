"""Known answers in Chromium: a lead says what is right, an annotator trains and goes on to the work."""

import re

import pytest
from playwright.sync_api import expect

from annotations.models import CampaignItem
from tests.annotations.campaigns import make_campaign
from tests.factories import make_project, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RATING = [{"kind": "rating", "key": "overall", "prompt": "How good?", "scale_low": 1, "scale_high": 7}]


def answer(page, *keys):
    expect(page.locator("[data-annotate][data-ready]")).to_be_attached()
    for key in keys:
        page.keyboard.press(key)
    page.keyboard.press("Control+Enter")


def test_a_lead_says_what_is_right_and_an_annotator_is_shown_it_before_the_work(open_page):
    owner, ann = make_user("olga"), make_user("ann")
    project = make_project("lab", owner=owner, annotator=ann)
    campaign = make_campaign(project, owner, items=2, questions=RATING)

    lead = open_page(owner, f"/p/lab/campaigns/{campaign.pk}/items/")
    row = lead.get_by_role("row").nth(1)
    row.get_by_text("Change", exact=False).last.click()
    row.get_by_label("Kind of check").select_option("training")
    row.get_by_role("button", name="Make").click()
    lead.get_by_role("button", name="Answer as gold").click()
    expect(lead.get_by_text("You say what is right")).to_be_visible()
    answer(lead, "6", "2")
    # Back on the item's own page, with what was said.
    expect(lead).to_have_url(re.compile(r"/checks/\d+/$"))
    expect(lead.get_by_text("6 of 7")).to_be_visible()
    lead.get_by_role("textbox", name="Explanation").fill("Only one of them answers.")
    lead.get_by_role("button", name="Save as a new version").click()
    expect(lead.get_by_text("Version 2 is in force.")).to_be_visible()

    page = open_page(ann, f"/p/lab/campaigns/{campaign.pk}/start/", width=390, touch=True)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("Training", exact=True)).to_be_visible()
    answer(page, "1", "1")
    expect(page.get_by_role("heading", name="Training: not quite")).to_be_visible()
    expect(page.get_by_text("Only one of them answers.")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("[data-annotate][data-ready]")).to_be_attached()
    expect(page.get_by_role("button", name="Skip")).to_be_visible()
    assert sorted(CampaignItem.objects.values_list("kind", "submitted_count")) == [("training", 2), ("work", 0)]
    assert (lead.errors, page.errors) == ([], [])
