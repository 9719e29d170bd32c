"""Two blind annotators answer real data in every protocol: by mouse, by keyboard alone and by touch at 390 pixels.

Each protocol has a campaign over tasks of Fine-Grained RLHF and of LLMFAO. A few items a protocol are the default, so
that each person answers one in each way; `make walk` walks twenty. What each person meant is compared with what is
stored, and every figure of the campaign's report, as the page shows it, with brute force over it.
"""

import math
import os
import random
import re
import time

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from annotations.models import Adjudication, Assignment, CampaignPlan, Study, Submission
from rewards.models import (
    Comparison,
    Critique,
    Judgment,
    Policy,
    RankedOutput,
    Rating,
    SpanMark,
    StepLabel,
    Verdict,
)
from tests.annotations.campaigns import shown_outputs
from tests.browser.brute_force import Said, figures
from tests.browser.conftest import wait_for_quiet_database
from tests.browser.people_at_work import KEYS, MOUSE, TOUCH, WAYS, Person
from tests.browser.walk_campaigns import PROTOCOLS, import_both, make_walk_campaign
from tests.factories import make_project, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ITEMS = int(os.environ.get("WALK_ITEMS", "3"))
REVIEWED = {"key": "@marks", "kind": "reviews", "prompt": "What a model marked"}
"""What the spans of a critic ask beside the questions."""
PATIENCE_MS = 60_000
"""A long walk meets whatever else the machine does."""
DESK = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def places(chromium, live_server):
    """A desk and a phone for each person; what was loaded once is not loaded again in the next test."""
    opened = {}

    def place(name, way):
        key = (name, way == TOUCH)
        if key not in opened:
            opened[key] = chromium.new_context(base_url=live_server.url, **(PHONE if way == TOUCH else DESK))
            opened[key].set_default_timeout(PATIENCE_MS)
        return opened[key]

    yield place
    for context in opened.values():
        context.close()


@pytest.fixture
def people():
    return {name: make_user(name) for name in ("olga", "xanthe", "bogdan")}


@pytest.fixture
def page_of(places, people, live_server):
    """`page_of(name, way)`: a page in which that person is signed in; none of them meets an error of a script."""
    pages = {}

    def page_of(name, way):
        context = places(name, way)
        if context not in pages:
            client = Client()
            client.force_login(people[name])
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}
            context.clear_cookies()
            context.add_cookies([cookie])
            page = pages[context] = context.new_page()
            page.errors = []
            page.on("pageerror", lambda error: page.errors.append(str(error)))
            page.on("console", lambda message: message.type == "error" and page.errors.append(message.text))
        return pages[context]

    expect.set_options(timeout=PATIENCE_MS)
    yield page_of
    expect.set_options(timeout=5_000)
    errors = [error for page in pages.values() for error in page.errors]
    for page in pages.values():
        page.close()
    wait_for_quiet_database()
    assert errors == []


@pytest.fixture
def project(people):
    project = make_project("walk", owner=people["olga"], annotator=people["xanthe"])
    project.memberships.create(user=people["bogdan"], role="annotator")
    return project


@pytest.fixture
def task_ids(project, real_data, tmp_path):
    return import_both(project, real_data, tmp_path)[:ITEMS]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_two_blind_people_answer_both_data_sets_in_every_protocol(name, page_of, people, project, task_ids):
    campaign = make_walk_campaign(project, people["olga"], name, task_ids)
    meant = {}
    for person, ways in (("xanthe", WAYS), ("bogdan", WAYS[::-1])):
        for way in ways:
            meant |= work(page_of(person, way), way, ways, campaign, people[person])
    assert len(meant) == 2 * ITEMS
    check_what_is_stored(campaign, meant)
    check_quality(page_of("olga", MOUSE), campaign)
    way = WAYS[list(PROTOCOLS).index(name) % len(WAYS)]
    settle_one(page_of("olga", way), way, campaign)


