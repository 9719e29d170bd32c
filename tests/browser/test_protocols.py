"""Every protocol in Chromium: by keyboard alone, by touch at 390 pixels and by mouse, blind, with nothing lost."""

import re

import pytest
from playwright.sync_api import expect

from annotations.actions.lease import lease_next_item
from annotations.models import Draft
from annotations.protocols.presets import BEST_WORST, COMPARISON, CRITIQUE, EDIT, RANKING, RATING, STEPS, STOP, TICK
from annotations.rubric_questions import checklist_of
from annotations.selection import Selection
from rewards.models import Comparison, Critique, Judgment, Output, Ranking, SpanMark, StepLabel, Verdict
from tests.annotations.campaigns import make_campaign, shown_outputs
from tests.browser.test_annotate import drag
from tests.factories import make_project, make_rubric, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXTS = ["Paris is it.\r\nIt lies on the Seine.", "Lyon 🌍 is it.\r\nIt lies on the Rhône.", "Nice.\r\nBy the sea."]


@pytest.fixture
def people():
    return {role: make_user(name) for role, name in (("owner", "olga"), ("ann", "xanthe"), ("bob", "bogdan"))}


@pytest.fixture
def project(people):
    project = make_project("lab", owner=people["owner"], annotator=people["ann"])
    project.memberships.create(user=people["bob"], role="annotator")
    return project


@pytest.fixture
def campaign_of(project, people):
    """`campaign_of(questions)`: an open campaign of one item with three responses, for two people."""

    def make(questions, **fields):
        return make_campaign(
            project,
            people["owner"],
            texts=TEXTS,
            questions=questions,
            overlap=2,
            selection=Selection(outputs_per_item=3),
            **fields,
        )

    return make


@pytest.fixture
def every_kind(project):
    """All that is not asked in `test_annotate`, on one screen."""
    rubric = make_rubric(
        project,
        criteria=[
            {"key": "true", "text": "States only what is true", "may_be_na": True},
            {
                "key": "clear",
                "text": "Is clear",
                "kind": "ordinal",
                "levels": [
                    {"label": "Hardly", "value": 0},
                    {"label": "Mostly", "value": 0.5},
                    {"label": "Fully", "value": 1},
                ],
            },
        ],
    )
    return [
        {**checklist_of(rubric), "key": "rubric"},
        STEPS,
        STOP,
        EDIT,
        {**CRITIQUE, "voices": ["user"]},
        {**COMPARISON, "steps": 7, "pairs": "consecutive"},
        {**RANKING, "confidence": True},
        BEST_WORST,
        TICK,
    ]


@pytest.fixture
def open_item(open_page):
    """`open_item(user, campaign, ...)`: the next item, with every byte that the server sends in `page.received`."""

    pages = []

    def open_(user, campaign, **options):
        assignment = lease_next_item(campaign=campaign, user=user)
        page = open_page(user, "/", **options)
        pages.append(page)
        page.received = []

        def keep(route):
            # Read before it is handed on: a page that is left takes the bodies with it.
            response = route.fetch(max_redirects=0)
            page.received.append((route.request.url, response.body()))
            route.fulfill(response=response)

        page.route("**/*", keep)
        page.goto(f"/annotate/{assignment.pk}/")
        page.wait_for_selector("[data-annotate][data-ready]")
        page.assignment = assignment
        return page

    yield open_
    for page in pages:
        # What a page still asks for while it closes has nobody to read it.
        page.unroute_all(behavior="ignoreErrors")


def submit_by(press, page):
    here = page.url
    expect(page.locator("[data-missing]")).to_have_text("All answered")
    press()
    page.wait_for_url(lambda url: url != here)


def check_blind(page, names):
    """No policy, no file's name and nobody's else in any byte that was sent."""
    assert [url for url, _ in page.received if url.endswith("/submit")]
    for url, body in page.received:
        assert not [name for name in names if name.encode() in body], url


KEYS = {
    # Kind and what is pressed where a question of it is in focus, `None` for a step to the next question.
    "rubric": ["1"],
    "steps": ["1"],
    "stop": ["0"],
    "edit": ["1"],
    "preference": ["2"],
    "best-worst": None,
    "good": ["a", "c", "j"],
    "ranking": ["b", "c", "a", "=", "j"],
    "confidence": ["3"],
}


