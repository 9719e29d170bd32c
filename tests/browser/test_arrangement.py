"""How responses stand on the annotation page in Chromium: beside each other, below each other, with differences."""

import pytest
from playwright.sync_api import expect

from annotations.actions.lease import lease_next_item
from tests.annotations.campaigns import make_campaign
from tests.browser.test_annotate import ann, open_item, owner, path_of, project  # noqa: F401 - fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "Paris is the capital of France. " * 120


@pytest.fixture
def page(open_page, project, owner, ann):  # noqa: F811
    texts = [f"{LONG}It is large.", f"{LONG}{LONG}It is small."]
    campaign = make_campaign(project, owner, texts=texts)
    return open_item(open_page, ann, lease_next_item(campaign=campaign, user=ann))


def boxes(page):
    return [page.locator(f"[data-response={label}]").bounding_box() for label in "AB"]


def test_responses_stand_as_chosen_and_the_choice_is_kept(page):
    beside = boxes(page)
    assert beside[0]["y"] == beside[1]["y"]
    assert beside[0]["x"] < beside[1]["x"]
    page.get_by_role("button", name="Below each other").click()
    page.reload()
    page.wait_for_selector("[data-ready]")
    expect(page.get_by_role("button", name="Below each other")).to_have_attribute("aria-pressed", "true")
    below = boxes(page)
    assert below[0]["x"] == below[1]["x"]
    assert below[0]["y"] + below[0]["height"] <= below[1]["y"]
    page.get_by_role("button", name="Differences").click()
    panel = page.locator("[data-response-differences]")
    words = panel.evaluate(
        "panel => [...panel.children].filter(e => e.tagName !== 'INS').map(e => e.textContent).join('')"
    )
    assert words == page.locator('.text-view[data-output="A"]').evaluate("view => view.textContent")
    assert page.errors == []


def test_texts_scroll_together_when_asked_to(page):
    first, second = (page.locator(f"[data-messages={label}]") for label in "AB")
    share = "text => text.scrollTop / (text.scrollHeight - text.clientHeight)"
    first.evaluate("text => { text.scrollTop = text.scrollHeight / 3; }")
    assert second.evaluate(share) == 0
    page.get_by_role("button", name="Scroll together").click()
    first.evaluate("text => { text.scrollTop = text.scrollHeight / 2; }")
    page.locator("[data-messages=B]").evaluate(
        "async (box) => { while (!box.scrollTop) await new Promise(requestAnimationFrame); }"
    )
    assert second.evaluate(share) == pytest.approx(first.evaluate(share), abs=0.01)
    assert page.errors == []


def test_texts_are_rendered_for_reading_alone_and_the_choice_is_kept(open_page, project, owner, ann):  # noqa: F811
    campaign = make_campaign(project, owner, texts=["- **one**\n- two <b>x</b>", "![p](https://tracker.test/p.png)"])
    page = open_item(open_page, ann, lease_next_item(campaign=campaign, user=ann))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    expect(page.locator(".text-view").first).to_be_visible()
    page.get_by_role("button", name="Rendered").click()
    page.reload()
    page.wait_for_selector("[data-ready]")
    expect(page.locator(".text-view").first).to_be_hidden()
    expect(page.locator(".rendered strong")).to_have_text("one")
    expect(page.get_by_text("For reading only: marks are set in the raw text.")).to_be_visible()
    assert not [url for url in asked if "tracker" in url]
    page.keyboard.press("t")
    expect(page.locator(".text-view").first).to_be_visible()
    expect(page.locator(".rendered strong")).to_be_hidden()
