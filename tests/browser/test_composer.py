"""The composer in Chromium: a slider, a broken number, undo, the tree by keyboard alone, and a phone's width."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from rewards import signal_store
from rewards.actions.recipes import create_recipe
from rewards.composer.cache import shelf
from rewards.models import Rater, Recipe
from rewards.segmentation import words
from rewards.signals import RewardSignal
from tests.factories import make_output, make_project, make_rater, make_rating, make_task, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXT = "Paris is big"


@pytest.fixture
def composer(open_page):
    """`composer(width=1280)`: the composer over one task with two outputs, a critic and people's ratings."""
    manager = make_user("mia")
    project = make_project("quill", manager=manager)
    critic = Rater.objects.create(
        project=project, kind=Rater.Kind.SCORER, name="Critic", pseudonym="critic", scorer_hash="c" * 64
    )
    task, person = make_task(project), make_rater(project)
    for number in range(2):
        output = make_output(task, TEXT, policy=f"policy-{number}")
        values = np.array([0.5, number, -1.0], dtype=np.float32)
        signal_store.save_many(
            [signal_store.NewSignal(output, critic, "score", RewardSignal(words([TEXT]), values), "h")]
        )
        make_rating(person, output, 2.0 + number)
    terms = [{"of": {"input": "critic"}, "weight": 1.0}]
    document = {
        "recipe": 1,
        "inputs": {"critic": {"kind": "signal", "level": "token", "rater": "Critic"}, "stars": {"kind": "rating"}},
        "reward": {"op": "weighted_sum", "terms": terms},
    }
    version = create_recipe(project=project, actor=manager, name="Mine", document=document)

    def open_(path=f"?recipe={version.recipe_id}", **options):
        shelf.clear()
        return open_page(manager, f"/p/quill/recipes/compose/{path}", **options)

    yield open_
    shelf.clear()


def sum_of_first(page):
    """The shown output's reward in the table of terms."""
    return page.get_by_role("region", name="Terms in numbers").get_by_role("row").last.locator("td").nth(2)


def test_a_slider_moves_the_picture_and_keeps_its_place(composer):
    page = composer()
    expect(sum_of_first(page)).to_have_text("\u22120.5")
    slider = page.get_by_role("slider", name="Weight")
    slider.focus()
    slider.press("End")
    # Twice the weight: 2 x (0.5 + 0 - 1).
    expect(sum_of_first(page)).to_have_text("\u22121")
    expect(page.get_by_role("spinbutton", name="Weight")).to_have_value("2")
    expect(slider).to_be_focused()
    assert page.errors == []


def test_a_broken_number_is_told_at_its_field_and_the_last_picture_stays(composer):
    page = composer()
    weight = page.get_by_role("spinbutton", name="Weight")
    weight.fill("")
    problems = page.locator("#composer-problems")
    expect(problems).to_contain_text("reward.terms[0].weight: expected a number")
    expect(weight).to_have_attribute("aria-invalid", "true")
    expect(sum_of_first(page)).to_have_text("\u22120.5")
    expect(page.locator("#composer-result")).to_have_css("opacity", "0.55")
    problems.get_by_role("link").click()
    expect(weight).to_be_focused()
    weight.fill("3")
    expect(sum_of_first(page)).to_have_text("\u22121.5")
    expect(weight).not_to_have_attribute("aria-invalid", "true")
    expect(problems).to_be_empty()


def test_steps_are_undone_and_done_again_by_button_and_key(composer):
    page = composer()
    page.get_by_role("button", name="Add to “terms”").click()
    remove = page.get_by_role("button", name=re.compile("Remove term"))
    expect(remove).to_have_count(2)
    page.get_by_role("combobox", name="What stands at reward.terms[1].of").select_option("input:stars")
    expect(page.locator("#composer-problems")).to_contain_text("stands on the level output: expected token")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#composer-problems")).to_be_empty()
    page.get_by_role("combobox", name="What stands at reward", exact=True).focus()
    page.keyboard.press("Control+z")
    expect(remove).to_have_count(1)
    page.keyboard.press("Control+Shift+z")
    expect(remove).to_have_count(2)
    expect(page.get_by_role("button", name="Redo")).to_be_enabled()


def test_a_recipe_is_built_and_saved_by_keyboard_alone(composer):
    page = composer("")
    page.get_by_label("From this project").focus()
    page.keyboard.type("Critic")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    # The new input is where to go on from.
    expect(page.locator("details.composer-input summary")).to_be_focused()
    expect(sum_of_first(page)).to_have_text("\u22120.5")
    wrap = page.get_by_role("combobox", name=re.compile("Put an operator around Critic score"))
    wrap.focus()
    page.keyboard.type("Clip")
    expect(page.get_by_role("combobox", name="What stands at reward", exact=True)).to_be_focused()
    expect(page.get_by_role("combobox", name="What stands at reward", exact=True)).to_have_value("op:clip")
    name = page.get_by_label("Name of a new recipe")
    name.focus()
    page.keyboard.type("By hand")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="By hand")).to_be_visible()
    assert Recipe.objects.get(name="By hand").versions.get().tree["reward"]["op"] == "clip"
    assert page.errors == []


def test_json_is_edited_and_taken_over(composer):
    page = composer()
    page.get_by_text("JSON", exact=True).click()
    box = page.get_by_label("The recipe as JSON")
    box.fill(box.input_value().replace('"weight": 1.0', '"weight": 4.0'))
    page.get_by_role("button", name="Use this JSON").click()
    expect(page.get_by_role("spinbutton", name="Weight")).to_have_value("4")
    expect(sum_of_first(page)).to_have_text("\u22122")


def test_another_output_is_shown_from_the_groups_and_what_is_closed_stays_closed(composer):
    page = composer()
    page.locator("#composer-text summary").click()
    expect(page.locator(".composer-text")).to_be_hidden()
    page.get_by_role("region", name="Groups").get_by_role("button", name="policy-1").click()
    expect(sum_of_first(page)).to_have_text("0.5")
    expect(page.locator(".composer-text")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("path", ["", "?preset=alarm", None])
def test_nothing_is_wider_than_the_window(composer, width, path):
    page = composer(width=width) if path is None else composer(path, width=width)
    expect(page.get_by_role("heading", name="Reward", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.errors == []