def answer_by_keyboard(page):
    """Walk the page as a person does who never touches the mouse."""
    for _ in range(60):
        if page.locator("[data-missing]").inner_text() == "All answered":
            return
        current = page.locator("fieldset.is-current")
        question, part = current.get_attribute("data-question"), current.get_attribute("data-part")
        if question == "critique":
            if not page.locator("textarea:focus").count():
                page.keyboard.press("e")
            page.keyboard.type(f"About {part[0]}.")
            page.keyboard.press("Escape")
        elif question == "best-worst":
            page.keyboard.press("a" if part == "best" else "c")
        elif question == "edit" and part == "B":
            page.keyboard.press("e")
            page.keyboard.press("Control+End")
            page.keyboard.type(" Indeed.")
            page.keyboard.press("Escape")
        elif question == "stop" and part == "B":
            # Into the text, one word on, and mark: the second word.
            page.keyboard.press("1")
            page.keyboard.press("Control+ArrowRight")
            page.keyboard.press("ArrowRight")
            page.keyboard.press("Enter")
        else:
            for key in KEYS[question]:
                page.keyboard.press(key)
    raise AssertionError(f"stuck at {question} {part}")


def tap_option(page, question, part, words):
    page.locator(f"fieldset[data-question='{question}'][data-part='{part}'] .option", has_text=words).tap()


def answer_by_touch(page):
    for label in "ABC":
        page.locator(f"[data-tab={label}]").tap()
        tap_option(page, "rubric", f"{label}/true", "No")
        tap_option(page, "rubric", f"{label}/clear", "Fully")
        for step in (0, 1):
            tap_option(page, "steps", f"{label}/{step}", "Wrong")
        tap_option(page, "stop", label, "Let it go on")
        page.locator(f"fieldset[data-question=edit][data-part={label}] [data-right]").tap()
        page.locator(f"fieldset[data-part='{label}/user'] textarea").fill(f"Touched {label}")
    for pair in ("A-B", "B-C"):
        page.locator(f"fieldset[data-part='{pair}'] .option", has_text="much better").first.tap()
    for label in "CAB":
        page.locator(f"[data-add={label}]").tap()
    page.get_by_role("button", name="Move up: response B").tap()
    page.locator("fieldset[data-part=ranking] .option", has_text="Guessing").tap()
    tap_option(page, "best-worst", "best", "C")
    tap_option(page, "best-worst", "worst", "A")
    page.locator("fieldset[data-part=good] .option", has_text="None of them").tap()


def test_two_blind_annotators_answer_every_protocol_by_keyboard_and_by_touch(
    open_item, campaign_of, every_kind, people
):
    campaign = campaign_of(every_kind)
    names = ["secret-policy", *Output.objects.values_list("external_id", flat=True)]

    page = open_item(people["ann"], campaign)
    answer_by_keyboard(page)
    submit_by(lambda: page.keyboard.press("Control+Enter"), page)
    assert page.errors == []
    check_blind(page, [*names, "bogdan", "olga"])
    first = shown_outputs(page.assignment)
    said = Judgment.objects.filter(rater__user=people["ann"])
    check_what_the_keyboard_said(said, first)

    page = open_item(people["bob"], campaign, width=390, height=844, touch=True)
    answer_by_touch(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    submit_by(lambda: page.locator("[data-submit]").tap(), page)
    assert page.errors == []
    check_blind(page, [*names, "xanthe", "olga"])
    second = shown_outputs(page.assignment)
    check_what_touch_said(Judgment.objects.filter(rater__user=people["bob"]), second)
    assert {output.pk for output in first.values()} == {output.pk for output in second.values()}


def tiers_of(judgments, outputs, asked):
    ranking = Ranking.objects.get(judgment__in=judgments, judgment__presentation__asked=asked)
    tiers = dict(ranking.places.values_list("output_id", "tier"))
    return {label: tiers[output.pk] for label, output in outputs.items()}


def check_what_the_keyboard_said(said, outputs):
    assert set(Verdict.objects.filter(judgment__in=said).values_list("criterion__key", "value")) == {
        ("true", 1),
        ("clear", 0),
    }
    assert list(StepLabel.objects.filter(judgment__in=said).values_list("label", flat=True)) == [1] * 6
    stop = SpanMark.objects.get(judgment__in=said)
    text = outputs["B"].messages[0]["text"]
    assert (stop.output_id, stop.value) == (outputs["B"].pk, -1)
    assert stop.quote == text[stop.start : stop.end]
    assert stop.start > 0
    edit = Critique.objects.get(judgment__in=said, kind="edit")
    assert edit.text == text + " Indeed."
    voices = Critique.objects.filter(judgment__in=said, kind="user_voice")
    assert {(one.judgment.output_id, one.text) for one in voices} == {
        (output.pk, f"About {label}.") for label, output in outputs.items()
    }
    # Of seven steps the second is "better": two away from the middle.
    assert list(Comparison.objects.filter(judgment__in=said).values_list("strength", flat=True)) == [2, 2]
    assert tiers_of(said, outputs, "ranking") == {"B": 1, "C": 2, "A": 2}
    assert tiers_of(said, outputs, "best_worst") == {"A": 1, "B": 2, "C": 3}
    assert tiers_of(said, outputs, "tick") == {"A": 1, "B": 2, "C": 1}
    assert said.get(presentation__asked="ranking").presentation["confidence"] == 3


def check_what_touch_said(said, outputs):
    assert set(Verdict.objects.filter(judgment__in=said).values_list("criterion__key", "value")) == {
        ("true", 0),
        ("clear", 1),
    }
    labels = StepLabel.objects.filter(judgment__in=said)
    assert set(labels.values_list("step", "label", "is_first_error")) == {(0, -1, True), (1, -1, False)}
    assert not SpanMark.objects.filter(judgment__in=said).exists()
    assert not Critique.objects.filter(judgment__in=said, kind="edit").exists()
    assert Critique.objects.filter(judgment__in=said, text__startswith="Touched").count() == 3
    assert list(Comparison.objects.filter(judgment__in=said).values_list("strength", flat=True)) == [3, 3]
    assert tiers_of(said, outputs, "ranking") == {"C": 1, "B": 2, "A": 3}
    assert tiers_of(said, outputs, "best_worst") == {"C": 1, "B": 2, "A": 3}
    assert tiers_of(said, outputs, "tick") == {"A": 2, "B": 2, "C": 2}


def drag_handle(page, label, target, share):
    """Take hold of a response in the ranking and let go at a share of the height of another one's place."""
    handle = page.locator(f"[data-label={label}] .ranking-grip").bounding_box()
    box = page.locator(".ranking-place", has=page.locator(f"[data-label={target}]")).bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 40, box["y"] + box["height"] * share, steps=6)
    page.mouse.up()


