"""Chosen keys of the annotation page."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django.asserts import assertContains, assertRedirects

from projects.errors import AppError
from projects.key_map import ACTIONS, TAKEN, check_key_map, parse_key
from projects.models import User


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("s", "s"),
        (" S ", "s"),
        ("?", "?"),
        ("+", "+"),
        ("é", "é"),
        ("ctrl+Enter", "Ctrl+Enter"),
        ("⌘+m", "Ctrl+m"),
        ("←", "ArrowLeft"),
        (" Right", "ArrowRight"),
        ("↓", "ArrowDown"),
        ("up", "ArrowUp"),
    ],
)
def test_a_key_is_read_as_the_page_names_it(text, key):
    assert parse_key(text) == key


@pytest.mark.parametrize(
    "text", ["", "ss", "Alt+s", "Ctrl+", "Enter", "Ctrl+w", "Ctrl+5", "F5", "s s", "\u200b", "Ctrl+←"]
)
def test_what_is_no_key_or_the_browsers_own_is_refused(text):
    with pytest.raises(ValueError, match=r"key|Enter|browser"):
        parse_key(text)


def test_two_actions_on_one_key_are_refused_and_both_are_named():
    with pytest.raises(AppError) as caught:
        check_key_map({"skip": "p"})
    assert set(caught.value.fields) == {"skip", "prompt"}
    assert "Fold or unfold the prompt" in caught.value.fields["skip"][0]


def test_two_actions_may_change_places():
    assert check_key_map({"skip": "p", "prompt": "s"}) == {"skip": "p", "prompt": "s"}


def test_an_arrow_key_belongs_to_one_action_and_is_shown_as_people_write_it(cast, browse):
    with pytest.raises(AppError) as caught:
        check_key_map({"skip": "←"})
    assert set(caught.value.fields) == {"skip", "previous_item"}
    assert caught.value.fields["skip"][0].startswith("← is also the key of")
    client = browse(cast.annotator)
    client.post("/profile/keys/", {"previous_item": "<", "skip": "left"})
    assert User.objects.get(pk=cast.annotator.pk).key_map == {"previous_item": "<", "skip": "ArrowLeft"}
    assertContains(client.get("/profile/keys/"), 'value="←"')


@pytest.mark.parametrize("key", ["1", "a", "n", "Ctrl+z"])
def test_the_keys_that_answer_stay_as_they_are(key):
    with pytest.raises(AppError) as caught:
        check_key_map({"skip": key})
    assert "already" in caught.value.fields["skip"][0]


def test_an_action_that_does_not_exist_is_refused():
    with pytest.raises(AppError):
        check_key_map({"explode": "x"})


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(sorted(ACTIONS)), st.sampled_from("smpqxyzijk?[];.,") | st.just("")))
def test_whatever_is_accepted_gives_each_action_a_key_of_its_own(chosen):
    try:
        kept = check_key_map(chosen)
    except AppError:
        return
    keys = [kept.get(action.name, action.default) for action in ACTIONS.values()]
    assert len(set(keys)) == len(keys)
    assert not {key for name, key in kept.items()} & set(TAKEN)


def test_the_page_keeps_a_choice_and_shows_a_conflict_beside_its_fields(cast, browse):
    client = browse(cast.annotator)
    assertRedirects(client.post("/profile/keys/", {"skip": "x"}), "/profile/keys/")
    user = User.objects.get(pk=cast.annotator.pk)
    assert user.key_map == {"skip": "x"}
    assert json.loads(user.chosen_keys_json) == {"s": "x"}
    assertContains(client.post("/profile/keys/", {"skip": "p"}), "is also the key of", count=2)
    assert User.objects.get(pk=cast.annotator.pk).key_map == {"skip": "x"}


def test_a_key_that_could_end_an_attribute_is_escaped_in_the_page(cast, browse):
    client = browse(cast.annotator)
    client.post("/profile/keys/", {"skip": '"'})
    assertContains(client.get("/profile/keys/"), 'value="&quot;"')
