"""Looking back in Chromium: arrow keys and buttons lead through one's own items, and nothing is lost on the way."""

import re

import pytest
from playwright.sync_api import expect

from annotations.access import assignment_for
from annotations.actions.lease import lease_next_item
from annotations.actions.submission import submit_answer
from annotations.models import Assignment, Draft
from tests.annotations.campaigns import full_answer, make_campaign, shown_outputs
from tests.factories import make_project, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ann():
    return make_user("ann")


@pytest.fixture
def campaign(ann):
    project = make_project("lab", owner=make_user("olga"), annotator=ann)
    return make_campaign(project, make_user("otto"), items=3)


@pytest.fixture
def done(campaign, ann):
    """Two submitted items, the later one first."""
    found = []
    for key in "ab":
        assignment = assignment_for(ann, lease_next_item(campaign=campaign, user=ann).pk)
        submit_answer(assignment=assignment, key=key, answer=full_answer(assignment))
        found.insert(0, assignment)
    return found


@pytest.fixture
def in_work(campaign, ann, done):
    return lease_next_item(campaign=campaign, user=ann)


def path_of(assignment):
    return f"/annotate/{assignment.pk}/"


def wait_for(page, assignment):
    page.wait_for_url(f"**{path_of(assignment)}")
    page.wait_for_selector("[data-ready]")


def test_arrow_keys_lead_back_and_forth_and_the_item_in_work_is_kept(open_page, ann, done, in_work):
    page = open_page(ann, path_of(in_work))
    wait_for(page, in_work)
    page.keyboard.press("ArrowLeft")
    wait_for(page, done[0])
    # Untouched, it is not given back for a look.
    assert Assignment.objects.get(pk=in_work.pk).status == "leased"
    text = shown_outputs(done[0])["A"].messages[0]["text"]
    expect(page.locator("[data-output=A] mark")).to_have_text(text[:5])
    expect(page.locator(".said")).to_contain_text("A is better")
    expect(page.locator("fieldset, input:not([type=hidden]), textarea")).to_have_count(0)
    page.keyboard.press("ArrowLeft")
    wait_for(page, done[1])
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    wait_for(page, done[0])
    page.keyboard.press("ArrowRight")
    wait_for(page, in_work)

    # A choice goes with the page, and so does the focus that makes the arrows choose.
    page.locator("input[name=overall-A][value='3']").check()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("input[name=overall-A][value='2']")).to_be_checked()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowLeft")
    wait_for(page, done[0])
    assert Draft.objects.get(assignment=in_work).answer["overall"] == {"A": 2}
    page.keyboard.press("ArrowRight")
    wait_for(page, in_work)
    expect(page.locator("input[name=overall-A][value='2']")).to_be_checked()
    assert page.errors == []


def test_a_finger_finds_the_way_back_at_390_pixels_and_a_page_that_cannot_save_stays(open_page, ann, done, in_work):
    page = open_page(ann, path_of(in_work), width=390, height=844, touch=True)
    wait_for(page, in_work)
    page.route("**/draft", lambda route: route.abort())
    page.locator("label:has(> input[name=overall-A][value='3'])").tap()
    page.locator("[data-look-back]").tap()
    expect(page.locator("[data-notice=look-back]")).to_be_visible()
    page.unroute("**/draft")
    page.locator("[data-look-back]").tap()
    wait_for(page, done[0])
    assert Draft.objects.get(assignment=in_work).answer["overall"] == {"A": 3}
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for control in page.locator(".answer-bar :is(a, button)").all():
        box = control.bounding_box()
        assert box["height"] >= 40, control
        assert box["x"] + box["width"] <= 390, control
    page.locator("[data-earlier]").tap()
    wait_for(page, done[1])
    page.get_by_role("button", name="Next item").tap()
    wait_for(page, in_work)
    assert [error for error in page.errors if not re.search("ERR_FAILED", error)] == []


def test_the_first_item_has_nothing_before_it_and_what_was_skipped_is_found_and_taken_up_again(
    open_page, ann, campaign
):
    first = lease_next_item(campaign=campaign, user=ann)
    page = open_page(ann, path_of(first))
    wait_for(page, first)
    expect(page.locator("[data-look-back]")).to_have_count(0)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: path_of(first) not in url)
    expect(page.locator("[data-look-back]")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    wait_for(page, first)
    page.get_by_role("button", name="Take it up again").click()
    expect(page.locator("[data-annotate][data-ready]")).to_be_visible()
    assert Assignment.objects.get(status="leased") == first
    assert page.errors == []
