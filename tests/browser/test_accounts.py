"""Accounts in a browser: a letter becomes an account, a second factor is switched on and asked for, keys are chosen."""

import re

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core import mail
from playwright.sync_api import expect

from annotations.actions.lease import lease_next_item
from projects.actions.annotator_link import issue_annotator_link
from projects.actions.notification import notify
from projects.models import SignUp, SitePolicy, User
from tests.annotations.campaigns import make_campaign
from tests.factories import make_project, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "a-long-passphrase"


def fill_sign_in(page, name, password=PASSWORD):
    page.get_by_label("Username or e-mail").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def has_no_sideways_scroll(page):
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.fixture
def page_of(open_context):
    """`page_of(user, width=...)`: a page whose console stays silent."""
    pages = []

    def open_(user=None, **options):
        page = open_context(user, **options).new_page()
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda message: message.type == "error" and page.faults.append(message.text))
        pages.append(page)
        return page

    yield open_
    assert [fault for page in pages for fault in page.faults] == []


@pytest.mark.parametrize("width", [1280, 390])
def test_a_letter_becomes_an_account_with_a_second_factor(page_of, width):
    SitePolicy.objects.create(pk=1, sign_up=SignUp.OPEN)
    page = page_of(width=width)
    page.goto("/sign-in/")
    page.get_by_role("link", name="No account yet?").click()
    page.get_by_label("E-mail").fill("nora@example.org")
    page.get_by_role("button", name="Send the letter").click()
    expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
    page.goto(re.search(r"http\S+/sign-up/\S+", mail.outbox[0].body)[0])
    page.get_by_label("Username").fill("nora")
    page.get_by_label("Password", exact=True).fill("feather-ink-9")
    page.get_by_label("Password confirmation").fill("feather-ink-9")
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()

    page.goto("/profile/two-factor/")
    page.get_by_role("link", name="Switch on").click()
    page.get_by_label("Password").fill("feather-ink-9")
    page.get_by_role("button", name="Confirm").click()
    picture = page.get_by_role("img", name="The secret below")
    expect(picture).to_be_visible()
    # The policy would leave a picture that it refuses without a size.
    assert picture.evaluate("image => image.naturalWidth > 0")
    assert has_no_sideways_scroll(page)
    secret = page.locator("code.wrap-anywhere").inner_text()
    page.get_by_label("Authenticator code").fill(code_of(secret))
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    recovery = page.locator(".recovery-codes li").first.inner_text()
    assert has_no_sideways_scroll(page)

    other = page_of(width=width)
    other.goto("/profile/")
    fill_sign_in(other, "nora@example.org", "feather-ink-9")
    expect(other.get_by_role("heading", name="Second factor")).to_be_visible()
    other.get_by_label("Code").fill(recovery)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", name="Profile")).to_be_visible()


def code_of(secret):
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_an_annotator_link_leads_from_nothing_to_the_campaigns(page_of):
    owner = make_user("olga")
    issued = issue_annotator_link(
        project=make_project("walk", owner=owner), actor=owner, label="Group", days=1, most_people=2
    )
    page = page_of(width=390)
    page.goto(f"/join/{issued.secret}/")
    page.get_by_label("Username").fill("nora")
    page.get_by_label("Password", exact=True).fill("feather-ink-9")
    page.get_by_label("Password confirmation").fill("feather-ink-9")
    page.get_by_role("button", name="Join").click()
    page.get_by_role("link", name="Walk").click()
    expect(page.get_by_role("heading", name="Campaigns")).to_be_visible()
    told = page_of(owner)
    told.goto("/")
    told.get_by_label("Notifications: 1 unread").click()
    told.get_by_role("button", name="nora has joined Walk as annotator.").click()
    expect(told.get_by_role("heading", name="Members")).to_be_visible()
    expect(told.get_by_label("Notifications: 0 unread")).to_be_visible()


def test_the_bells_panel_closes_by_keyboard_and_fits_a_small_screen(page_of):
    user = make_user("olga")
    notify(users=[user], kind="run.finished", project=None, data={"name": "R" * 300, "scored": 1, "failed": 0})
    page = page_of(User.objects.get(pk=user.pk), width=390)
    page.goto("/")
    page.locator("#bell > summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="All notifications")).to_be_visible()
    expect(page.locator("#bell .notice")).to_be_visible()
    assert has_no_sideways_scroll(page)
    page.keyboard.press("Escape")
    expect(page.locator("#bell .notice")).to_be_hidden()
    assert page.evaluate("document.activeElement === document.querySelector('#bell > summary')")


def test_the_annotation_page_obeys_the_chosen_keys_and_names_them(page_of):
    annotator, owner = make_user("ann"), make_user("olga")
    campaign = make_campaign(make_project("walk", owner=owner, annotator=annotator), actor=owner)
    page = page_of(annotator)
    page.goto("/profile/keys/")
    page.get_by_label("Skip this item").fill("p")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("p is also the key of: Fold or unfold the prompt.")).to_be_visible()
    page.get_by_label("Fold or unfold the prompt").fill("x")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Keys saved.")).to_be_visible()

    page.goto(f"/annotate/{lease_next_item(campaign=campaign, user=annotator).pk}/")
    page.wait_for_selector("[data-annotate][data-ready]")
    page.keyboard.press("s")
    expect(page.locator("#skip-dialog")).to_be_hidden()
    page.keyboard.press("p")
    expect(page.locator("#skip-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    # The page has its keys back once nothing in the dialog has the focus.
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("body")).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator("#prompt")).not_to_have_attribute("open", "")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts-dialog [data-key='s']")).to_have_text("p")
