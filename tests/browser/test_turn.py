"""The turn to the next item in Chromium: it takes the place of the one before, of which nothing is left behind."""

import pytest
from playwright.sync_api import expect

from annotations.models import Assignment, CampaignProtocol
from rewards.models import SpanMark
from tests.browser.test_annotate import (  # noqa: F401 - fixtures
    ann,
    answer_the_rest,
    assignment,
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


@pytest.fixture
def page(open_page, ann, assignment):  # noqa: F811
    opened = open_item(open_page, ann, assignment)
    # What a page load would wipe out.
    opened.evaluate("() => { window.isTheSamePage = true; }")
    return opened


def is_the_same(page):
    return page.evaluate("() => window.isTheSamePage === true")


def test_the_next_item_takes_the_place_of_the_last_one_whole(page, assignment):  # noqa: F811
    mark(page, view_of(page), "everyone", "1", "1")
    answer_the_rest(page)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".progress-text")).to_have_text("1 done by you")
    following = Assignment.objects.get(status="leased")
    assert page.url.endswith(f"/annotate/{following.pk}/")
    assert is_the_same(page)
    expect(page.locator("[data-annotate]")).to_have_count(1)
    expect(page.locator("[data-span], [data-annotate] input:checked")).to_have_count(0)
    expect(page.locator("[data-save-state]")).to_be_empty()
    expect(page.locator("#main")).to_be_focused()
    assert page.evaluate("() => window.scrollY") == 0
    # Keys answer this item's first question, once; the marks of both are kept apart.
    mark(page, view_of(page), "went to", "2", "1")
    page.keyboard.press("Escape")
    answer_the_rest(page)
    wait_until_saved(page)
    assert following.draft.revision >= 1
    submit(page)
    assert sorted(SpanMark.objects.values_list("quote", flat=True)) == ["everyone", "went to"]
    assert page.errors == []


def test_back_shows_what_was_submitted_and_an_undo_brings_it_back(page, assignment):  # noqa: F811
    mark(page, view_of(page), "everyone", "1", "1")
    answer_the_rest(page)
    submit(page)
    page.go_back()
    expect(page.get_by_role("heading", name="Submitted")).to_be_visible()
    page.get_by_role("button", name="Undo submit").click()
    expect(page.locator(".text-view [data-span]")).not_to_have_count(0)
    assert page.url.endswith(f"/annotate/{assignment.pk}/")
    assert page.errors == []


def test_a_skip_turns_too_and_leaves_no_dialog_open(page):
    page.locator("[data-dialog-open='skip-dialog']").click()
    page.locator("#skip-reason").fill("I cannot judge this topic")
    here = page.url
    page.locator("#skip-form button.button-primary").click()
    page.wait_for_url(lambda url: url != here)
    assert is_the_same(page)
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#skip-reason")).to_have_value("")
    assert page.errors == []


def test_where_the_questions_have_changed_the_page_is_loaded_anew(page, campaign):  # noqa: F811
    newer = CampaignProtocol.objects.get(campaign=campaign)
    newer.pk, newer.number, newer.guidelines, newer.content_hash = None, 2, "Mind the accents.", "newer"
    newer.save()
    campaign.protocol = newer
    campaign.save(update_fields=["protocol"])
    answer_the_rest(page)
    submit(page)
    page.wait_for_selector("[data-annotate][data-ready]")
    assert not is_the_same(page)
    page.keyboard.press("g")
    expect(page.get_by_text("Mind the accents.")).to_be_visible()
    assert page.errors == []
