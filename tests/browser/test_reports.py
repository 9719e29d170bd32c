"""Flagging an item and asking for help in Chromium: by key, about the words that are selected."""

import pytest
from playwright.sync_api import expect

from annotations.actions.lease import lease_next_item
from annotations.models import ItemReport
from tests.annotations.campaigns import make_campaign
from tests.browser.test_annotate import ann, open_item, owner, project  # noqa: F401 - fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_question_is_sent_with_the_words_selected_by_keyboard_and_a_flag_without(open_page, project, owner, ann):  # noqa: F811
    campaign = make_campaign(project, owner, texts=["🌍 Paris is old.", "🌍 Paris is old!"])
    page = open_item(open_page, ann, lease_next_item(campaign=campaign, user=ann))
    page.keyboard.press("t")
    page.keyboard.press("Control+ArrowRight")
    page.keyboard.press("Control+Shift+ArrowRight")
    page.keyboard.press("c")
    shown = page.locator("[data-report-quote]").text_content()
    page.get_by_label("What do you want to know?").fill("f is a letter here")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("You are told when somebody replies.")).to_be_visible()
    question = ItemReport.objects.get()
    assert question.kind == "help"
    assert question.quote == shown
    assert shown.strip()

    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    expect(page.locator("[data-report-anchor]")).to_be_hidden()
    page.get_by_label("What is broken?").fill("Cut off.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Answer the item all the same, or skip it.")).to_be_visible()
    flag = ItemReport.objects.exclude(pk=question.pk).get()
    assert flag.kind == "flag"
    assert flag.output is None
