"""A model's spans on the annotation page: accepted, changed, rejected by mouse, keys and touch, then submitted."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from annotations.actions.lease import lease_next_item
from annotations.actions.plan import change_plan
from annotations.models import Campaign
from rewards import signal_store
from rewards.models import Judgment, Output, Rater, SpanMark
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from rewards.text import sha256_text
from tests.browser.test_annotate import (  # noqa: F401 - fixtures
    TEXT,
    ann,
    answer_the_rest,
    boxes_of,
    campaign,
    drag,
    open_item,
    owner,
    project,
    submit,
    view_of,
    wait_until_saved,
)
from tests.factories import make_judgment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def with_marks(campaign, owner, *words):  # noqa: F811
    """A critic's marks on these words of each longer text, and the values of two models for its words."""
    project = campaign.project  # noqa: F811
    raters = [
        Rater.objects.create(
            project=project, kind=Rater.Kind.SCORER, name=name, pseudonym=name, scorer_hash=name[0] * 64
        )
        for name in ("critic", "reward model")
    ]
    for output in Output.objects.filter(project=project, messages__0__text=TEXT):
        judgment = make_judgment(raters[0], Judgment.Kind.SPANS, output.task, output)
        for word in words:
            start = TEXT.index(word)
            place = {"start": start, "end": start + len(word), "quote": word, "text_sha256": sha256_text(TEXT)}
            SpanMark.objects.create(judgment=judgment, output=output, message=0, type="factual", value=-1, **place)
        found = np.array([(0, one.start(), one.end()) for one in re.finditer(r"\S+", TEXT)])
        for rater, value in zip(raters, (0.5, -2), strict=True):
            signal = RewardSignal(Segmentation("words", found), np.full(len(found), value, dtype="f4"))
            signal_store.save_many([signal_store.NewSignal(output, rater, "score", signal, "h")])
    sources = [{"rater": rater.pk, "channel": "score", "segmenter": "words"} for rater in raters]
    overlay = {"levels": ["start"], "sources": sources, "marks": [raters[0].pk]}
    change_plan(campaign=campaign, actor=owner, arms={"overlay": overlay})
    return Campaign.objects.select_related("plan").get(pk=campaign.pk)


def row_of(page, words):
    return page.locator("[data-proposal]").filter(has_text=words)


def test_spans_are_accepted_changed_and_rejected_and_every_step_can_be_undone(
    open_page,
    ann,  # noqa: F811
    owner,  # noqa: F811
    campaign,  # noqa: F811
):
    planned = with_marks(campaign, owner, "line", "family", "everyone")
    page = open_item(open_page, ann, lease_next_item(campaign=planned, user=ann))
    view = view_of(page)
    expect(view.locator("mark.mark-model")).to_have_count(3)
    expect(view.locator("mark.mark-model").first).to_have_attribute("title", "Model 1 · Factual error")
    assert view.evaluate("view => view.textContent") == TEXT

    # In the text, by a click and a digit.
    left, right, middle = boxes_of(view, "line")[0]
    page.mouse.click((left + right) / 2, middle)
    expect(page.locator("[data-chooser]")).to_contain_text("Model 1")
    page.keyboard.press("1")
    expect(row_of(page, "line")).to_have_attribute("data-decision", "accepted")
    page.keyboard.press("Control+z")
    expect(row_of(page, "line")).to_have_attribute("data-decision", "")
    page.keyboard.press("Control+Shift+z")
    expect(row_of(page, "line")).to_have_attribute("data-decision", "accepted")

    # In the list, by its buttons.
    row_of(page, "family").get_by_role("button", name="Reject").press("Enter")
    expect(view.locator("mark.mark-refused")).to_have_text("family")
    changing = row_of(page, "everyone")
    changing.get_by_role("button", name="Change").press("Enter")
    expect(changing.locator("select[data-field=type]")).to_be_focused()
    changing.get_by_role("button", name="Mark other words").press("Enter")
    drag(page, view, "to everyone", inset=1)
    expect(page.locator("[data-proposal-count]:visible")).to_have_text("3 / 3")
    changing = row_of(page, "to everyone")
    changing.locator("[data-field=comment]").fill("Both words.")
    expect(changing).to_have_attribute("data-decision", "changed")

    wait_until_saved(page)
    page.reload()
    page.wait_for_selector("[data-ready]")
    expect(row_of(page, "to everyone")).to_have_attribute("data-decision", "changed")
    answer_the_rest(page)
    submit(page)
    said = Judgment.objects.filter(presentation__has_key="review").order_by("presentation__review__mark")
    assert [row.presentation["review"]["decision"] for row in said] == ["accepted", "rejected", "changed"]
    kept = SpanMark.objects.filter(origin__isnull=False).order_by("origin")
    assert [(mark.quote, mark.explanation) for mark in kept] == [("line", ""), ("to everyone", "Both words.")]
    assert page.errors == []


def test_values_of_several_models_are_switched_and_the_answer_says_which_were_seen(
    open_page,
    ann,  # noqa: F811
    owner,  # noqa: F811
    campaign,  # noqa: F811
):
    planned = with_marks(campaign, owner, "line")
    page = open_item(open_page, ann, lease_next_item(campaign=planned, user=ann))
    first = view_of(page).locator("[data-value]").first
    expect(first).to_have_attribute("title", "Model 1 +0.5")
    page.get_by_role("button", name="Model 2").click()
    expect(first).to_have_attribute("title", "Model 2 −2")
    expect(page.locator("[data-overlay-limit]").first).to_have_text("2")
    wait_until_saved(page)
    answer_the_rest(page)
    submit(page)
    told = {
        str(row) for row in Judgment.objects.filter(rater__user=ann).values_list("presentation__overlay", flat=True)
    }
    assert told == {str({"shown": True, "sources": [1, 2], "threshold": 0})}
    assert page.errors == []


def test_on_a_phone_a_span_gets_other_words_by_two_taps(open_page, ann, owner, campaign):  # noqa: F811
    planned = with_marks(campaign, owner, "line")
    page = open_item(open_page, ann, lease_next_item(campaign=planned, user=ann), width=390, touch=True)
    view = view_of(page)
    row = row_of(page, "line")
    row.get_by_role("button", name="Change").tap()
    row.get_by_role("button", name="Mark other words").tap()
    for word in ("First", "ends"):
        left, right, middle = boxes_of(view, word)[0]
        page.touchscreen.tap((left + right) / 2, middle)
    expect(row_of(page, "First line ends")).to_have_attribute("data-decision", "changed")
    assert page.errors == []


def test_marks_snap_to_tokens_by_mouse_and_by_keyboard_where_a_response_has_some(
    open_page,
    ann,  # noqa: F811
    campaign,  # noqa: F811
):
    # "First" is two tokens, and the next one begins with its space.
    cut = np.array([[0, 0, 2], [0, 2, 5], [0, 5, 10], [0, 10, len(TEXT)]], dtype="i4")
    for output in Output.objects.filter(project=campaign.project, messages__0__text=TEXT):
        signal_store.segmentation_for(output, "tokenizer:cut", cut)
    page = open_item(open_page, ann, lease_next_item(campaign=campaign, user=ann))
    view = view_of(page)
    page.get_by_role("button", name="Tokens").click()
    drag(page, view, "rs", inset=1)
    page.keyboard.press("2")
    page.keyboard.press("Escape")
    view.focus()
    page.keyboard.press("Home")
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    answer_the_rest(page)
    submit(page)
    assert [mark.quote for mark in SpanMark.objects.order_by("start")] == ["rst", " line"]
    assert page.errors == []