def order_on(page):
    return page.locator(".ranking-place").evaluate_all(
        "places => places.map(place => [...place.querySelectorAll('[data-label]')].map(row => row.dataset.label))"
    )


def test_a_ranking_is_dragged_tied_undone_and_comes_back_after_a_reload(open_item, campaign_of, people):
    page = open_item(people["ann"], campaign_of([RANKING]))
    for label in "ABC":
        page.locator(f"[data-add={label}]").click()
    drag_handle(page, "C", "A", 0.1)
    assert order_on(page) == [["C"], ["A"], ["B"]]
    drag_handle(page, "C", "B", 0.9)
    assert order_on(page) == [["A"], ["B"], ["C"]]
    drag_handle(page, "B", "A", 0.5)
    assert order_on(page) == [["A", "B"], ["C"]]
    page.get_by_role("button", name="Undo", exact=True).click()
    assert order_on(page) == [["A"], ["B"], ["C"]]
    # The same by keys on the handle.
    page.locator("[data-label=C] [data-handle]").focus()
    page.keyboard.press("1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("=")
    assert order_on(page) == [["A", "C"], ["B"]]
    expect(page.locator("[data-label=C] [data-handle]")).to_be_focused()
    expect(page.locator("[data-save-state]")).to_have_text(re.compile(r"^Saved \d\d:\d\d$"))
    page.reload()
    page.wait_for_selector("[data-ready]")
    assert order_on(page) == [["A", "C"], ["B"]]
    assert Draft.objects.get().answer == {"ranking": {"order": [["A", "C"], ["B"]]}}


def test_an_edit_shows_what_changed_and_keeps_the_line_breaks_of_the_text(open_item, campaign_of, people):
    page = open_item(people["ann"], campaign_of([EDIT, RATING]))
    field = page.locator("fieldset[data-question=edit][data-part=A] textarea")
    shown = field.input_value()
    word = shown.split()[0]
    field.fill(shown.replace(word, "Rome", 1))
    diff = page.locator("fieldset[data-question=edit][data-part=A] [data-diff]")
    assert (diff.locator("del").all_inner_texts(), diff.locator("ins").all_inner_texts()) == ([word], ["Rome"])
    for label in "BC":
        page.locator(f"fieldset[data-question=edit][data-part={label}] [data-right]").check()
    for radio in page.locator(".level input[value='4']").all():
        radio.check(force=True)
    submit_by(lambda: page.locator("[data-submit]").click(), page)
    text = shown_outputs(page.assignment)["A"].messages[0]["text"]
    assert Critique.objects.get().text == text.replace(word, "Rome", 1)
    assert "\r\n" in Critique.objects.get().text


def test_steps_past_the_first_error_are_closed_and_open_again(open_item, campaign_of, people):
    page = open_item(people["ann"], campaign_of([{**STEPS, "mode": "first_error"}]))
    page.keyboard.press("3")
    expect(page.locator("fieldset[data-part='A/1'] input").first).to_be_disabled()
    expect(page.locator("[data-missing]")).to_have_text("4 left to answer")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator("fieldset[data-part='A/1'] input").first).to_be_enabled()
    expect(page.locator("[data-missing]")).to_have_text("6 left to answer")
    # The response is shown once, cut into its steps, and its text is exactly what is stored.
    assert not page.locator(".text-view").first.is_visible()
    text = page.locator("[data-step-of=A]").evaluate_all("steps => steps.map(step => step.textContent).join('')")
    assert text == shown_outputs(page.assignment)["A"].messages[0]["text"]


