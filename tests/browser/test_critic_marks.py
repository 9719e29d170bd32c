"""Marks of models and of people over one text in Chromium: told apart, and hidden apart."""

import pytest
from playwright.sync_api import expect

from rewards.models import Judgment, Rater, SpanMark
from rewards.text import sha256_text
from tests.factories import make_judgment, make_output, make_project, make_rater, make_task, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXT = "Paris is the capital."


def mark(rater, output, start, end):
    SpanMark.objects.create(
        judgment=make_judgment(rater, Judgment.Kind.SPANS, output.task, output),
        output=output,
        message=0,
        start=start,
        end=end,
        quote=TEXT[start:end],
        text_sha256=sha256_text(TEXT),
        type="bad",
    )


def settled(page):
    """Wait until htmx has taken over what it put in; a person is not that fast."""
    expect(page.locator(".review-open:not(.htmx-added)")).to_be_visible()


def test_spans_of_models_have_no_ground_and_are_hidden_apart_from_peoples(open_page):
    viewer, person = make_user("vera"), make_user("paula")
    project = make_project("quill", viewer=viewer)
    output = make_output(make_task(project), TEXT)
    mark(make_rater(project, "Paula", person), output, 0, 5)
    scorer = Rater.objects.create(project=project, kind=Rater.Kind.SCORER, name="Critic", scorer_hash="c" * 64)
    mark(scorer, output, 9, 12)
    page = open_page(viewer, f"/p/quill/tasks/{output.task_id}/")
    persons, models = page.locator("mark:not(.mark-model)"), page.locator("mark.mark-model")
    expect(persons).to_have_text("Paris")
    expect(models).to_have_text("the")
    clear = "rgba(0, 0, 0, 0)"
    expect(models).to_have_css("background-color", clear)
    expect(persons).not_to_have_css("background-color", clear)
    page.get_by_label("Model spans").uncheck()
    expect(models).to_have_css("border-block-end-width", "0px")
    expect(persons).not_to_have_css("border-block-end-width", "0px")
    page.get_by_label("Model spans").check()
    page.get_by_label("Human spans").uncheck()
    expect(models).not_to_have_css("border-block-end-width", "0px")
    expect(persons).to_have_css("border-block-end-width", "0px")


def test_a_model_span_is_accepted_rejected_and_changed_by_keyboard_in_its_row(open_page):
    manager = make_user("mia")
    project = make_project("quill", manager=manager)
    output = make_output(make_task(project), TEXT)
    scorer = Rater.objects.create(project=project, kind=Rater.Kind.SCORER, name="Critic", scorer_hash="c" * 64)
    mark(scorer, output, 9, 12)
    page = open_page(manager, f"/p/quill/tasks/{output.task_id}/")
    painted = page.locator("[data-message] mark")
    page.get_by_text("1 span").click()

    page.get_by_role("link", name="Review").press("Enter")
    # The browser focuses it when it is put in; htmx takes it over a moment later.
    settled(page)
    expect(page.get_by_role("button", name="Accept")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".review")).to_contain_text("accepted by rater-")
    expect(page.locator(".review")).to_be_focused()
    expect(painted).to_have_class("mark mark-1 lane-1")
    page.get_by_role("link", name="Review").click()
    settled(page)
    page.get_by_role("button", name="Reject").click()
    expect(painted).to_have_class("mark mark-1 lane-1 mark-model mark-refused")
    page.get_by_role("link", name="Review").click()
    settled(page)
    page.get_by_role("button", name="Take back").click()
    expect(painted).to_have_class("mark mark-1 lane-1 mark-model")

    page.get_by_role("link", name="Review").click()
    settled(page)
    page.get_by_text("Change it").click()
    page.get_by_label("Marked words").fill("no such words")
    page.get_by_role("button", name="Store the change").click()
    page.get_by_text("do not stand in the message").wait_for()
    settled(page)
    page.get_by_label("Marked words").fill("capital")
    page.get_by_role("button", name="Store the change").click()
    expect(painted).to_have_text(["the", "capital"])
    expect(painted.last).to_have_class("mark mark-1 lane-1")
    assert page.url.endswith(f"/tasks/{output.task_id}/")
    assert page.errors == []
