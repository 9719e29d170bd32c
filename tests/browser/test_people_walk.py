"""Two blind annotators answer real data in every protocol: by mouse, by keyboard alone and by touch at 390 pixels.

Each protocol has a campaign over tasks of Fine-Grained RLHF and of LLMFAO. A few items a protocol are the default, so
that each person answers one in each way; WALK_ITEMS=20 walks them all. What each person meant is compared with what is
stored, and the campaign's report with brute force over it.
"""

import csv
import itertools
import json
import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack

import krippendorff
import numpy as np
import pytest
from playwright.sync_api import expect
from scipy.stats import kendalltau

from annotations.actions.campaign import ProtocolContent, create_campaign, open_campaign
from annotations.models import Adjudication, Assignment, Study, Submission
from annotations.protocols.presets import (
    BEST_WORST,
    COMPARISON,
    CRITIQUE,
    EDIT,
    GRADED,
    RANKING,
    RATING,
    SPANS,
    STEPS,
    STOP,
    TICK,
)
from annotations.rubric_questions import checklist_of
from annotations.selection import Selection
from rewards.actions.imports import import_files
from rewards.formats.sources import SourceFile
from rewards.models import Comparison, Policy, Rating, Task
from tests.annotations.campaigns import shown_outputs
from tests.browser.people_at_work import TOUCH, WAYS, Person
from tests.factories import make_project, make_rubric, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ITEMS = int(os.environ.get("WALK_ITEMS", "3"))
PATIENCE_MS = 90_000
QUESTIONS = {
    "rating": RATING,
    "comparison": COMPARISON,
    "graded": GRADED,
    "ranking": RANKING,
    "best_worst": BEST_WORST,
    "tick": TICK,
    "spans": SPANS,
    "steps": STEPS,
    "stop": STOP,
    "edit": EDIT,
    "critique": CRITIQUE,
}
RESPONSES = {"ranking": 3, "best_worst": 3, "tick": 3}


@pytest.fixture
def people():
    return {name: make_user(name) for name in ("olga", "xanthe", "bogdan")}


@pytest.fixture
def project(people):
    project = make_project("walk", owner=people["olga"], annotator=people["xanthe"])
    project.memberships.create(user=people["bogdan"], role="annotator")
    return project


@pytest.fixture
def task_ids(project, real_data, tmp_path):
    """Both data sets are imported; as many tasks of the one as of the other, by their external ids."""
    fine_grained = real_data / "fine_grained_rlhf" / "dev_feedback.json"
    first = imported(project, "fine_grained_rlhf", fine_grained)
    assert first.counts["spans_marked"] == 1373
    comparisons = real_data / "llmfao" / "llmfao.csv"
    texts = write_texts(comparisons, tmp_path)
    second = imported(project, "llmfao", comparisons, *texts)
    # The facts of ../shared/data/README.md.
    assert Comparison.objects.filter(judgment__import_batch=second).count() == 8931
    assert Policy.objects.filter(outputs__external_id__startswith="llmfao-").distinct().count() == 59
    ids = list(Task.objects.order_by("pk").values_list("external_id", flat=True))
    by_source = [[pk for pk in ids if pk.startswith(prefix)] for prefix in ("fine-grained-", "llmfao-")]
    return list(itertools.chain.from_iterable(zip(*by_source, strict=False)))[:ITEMS]


def imported(project, format_name, *paths):
    with ExitStack() as opened:
        files = [SourceFile(path.name, opened.enter_context(path.open("rb"))) for path in paths]
        batch = import_files(project, by=None, format_name=format_name, files=files)
    assert batch.error_count == 0
    return batch


def write_texts(comparisons, folder):
    """The released comparisons come without texts: prompts and responses in their published shape, in our words."""
    with comparisons.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sides = {
        (row["prompt"], row[model], row[name])
        for row in rows
        for model, name in (("model_x", "left"), ("model_y", "right"))
    }
    prompts, results = folder / "prompts.jsonl", folder / "results.jsonl"
    prompts.write_text(
        "".join(
            json.dumps({"id": int(prompt), "text": f"Argue for and against number {prompt}."}) + "\n"
            for prompt in sorted({prompt for prompt, _, _ in sides})
        ),
        encoding="utf-8",
    )
    with results.open("w", encoding="utf-8") as file:
        for prompt, model, name in sorted(sides):
            text = f"For {prompt}, a plea:\nit sets us free {'so ' * (int(model) % 7)}well.\n\nAgainst it: a fee 😀."
            file.write(json.dumps({"prompt": int(prompt), "model": int(model), "name": name, "result": text}) + "\n")
    return prompts, results


