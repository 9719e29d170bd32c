"""Answers under the item's own labels: each person saw the outputs in an order of their own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from annotations.protocols import LABELS, Question, ShownItem, ShownOutput, parse_questions
from annotations.protocols.checklist import EVIDENCE
from rewards.models import Output

Renaming = Mapping[str, str]
"""From a label that one person saw to the item's own."""

_Rename = Callable[[Any, Renaming], Any]


def own_item(outputs: Sequence[Output]) -> ShownItem:
    """The item as nobody in particular sees it: labels follow the order in which the item keeps its outputs."""
    shown = [
        ShownOutput(
            label,
            output.pk,
            [message["text"] for message in output.messages],
            [message.get("channel") or "answer" for message in output.messages],
        )
        for label, output in zip(LABELS, outputs, strict=False)
    ]
    return ShownItem(shown, [output.pk for output in outputs], 0)


def renaming(order: Sequence[int], stored: Sequence[int]) -> dict[str, str]:
    """From the labels of outputs shown in `order` to those of the `stored` order."""
    own = dict(zip(stored, LABELS, strict=False))
    return {label: own[pk] for label, pk in zip(LABELS, order, strict=False) if pk in own}


def settled_questions(questions: Sequence[Question]) -> list[Question]:
    """The questions as they are asked of whoever settles an item.

    Nobody is asked how sure they are, words of one's own may be left out, and where each person compared neighbours of
    the order that they saw, any pair may be settled.
    """
    return [_settled(question) for question in questions]


def _settled(question: Question) -> Question:
    changes: dict[str, Any] = {"confidence": False}
    if question.kind == "critique":
        changes["required"] = False
    if question.kind == "comparison" and getattr(question, "pairs", "all") != "all":
        changes |= {"pairs": "all", "required": False}
    given = {name: changes.get(name, value) for name, value in question.config().items()}
    [settled] = parse_questions([given])
    return settled


def canonical_answer(questions: Sequence[Question], answer: Mapping[str, Any], names: Renaming) -> dict[str, Any]:
    """An answer that was accepted once, under the item's own labels; questions without an answer are left out."""
    found = {}
    for question in questions:
        given = answer.get(question.key)
        if given is not None:
            rename: _Rename = _RENAMED.get(question.kind, _by_label)
            found[question.key] = rename(given, names)
    return found


def _by_label(given: Mapping[str, Any], names: Renaming) -> dict[str, Any]:
    """`{"A": ...}`, `{"A/part": ...}`; evidence is a list of spans."""
    renamed = {}
    for part, value in given.items():
        if part == EVIDENCE:
            renamed[part] = _spans(value, names)
        else:
            label, slash, rest = part.partition("/")
            renamed[f"{names[label]}{slash}{rest}"] = value
    return renamed


def _pairs(given: Mapping[str, Any], names: Renaming) -> dict[str, Any]:
    """`{"B-A": "B+2"}`: the name of a pair starts with the label that comes first."""
    renamed = {}
    for pair, value in given.items():
        first, _, second = pair.partition("-")
        label, plus, steps = str(value).partition("+")
        name = "-".join(sorted((names[first], names[second])))
        renamed[name] = f"{names[label]}{plus}{steps}" if label in (first, second) else value
    return renamed


def _order(given: Mapping[str, Any], names: Renaming) -> dict[str, Any]:
    places = given.get("order") or []
    return {"order": [sorted(names[label] for label in tied) for tied in places]} if places else {}


def _ends(given: Mapping[str, Any], names: Renaming) -> dict[str, Any]:
    return {part: names[label] for part, label in given.items() if label is not None}


def _good(given: Mapping[str, Any], names: Renaming) -> dict[str, Any]:
    good = given.get("good")
    return {} if good is None else {"good": sorted(names[label] for label in good)}


def _spans(given: Sequence[Mapping[str, Any]], names: Renaming) -> list[dict[str, Any]]:
    renamed = [{**span, "output": names[span["output"]]} for span in given]
    return sorted(renamed, key=lambda span: (span["output"], span["message"], span["start"], span["end"]))


_RENAMED: Mapping[str, _Rename] = {
    "comparison": _pairs,
    "ranking": _order,
    "best_worst": _ends,
    "tick": _good,
    "spans": _spans,
}
