"""The heat map in Chromium: painted on the exact text, read by keyboard and pointer, obeying nothing in it."""

import numpy as np
import pytest
from playwright.sync_api import expect

from rewards import signal_store
from rewards.actions.rubrics import create_rubric
from rewards.models import Judgment, SpanMark, Verdict
from rewards.rubrics.parse import rubric_from_dict
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from rewards.text import sha256_text
from tests.factories import make_judgment, make_output, make_project, make_rater, make_task, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXT = "one\r\n🙂two </script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
# "one", CRLF, the emoji in two byte-level tokens, "two", the rest in one, and the end of the sequence.
SPANS = [[0, 0, 3], [0, 3, 5], [0, 5, 6], [0, 5, 6], [0, 6, 9], [0, 9, len(TEXT)], [0, len(TEXT), len(TEXT)]]
VALUES = [0.5, 0.0, -0.25, -0.25, np.nan, 1.0, -1.0]


@pytest.fixture
def viewer(db):
    return make_user("vera")


@pytest.fixture
def address(viewer):
    project = make_project("quill", viewer=viewer)
    output, rater = make_output(make_task(project), TEXT), make_rater(project)
    signal = RewardSignal(Segmentation("tokenizer:x", np.array(SPANS)), np.array(VALUES))
    signal_store.save_many([signal_store.NewSignal(output, rater, "score", signal, "h")])
    judgment = make_judgment(rater, Judgment.Kind.SPANS, output.task, output)
    SpanMark.objects.create(
        judgment=judgment,
        output=output,
        message=0,
        start=5,
        end=9,
        quote=TEXT[5:9],
        text_sha256=sha256_text(TEXT),
        type="Irrelevant",
    )
    return f"/p/quill/tasks/{output.task_id}/?signal={rater.pk}:score:tokenizer:x"


def readout(page):
    return page.locator("[data-readout]").text_content()


def test_tokens_are_painted_on_the_exact_text_and_nothing_in_it_runs(open_page, viewer, address):
    page = open_page(viewer, address)
    tokens = page.locator("[data-token]")

    assert page.locator("[data-message]").evaluate("node => node.textContent") == TEXT
    assert tokens.evaluate_all("nodes => nodes.map((node) => [node.textContent, node.className])") == [
        ["one", "heat-p3"],
        ["\r\n", "heat-0"],
        # -0.25 twice in one character: -0.5 of a scale that ends at 1.
        ["🙂", "heat-n3"],
        ["two", "heat-unscored"],
        [TEXT[9:], "heat-p5"],
        ["", "heat-n5 heat-empty"],
    ]
    assert page.evaluate("window.hacked") is None
    assert page.errors == []


def test_marks_lie_under_the_same_characters(open_page, viewer, address):
    page = open_page(viewer, address)

    assert page.locator("[data-message] mark").all_text_contents() == ["🙂", "two"]


def test_arrow_keys_go_from_token_to_token_and_say_what_each_is(open_page, viewer, address):
    page = open_page(viewer, address)
    page.locator("[data-token]").first.focus()
    assert readout(page) == "“one” +0.5 · 1 of 6"

    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    label = page.locator("[data-mark-label]").text_content()
    assert readout(page) == f"“🙂” −0.5, the sum of 2 tokens in one character · 3 of 6 · {label}"

    page.keyboard.press("ArrowUp")
    assert readout(page).startswith("“one”")
    page.keyboard.press("End")
    assert readout(page).startswith("no character −1")
    page.keyboard.press("Home")
    assert readout(page).startswith("“one”")


def test_only_one_token_is_in_the_tab_order(open_page, viewer, address):
    page = open_page(viewer, address)
    page.locator("[data-token]").nth(3).click()

    stops = page.locator("[data-token][tabindex='0']").all_text_contents()

    assert stops == ["two"]


def test_pointing_reads_and_the_threshold_hides_what_is_small(open_page, viewer, address):
    page = open_page(viewer, address)
    page.locator("[data-token]").nth(3).hover()
    assert readout(page).startswith("“two” unscored")

    page.locator("[data-threshold]").fill("60")

    classes = page.locator("[data-token]").evaluate_all("nodes => nodes.map((node) => node.className)")
    assert classes == ["heat-0", "heat-0", "heat-0", "heat-unscored", "heat-p5", "heat-n5 heat-empty"]


