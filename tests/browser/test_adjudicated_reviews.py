"""Settling in Chromium what three people decided on a model's spans, by cells and by the list of the spans."""

import pytest
from playwright.sync_api import expect

from rewards.models import Judgment
from tests.annotations.test_adjudicated_reviews import campaign, item, marks, people  # noqa: F401 - fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_models_spans_are_settled_by_cells_and_in_their_list_and_left_open_only_on_purpose(
    open_page,
    item,  # noqa: F811
    people,  # noqa: F811
    marks,  # noqa: F811
):
    page = open_page(people["olga"], f"/p/lab/campaigns/{item.campaign_id}/adjudicate/{item.pk}/")
    page.wait_for_selector("[data-adjudicate][data-ready]")
    rows = page.locator("[data-proposal]")
    expect(rows).to_have_count(4)
    # What most say is filled in; on the second they are one to one, and nobody decided on the third, which is "the".
    decided = [row.get_attribute("data-decision") for row in rows.all()]
    assert decided == ["accepted", "", "", "changed"]
    page.locator("[data-submit]").click()
    expect(page.locator("[data-notices]")).to_contain_text("On 1 span of a model people do not agree")
    page.get_by_role("button", name="Rejected", exact=True).last.click()
    expect(rows.nth(1)).to_have_attribute("data-decision", "rejected")
    page.locator("[data-undo]").click()
    expect(rows.nth(1)).to_have_attribute("data-decision", "")
    page.locator("[data-redo]").click()
    rows.nth(2).get_by_role("button", name="Accept").click()
    page.locator("[data-submit]").click()
    # On that one the lead alone decided.
    expect(page.locator("[data-reason-error]")).to_contain_text(f"@marks.{marks[3].pk}")
    page.locator("[data-reason]").fill("The article does no harm.")
    page.locator("[data-submit]").click()
    page.wait_for_url("**/adjudicate/")
    made = item.adjudications.get()
    reviews = Judgment.objects.filter(act=made.act, presentation__has_key="review")
    told = {row.presentation["review"]["mark"]: row.presentation["review"]["decision"] for row in reviews}
    assert told == dict(zip([mark.pk for mark in marks], ("accepted", "rejected", "changed", "accepted"), strict=True))
    assert "@overlay" not in made.answer
    assert [error for error in page.errors if "400 (Bad Request)" not in error] == []