def test_the_question_in_focus_is_not_hidden_behind_the_prompt_or_the_bar(open_item, campaign_of, people):
    page = open_item(people["ann"], campaign_of([STEPS]), width=390, height=600, touch=True)
    for _ in range(5):
        page.keyboard.press("1")
        box = page.locator("fieldset:focus-within").bounding_box()
        prompt = page.locator("#prompt").bounding_box()
        bar = page.locator(".answer-bar").bounding_box()
        assert box["y"] >= prompt["y"] + prompt["height"]
        assert box["y"] + box["height"] <= bar["y"]


def test_evidence_is_marked_for_its_criterion_by_keyboard_and_by_mouse(open_item, campaign_of, every_kind, people):
    page = open_item(people["ann"], campaign_of(every_kind[:1]))
    page.locator("[data-aim='rubric:true'][data-aim-of=A]").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    # Back at the criterion, which says how many places it has.
    expect(page.locator("[data-aim='rubric:true'][data-aim-of=A] [data-aim-count]")).to_have_text("1")
    expect(page.locator("fieldset[data-part='A/true']")).to_have_class(re.compile("is-current"))
    first_word = shown_outputs(page.assignment)["C"].messages[0]["text"].split()[0].rstrip(".")
    drag(page, page.locator(".text-view[data-output=C]"), first_word, inset=1)
    page.locator(".chooser-choice", has_text="Is clear").click()
    page.keyboard.press("Escape")
    for fieldset in page.locator("fieldset[data-question=rubric]").all():
        fieldset.locator("input[value='1']").check(force=True)
    submit_by(lambda: page.locator("[data-submit]").click(), page)
    outputs = shown_outputs(page.assignment)
    marks = {(mark.output_id, mark.criterion.key): mark.quote for mark in SpanMark.objects.all()}
    assert set(marks) == {(outputs["A"].pk, "true"), (outputs["C"].pk, "clear")}
    for (pk, _), quote in marks.items():
        text = next(output for output in outputs.values() if output.pk == pk).messages[0]["text"]
        assert quote == text.split()[0].rstrip(".")


def test_what_is_half_answered_is_named_and_nothing_is_sent(open_item, campaign_of, people):
    page = open_item(people["ann"], campaign_of([RANKING, TICK]))
    page.locator("[data-add=A]").click()
    page.locator("[data-submit]").click()
    expect(page.locator(".is-wanting")).to_have_count(2)
    assert not Judgment.objects.exists()
    page.locator("fieldset[data-part=good] .option", has_text="Response B").click()
    expect(page.locator(".is-wanting")).to_have_count(1)


def test_letters_choose_the_better_response_by_more_each_time_and_t_each_kind_of_tie(open_item, campaign_of, people):
    page = open_item(people["ann"], campaign_of([{**COMPARISON, "steps": 7, "pairs": "consecutive"}]))
    chosen = page.locator("fieldset[data-part='A-B'] input:checked")
    for key, value in (("b", "B+1"), ("b", "B+2"), ("a", "A+1"), ("t", "both_good"), ("0", "both_bad"), ("b", "B+1")):
        page.keyboard.press(key)
        expect(chosen).to_have_value(value)


def test_guidelines_stand_beside_the_page_which_goes_on(open_item, campaign_of, people):
    page = open_item(people["ann"], campaign_of([TICK]))
    guidelines = page.locator("#guidelines-dialog")
    page.keyboard.press("g")
    expect(guidelines.get_by_text("Read both answers first.")).to_be_visible()
    page.keyboard.press("b")
    expect(page.locator("fieldset[data-part=good] input[value=B]")).to_be_checked()
    page.keyboard.press("Escape")
    expect(guidelines).to_be_hidden()
    page.get_by_role("button", name="Guidelines").click()
    expect(guidelines).to_be_visible()
    page.get_by_role("button", name="Guidelines").click()
    expect(guidelines).to_be_hidden()