def test_buttons_and_keys_go_through_the_largest_disagreements(open_page, viewer, three):
    page = open_page(viewer, three)
    status = page.locator("[data-jump-status]")
    expect(status).to_have_text("3 places")

    # Words are at 1, -0.5 and 0.1 of their scale, the sentence at -1: apart by 1, 0.55 and 0.25.
    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-message] span:focus")).to_have_text("o")
    expect(status).to_have_text("1 of 3 · policy-a · apart by 100 % of the scale")
    page.keyboard.press("n")
    expect(page.locator("[data-message] span:focus")).to_have_text(" three")
    expect(status).to_have_text("2 of 3 · policy-a · apart by 55 % of the scale")
    assert readout(page).startswith("“ three” · 3 of 3")
    page.keyboard.press("p")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-message] span:focus")).to_have_text(" two")

    page.get_by_label("Where they disagree most").select_option(label="sentence and letters")
    # "o" at 1, "e" at 0.2 and nothing at "n", against -1.
    expect(status).to_have_text("2 places")
    page.get_by_role("button", name="Previous").click()
    expect(page.locator("[data-message] span:focus")).to_have_text("e")
    page.get_by_role("button", name="Next").click()
    expect(status).to_have_text("2 places, and no more")


LONG = "word " * 1500
WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    window.shifts.push([entry.value, ...entry.sources.map(({ node }) => node?.className ?? node?.nodeName)]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""


def store(output, rater, channel, spans, values):
    signal = RewardSignal(Segmentation(f"tokenizer:{channel}", np.array(spans)), np.array(values))
    signal_store.save_many([signal_store.NewSignal(output, rater, channel, signal, "h")])
    return f"signal={rater.pk}:{channel}:tokenizer:{channel}"


@pytest.fixture
def three(viewer):
    """ "one two three" with a signal by word, one by sentence whose end is a token, and one by letter of "one"."""
    project = make_project("quill", viewer=viewer)
    output, rater = make_output(make_task(project), "one two three"), make_rater(project)
    query = [
        store(output, rater, "words", [[0, 0, 3], [0, 3, 7], [0, 7, 13]], [1.0, -0.5, 0.1]),
        store(output, rater, "sentence", [[0, 0, 13], [0, 13, 13]], [-20.0, 20.0]),
        store(output, rater, "letters", [[0, 0, 1], [0, 1, 2], [0, 2, 3]], [0.3, np.nan, 0.06]),
    ]
    return f"/p/quill/tasks/{output.task_id}/?{'&'.join(query)}"


def test_three_signals_lie_over_one_text_in_colours_and_two_lanes(open_page, viewer, three):
    page = open_page(viewer, three)

    pieces = page.locator("[data-message] span").evaluate_all(
        "all => all.map((one) => [one.textContent, one.className])"
    )
    assert pieces == [
        ["o", "heat-p5 track-a-n5 track-b-p5"],
        ["n", "heat-p5 track-a-n5 track-b-unscored"],
        ["e", "heat-p5 track-a-n5 track-b-p1"],
        [" two", "heat-n3 track-a-n5"],
        [" three", "heat-p1 track-a-n5"],
        ["", "track-a-p5 heat-empty"],
    ]
    assert page.locator("[data-message]").text_content() == "one two three"
    assert page.errors == []


def test_a_token_says_the_values_of_all_signals(open_page, viewer, three):
    page = open_page(viewer, three)

    page.locator("[data-token]").first.focus()
    assert readout(page) == "“one” · 1 of 3 · words +1 · sentence −20 · letters +0.3, unscored, +0.06"
    page.keyboard.press("ArrowRight")
    assert readout(page) == "“ two” · 2 of 3 · words −0.5 · sentence −20 · letters nothing here"


def test_the_threshold_is_a_share_of_every_scale_or_a_value_on_one(open_page, viewer, three):
    page = open_page(viewer, three)
    first = page.locator("[data-message] span").nth(2)
    slider, value = page.locator("[data-threshold]"), page.locator("[data-threshold-value]")

    slider.fill("60")
    expect(value).to_have_text("60 % of each scale")
    expect(first).to_have_class("heat-p5 track-a-n5 track-b-0")
    page.get_by_label("Which signals the threshold is for").select_option(label="in sentence")
    slider.fill("100")
    # 20 is the scale's end itself, which is not below it.
    expect(value).to_have_text("20")
    expect(first).to_have_class("heat-p5 track-a-n5 track-b-p1")


def test_nothing_moves_while_a_long_page_is_painted_and_read(open_context, viewer):
    project = make_project("quill", viewer=viewer)
    task, rater = make_task(project), make_rater(project)
    rng = np.random.default_rng(0)
    for _ in range(4):
        output = make_output(task, LONG)
        query = [
            store(
                output,
                rater,
                f"s{shift}",
                [[0, 5 * n + shift, 5 * n + 5 + shift] for n in range(1499)],
                rng.normal(size=1499),
            )
            for shift in range(3)
        ]
    page = open_context(viewer).new_page()
    page.add_init_script(WATCH_SHIFTS)
    page.goto(f"/p/quill/tasks/{task.pk}/?{'&'.join(query)}")
    tokens = page.locator("[data-panel]").first.locator("[data-token]")
    expect(tokens.first).to_be_visible()
    for at in (0, 40, 80):
        tokens.nth(at).hover()
    two_frames = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    page.evaluate(two_frames)

    assert page.evaluate("window.shifts") == []
    # The watch works: what is put above all moves all.
    page.evaluate("document.querySelector('.output-grid').before('moved by a line of words')")
    page.evaluate(two_frames)
    assert page.evaluate("window.shifts.length") > 0


def test_another_choice_of_signal_is_swapped_in_and_painted(open_page, viewer, address):
    page = open_page(viewer, address.partition("?")[0] + "?signal=")
    assert page.locator("[data-token]").count() == 0

    page.locator("#view-signal").select_option(index=1)
    page.locator("[data-token]").first.wait_for()

    assert page.locator("[data-token]").count() == 6
    assert page.url.endswith(address.partition("?")[2].replace(":", "%3A"))


def test_without_javascript_text_and_numbers_can_be_read(open_context, viewer, address):
    page = open_context(viewer, java_script_enabled=False).new_page()
    page.goto(address)

    assert "🙂two" in page.locator("[data-message]").text_content()
    page.get_by_role("link", name="Show as numbers").click()
    assert page.locator("tbody tr").count() == len(SPANS)


def test_weights_change_the_ranking_while_they_are_typed(open_page, viewer):
    project = make_project("quill", viewer=viewer)
    content = rubric_from_dict([{"key": "right", "text": "Right.", "weight": 3}, {"key": "short", "text": "Short."}])
    version = create_rubric(project=project, actor=None, name="Quality", content=content)
    task, rater = make_task(project), make_rater(project)
    for name, values in {"first": (1.0, 0.0), "second": (0.0, 1.0)}.items():
        judgment = make_judgment(rater, Judgment.Kind.VERDICTS, task, make_output(task, policy=name))
        for criterion, value in zip(version.criteria.all(), values, strict=True):
            Verdict.objects.create(judgment=judgment, criterion=criterion, value=value)
    page = open_page(viewer, f"/p/quill/rubrics/{version.rubric_id}/weights/")
    best = page.locator(".ranking tbody tr").first

    assert "first" in best.text_content()
    page.get_by_label("Short", exact=False).first.fill("9")
    page.locator(".rank-up").wait_for()

    assert "second" in best.text_content()
    assert page.errors == []


def test_the_editor_adds_moves_and_saves_without_leaving_the_page(open_page):
    manager = make_user("max")
    make_project("quill", manager=manager)
    page = open_page(manager, "/p/quill/rubrics/new/")
    page.get_by_label("Name").fill("Quality")
    page.locator("[name=c-0-text]").fill("It is right.")

    page.get_by_role("button", name="Add a criterion").click()
    page.locator("[name=c-1-title]").wait_for()
    assert page.evaluate("document.activeElement.name") == "c-1-title"
    page.locator("[name=c-1-text]").fill("Contains false claims.")
    page.get_by_text("an output with the fault is rewarded").wait_for()
    page.get_by_role("button", name="Move criterion 2 up").click()
    expect(page.locator("[name=c-0-text]")).to_have_value("Contains false claims.")
    page.get_by_role("button", name="Make the rubric").click()

    page.get_by_role("heading", name="Quality").wait_for()
    assert page.locator(".criterion p.raw-text").all_text_contents() == ["Contains false claims.", "It is right."]
    assert page.errors == []
