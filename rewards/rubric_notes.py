"""Notes that the platform writes of a rubric's version: kept as a code with values, said in the reader's language."""

import json
from typing import Any, Final

from django.utils.translation import gettext, gettext_noop

SENTENCES: Final = {
    "generate": gettext_noop("Proposal %(proposal)s: written from task and reference, by %(model)s"),
    "refine": gettext_noop("Proposal %(proposal)s: refined to tell the best outputs apart, by %(model)s"),
}
_LONGEST_NAME: Final = 100
"""Of a model, so that the note fits where notes of people do."""


def proposal_note(code: str, *, proposal: int, model: str) -> str:
    """As it is stored of a proposal that was accepted; the code is one of `SENTENCES`."""
    return json.dumps({"code": code, "proposal": proposal, "model": model[:_LONGEST_NAME]}, ensure_ascii=False)


def said(note: str) -> str:
    """The note in words; what a person wrote is given back."""
    told = _told(note)
    if told.get("code") not in SENTENCES or told.keys() != {"code", "proposal", "model"}:
        return note
    return gettext(SENTENCES[told["code"]]) % told


def _told(note: str) -> dict[str, Any]:
    if not note.startswith("{"):
        return {}
    try:
        told = json.loads(note)
    except ValueError:
        return {}
    return told if isinstance(told, dict) and isinstance(told.get("code"), str) else {}
