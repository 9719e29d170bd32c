"""Settling in Chromium what three people answered differently: by mouse, by keyboard alone, by touch at 390 pixels."""

import re

import pytest
from playwright.sync_api import expect

from annotations.access import assignment_for
from annotations.actions.campaign import ProtocolContent, create_campaign, open_campaign
from annotations.actions.lease import lease_next_item
from annotations.actions.submission import submit_answer
from annotations.models import Adjudication, ItemDisagreement
from annotations.protocols.presets import COMPARISON, RATING, SPANS
from annotations.selection import Selection
from rewards.models import Comparison, Judgment, Rater, Rating, SpanMark, Task
from tests.annotations.campaigns import shown_outputs, span
from tests.browser.people_at_work import KEYS, TOUCH, WAYS
from tests.browser.walk_campaigns import import_as
from tests.factories import make_project, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RATERS = ("xanthe", "bogdan", "yolanda")
# By item and rater: the levels of the first and the second response, which is better, where the first is wrong.
ANSWERS = [
    [((6, 2), 0, (0, 5)), ((6, 2), 0, (0, 5)), ((6, 2), 0, (0, 5))],
    [((6, 2), 0, (0, 5)), ((6, 3), 1, (0, 5)), ((6, 3), 0, (0, 5))],
    [((7, 4), 0, (0, 5)), ((6, 3), 1, None), ((5, 2), "both_bad", (6, 9))],
]
REASON = "It repeats the question 😀 and says nothing else."


@pytest.fixture
def people():
    return {name: make_user(name) for name in ("olga", *RATERS)}


@pytest.fixture
def campaign(people, real_data):
    """Three real items, answered by three people: on the first all agree, on the third nobody."""
    project = make_project("lab", owner=people["olga"])
    for name in RATERS:
        project.memberships.create(user=people[name], role="annotator")
    import_as(project, "fine_grained_rlhf", real_data / "fine_grained_rlhf" / "dev_feedback.json")
    ids = Task.objects.order_by("pk").values_list("external_id", flat=True)[: len(ANSWERS)]
    campaign = create_campaign(
        project=project,
        actor=people["olga"],
        name="Which helps?",
        protocol=ProtocolContent(questions=[RATING, COMPARISON, SPANS]),
        selection=Selection(task_ids=tuple(ids), outputs_per_item=2),
        overlap=3,
    )
    open_campaign(campaign=campaign, actor=people["olga"])
    for rater, name in enumerate(RATERS):
        for _ in ANSWERS:
            answer_next(campaign, people[name], rater)
    return campaign


def answer_next(campaign, user, rater):
    assignment = assignment_for(user, lease_next_item(campaign=campaign, user=user).pk)
    levels, better, wrong = ANSWERS[assignment.item.position - 1][rater]
    shown = shown_outputs(assignment)
    label_of = {output.pk: label for label, output in shown.items()}
    labels = [label_of[pk] for pk in stored_outputs(assignment.item)]
    text = shown[labels[0]].messages[0]["text"]
    answer = {
        "overall": dict(zip(labels, levels, strict=True)),
        "preference": {"A-B": better if isinstance(better, str) else labels[better]},
        "errors": [span(labels[0], text, *wrong)] if wrong else [],
    }
    submit_answer(assignment=assignment, key="k", answer=answer, active_ms=60_000)


def stored_outputs(item):
    return list(item.item_outputs.order_by("position").values_list("output_id", flat=True))


class Hand:
    """What does the pressing."""

    def __init__(self, page, way):
        self.page, self.way = page, way

    def press(self, selector, *keys):
        """A control, or the keys that stand for it."""
        if self.way == KEYS and keys:
            for key in keys:
                self.page.keyboard.press(key)
            return
        target = self.page.locator(selector).first
        if self.way == KEYS:
            self.walk_to(target)
            self.page.keyboard.press("Enter")
        elif self.way == TOUCH:
            target.tap()
        else:
            target.click()

    def walk_to(self, target):
        """With Tab alone."""
        for _ in range(150):
            if target.evaluate("target => target === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {target}")

    def rate(self, label, level):
        if self.way == KEYS:
            fieldset = f"fieldset[data-question=overall][data-part={label}]"
            checked = self.page.locator(f"{fieldset} input:checked")
            self.walk_to(checked if checked.count() else self.page.locator(f"{fieldset} input").first)
            self.page.keyboard.press(str(level))
            return
        tab = self.page.locator(f"[data-tab={label}]")
        if tab.is_visible():
            self.press(f"[data-tab={label}]")
        self.press(f"[data-response={label}] .level:has(input[value='{level}'])")

    def say_why(self, words):
        field = self.page.locator("[data-reason]")
        # Where it was found wanting, the focus is there already.
        expect(field).to_be_focused()
        self.page.keyboard.type(words)

    def leave(self, press):
        """Press what leads to another page."""
        here = self.page.url
        press()
        self.page.wait_for_url(lambda url: url != here)


