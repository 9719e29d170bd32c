"""A model's values under the words of the annotation page: shown after an own answer, and kept with the answer."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from annotations.actions.lease import lease_next_item
from annotations.actions.plan import change_plan
from annotations.models import Campaign
from rewards import signal_store
from rewards.models import Judgment, Output, SpanMark
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from tests.annotations.campaigns import make_campaign
from tests.browser.test_annotate import (  # noqa: F401 - fixtures
    TEXT,
    ann,
    answer_the_rest,
    boxes_of,
    campaign,
    mark,
    open_item,
    owner,
    project,
    submit,
    view_of,
    wait_until_saved,
)
from tests.factories import make_rater

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def with_values(campaign, owner, *levels):  # noqa: F811
    """Each word of the longer texts with a value; the first of them is 0.8, the second -0.4."""
    rater = make_rater(campaign.project, "critic")
    for output in Output.objects.filter(project=campaign.project, messages__0__text=TEXT):
        words = [(0, found.start(), found.end()) for found in re.finditer(r"\S+", TEXT)]
        values = np.resize(np.array([0.8, -0.4, 0.0, np.nan], dtype="f4"), len(words))
        signal = RewardSignal(Segmentation("words", np.array(words)), values)
        signal_store.save_many([signal_store.NewSignal(output, rater, "score", signal, "h")])
    config = {"levels": [*levels], "rater": rater.pk, "channel": "score", "segmenter": "words"}
    change_plan(campaign=campaign, actor=owner, arms={"overlay": config})
    return Campaign.objects.select_related("plan").get(pk=campaign.pk)


def test_values_are_shown_after_an_own_answer_and_the_answer_says_so(open_page, ann, owner, campaign):  # noqa: F811
    planned = with_values(campaign, owner, "after")
    page = open_item(open_page, ann, lease_next_item(campaign=planned, user=ann))
    toggle, view = page.get_by_role("button", name="Model"), view_of(page)
    expect(toggle).to_be_disabled()
    page.keyboard.press("h")
    expect(view.locator("[data-value]")).to_have_count(0)

    mark(page, view, "everyone", "1", "1")
    page.keyboard.press("Escape")
    page.keyboard.press("h")
    expect(toggle).to_have_attribute("aria-pressed", "true")
    first = view.locator("[data-value]").first
    expect(first).to_have_class("heat-p5")
    expect(first).to_have_attribute("title", "Model +0.8")
    assert view.evaluate("view => view.textContent") == TEXT
    # Over the colours a mark is still exactly its words, and says both.
    mark(page, view, "ends here", "2", inset=1)
    page.keyboard.press("Escape")
    expect(view.locator("mark [data-value]").first).to_have_attribute("title", re.compile("^Model .* · "))
    left, right, middle = boxes_of(view, "line")[0]
    page.mouse.move((left + right) / 2, middle)
    expect(page.locator("[data-overlay-readout]")).to_have_text("“line” −0.4")

    # 60 % of a scale that ends at 0.8: what is smaller than 0.48 has no colour.
    page.locator("[data-overlay-threshold]").fill("60")
    page.locator("[data-overlay-threshold]").dispatch_event("change")
    expect(view.locator("[data-value='−0.4']").first).to_have_class("heat-0")
    wait_until_saved(page)
    page.reload()
    page.wait_for_selector("[data-ready]")
    expect(page.get_by_role("button", name="Model")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("h")
    expect(page.locator(".text-view [data-value]")).to_have_count(0)

    answer_the_rest(page)
    submit(page)
    assert {found.quote for found in SpanMark.objects.all()} == {"everyone", "ends here"}
    told = Judgment.objects.values_list("presentation__overlay", flat=True)
    assert [*told] == [{"shown": True, "threshold": 0.6, "sources": [1]}] * len(told)
    assert page.errors == []


def test_steps_have_their_values_from_the_start(open_page, ann, owner, project):  # noqa: F811
    steps = [{"kind": "steps", "key": "steps", "prompt": "Is it right?", "segmenter": "sentence"}]
    made = make_campaign(project, owner, texts=[TEXT], questions=steps)
    planned = with_values(made, owner, "start")
    page = open_item(open_page, ann, lease_next_item(campaign=planned, user=ann))
    expect(page.locator("[data-step-of] [data-value]").first).to_have_text("First")
    assert page.errors == []
