"""Protocols: the questions of a campaign, read from their JSON.

To add a kind of question: a file with a frozen dataclass like the ones here, its name in `KINDS`, its fields in
`annotations/forms/question.py`, its part of the page in `templates/annotations/questions/<kind>.html`,
`static/js/annotate/kinds.js` and, where radio buttons do not suffice, a widget of `static/js/annotate/widgets.js`.

Beside any question the page may ask how sure the person is. Those answers come under `CONFIDENCE`, by question, and are
kept with each judgment in its `presentation`. So is what the person was shown of a model before submitting, which comes
under `SHOWN`. What the person says of the spans that a model marked comes under `REVIEWS` (`annotations.proposals`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotations.protocols.checklist import ChecklistQuestion
from annotations.protocols.comparison import ComparisonQuestion
from annotations.protocols.contract import (
    LABELS,
    PlannedJudgment,
    Problems,
    Question,
    Reader,
    ShownItem,
    ShownOutput,
    parts_of,
)
from annotations.protocols.picks import BestWorstQuestion, TickQuestion
from annotations.protocols.ranking import RankingQuestion
from annotations.protocols.rating import RatingQuestion
from annotations.protocols.spans import SpansQuestion
from annotations.protocols.steps import StepsQuestion
from annotations.protocols.stop import StopQuestion
from annotations.protocols.words import CritiqueQuestion, EditQuestion

__all__ = [
    "CONFIDENCE",
    "CONFIDENCE_LEVELS",
    "KINDS",
    "LABELS",
    "MAX_QUESTIONS",
    "REVIEWS",
    "SHOWN",
    "STAGES",
    "PlannedJudgment",
    "Problems",
    "Question",
    "ShownItem",
    "ShownOutput",
    "asks_for_marks",
    "min_outputs",
    "parse_questions",
    "plan_judgments",
    "protocol_hash",
]

KINDS: dict[str, type[Question]] = {
    "rating": RatingQuestion,
    "comparison": ComparisonQuestion,
    "checklist": ChecklistQuestion,
    "ranking": RankingQuestion,
    "best_worst": BestWorstQuestion,
    "tick": TickQuestion,
    "spans": SpansQuestion,
    "steps": StepsQuestion,
    "stop": StopQuestion,
    "edit": EditQuestion,
    "critique": CritiqueQuestion,
}
MAX_QUESTIONS = 20
CONFIDENCE = "confidence"
SHOWN = "@overlay"
"""`{"shown": bool, "threshold": 0..1, "sources": [int, ...]}`; no question can have this key.

