"""Protocols: the questions of a campaign, read from their JSON.

To add a kind of question: a file with a frozen dataclass like the ones here, its name in `KINDS`, its fields in
`templates/annotations/questions/<kind>.html` and `annotations/forms/question.py`, its part of the page in
`static/js/annotate/`.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from annotations.protocols.comparison import ComparisonQuestion
from annotations.protocols.contract import LABELS, PlannedJudgment, Problems, Question, Reader, ShownItem, ShownOutput
from annotations.protocols.rating import RatingQuestion
from annotations.protocols.spans import SpansQuestion

__all__ = [
    "KINDS",
    "LABELS",
    "MAX_QUESTIONS",
    "PlannedJudgment",
    "Problems",
    "Question",
    "ShownItem",
    "ShownOutput",
    "min_outputs",
    "parse_questions",
    "plan_judgments",
    "protocol_hash",
]

KINDS: dict[str, type[Question]] = {
    "rating": RatingQuestion,
    "comparison": ComparisonQuestion,
    "spans": SpansQuestion,
}
MAX_QUESTIONS = 20


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
        problems.add("questions", f"Expected a list of 1 to {MAX_QUESTIONS} questions.")
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
            problems.add(f"questions.{index}.key", f"The key {key} is already used by another question.")
    if sum(question.kind == "spans" for question in questions) > 1:
        problems.add("questions", "Ask for spans once: one question may have several types.")
    problems.refuse(code="protocol_invalid", message="The questions cannot be used.")
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
        problems.add("answer", "Expected an object with an answer for each question.")
        answer = {}
    known = {question.key for question in questions}
    for key in answer:
        if key not in known:
            problems.add(str(key), "This question is not asked.")
    planned: list[PlannedJudgment] = []
    for question in questions:
        empty: Any = [] if question.kind == "spans" else {}
        planned += question.plan(answer.get(question.key, empty), item, problems)
    problems.refuse(code="answer_invalid", message="The answer is not complete or not valid.")
    return planned


def min_outputs(questions: Sequence[Question]) -> int:
    """How many outputs an item needs at least for these questions to make sense."""
    return max(question.min_outputs for question in questions)


def protocol_hash(questions: Sequence[Question], guidelines: str, *, show_reference: bool) -> str:
    """SHA-256 over everything that an annotator is told."""
    content = [[question.config() for question in questions], guidelines, show_reference]
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