def work(page, way, ways, campaign, user):
    """Answer this way's share of the items; what was meant, by assignment."""
    meant = {}
    share = items_of(way, ways)
    if not share:
        # With fewer items than ways everything is answered by now: the page offers no start.
        return meant
    page.goto(f"/p/walk/campaigns/{campaign.pk}/start/")
    page.get_by_role("button", name="Start").or_(page.get_by_role("button", name="Go on")).first.click()
    for _ in share:
        page.wait_for_selector("[data-annotate][data-ready]")
        pk = int(page.url.rstrip("/").rpartition("/")[2])
        check_blind(page)
        person = Person(page, way, random.Random(f"{campaign.name} {pk} {user.username}"))
        meant[pk] = person.answer()
        if way == TOUCH:
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        person.submit()
    # An item is given back by its page, which has to be there first.
    page.wait_for_load_state()
    page.goto("/")
    # Not where it showed what a model says: that this was seen is kept, and the person goes on with the item.
    if not CampaignPlan.objects.filter(campaign=campaign).exclude(arms={}).exists():
        wait_until_given_back(user)
    return meant


def items_of(way, ways) -> range:
    """Which of the items are answered in this way: a third of them, the first ways taking what is left over."""
    return range(ways.index(way), ITEMS, len(ways))


def check_blind(page):
    """No policy's name, and no id that carries one, in the page with its data."""
    sent = page.content()
    # Some models are named by a word that every page may have.
    names = [name for name in Policy.objects.values_list("name", flat=True) if " " in name or "-" in name]
    assert [name for name in [*names, "critic-7b", "llmfao-", "fine-grained-"] if name in sent] == []


def wait_until_given_back(user, seconds=PATIENCE_MS / 1000):
    deadline = time.monotonic() + seconds
    while Assignment.objects.filter(user=user, status=Assignment.Status.LEASED).exists():
        assert time.monotonic() < deadline, "the item that was left is not given back"
        time.sleep(0.05)


def check_what_is_stored(campaign, meant):
    """Every submit holds what the person meant, whatever way it was entered, and marks the words that were meant."""
    submissions = Submission.objects.filter(assignment__campaign=campaign)
    stored, acts = (dict(submissions.values_list("assignment", name)) for name in ("answer", "act"))
    assert stored.keys() == meant.keys()
    for pk, answer in meant.items():
        outputs = shown_outputs(Assignment.objects.get(pk=pk))
        texts = {label: output.messages[-1]["text"] for label, output in outputs.items()}
        # What was shown of a model is kept beside the answers.
        told = {key: given for key, given in stored[pk].items() if given and key != "@overlay"}
        expected = {key: given for key, given in answer.items() if given}
        assert in_short(told, texts) == in_short(expected, texts), (campaign.name, pk)
        reviews = Judgment.objects.filter(act=acts[pk], presentation__has_key="review")
        said = dict(reviews.values_list("presentation__review__mark", "presentation__review__decision"))
        assert said == {int(mark): one["decision"] for mark, one in answer.get("@marks", {}).items()}


