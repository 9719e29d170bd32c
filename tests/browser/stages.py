"""What people do on the way from files to a dataset, stage by stage, each by the pages alone."""

import re
import zipfile
from urllib.parse import quote_plus

from playwright.sync_api import expect

from annotations.models import Submission
from rewards.models import Export, ImportBatch, Judgment, Output, Rating, RubricVersion, SpanMark, Task
from tests.browser import test_annotate as annotating
from tests.browser.walker import WORK_TIMEOUT, wait_for_state
from workers.models import Run

# CR LF, a family of joined emoji, an accent as a combining mark, and Hebrew: code points, UTF-16 and glyphs all differ.
MIXED = "Line one.\r\nA family 👩‍👩‍👧‍👦 at the cafe\u0301 🌍.\r\nThey said שלום עולם and left."
RIGHT_TO_LEFT = "שלום! הבירה היא פריז 🗼 ולא ליון.\r\nהיא גדולה."
OWN = [
    {
        "id": f"{policy}-{number}",
        "prompt": prompt,
        "tags": ["own"],
        "split": split,
        "outputs": [
            {"id": f"{policy}-{number}-{index}", "policy": f"{policy}-{index}", "text": text}
            for index, text in enumerate(texts)
        ],
    }
    for policy in ["zebra-7b-step900"]
    for number, (prompt, split, texts) in enumerate(
        [
            ("Tell a story 😀", "train", [MIXED, "Nothing happened."]),
            ("מה הבירה?", "test", [RIGHT_TO_LEFT, "ליון."]),
        ]
    )
]


def import_by_page(manager, format_title, *files):
    """Choose a format and files, and watch the import until it is done; its batch."""
    page = manager.page
    manager.go_to("Imports")
    page.get_by_role("link", name="New import").first.click()
    tile = page.get_by_role("navigation", name="Format").get_by_role("link", name=format_title)
    if tile.get_attribute("aria-current") is None:
        tile.click()
        expect(tile).to_have_attribute("aria-current", "true")
    page.locator("input[type=file]").set_input_files([str(file) for file in files])
    manager.submit("Import")
    wait_for_state(page, "done")
    return ImportBatch.objects.latest("pk")


def read_spans_on_the_text(manager):
    """Open the task with the most marked output: each mark on the page covers the words that were marked."""
    task = Task.objects.get(outputs__span_marks=SpanMark.objects.order_by("-output", "start").first())
    manager.page.goto(f"/p/walk/tasks/{task.pk}/")
    shown = manager.page.evaluate(
        """() => {
            const words = {};
            for (const piece of document.querySelectorAll("mark[data-pk]")) {
                words[piece.dataset.pk] = (words[piece.dataset.pk] ?? "") + piece.textContent;
            }
            return words;
        }"""
    )
    stored = SpanMark.objects.filter(output__task=task).values_list("pk", "quote")
    assert stored
    assert {int(pk): words for pk, words in shown.items()} == dict(stored)


def make_rubric(manager):
    """Two criteria by the editor, and a second version."""
    page = manager.page
    manager.go_to("Rubrics")
    page.get_by_role("link", name="New rubric").first.click()
    page.locator("[name=name]").fill("Story quality")
    page.locator("[name=c-0-title]").fill("Complete")
    page.locator("[name=c-0-text]").fill("The story has an end.")
    page.locator("[name=c-0-weight]").fill("2")
    page.get_by_role("button", name="Add a criterion").click()
    page.locator("[name=c-1-title]").fill("Dull")
    page.locator("[name=c-1-text]").fill("Nothing happens in it.")
    page.locator("[name=c-1-importance]").select_option("Pitfall")
    manager.submit("Make the rubric")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Story quality")
    version = RubricVersion.objects.get(rubric__name="Story quality")
    assert [(c.title, c.weight, c.importance) for c in version.criteria.all()] == [
        ("Complete", 2, ""),
        ("Dull", None, "Pitfall"),
    ]


def register_model(manager, name, reference, *, dtype):
    page = manager.page
    manager.go_to("Sources")
    page.get_by_role("link", name="Models").click()
    page.locator("[name=name]").fill(name)
    page.get_by_label("Model", exact=True).fill(reference)
    page.get_by_label("Computed in").select_option(dtype)
    page.get_by_role("button", name="Register").click()
    wait_for_state(page, "ready")


