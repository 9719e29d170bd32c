"""The frame of every page in Chromium: menus, theme, messages, dialogs, reflow, and nothing against the CSP."""

import pytest
from playwright.sync_api import expect

from tests.projects.conftest import browse, cast  # noqa: F401 - fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = ["/", "/p/new/", "/profile/", "/tokens/", "/p/quill/", "/p/quill/members/", "/p/quill/audit/"]


@pytest.fixture
def page(cast, chromium, live_server, browse):  # noqa: F811
    """A page on which the owner is signed in; any complaint of the browser fails the test."""
    context = chromium.new_context(base_url=live_server.url, color_scheme="light")
    session = browse(cast.owner).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page, complaints = context.new_page(), []

    def note(message):
        if message.type == "error":
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_reflows_at_320_pixels_without_scrolling_sideways(page, path):
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_the_theme_changes_at_once_and_is_kept(page):
    page.goto("/p/quill/")
    page.get_by_label("Account of owner").click()
    with page.expect_response("**/profile/theme/") as answer:
        page.get_by_role("button", name="Dark").click()
    assert answer.value.status == 204
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 19, 17)"
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_a_menu_closes_by_escape_and_gives_the_focus_back(page):
    page.goto("/p/quill/")
    summary = page.get_by_label("Account of owner")
    summary.click()
    expect(page.get_by_role("link", name="API tokens")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="API tokens")).to_be_hidden()
    expect(summary).to_be_focused()


def test_the_switcher_fetches_the_projects_when_it_is_opened(page):
    page.goto("/p/quill/members/")
    page.locator("#project-switcher summary").click()
    expect(page.locator("#project-switcher").get_by_role("link", name="Quill")).to_have_attribute(
        "aria-current", "true"
    )


def test_a_message_is_told_and_can_be_dismissed(page):
    page.goto("/p/quill/settings/")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#messages")).to_contain_text("Settings saved.")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator("#messages [data-message]")).to_have_count(0)


def test_a_dialog_asks_before_leaving_and_can_be_declined(page):
    page.goto("/p/quill/members/")
    page.get_by_role("button", name="Leave project").click()
    expect(page.get_by_role("dialog", name="Leave Quill?")).to_be_visible()
    page.get_by_role("button", name="Stay").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_first_tab_leads_to_the_content(page):
    page.goto("/p/quill/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