@pytest.fixture
def campaign_of(project, people, task_ids):
    def make(name, question):
        campaign = create_campaign(
            project=project,
            actor=people["olga"],
            name=name,
            protocol=ProtocolContent(questions=[question]),
            selection=Selection(task_ids=tuple(task_ids), outputs_per_item=RESPONSES.get(name, 2)),
            overlap=2,
        )
        open_campaign(campaign=campaign, actor=people["olga"])
        assert campaign.item_count == len(task_ids)
        return campaign

    return make


@pytest.fixture
def at_work(open_page, people):
    """`at_work(name, campaign)`: that person answers all items, a share in each way; what was meant, by assignment."""
    pages = {}

    def page_of(name, way):
        """A desk for mouse and keyboard, and a phone."""
        place = (name, way == TOUCH)
        if place not in pages:
            options = {"width": 390, "height": 844, "touch": True} if way == TOUCH else {}
            pages[place] = open_page(people[name], "about:blank", **options)
            pages[place].set_default_timeout(PATIENCE_MS)
        return pages[place]

    def work(name, campaign, ways):
        meant = {}
        for way in ways:
            page = page_of(name, way)
            page.goto(f"/p/walk/campaigns/{campaign.pk}/start/")
            page.get_by_role("button", name="Start").or_(page.get_by_role("button", name="Go on")).first.click()
            for _ in items_of(way, ways):
                page.wait_for_selector("[data-annotate][data-ready]")
                meant |= answer_one(page, way, campaign, name)
            page.goto("/")
            wait_until_given_back(people[name])
        return meant

    # A long walk meets whatever else the machine does.
    expect.set_options(timeout=PATIENCE_MS)
    yield work
    expect.set_options(timeout=5_000)
    assert [error for page in pages.values() for error in page.errors] == []


def items_of(way, ways) -> Iterator[int]:
    """Which of the items are answered in this way: a third of them, the first ways taking what is left over."""
    return iter(range(ways.index(way), ITEMS, len(ways)))


def answer_one(page, way, campaign, name):
    pk = int(page.url.rstrip("/").rpartition("/")[2])
    check_blind(page)
    person = Person(page, way, random.Random(f"{campaign.name} {pk} {name}"))
    if campaign.name == "spans":
        person.meant["errors"] = person.mark_a_word([entry["key"] for entry in SPANS["types"]])
    else:
        person.answer()
    if way == TOUCH:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    person.submit()
    return {pk: person.meant}


def check_blind(page):
    """No policy's name, and no id that carries one, in the page with its data."""
    sent = page.content()
    # Some models are named by a word that every page may have.
    names = [name for name in Policy.objects.values_list("name", flat=True) if " " in name or "-" in name]
    assert [name for name in [*names, "llmfao-", "fine-grained-"] if name in sent] == []


def wait_until_given_back(user, seconds=PATIENCE_MS / 1000):
    deadline = time.monotonic() + seconds
    while Assignment.objects.filter(user=user, status=Assignment.Status.LEASED).exists():
        assert time.monotonic() < deadline, "the item that was left is not given back"
        time.sleep(0.05)


def test_two_blind_people_answer_both_data_sets_in_every_protocol(at_work, campaign_of, project, people, open_page):
    rubric = make_rubric(
        project,
        criteria=[
            {"key": "true", "text": "States only what is true", "may_be_na": True},
            {"key": "clear", "text": "Is clear"},
        ],
    )
    lead = open_page(people["olga"], "about:blank")
    lead.set_default_timeout(PATIENCE_MS)
    for name, question in {**QUESTIONS, "checklist": {**checklist_of(rubric), "key": "rubric"}}.items():
        campaign = campaign_of(name, question)
        meant = at_work("xanthe", campaign, WAYS) | at_work("bogdan", campaign, WAYS[::-1])
        assert len(meant) == 2 * ITEMS
        check_what_is_stored(campaign, question["key"], meant)
        check_quality(lead, campaign, question["key"])
    settle_one(lead, project.campaigns.get(name="rating"))
    assert lead.errors == []


def check_what_is_stored(campaign, key, meant):
    """Every submit holds what the person meant, whatever way it was entered."""
    stored = dict(Submission.objects.filter(assignment__campaign=campaign).values_list("assignment", "answer"))
    assert stored.keys() == meant.keys()
    for pk, answer in meant.items():
        outputs = shown_outputs(Assignment.objects.get(pk=pk))
        texts = {label: output.messages[-1]["text"] for label, output in outputs.items()}
        assert in_short(campaign.name, stored[pk][key], texts) == answer[key], (campaign.name, pk)