def make_scorer(manager, source_title, **choices):
    """Set a source up; labels of the form's lists with what to choose from them."""
    page = manager.page
    manager.go_to("Sources")
    page.get_by_role("link", name=f"Make a scorer of {source_title}").first.click()
    page.locator("[name=name]").fill(source_title)
    for label, choice in choices.items():
        page.locator(f"[name={label}]").select_option(label=choice)
    manager.submit("Make the scorer")


def start_run(manager, scorer, *, tags="", limit=""):
    """Start a run over the outputs chosen and watch it to its end; the run."""
    page = manager.page
    manager.go_to("Runs")
    page.get_by_role("link", name="New run").first.click()
    chosen = page.locator("[name=scorer] option", has_text=scorer)
    page.locator("[name=scorer]").select_option(chosen.first.get_attribute("value"))
    page.get_by_label("Task tags").fill(tags)
    page.get_by_label("At most").fill(limit)
    expect(page.locator("#estimate")).to_contain_text("To compute")
    manager.submit("Start the run")
    wait_for_state(page, "finished")
    return Run.objects.latest("pk")


def read_heat_map(manager, scorer):
    """Lay a signal over the mixed text and go through its tokens by keyboard; nothing of the text is lost."""
    page = manager.page
    output = Output.objects.get(external_id="zebra-7b-step900-0-0")
    page.goto(f"/p/walk/tasks/{output.task_id}/")
    chosen = page.locator("#view-signal option", has_text=scorer)
    signal = chosen.first.get_attribute("value")
    page.locator("#view-signal").select_option(signal)
    page.wait_for_url(re.compile(f"signal={re.escape(quote_plus(signal))}"))
    panel = page.locator("[data-panel]", has_text=output.external_id)
    tokens = panel.locator("[data-token]")
    expect(tokens.first).to_be_visible()
    assert panel.locator("[data-message]").evaluate("message => message.textContent") == MIXED
    tokens.first.click()
    readings = [panel.locator("[data-readout]").inner_text()]
    for _ in range(5):
        page.keyboard.press("ArrowRight")
        readings.append(panel.locator("[data-readout]").inner_text())
    # “Line” −0.123 · 1 of 57
    assert all(re.fullmatch(r"“.+” (?:[−+][\d.e−+-]+|0)(?:, the sum .+)? · \d+ of \d+", line) for line in readings)
    assert len(set(readings)) == len(readings)
    assert page.evaluate("document.activeElement.matches('[data-token]')")
    panel.get_by_role("link", name="Show as numbers").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def open_campaign(manager):
    page = manager.page
    manager.go_to("Campaigns")
    page.get_by_role("link", name="New campaign").first.click()
    page.locator("[name=name]").fill("Which story?")
    page.get_by_text("Only some tasks").click()
    page.get_by_label("With one of these tags").fill("own")
    page.keyboard.press("Tab")
    expect(page.locator("#campaign-selection")).to_contain_text(re.compile(r"\b2 tasks"))
    manager.submit("Make the campaign")
    page.get_by_role("button", name="Open").click()
    wait_for_state(page, "open")


def answer_campaign(annotator):
    """Both items: marks are made, changed, deleted and brought back; a reload and a second tab lose nothing."""
    page = annotator.page
    page.get_by_role("link", name="Which story?").first.click()
    annotator.submit("Start")
    for _ in OWN:
        page.wait_for_selector("[data-annotate][data-ready]")
        texts = page.evaluate(
            "() => JSON.parse(document.getElementById('assignment').textContent).outputs.map(o => o.messages[0].text)"
        )
        if MIXED in texts:
            mark_mixed_text(annotator)
        else:
            mark_right_to_left_text(annotator)
        annotating.submit(page)
    page.wait_for_selector("text=You have answered every item")
    take_back_and_submit_again(annotator)


