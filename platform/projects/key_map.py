"""Which keys do what on the annotation page, and which choices are refused."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from projects.errors import AppError


class KeyAction(NamedTuple):
    """`default` is the key that the page's script binds; a choice is another one in its place."""

    name: str
    label: str | Promise
    default: str


ACTIONS = {
    action.name: action
    for action in (
        KeyAction("submit", _("Submit and go on"), "Ctrl+Enter"),
        KeyAction("save", _("Save the draft now"), "Ctrl+s"),
        KeyAction("skip", _("Skip this item"), "s"),
        KeyAction("flag", _("Flag the item as broken"), "f"),
        KeyAction("help", _("Ask for help with the item"), "c"),
        KeyAction("previous_item", _("Look back at the item before"), "ArrowLeft"),
        KeyAction("next_item", _("The item after, towards the one in work"), "ArrowRight"),
        KeyAction("next_question", _("Next question"), "j"),
        KeyAction("previous_question", _("Previous question"), "k"),
        KeyAction("next_response", _("Next response"), "]"),
        KeyAction("previous_response", _("Previous response"), "["),
        KeyAction("text", _("Into the text"), "t"),
        KeyAction("prompt", _("Fold or unfold the prompt"), "p"),
        KeyAction("overlay", _("Show or hide the model’s values"), "h"),
        KeyAction("guidelines", _("Guidelines"), "g"),
        KeyAction("keys", _("The list of keys"), "?"),
    )
}
# Digits and the first letters answer questions, n is "not applicable"; undo and redo are every editor's.
TAKEN = {
    **dict.fromkeys("0123456789", _("answers the lit question")),
    **dict.fromkeys("abcdefgh", _("chooses a response")),
    "n": _("says “not applicable”"),
    "Ctrl+z": _("undoes"),
    "Ctrl+y": _("redoes"),
}
_SHOWN = {"ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓"}
"""Keys whose names by the page's script nobody writes; while a field or a text has the focus they belong to it."""
_ARROWS = {written: name for name, shown in _SHOWN.items() for written in (shown, name.removeprefix("Arrow").lower())}
"""As people write them. Up and down scroll the page until somebody chooses them for questions."""
_OF_THE_BROWSER = frozenset("acflnpqrtvwx0123456789+-")
"""With Ctrl: a page cannot have them, or a person would miss them."""


def parse_key(text: str) -> str:
    """The key as the page's script names it: "s", "?", "Ctrl+s", "Ctrl+Enter", "ArrowLeft" for ← or left.

    Raises
    ------
    ValueError
        It names no single key; the message says what was expected.
    """
    arrow = _ARROWS.get(text.strip().lower())
    if arrow is not None:
        return arrow
    expected = str(_("Write one key, such as s or ?, or Ctrl+ and one key."))
    found = re.fullmatch(r"(?:(ctrl|cmd|⌘)\+)?(enter|\S)", text.strip(), re.IGNORECASE)
    if found is None or not found[2].isprintable():
        raise ValueError(expected)
    if found[2] in _ARROWS:
        raise ValueError(str(_("The browser needs this combination itself.")))
    has_control, key = bool(found[1]), "Enter" if len(found[2]) > 1 else found[2].lower()
    if key == "Enter" and not has_control:
        raise ValueError(str(_("Enter alone presses the button that has the focus; write Ctrl+Enter.")))
    if has_control and key in _OF_THE_BROWSER:
        raise ValueError(str(_("The browser needs this combination itself.")))
    return f"Ctrl+{key}" if has_control else key


def shown_key(key: str) -> str:
    """The key as people know it; `parse_key` reads it again."""
    return _SHOWN.get(key, key)


def check_key_map(chosen: Mapping[str, str]) -> dict[str, str]:
    """The choices that differ from the defaults, once no two actions share a key.

    Parameters
    ----------
    chosen : Mapping[str, str]
        Keys by the name of the action; an empty one means the default.

    Raises
    ------
    AppError
        ``key_map_invalid``, whose fields name each action in conflict and with what.
    """
    problems: dict[str, list[str]] = {}
    keys = {action.name: action.default for action in ACTIONS.values()}
    for name, text in chosen.items():
        if name not in ACTIONS:
            problems[name] = [gettext("There is no such action.")]
        elif text.strip():
            try:
                keys[name] = parse_key(text)
            except ValueError as error:
                problems[name] = [str(error)]
    for name, key in keys.items():
        if key in TAKEN and key != ACTIONS[name].default:
            message = _("%(key)s %(use)s already.") % {"key": key, "use": TAKEN[key]}
            problems.setdefault(name, []).append(str(message))
        others = [str(ACTIONS[other].label) for other in keys if other != name and keys[other] == key]
        if others:
            message = _("%(key)s is also the key of: %(others)s.") % {
                "key": shown_key(key),
                "others": ", ".join(others),
            }
            problems.setdefault(name, []).append(str(message))
    if problems:
        raise AppError(
            str(_("Some keys are in conflict; nothing was changed.")), code="key_map_invalid", fields=problems
        )
    return {name: key for name, key in keys.items() if key != ACTIONS[name].default}


def keys_by_default(key_map: Mapping[str, str]) -> dict[str, str]:
    """What was chosen, by the default key that it replaces; actions of another version are left out."""
    return {ACTIONS[name].default: key for name, key in key_map.items() if name in ACTIONS}