def in_short(name, answer, texts):
    """What is stored in the words of `people_at_work`; what is marked must be a word of the text."""
    if name == "spans":
        [mark] = answer
        check_marked(mark, texts[mark["output"]])
        return {field: mark[field] for field in ("output", "type", "severity")}
    if name == "edit":
        return {label: "right" if text == texts[label] else text for label, text in answer.items()}
    if name == "stop":
        for label, mark in answer.items():
            if mark != "none":
                check_marked(mark, texts[label])
        return {label: "none" if mark == "none" else "marked" for label, mark in answer.items()}
    return answer


def check_marked(mark, text):
    assert text[mark["start"] : mark["end"]] == mark["quote"]
    assert mark["quote"] in text.split() or mark["quote"] in {word.strip(".,:;!?\"'()“”") for word in text.split()}


def check_quality(lead, campaign, key):
    """The report on the page against brute force over the stored answers."""
    lead.goto(f"/p/walk/campaigns/{campaign.pk}/quality/")
    lead.get_by_role("button", name="Work it out").click()
    expect(lead.locator("#study-result")).to_be_visible()
    report = Study.objects.latest("pk").result
    assert report["answers"] == 2 * ITEMS
    [row] = report["questions"]
    assert row["n_raters"] in (0, 2) or campaign.name in ("critique",)
    expected = BRUTE_FORCE[campaign.name](answers_by_output(campaign, key)) if campaign.name in BRUTE_FORCE else None
    if expected is not None and not np.isnan(expected):
        assert row["value"] == pytest.approx(expected, abs=1e-9), campaign.name
        shown = lead.locator(".quality-mark + .cell-note").first.inner_text().replace("−", "-")
        assert float(re.findall(r"-?\d+(?:\.\d+)?", shown)[0]) == pytest.approx(expected, abs=0.006), shown


def answers_by_output(campaign, key):
    """Per item and person, what was answered, labels replaced by the outputs that they stood for."""
    found = {}
    for submission in Submission.objects.filter(assignment__campaign=campaign).select_related("assignment"):
        assignment = submission.assignment
        outputs = {label: output.pk for label, output in shown_outputs(assignment).items()}
        found.setdefault(assignment.item_id, {})[assignment.user_id] = (submission.answer[key], outputs)
    return found


def alpha_of(answers):
    """Krippendorff's ordinal alpha by the reference package; a unit is an output with its step or criterion."""
    units = {}
    for people in answers.values():
        for person, (answer, outputs) in people.items():
            for part, value in answer.items():
                label, _, rest = part.partition("/")
                units.setdefault((outputs[label], rest), {})[person] = np.nan if value == "na" else float(value)
    people = sorted({person for unit in units.values() for person in unit})
    table = [[unit.get(person, np.nan) for unit in units.values()] for person in people]
    return krippendorff.alpha(reliability_data=table, level_of_measurement="ordinal")


def mean_tau_of(tiers):
    """The mean over items of Kendall's tau-b between the two people; `tiers` reads an answer."""

    def mean(answers):
        taus = []
        for people in answers.values():
            one, other = (tiers(answer, outputs) for answer, outputs in people.values())
            taus.append(kendalltau(*zip(*((one[pk], other[pk]) for pk in one), strict=True)).statistic)
        return np.nanmean(taus) if not np.all(np.isnan(taus)) else np.nan

    return mean


def ranked(answer, outputs):
    return {outputs[label]: tier for tier, labels in enumerate(answer["order"]) for label in labels}


def picked(answer, outputs):
    tiers = {answer["best"]: 1, answer["worst"]: 3}
    return {pk: tiers.get(label, 2) for label, pk in outputs.items()}


def ticked(answer, outputs):
    return {pk: 1 if label in answer["good"] else 2 for label, pk in outputs.items()}


BRUTE_FORCE = {
    "rating": alpha_of,
    "steps": alpha_of,
    "checklist": alpha_of,
    "ranking": mean_tau_of(ranked),
    "best_worst": mean_tau_of(picked),
    "tick": mean_tau_of(ticked),
}


def settle_one(lead, campaign):
    """The first item of the queue, by taking one person's answer whole."""
    lead.goto(f"/p/walk/campaigns/{campaign.pk}/adjudicate/")
    lead.locator("main td a[href*='/adjudicate/']").first.click()
    lead.wait_for_selector("[data-adjudicate][data-ready]")
    lead.locator("[data-take-lane='0']").click()
    lead.locator("[data-reason]").fill("The first reading is the careful one.")
    here = lead.url
    lead.locator("[data-submit]").click()
    lead.wait_for_url(lambda url: url != here)
    settled = Adjudication.objects.get()
    assert (settled.method, settled.adjudicator.username) == (Adjudication.Method.PICKED, "olga")
    own = Rating.objects.filter(judgment__act=settled.act).values_list("judgment__output", "value")
    taken = Rating.objects.filter(judgment__act=settled.picked.act).values_list("judgment__output", "value")
    assert dict(own) == dict(taken) != {}
