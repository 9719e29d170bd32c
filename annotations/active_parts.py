"""How long a person looked at each part of an item: the prompt, each response, each question.

Parts are `prompt`, `guidelines`, `response:<label>` and `question:<key>`, in milliseconds. Idle time and time in which
the page was hidden belong to none. What is left of the whole time belongs to no part that can be told.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext

from annotations.protocols import CONFIDENCE, Problems, Question, ShownItem

PROMPT, GUIDELINES = "prompt", "guidelines"
RESPONSE, QUESTION = "response:", "question:"
FIELD = "active_parts"


def parts_known(questions: Sequence[Question], item: ShownItem) -> set[str]:
    """Every part that the page of an item can tell."""
    keys = [*(question.key for question in questions), CONFIDENCE]
    shown = [f"{RESPONSE}{output.label}" for output in item.outputs]
    return {PROMPT, GUIDELINES, *shown, *(f"{QUESTION}{key}" for key in keys)}


def check_parts(parts: Mapping[str, Any], active_ms: int, known: Collection[str]) -> None:
    """Refuse times that cannot be.

    Raises
    ------
    AppError
        ``time_invalid`` naming each part that is not known or no whole number of milliseconds, and the whole where its
        parts are longer.
    """
    problems = Problems()
    for name, value in parts.items():
        if name not in known:
            problems.add(f"{FIELD}.{name}", gettext("There is no such part of this item."))
        elif type(value) is not int or value < 0:
            problems.add(f"{FIELD}.{name}", gettext("Expected a whole number of milliseconds."))
    if not problems.fields and sum(parts.values()) > active_ms:
        message = gettext("The parts are longer than the whole: %(parts)d ms of %(whole)d.")
        problems.add(FIELD, message % {"parts": sum(parts.values()), "whole": active_ms})
    problems.refuse(code="time_invalid", message=gettext("The time cannot be right."))
