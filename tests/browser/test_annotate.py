"""The annotation page in Chromium: mouse, keyboard and touch mark exact quotes; nothing that was entered is lost."""

import re

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect

from annotations.actions.lease import lease_next_item
from annotations.models import Assignment, Draft, Submission
from annotations.selection import Selection
from projects.models import User
from rewards.models import Comparison, Judgment, Rating, SpanMark
from tests.annotations.campaigns import make_campaign
from tests.browser.ranges import RANGE_OF
from tests.factories import make_project, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Odd on purpose: CR LF, a family of joined emoji, an accent as a combining mark, Hebrew between English.
TEXT = (
    "First line ends here.\r\nSecond: a family 👩‍👩‍👧‍👦 went to the cafe\u0301 today.\r\n"
    "It said שלום עולם to everyone 🌍 and left."
)
OTHER = "Nothing to see."


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def ann():
    return make_user("ann")


@pytest.fixture
def project(owner, ann):
    return make_project("lab", owner=owner, annotator=ann)


@pytest.fixture
def campaign(project, owner):
    return make_campaign(project, owner, texts=[TEXT, OTHER], items=2)


@pytest.fixture
def assignment(campaign, ann):
    return lease_next_item(campaign=campaign, user=ann)


def path_of(assignment):
    return f"/annotate/{assignment.pk}/"


def wait_until_saved(page):
    expect(page.locator("[data-save-state]")).to_have_text(re.compile(r"^Saved \d\d:\d\d$"))


def view_of(page, text=TEXT):
    """The text view that shows `text`, whichever label it has."""
    label = page.evaluate(
        """text => JSON.parse(document.getElementById("assignment").textContent)
             .outputs.find(output => output.messages[0].text === text).label""",
        text,
    )
    page.evaluate("label => document.querySelector(`[data-tab='${label}']`)?.click()", label)
    return page.locator(f'.text-view[data-output="{label}"]')


BOXES = (
    RANGE_OF
    + """    const boxes = [...range.getClientRects()].filter(box => box.width);
    return boxes.map(box => [box.left, box.right, (box.top + box.bottom) / 2]);
}"""
)


def boxes_of(view, words):
    """Where `words` stand on the screen: (left, right, middle) of each line."""
    view.scroll_into_view_if_needed()
    text = view.evaluate("view => view.textContent")
    # Python counts code points, the page UTF-16.
    start = len(text[: text.index(words)].encode("utf-16-le")) // 2
    end = start + len(words.encode("utf-16-le")) // 2
    return view.evaluate(BOXES, [start, end])


def drag(page, view, words, *, inset=0.0, shift=False):
    """Drag the mouse over `words`, `inset` pixels inside both edges."""
    boxes = boxes_of(view, words)
    page.mouse.move(boxes[0][0] + inset, boxes[0][2])
    page.mouse.down()
    page.mouse.move(boxes[-1][1] - inset, boxes[-1][2], steps=8)
    if shift:
        page.keyboard.down("Shift")
    page.mouse.up()
    if shift:
        page.keyboard.up("Shift")


def mark(page, view, words, *keys, **options):
    drag(page, view, words, **options)
    expect(page.locator("[data-chooser]")).to_be_visible()
    for key in keys:
        page.keyboard.press(key)


def answer_the_rest(page):
    for radio in page.locator(".level input[value='4']").all():
        radio.check(force=True)
    page.locator(".option input[value='both_good']").check(force=True)


def submit(page):
    here = page.url
    page.locator("[data-submit]").click()
    page.wait_for_url(lambda url: url != here)


def open_item(open_page, ann, assignment, **options):
    page = open_page(ann, path_of(assignment), **options)
    page.wait_for_selector("[data-annotate][data-ready]")
    return page