def mark_mixed_text(annotator):
    page = annotator.page
    view = annotating.view_of(page, MIXED)
    annotating.mark(page, view, "👩‍👩‍👧‍👦", "1", "2", inset=1)
    page.keyboard.press("Escape")
    annotating.mark(page, view, "one.\r\nA", "3", "1", inset=1)
    page.keyboard.press("Escape")
    annotating.mark(page, view, "left", "4", "1", inset=1)
    page.keyboard.press("Escape")
    # Edit the first, delete the last, bring it back.
    view.locator("mark", has_text="👩").first.click()
    page.keyboard.press("5")
    page.keyboard.press("Escape")
    view.locator("mark", has_text="left").click()
    page.keyboard.press("Delete")
    expect(page.locator(".span-row")).to_have_count(2)
    page.keyboard.press("Control+z")
    expect(page.locator(".span-row")).to_have_count(3)
    annotating.answer_the_rest(page)
    annotating.wait_until_saved(page)
    reload_and_open_a_second_tab(annotator)


def reload_and_open_a_second_tab(annotator):
    page = annotator.page
    page.reload()
    page.wait_for_selector("[data-ready]")
    expect(page.locator(".span-row")).to_have_count(3)
    tab = annotator.open_tab(page.url)
    tab.wait_for_selector("[data-ready]")
    expect(tab.locator(".span-row")).to_have_count(3)
    tab.close()


def mark_right_to_left_text(annotator):
    page = annotator.page
    view = annotating.view_of(page, RIGHT_TO_LEFT)
    left, right, middle = annotating.boxes_of(view, "פריז")[0]
    page.mouse.move(right - 1, middle)
    page.mouse.down()
    page.mouse.move(left + 1, middle, steps=6)
    page.mouse.up()
    page.keyboard.press("1")
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    annotating.answer_the_rest(page)


def take_back_and_submit_again(annotator):
    page = annotator.page
    annotator.submit("Undo submit")
    page.wait_for_selector("[data-annotate][data-ready]")
    assert Submission.objects.filter(undone_at__isnull=True).count() == 1
    annotating.submit(page)
    assert Submission.objects.filter(undone_at__isnull=True).count() == 2


def check_stored_answers(annotator_user):
    standing = Judgment.objects.standing().filter(rater__user=annotator_user)
    marks = SpanMark.objects.filter(judgment__in=standing)
    assert {(mark.type, mark.quote) for mark in marks} == {
        ("harmful", "👩‍👩‍👧‍👦"),
        ("repetition", "one.\r\nA"),
        ("incoherent", "left"),
        ("factual", "פריז"),
    }
    for mark in marks:
        text = mark.output.messages[mark.message]["text"]
        assert text[mark.start : mark.end] == mark.quote
    assert Rating.objects.filter(judgment__in=standing).count() == 4
    assert standing.filter(kind="comparison").count() == 2


def run_consistency_study(viewer):
    """The table of Peering Through Preferences, from the page."""
    page = viewer.page
    viewer.go_to("Compare")
    page.get_by_role("link", name=re.compile("Ratings against comparisons")).first.click()
    for field in ("rating_raters", "comparison_raters"):
        page.locator(f"label:has(input[name={field}])", has_text="AI annotator").locator("input").check()
    viewer.submit("Work it out")
    expect(page.locator("table.matrix")).to_be_visible(timeout=WORK_TIMEOUT)
    rows = page.locator("table.matrix tbody tr")
    table = [[int(cell) for cell in row.locator("td strong").all_inner_texts()] for row in rows.all()]
    # ../shared/data/README.md: rows rating-implied A, B, equal; columns (a), (b), equal.
    assert table == [[19, 10, 8], [6, 26, 9], [11, 7, 21]]
    # 51 of 117 pairs are inconsistent.
    assert "43.6" in page.locator("#study-result").inner_text()


def export_and_load(manager, folder):
    """Build a preference dataset from comparisons, download it whole, and open it as a trainer would."""
    from datasets import load_dataset

    page = manager.page
    manager.go_to("Exports")
    page.get_by_role("link", name="New export").first.click()
    expect(page.locator("#export-preview .preview-count")).to_be_visible()
    manager.submit("Build the dataset")
    whole = page.get_by_role("link", name="All as zip")
    expect(whole).to_be_visible(timeout=WORK_TIMEOUT)
    with page.expect_download() as download:
        whole.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(folder)
    [readme] = folder.rglob("README.md")
    dataset = load_dataset(str(readme.parent))
    rows = [row for split in dataset.values() for row in split]
    assert len(rows) == Export.objects.get().rows_written > 1000
    assert {"prompt", "chosen", "rejected", "margin"} <= set(rows[0])