`sources` are the numbers of those that were looked at, in the plan's order; left out by pages that had one alone.
"""
STAGES = "@stages"
"""Under it the server keeps when the first part was finished in a study of the order (`annotations.stages`)."""

REVIEWS = "@marks"
"""`{mark: {"decision": ..., ...}}`; see `annotations.proposals.plan_reviews`."""
MAX_SHOWN_SOURCES = 20
CONFIDENCE_LEVELS = {1: _("Guessing"), 2: _("Fairly sure"), 3: _("Sure")}
_ONCE = {
    "spans": "Ask for spans once: one question may have several types.",
    "steps": "Ask about steps once: the responses are shown cut into them.",
    "stop": "Ask where to stop once.",
    "edit": "Ask for an edit once.",
}


def parse_questions(config: Any) -> list[Question]:
    """Read the questions of a protocol.

    Parameters
    ----------
    config : list of dict
        As `Question.config` writes them; options may be left out where they have a default.

    Raises
    ------
    AppError
        ``protocol_invalid`` with every problem found, by `questions.<index>.<field>`.
    """
    problems = Problems()
    questions: list[Question] = []
    if not isinstance(config, list) or not 1 <= len(config) <= MAX_QUESTIONS:
        problems.add(
            "questions",
            gettext("Expected a list of 1 to %(max_questions)s questions.") % {"max_questions": MAX_QUESTIONS},
        )
        config = []
    for index, entry in enumerate(config):
        reader = Reader(entry, f"questions.{index}", problems)
        kind = reader.choice("kind", tuple(KINDS), default="") or None
        if kind is not None:
            questions.append(KINDS[kind].parse(reader))
            reader.finish()
    keys = [question.key for question in questions]
    for index, key in enumerate(keys):
        if key and key in keys[:index]:
            problems.add(
                f"questions.{index}.key", gettext("The key %(key)s is already used by another question.") % {"key": key}
            )
    kinds = [question.kind for question in questions]
    for kind, words in _ONCE.items():
        if kinds.count(kind) > 1:
            problems.add("questions", words)
    if CONFIDENCE in keys and any(question.confidence for question in questions):
        problems.add(
            f"questions.{keys.index(CONFIDENCE)}.key", gettext("This key names the answers about how sure one is.")
        )
    problems.refuse(code="protocol_invalid", message=gettext("The questions cannot be used."))
    return questions


def plan_judgments(questions: Sequence[Question], answer: Any, item: ShownItem) -> list[PlannedJudgment]:
    """Check an answer to all questions and turn it into judgments.

    Raises
    ------
    AppError
        ``answer_invalid`` with every problem found, by `<question>.<part>`.
    """
    problems = Problems()
    if not isinstance(answer, dict):
        problems.add("answer", gettext("Expected an object with an answer for each question."))
        answer = {}
    unsure = [question.key for question in questions if question.confidence]
    known = {question.key for question in questions}.union({CONFIDENCE} if unsure else ())
    _check_shown(answer.get(SHOWN), problems)
    for key in answer:
        if key not in known and key not in (SHOWN, REVIEWS, STAGES):
            problems.add(str(key), gettext("This question is not asked."))
    sure = parts_of(answer.get(CONFIDENCE, {}), CONFIDENCE, unsure, problems) or {} if unsure else {}
    planned: list[PlannedJudgment] = []
    for question in questions:
        empty: Any = [] if question.kind == "spans" else {}
        own = question.plan(answer.get(question.key, empty), item, problems)
        planned += _with_confidence(own, question.key, sure, problems) if question.confidence else own
    problems.refuse(code="answer_invalid", message=gettext("The answer is not complete or not valid."))
    return planned


def _check_shown(value: Any, problems: Problems) -> None:
    if value is None:
        return
    is_known = isinstance(value, dict) and set(value) - {"sources"} == {"shown", "threshold"}
    if (
        not is_known
        or not isinstance(value["shown"], bool)
        or type(value["threshold"]) not in (int, float)
        or not 0 <= value["threshold"] <= 1
        or not _are_numbers(value.get("sources", []))
    ):
        expected = "`threshold`, a share of the scale from 0 to 1, and at most `sources`, their numbers from 1"
        problems.add(SHOWN, gettext("Expected `shown`, true or false, %(expected)s.") % {"expected": expected})


def _are_numbers(value: Any) -> bool:
    """Whether it names sources, each once."""
    is_list = isinstance(value, list) and all(type(one) is int and 1 <= one <= MAX_SHOWN_SOURCES for one in value)
    return is_list and len(set(value)) == len(value)


def _with_confidence(
    planned: Sequence[PlannedJudgment], key: str, sure: Mapping[str, Any], problems: Problems
) -> Sequence[PlannedJudgment]:
    """The judgments of one question with how sure the person was; not asked where nothing was answered."""
    value = sure.get(key)
    if not planned and value is None:
        return planned
    if type(value) is not int or value not in CONFIDENCE_LEVELS:
        words = (
            gettext("Say how sure you are.")
            if value is None
            else gettext("Expected 1 (guessing), 2 (fairly sure) or 3 (sure).")
        )
        problems.add(f"{CONFIDENCE}.{key}", words)
        return planned
    return [replace(plan, presentation={**plan.presentation, CONFIDENCE: value}) for plan in planned]


def asks_for_marks(question: Question) -> bool:
    """Whether it is answered, or may be, by marking words of the texts."""
    return question.place == "texts" or question.kind == "stop" or bool(getattr(question, "evidence", False))


def min_outputs(questions: Sequence[Question]) -> int:
    """How many outputs an item needs at least for these questions to make sense."""
    return max(question.min_outputs for question in questions)


def protocol_hash(
    questions: Sequence[Question],
    guidelines: str,
    *,
    show_reference: bool,
    examples: Sequence[Mapping[str, Any]] = (),
) -> str:
    """SHA-256 over everything that an annotator is told."""
    content: list[Any] = [[question.config() for question in questions], guidelines, show_reference]
    if examples:
        # Versions without any keep the hash that they had before there were examples.
        content.append(list(examples))
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
