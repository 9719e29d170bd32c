"""What goes wrong under an annotator in Chromium: crashes, ended sessions, servers that go. Nothing entered is lost."""

import re

import pytest
from django.contrib.sessions.models import Session
from django.db import transaction
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect

from annotations.models import Draft, Submission
from rewards.models import Judgment
from tests.browser.asgi_server import serving
from tests.browser.test_annotate import (  # noqa: F401 - fixtures
    ann,
    answer_the_rest,
    assignment,
    campaign,
    mark,
    open_item,
    owner,
    path_of,
    project,
    submit,
    view_of,
    wait_until_saved,
)
from tests.browser.walker import PASSWORD
from tests.populated import populate
from workers.models import Run

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Longer than the longest pause between two tries to save.
RETRIED_MS = 40_000


def sign_in(page, user):
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def lose_the_network(page):
    """Also for what the page sends while it dies, which a route would let through."""
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('no network')); }")


def test_a_renderer_that_crashes_takes_nothing_along_that_was_not_sent(open_page, ann, assignment):  # noqa: F811
    page = open_item(open_page, ann, assignment)
    lose_the_network(page)
    page.keyboard.press("6")
    mark(page, view_of(page), "everyone", "1", "2")
    expect(page.locator("[data-save-state]")).to_have_text(re.compile(r"^Offline – \d queued$"))
    with pytest.raises(PlaywrightError):
        page.goto("chrome://crash")
    again = page.context.new_page()
    again.goto(path_of(assignment))
    expect(again.locator("[data-notice=restored]")).to_be_visible()
    expect(again.locator(".span-row")).to_have_count(1)
    wait_until_saved(again)
    answer = Draft.objects.get().answer
    assert (6 in answer["overall"].values(), answer["errors"][0]["quote"]) == (True, "everyone")


def test_another_machine_goes_on_with_what_was_saved(open_page, ann, assignment):  # noqa: F811
    page = open_item(open_page, ann, assignment)
    page.keyboard.press("6")
    wait_until_saved(page)
    page.context.close()
    again = open_item(open_page, ann, assignment)
    assert again.locator(".level input:checked").get_attribute("value") == "6"


def test_a_session_that_ends_keeps_the_answer_and_sends_it_after_signing_in(open_page, ann, assignment):  # noqa: F811
    page = open_item(open_page, ann, assignment)
    page.keyboard.press("5")
    wait_until_saved(page)
    Session.objects.all().delete()
    answer_the_rest(page)
    notice = page.locator("[data-notice=signed-out]")
    expect(notice).to_be_visible()
    page.locator("[data-submit]").click()
    expect(page.locator("[data-submit]")).not_to_have_attribute("aria-disabled", "true")
    assert path_of(assignment) in page.url
    assert not Submission.objects.exists()
    with page.expect_popup() as opened:
        notice.get_by_role("link", name="Sign in").click()
    sign_in(opened.value, ann)
    opened.value.wait_for_url("**/")
    opened.value.close()
    expect(notice).to_have_count(0, timeout=RETRIED_MS)
    wait_until_saved(page)
    assert list(Draft.objects.get().answer["overall"].values()) == [4, 4]
    submit(page)
    assert Submission.objects.get().answer["overall"] == {"A": 4, "B": 4}


def test_a_page_that_is_left_signed_out_is_found_again_behind_the_form(open_page, ann, assignment):  # noqa: F811
    page = open_item(open_page, ann, assignment)
    Session.objects.all().delete()
    page.keyboard.press("7")
    expect(page.locator("[data-notice=signed-out]")).to_be_visible()
    page.reload()
    sign_in(page, ann)
    page.wait_for_url(f"**{path_of(assignment)}")
    expect(page.locator("[data-notice=restored]")).to_be_visible()
    wait_until_saved(page)
    assert 7 in Draft.objects.get().answer["overall"].values()


def test_a_server_that_restarts_gets_what_was_entered_and_submitted_meanwhile_once(
    open_context,
    ann,  # noqa: F811
    assignment,  # noqa: F811
):
    page = open_context().new_page()
    with serving() as server:
        page.goto(server.url + path_of(assignment))
        sign_in(page, ann)
        page.wait_for_selector("[data-annotate][data-ready]")
        page.keyboard.press("5")
        wait_until_saved(page)
    answer_the_rest(page)
    expect(page.locator("[data-save-state]")).to_have_text("Offline – 3 queued")
    page.locator("[data-submit]").click()
    expect(page.locator("[data-notice=flow]")).to_contain_text("Your answer is kept here")
    assert Draft.objects.get().answer["preference"] == {}
    with serving(int(server.url.rpartition(":")[2])):
        page.wait_for_url(lambda url: path_of(assignment) not in url, timeout=RETRIED_MS)
        page.close()
    assert Submission.objects.get().answer["overall"] == {"A": 4, "B": 4}
    assert Judgment.objects.count() == 5


def test_a_draft_whose_receipt_was_lost_is_no_second_window(open_page, ann, assignment):  # noqa: F811
    page = open_item(open_page, ann, assignment)
    lost = []

    def lose_first_receipt(route):
        if not lost:
            lost.append(route.fetch())
            route.abort()
        else:
            route.continue_()

    page.route("**/draft", lose_first_receipt)
    page.keyboard.press("3")
    expect(page.locator("[data-save-state]")).to_have_text("Offline – 1 queued")
    page.keyboard.press("6")
    wait_until_saved(page)
    expect(page.locator("#version-dialog")).to_be_hidden()
    assert Draft.objects.get().answer["overall"] == {"A": 3, "B": 6}


def test_both_versions_and_the_state_of_the_draft_fit_on_a_phone(open_page, ann, assignment):  # noqa: F811
    first = open_item(open_page, ann, assignment, width=390, height=844)
    second = first.context.new_page()
    second.goto(path_of(assignment))
    second.wait_for_selector("[data-ready]")
    second.keyboard.press("7")
    wait_until_saved(second)
    first.bring_to_front()
    first.keyboard.press("2")
    expect(first.locator("#version-dialog")).to_be_visible()
    for shown in ("#version-dialog [data-theirs]", ".topbar details summary"):
        box = first.locator(shown).bounding_box()
        assert 0 <= box["x"] < box["x"] + box["width"] <= 390
    count, state = (first.locator(shown).bounding_box() for shown in (".focus-status", "[data-save-state]"))
    assert count["x"] + count["width"] <= state["x"]


def test_where_sockets_are_blocked_a_run_is_followed_by_asking(open_context):
    with transaction.atomic():
        house = populate()
    page = open_context(house.people["owner"]).new_page()
    # The server of this test knows no sockets: they are refused, as by many proxies.
    page.goto(f"/p/lab/runs/{house.pk('run')}/")
    state = page.locator(".badge[data-state]").first
    expect(state).to_have_attribute("data-state", "running")
    Run.objects.filter(pk=house.pk("run")).update(scored_count=2, status="finished")
    expect(state).to_have_attribute("data-state", "finished")