@pytest.mark.parametrize("way", WAYS)
def test_what_three_people_say_is_settled_overridden_for_a_reason_and_taken_back(open_page, people, campaign, way):
    options = {"width": 390, "height": 844, "touch": True} if way == TOUCH else {}
    page = open_page(people["olga"], f"/p/lab/campaigns/{campaign.pk}/adjudicate/", **options)
    hand = Hand(page, way)
    settle_what_all_agree_on(page, hand)
    apart = list(ItemDisagreement.objects.order_by("-value").values_list("item", flat=True))

    hand.leave(lambda: hand.press(f"main td a[href$='/adjudicate/{apart[0]}/']"))
    page.wait_for_selector("[data-adjudicate][data-ready]")
    check_lanes(page, campaign.items.get(pk=apart[0]))
    override_the_second_lane(page, hand)
    assert page.url.endswith(f"/adjudicate/{apart[1]}/")
    made = Adjudication.objects.get(item=apart[0])
    check_override(made, people["olga"])

    page.wait_for_selector("[data-adjudicate][data-ready]")
    take_what_most_say(page, hand, campaign.items.get(pk=apart[1]))
    take_back(page, hand, campaign, made)
    if way == TOUCH:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # The browser tells of the answer that was refused.
    assert [error for error in page.errors if "400 (Bad Request)" not in error] == []


def settle_what_all_agree_on(page, hand):
    expect(page.locator("main")).to_contain_text("3 open")
    hand.press("form[action$='/agreed/'] button")
    expect(page.locator("main")).to_contain_text("2 open")
    made = Adjudication.objects.get()
    assert (made.method, made.item.position, made.departures, made.reason) == ("agreed", 1, [], "")
    assert truth(made) == ({0: 6, 1: 2}, {0}, [(0, 5)])


def truth(made):
    """What is stored as settled, by the place of each response in the item: levels, which is better, what is wrong."""
    outputs = stored_outputs(made.item)
    own = Judgment.objects.standing().filter(act=made.act)
    levels = Rating.objects.filter(judgment__in=own).values_list("judgment__output", "value")
    compared = Comparison.objects.filter(judgment__in=own)
    better = {
        outputs.index(one.output_a_id if one.choice == "a" else one.output_b_id) for one in compared if not one.tie_kind
    }
    wrong = list(SpanMark.objects.filter(judgment__in=own).values_list("start", "end"))
    return {outputs.index(pk): value for pk, value in levels}, better, wrong


def check_lanes(page, item):
    """A column for each rater under a pseudonym, with what each said; what no two said alike is left open."""
    heads = page.locator("[data-take-lane]").all_inner_texts()
    labels = [Rater.objects.get(user__username=name).label for name in RATERS]
    assert [re.sub(r"^\d\s*", "", head) for head in heads] == labels
    assert all(re.fullmatch(r"rater-\d", label) for label in labels)
    assert [name for name in RATERS if name in page.content()] == []
    said = ANSWERS[item.position - 1]
    for part in (0, 1):
        cells = page.locator(f"[data-take-part='{part}']").all_inner_texts()
        assert cells == [str(levels[part]) for levels, _, _ in said]
    assert page.locator("[data-take-part='2']").all_inner_texts() == ["A is better", "B is better", "Both bad"]
    expect(page.locator("[data-missing]")).to_have_text("3 left to answer")


def override_the_second_lane(page, hand):
    """All of one lane, then a level that nobody gave: refused until there is a reason for it."""
    hand.press("[data-take-lane='1']", "2")
    expect(page.locator("[data-missing]")).to_have_text("All answered")
    hand.rate("A", 1)
    chosen = page.locator("fieldset[data-question=overall][data-part=A] input:checked")
    expect(chosen).to_have_attribute("value", "1")
    hand.press("[data-undo]", "Control+z")
    expect(chosen).to_have_attribute("value", "6")
    hand.press("[data-redo]", "Control+Shift+z")
    expect(chosen).to_have_attribute("value", "1")
    hand.press("[data-submit]", "Control+Enter")
    expect(page.locator("[data-reason-error]")).to_contain_text("overall.A")
    assert Adjudication.objects.count() == 1
    hand.say_why(REASON)
    hand.leave(lambda: hand.press("[data-submit]", "Control+Enter"))


def check_override(made, lead):
    assert (made.adjudicator, made.departures, made.reason) == (lead, ["overall.A"], REASON)
    assert truth(made) == ({0: 1, 1: 3}, {1}, [])
    # The answers that it settles stay as they were.
    kept = Rating.objects.filter(judgment__in=Judgment.objects.standing()).exclude(judgment__rater=made.rater)
    assert sorted(kept.filter(judgment__task=made.item.task).values_list("value", flat=True)) == [2, 3, 4, 5, 6, 7]


def take_what_most_say(page, hand, item):
    """Filled in already; after a change one press brings it back, and no reason is asked for."""
    expect(page.locator("[data-missing]")).to_have_text("All answered")
    hand.rate("B", 7)
    hand.press("[data-merge]", "m")
    hand.leave(lambda: hand.press("[data-submit]", "Control+Enter"))
    # Nothing is open any more: the queue says so.
    expect(page.locator("main")).to_contain_text("0 open")
    made = Adjudication.objects.get(item=item)
    assert (made.departures, made.reason) == ([], "")
    assert truth(made) == ({0: 6, 1: 3}, {0}, [(0, 5)])


def take_back(page, hand, campaign, made):
    page.goto(f"/p/lab/campaigns/{campaign.pk}/adjudicate/{made.item_id}/")
    page.wait_for_selector("[data-adjudicate][data-ready]")
    expect(page.locator(".settled")).to_contain_text(REASON)
    hand.press("form[action$='/undo/'] button")
    expect(page.locator(".settled")).to_have_count(0)
    made.refresh_from_db()
    assert made.undone_at is not None
    assert not Judgment.objects.standing().filter(act=made.act).exists()
    page.goto(f"/p/lab/campaigns/{campaign.pk}/adjudicate/")
    expect(page.locator("main")).to_contain_text("1 open")
