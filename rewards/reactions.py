"""Reactions of an application's users as answers: a thumb, an emoji or a word, turned into a question and a number.

A reaction is a rating on a scale from 0 to 1, so that whatever reads ratings reads it: what it measures is the share of
people who react that way, as in *Reinforcement Learning from User Feedback* (arXiv 2505.14946), whose reward is the
probability of a "Love" reaction.
"""

import re
import unicodedata
from typing import Final, NamedTuple

from rewards.text import check_text

THUMBS: Final = "thumbs"
_UP: Final = frozenset({"thumbs_up", "thumbs-up", "thumbsup", "up", "like", "+1", "👍"})
_DOWN: Final = frozenset({"thumbs_down", "thumbs-down", "thumbsdown", "down", "dislike", "-1", "👎"})
LONGEST: Final = 60
_SKIN_TONES: Final = re.compile("[\U0001f3fb-\U0001f3ff\ufe0e\ufe0f]")


class Reaction(NamedTuple):
    """What is rated, and how: `question` is a slug, `value` lies in [0, 1]."""

    question: str
    value: float


def read_reaction(name: str, value: float | None = None) -> Reaction:
    """From the name that an application gives a reaction.

    Thumbs are one question with two answers. Every other reaction is a question of its own, ``reaction-<name>``,
    answered by 1 where it was given; a `value` of 0 tells that somebody saw the output and did not react so. An emoji
    goes by its Unicode name, whatever its skin tone.

    Raises
    ------
    ValueError
        For a name that is empty, too long or holds nothing to name it by, or a value outside [0, 1].
    """
    check_text(name)
    plain = _SKIN_TONES.sub("", name.strip()).lower()
    if not 0 < len(plain) <= LONGEST:
        raise ValueError(f"expected a reaction of 1 to {LONGEST} characters")
    if value is not None and not 0 <= value <= 1:
        raise ValueError(f"value {value}: expected a number from 0 to 1")
    if plain in _UP or plain in _DOWN:
        return Reaction(THUMBS, float(plain in _UP) if value is None else float(value))
    words = "".join(
        character if character.isascii() else f" {unicodedata.name(character, '').lower()} " for character in plain
    )
    slug = "-".join(re.findall(r"[a-z0-9_]+", words))[:LONGEST].strip("-")
    if not slug:
        raise ValueError("expected a word or an emoji")
    return Reaction(f"reaction-{slug}", 1.0 if value is None else float(value))
