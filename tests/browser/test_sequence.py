"""A study of the order in Chromium: what comes second cannot be answered before the first part is finished."""

import pytest
from playwright.sync_api import expect

from annotations.actions.lease import lease_next_item
from annotations.actions.plan import change_plan
from annotations.models import Assignment, Campaign
from rewards.models import Judgment
from tests.browser.test_annotate import (  # noqa: F401 - fixtures
    ann,
    campaign,
    mark,
    open_item,
    owner,
    project,
    submit,
    view_of,
    wait_until_saved,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def item_in(campaign, owner, ann, sequence):  # noqa: F811
    """An item of the arm; which arm somebody gets is drawn."""
    change_plan(campaign=campaign, actor=owner, arms={"sequence": ["sparse_first", "dense_first"]})
    found = lease_next_item(campaign=Campaign.objects.select_related("plan").get(pk=campaign.pk), user=ann)
    Assignment.objects.filter(pk=found.pk).update(arm={"sequence": sequence})
    return found


def test_marks_wait_for_the_ratings_and_the_submit_button_leads_on(open_page, ann, owner, campaign):  # noqa: F811
    page = open_item(open_page, ann, item_in(campaign, owner, ann, "sparse_first"))
    view, finished = view_of(page), page.get_by_role("button", name="The first part is finished")
    mark(page, view, "everyone", "1")
    expect(finished).to_be_focused()
    expect(view.locator("[data-span]")).to_have_count(0)

    for radio in page.locator(".level input[value='4']").all():
        radio.check(force=True)
    page.keyboard.press("Control+Enter")
    # The comparison is still missing: nothing is sent, and nothing opens.
    expect(finished).to_be_visible()
    page.locator(".option input[value='both_good']").check(force=True)
    finished.click()
    expect(finished).to_be_hidden()
    mark(page, view, "everyone", "1", "1")
    expect(view.locator("[data-span]")).not_to_have_count(0)
    wait_until_saved(page)
    submit(page)
    assert Judgment.objects.filter(kind="spans", spans__quote="everyone").exists()
    assert page.errors == []


def test_ratings_wait_for_the_marks_and_a_reload_does_not_begin_anew(open_page, ann, owner, campaign):  # noqa: F811
    page = open_item(open_page, ann, item_in(campaign, owner, ann, "dense_first"))
    radios = page.locator("fieldset[data-question] input[type=radio]")
    finished = page.get_by_role("button", name="The first part is finished")
    assert all(radio.is_disabled() for radio in radios.all())
    # Keys answer nothing that waits.
    page.keyboard.press("4")
    expect(page.locator("fieldset input:checked")).to_have_count(0)
    # Nothing to mark is an answer, so that only the person can say that the marks are finished.
    finished.click()
    expect(radios.first).to_be_enabled()
    page.reload()
    page.wait_for_selector("[data-annotate][data-ready]")
    expect(radios.first).to_be_enabled()
    expect(finished).to_be_hidden()