def in_short(value, texts, label=None):
    """An answer with its marks as what they are on, by what, and the words of the text there."""
    if isinstance(value, dict) and "decision" in value:
        return {name: value.get(name) for name in ("decision", "type", "quote")}
    if isinstance(value, dict) and "start" in value:
        start, end = value["start"], value["end"]
        words = texts[value.get("output", label)][start:end]
        assert value.get("quote", words) == words
        return {name: value.get(name) or None for name in ("output", "type", "severity")} | {
            "words": words,
            "at": start,
        }
    if isinstance(value, dict):
        return {key: in_short(entry, texts, key) for key, entry in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sorted((in_short(entry, texts) for entry in value), key=lambda mark: str(sorted(mark.items(), key=str)))
    return value


AGREEMENT = """rows => {
    const found = [];
    const words = (row, selector) => row.querySelector(selector)?.firstChild.textContent.trim() ?? null;
    for (const row of rows) {
        const mark = words(row, ".quality-mark + .cell-note");
        if (row.matches(".quality-part")) {
            found.at(-1).parts[words(row, "th")] = mark;
            continue;
        }
        const cells = [...row.querySelectorAll("td[data-label]")]
            .map(({ dataset, firstChild }) => [dataset.label, firstChild.textContent.trim()]);
        found.push({ prompt: words(row, "th"), mark, parts: {}, cells: Object.fromEntries(cells) });
    }
    return found;
}"""


def check_quality(lead, campaign):
    """The report on the page against brute force over the answers as they were sent."""
    lead.goto(f"/p/walk/campaigns/{campaign.pk}/quality/")
    lead.get_by_role("button", name="Work it out").click()
    expect(lead.locator("#study-result")).to_be_visible()
    shown = {
        row["prompt"]: row for row in lead.locator("[aria-labelledby=agreement-title] tbody tr").evaluate_all(AGREEMENT)
    }
    stored = {row["key"]: row for row in Study.objects.latest("pk").result["questions"]}
    assert f"{2 * ITEMS}" in lead.locator(".stats").first.inner_text()
    questions = [*campaign.protocol.questions, *([REVIEWED] if campaign.name == "critic" else [])]
    assert shown.keys() == {question["prompt"] for question in questions}
    for question in questions:
        expected = figures(question, answers_to(campaign, question))
        check_row(shown[question["prompt"]], expected, campaign.name)
        # The page rounds; what it rounds is the same to the last digits.
        value = stored[question["key"]]["value"]
        assert (math.nan if value is None else value) == pytest.approx(expected.value, abs=1e-9, nan_ok=True)


def check_row(shown, expected, name):
    """The coefficient, the counts, and each figure beside it: there is none that nobody worked out here."""
    check_figure(shown["mark"], expected.value, name)
    assert int(shown["cells"]["Units"]) == expected.units, name
    assert int(shown["cells"]["People"]) == (2 if expected.units else 0), name
    if expected.equal is not None:
        check_figure(shown["cells"]["Equal"], 100 * expected.equal, name)
    if expected.units:
        assert shown["parts"].keys() == expected.parts.keys(), name
    for part, words in shown["parts"].items():
        check_figure(words, expected.parts[part], (name, part))


def check_figure(words, expected, name):
    """The first number of what is shown, to as many digits as are; None where it is undefined."""
    assert (words is None) == math.isnan(expected), name
    if words is not None:
        shown = re.search(r"-?\d+(?:\.(\d+))?", words.replace("−", "-"))
        half_a_digit = 0.5 * 10.0 ** -len(shown[1] or "")
        assert float(shown[0]) == pytest.approx(expected, abs=half_a_digit + 1e-9), name


def answers_to(campaign, question):
    """Per item and person, what was answered to one question and what was shown."""
    found = {}
    for submission in Submission.objects.filter(assignment__campaign=campaign).select_related("assignment"):
        assignment = submission.assignment
        outputs = shown_outputs(assignment)
        said = Said(
            submission.answer.get(question["key"], [] if question["kind"] == "spans" else {}),
            {label: output.pk for label, output in outputs.items()},
            {label: output.messages[-1]["text"] for label, output in outputs.items()},
        )
        found.setdefault(assignment.item_id, {})[assignment.user_id] = said
    return found


def settle_one(lead, way, campaign):
    """The first item of the queue, by taking one person's answer whole; the truth that is stored is that answer."""
    lead.goto(f"/p/walk/campaigns/{campaign.pk}/adjudicate/")
    row = lead.locator("main td a[href*='/adjudicate/']").first
    row.tap() if way == TOUCH else row.click()
    lead.wait_for_selector("[data-adjudicate][data-ready]")
    here = lead.url
    if way == KEYS:
        lead.keyboard.press("1")
        lead.keyboard.press("Control+Enter")
    else:
        for selector in ("[data-take-lane='0']", "[data-submit]"):
            target = lead.locator(selector)
            target.tap() if way == TOUCH else target.click()
    lead.wait_for_url(lambda url: url != here)
    settled = Adjudication.objects.get()
    taken = Submission.objects.filter(assignment__item=settled.item).order_by("assignment_id").first()
    assert (settled.adjudicator.username, settled.departures) == ("olga", [])
    assert rows_of(settled.act) == rows_of(taken.act)


ROWS = {
    Rating: ["judgment__output", "question", "value"],
    Comparison: ["output_a", "output_b", "choice", "strength", "tie_kind"],
    Verdict: ["judgment__output", "criterion", "state", "value"],
    SpanMark: ["output", "message", "start", "end", "quote", "type", "severity", "criterion"],
    StepLabel: ["judgment__output", "step", "label", "is_first_error"],
    Critique: ["judgment__output", "kind", "text"],
}


def rows_of(act):
    """All that one submit or adjudication says, as sets of rows."""
    # What people said of a model's spans is not settled.
    own = Judgment.objects.without_reviews().filter(act=act)
    rows = {model: set(model.objects.filter(judgment__in=own).values_list(*names)) for model, names in ROWS.items()}
    rows[RankedOutput] = set(RankedOutput.objects.filter(ranking__judgment__in=own).values_list("output", "tier"))
    rows[Judgment] = set(own.values_list("kind", "output"))
    assert rows[Judgment]
    return rows