def test_the_text_on_the_page_is_the_text_that_is_stored(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    assert view_of(page).evaluate("view => view.textContent") == TEXT
    mark(page, view_of(page), "Second", "1", "1")
    assert view_of(page).evaluate("view => view.textContent") == TEXT
    assert page.errors == []


def test_a_mouse_marks_exact_quotes_in_every_script(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    view = view_of(page)
    mark(page, view, "👩‍👩‍👧‍👦", "1", "2", inset=1)
    mark(page, view, "cafe\u0301", "2", inset=2)
    page.keyboard.press("Escape")
    mark(page, view, "here.\r\nSecond", "3", "1", inset=1)
    # Snaps to whole words: begun and ended inside them.
    mark(page, view, "lef", "4", "1")
    answer_the_rest(page)
    submit(page)
    marks = {mark.type: mark for mark in SpanMark.objects.all()}
    assert marks["factual"].quote == "👩‍👩‍👧‍👦"
    assert marks["factual"].severity == "major"
    assert marks["irrelevant"].quote == "cafe\u0301"
    assert marks["irrelevant"].severity == ""
    assert marks["repetition"].quote == "here.\r\nSecond"
    assert marks["incoherent"].quote == "left"
    for found in marks.values():
        assert TEXT[found.start : found.end] == found.quote
    assert page.errors == []


def test_hebrew_is_marked_as_it_is_read(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    view = view_of(page)
    boxes = boxes_of(view, "שלום")
    # From its right edge, where the word begins, to its left one.
    page.mouse.move(boxes[0][1] - 1, boxes[0][2])
    page.mouse.down()
    page.mouse.move(boxes[0][0] + 1, boxes[0][2], steps=6)
    page.mouse.up()
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    answer_the_rest(page)
    submit(page)
    assert SpanMark.objects.get().quote == "שלום"


def test_shift_marks_exactly_what_was_dragged_over(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    mark(page, view_of(page), "eryo", "1", "1", shift=True)
    answer_the_rest(page)
    submit(page)
    assert SpanMark.objects.get().quote == "eryo"


def test_overlapping_marks_are_kept_and_drawn_below_each_other(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    view = view_of(page)
    mark(page, view, "a family", "1", "1", inset=1)
    mark(page, view, "family 👩‍👩‍👧‍👦 went", "2", "1", inset=1)
    page.keyboard.press("Escape")
    assert view.locator("mark.lane-1").count() >= 1
    assert view.locator("mark.lane-2").count() >= 1
    assert view.evaluate("view => view.textContent") == TEXT
    answer_the_rest(page)
    submit(page)
    assert sorted(SpanMark.objects.values_list("quote", flat=True)) == ["a family", "family 👩‍👩‍👧‍👦 went"]


def test_a_mark_is_changed_commented_deleted_and_brought_back(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    view = view_of(page)
    mark(page, view, "everyone", "1", "1")
    mark(page, view, "today", "2", "1")
    # Edit: a click on the mark, then another type and severity by number.
    view.locator("mark", has_text="everyone").click()
    page.keyboard.press("5")
    page.keyboard.press("2")
    row = page.locator(".span-row", has_text="everyone")
    row.locator("[data-field=comment]").fill("Too general 😀")
    page.keyboard.press("Escape")
    # Delete the other by key, then undo and redo and undo.
    page.locator("h2").first.click()
    view.locator("mark", has_text="today").click()
    page.keyboard.press("Backspace")
    expect(page.locator(".span-row")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(page.locator(".span-row")).to_have_count(2)
    page.keyboard.press("Control+Shift+z")
    expect(page.locator(".span-row")).to_have_count(1)
    # Backspace without a selected mark takes nothing away.
    page.keyboard.press("Backspace")
    expect(page.locator(".span-row")).to_have_count(1)
    answer_the_rest(page)
    submit(page)
    found = SpanMark.objects.get()
    assert (found.quote, found.type, found.severity) == ("everyone", "harmful", "major")
    assert found.explanation == "Too general 😀"


def test_the_keyboard_alone_does_the_whole_item(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    order = page.evaluate(
        "() => JSON.parse(document.getElementById('assignment').textContent).outputs.map(o => o.messages[0].text)"
    )
    # Into the text that has something to mark: t, or t again for the second response.
    for _ in range(order.index(TEXT) + 1):
        page.keyboard.press("t")
    page.keyboard.press("Control+ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("2")
    # Select with Shift over the line end, and mark by type and severity.
    page.keyboard.press("End")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("3")
    page.keyboard.press("1")
    expect(page.locator(".span-row")).to_have_count(2)
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    for key in ("6", "3", "a"):
        page.keyboard.press(key)
    expect(page.locator("[data-missing]")).to_have_text("All answered")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: path_of(assignment) not in url)
    quotes = {mark.type: mark.quote for mark in SpanMark.objects.order_by("start")}
    assert quotes["factual"] == "First"
    assert quotes["repetition"] == "Second"
    assert all(TEXT[mark.start : mark.end] == mark.quote for mark in SpanMark.objects.all())
    assert sorted(Rating.objects.values_list("value", flat=True)) == [3, 6]
    assert Comparison.objects.get().choice in ("a", "b")
    assert page.errors == []


def test_touch_marks_from_the_first_word_to_the_last_at_390_pixels(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment, width=390, height=844, touch=True)
    view = view_of(page)

    def tap(words):
        left, right, middle = boxes_of(view, words)[0]
        page.touchscreen.tap((left + right) / 2, middle)

    tap("family")
    tap("cafe\u0301")
    page.get_by_role("button", name="Irrelevant").tap()
    page.get_by_role("button", name="Major").tap()
    tap("everyone")
    page.get_by_role("button", name="Factual error").tap()
    page.get_by_role("button", name="Minor").tap()
    answer_the_rest_by_touch(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("[data-submit]").tap()
    page.wait_for_url(lambda url: path_of(assignment) not in url)
    assert {mark.type: mark.quote for mark in SpanMark.objects.all()} == {
        "irrelevant": "family 👩‍👩‍👧‍👦 went to the cafe\u0301",
        "factual": "everyone",
    }


def answer_the_rest_by_touch(page):
    for label in ("A", "B"):
        page.locator(f"[data-tab={label}]").tap()
        page.locator(f"[data-response={label}] .level", has_text="5").first.tap()
    page.locator(".option", has_text="Cannot tell").tap()


def test_a_reload_in_the_middle_brings_everything_back(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    page.keyboard.press("5")
    mark(page, view_of(page), "everyone", "1", "2")
    wait_until_saved(page)
    page.reload()
    page.wait_for_selector("[data-ready]")
    assert page.locator(".level input:checked").first.get_attribute("value") == "5"
    expect(page.locator(".span-row")).to_have_count(1)
    expect(view_of(page).locator("mark")).to_have_text("everyone")
    assert Draft.objects.get().answer["errors"][0]["quote"] == "everyone"


def test_what_was_entered_offline_is_sent_when_the_network_is_back(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    page.context.set_offline(True)
    page.keyboard.press("7")
    expect(page.locator("[data-save-state]")).to_have_text("Offline – 1 queued")
    assert not Draft.objects.exists()
    page.context.set_offline(False)
    wait_until_saved(page)
    assert 7 in Draft.objects.get().answer["overall"].values()


def test_what_could_not_be_sent_survives_a_closed_tab(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    # Also what the page sends while it closes must not arrive, which a route would let through.
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('no network')); }")
    page.keyboard.press("6")
    expect(page.locator("[data-save-state]")).to_have_text("Offline – 1 queued")
    context = page.context
    page.close()
    again = context.new_page()
    again.goto(path_of(assignment))
    expect(again.locator("[data-notice=restored]")).to_be_visible()
    wait_until_saved(again)
    assert 6 in Draft.objects.get().answer["overall"].values()


@pytest.mark.parametrize(("choice", "kept", "brought_back"), [("mine", 2, 7), ("theirs", 7, 2)])
def test_a_second_tab_never_overwrites_the_first_unasked(open_page, ann, assignment, choice, kept, brought_back):
    first = open_item(open_page, ann, assignment)
    second = first.context.new_page()
    second.goto(path_of(assignment))
    second.wait_for_selector("[data-ready]")
    second.keyboard.press("7")
    wait_until_saved(second)
    first.bring_to_front()
    first.keyboard.press("2")
    dialog = first.locator("#version-dialog")
    expect(dialog).to_be_visible()
    assert Draft.objects.get().answer["overall"] == {"A": 7}
    # Both versions are shown, by what they answer differently.
    cells = dialog.locator("[data-differences] td").all_inner_texts()
    assert cells == ["How good is this response? (A)", "2", "7"]
    dialog.locator(f"button[value={choice}]").click()
    wait_until_saved(first)
    assert first.locator(".level input:checked").get_attribute("value") == str(kept)
    expect(first.locator("[data-save-state]")).to_have_text(re.compile("^Saved"))
    assert Draft.objects.get().answer["overall"] == {"A": kept}
    # The version not chosen is one undo away.
    first.keyboard.press("Control+z")
    assert first.locator(".level input:checked").get_attribute("value") == str(brought_back)


def test_a_double_click_and_a_retry_are_one_submit(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    answer_the_rest(page)
    dropped = []

    def drop_first_reply(route):
        # The server gets it, the browser never hears of it.
        if not dropped:
            dropped.append(route.fetch())
            route.abort()
        else:
            route.continue_()

    page.route("**/submit", drop_first_reply)
    page.locator("[data-submit]").dblclick()
    expect(page.locator("[data-notice=flow]")).to_be_visible()
    assert Submission.objects.count() == 1
    # It is sent again by itself under the same key, and the page goes on only now.
    page.wait_for_url(lambda url: path_of(assignment) not in url, timeout=15_000)
    assert Submission.objects.count() == 1
    assert Judgment.objects.count() == 5


def test_a_submit_can_be_taken_back_with_all_its_marks(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    mark(page, view_of(page), "everyone", "1", "1")
    answer_the_rest(page)
    submit(page)
    page.wait_for_selector("[data-ready]")
    assert Judgment.objects.standing().count() == 5
    page.get_by_role("button", name="Undo submit").click()
    page.wait_for_url(f"**{path_of(assignment)}")
    page.wait_for_selector("[data-ready]")
    assert not Judgment.objects.standing().exists()
    expect(view_of(page).locator("mark")).to_have_text("everyone")
    expect(page.locator("[data-missing]")).to_have_text("All answered")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: path_of(assignment) not in url)
    assert Judgment.objects.standing().count() == 5


def test_what_is_missing_is_named_before_anything_is_sent(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    page.locator("[data-submit]").click()
    expect(page.locator(".is-wanting")).to_have_count(3)
    assert not Submission.objects.exists()
    expect(page.locator("fieldset:focus-within")).to_have_count(1)


def test_an_item_left_untouched_is_given_back_and_one_begun_is_kept(open_page, ann, assignment, campaign):
    page = open_item(open_page, ann, assignment)
    page.goto(f"/p/lab/campaigns/{campaign.pk}/start/")
    # The way back is asked for in the moment of leaving, so the next page may be made a moment before it.
    for _ in range(20):
        if Assignment.objects.get().status == "released":
            break
        page.reload()
    page.reload()
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector("[data-ready]")
    page.keyboard.press("3")
    wait_until_saved(page)
    page.goto(f"/p/lab/campaigns/{campaign.pk}/start/")
    expect(page.get_by_role("button", name="Go on with your item")).to_be_visible()
    assert Assignment.objects.filter(status="leased").count() == 1


def test_a_skip_says_why_and_goes_on(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    page.keyboard.press("s")
    page.locator("#skip-reason").fill("The task is broken")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: path_of(assignment) not in url)
    assignment.refresh_from_db()
    assert (assignment.status, assignment.reason) == ("skipped", "The task is broken")


def test_letters_are_silent_while_typing_in_dialogs_and_when_switched_off(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    mark(page, view_of(page), "everyone", "1", "1")
    page.locator(".span-row [data-field=comment]").click()
    page.keyboard.type("s?g5")
    assert page.locator("dialog[open]").count() == 0
    assert page.locator(".span-row [data-field=comment]").input_value() == "s?g5"
    page.keyboard.press("Escape")
    page.locator("h2").first.click()
    page.keyboard.press("?")
    expect(page.locator("#shortcuts-dialog")).to_be_visible()
    page.keyboard.press("5")
    assert page.locator(".level input:checked").count() == 0
    page.keyboard.press("Escape")
    User.objects.filter(pk=ann.pk).update(shortcuts_enabled=False)
    wait_until_saved(page)
    page.reload()
    page.wait_for_selector("[data-ready]")
    page.keyboard.press("?")
    page.keyboard.press("5")
    assert page.locator("dialog[open]").count() == 0
    assert page.locator(".level input:checked").count() == 0


def test_four_responses_are_compared_pair_by_pair(open_page, ann, project, owner):
    campaign = make_campaign(
        project, owner, texts=["one", "two", "three", "four"], name="four", selection=Selection(outputs_per_item=4)
    )
    assignment = lease_next_item(campaign=campaign, user=ann)
    page = open_item(open_page, ann, assignment)
    assert page.locator(".comparison").count() == 6
    button = page.locator("[data-side-by-side]").first
    left, right = button.get_attribute("data-side-by-side").split()
    button.click()
    shown = page.locator(".response:visible")
    expect(shown).to_have_count(2)
    boxes = {label: page.locator(f"[data-response={label}]").bounding_box()["x"] for label in (left, right)}
    assert boxes[left] < boxes[right]
    page.get_by_role("button", name="Show all responses").click()
    expect(shown).to_have_count(4)


def test_no_byte_in_the_browser_names_a_policy(open_page, ann, assignment):
    seen = []
    page = open_item(open_page, ann, assignment)
    page.on("response", lambda response: seen.append(response))
    page.reload()
    page.wait_for_selector("[data-ready]")
    page.keyboard.press("5")
    wait_until_saved(page)
    answer_the_rest(page)
    submit(page)
    page.wait_for_load_state("networkidle")
    bodies = []
    for response in seen:
        bodies.append(str(response.headers))
        if response.status == 200 and "font" not in response.headers.get("content-type", ""):
            try:
                bodies.append(response.body().decode("utf-8", "replace"))
            except PlaywrightError:
                # The browser drops the body of what a navigation replaced.
                continue
    assert len(bodies) > 10
    assert not [body for body in bodies if "secret-policy" in body]


def test_a_click_and_a_shift_click_mark_what_is_between_them(open_page, ann, assignment):
    page = open_item(open_page, ann, assignment)
    view = view_of(page)
    for words, keys in (("here", []), ("Second", ["Shift"])):
        left, right, middle = boxes_of(view, words)[0]
        for key in keys:
            page.keyboard.down(key)
        page.mouse.click((left + right) / 2, middle)
        for key in keys:
            page.keyboard.up(key)
    expect(page.locator("[data-chooser]")).to_be_visible()
    page.keyboard.press("2")
    page.keyboard.press("Escape")
    answer_the_rest(page)
    submit(page)
    assert [mark.quote for mark in SpanMark.objects.all()] == ["here.\r\nSecond"]
    assert page.errors == []


def test_enter_submits_where_one_thing_is_asked_and_the_lease_is_told(open_page, ann, owner, project):
    question = [{"kind": "comparison", "key": "better", "prompt": "Which is better?", "ties": ["equal"]}]
    campaign = make_campaign(project, owner, questions=question)
    page = open_item(open_page, ann, lease_next_item(campaign=campaign, user=ann))
    expect(page.locator(".answer-bar [data-lease]")).to_have_text(re.compile(r"^Kept for you until \d\d:\d\d$"))
    page.keyboard.press("Enter")
    expect(page.locator("[data-error]").first).to_have_text("Please answer this.")
    page.keyboard.press("a")
    page.keyboard.press("0")
    here = page.url
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != here)
    assert (Comparison.objects.get().choice, Comparison.objects.get().tie_kind) == ("tie", "equal")
    parts = Submission.objects.get().active_parts
    assert all(type(spent) is int for spent in parts.values())
    assert page.errors == []
