"""Two answers to the same item beside each other: by question, whatever the order in which each was given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from annotations.blinding import outputs_of_item, shown_in
from annotations.models import Assignment, CampaignProtocol, GoldAnswer, Submission
from annotations.protocols import PlannedJudgment, Question, ShownItem, parse_questions, plan_judgments
from rewards.models import Output

ROUNDING = 1e-9
_WORDING = ("prompt", "required", "confidence")
"""What may change about a question without making its answers incomparable."""


@dataclass(frozen=True)
class Given:
    """One answer with the questions and the order under which it was given."""

    questions: Sequence[Question]
    planned: Sequence[PlannedJudgment]
    item: ShownItem

    @classmethod
    def read(
        cls, *, protocol: CampaignProtocol, answer: Mapping[str, Any], order: Sequence[int], seed: int,
        outputs: Sequence[Output],
    ) -> Self:  # fmt: skip
        """Check an answer and read it; AppError ``answer_invalid`` names what is wrong."""
        questions = parse_questions(protocol.questions)
        item = shown_in(order, seed, outputs)
        return cls(questions, plan_judgments(questions, dict(answer), item), item)

    @classmethod
    def of_gold(cls, gold: GoldAnswer) -> Self:
        outputs = outputs_of_item(gold.item_id)
        return cls.read(protocol=gold.protocol, answer=gold.answer, order=gold.order, seed=gold.seed, outputs=outputs)

    @classmethod
    def of_submission(cls, submission: Submission, assignment: Assignment) -> Self:
        outputs = outputs_of_item(assignment.item_id)
        protocol = submission.protocol or assignment.protocol
        return cls.read(
            protocol=protocol, answer=submission.answer, order=assignment.order, seed=assignment.seed, outputs=outputs
        )

    def to(self, question: Question) -> list[PlannedJudgment]:
        """What was answered to one question."""
        return [plan for plan in self.planned if plan.name.partition(":")[0] == question.key]


def compare(given: Given, right: Given, pass_marks: Mapping[str, float] | None = None) -> dict[str, dict[str, Any]]:
    """Score and outcome by question of `right`: `{"score": float or None, "passed": bool or None}`.

    A question that is not asked any more, or is another one by now, has neither: it could not be compared.
    """
    asked = {question.key: question for question in given.questions}
    found: dict[str, dict[str, Any]] = {}
    for question in right.questions:
        mine = asked.get(question.key)
        known = right.to(question)
        if mine is None or not known:
            continue
        score = mine.score(given.to(mine), known, given.item) if _same(mine, question) else None
        mark = pass_mark_of(question, pass_marks or {})
        found[question.key] = {"score": score, "passed": None if score is None else score >= mark - ROUNDING}
    return found


def passed(scores: Mapping[str, Mapping[str, Any]]) -> bool | None:
    """Whether every question that was compared is right; None where none was."""
    outcomes = [row["passed"] for row in scores.values() if row["passed"] is not None]
    return all(outcomes) if outcomes else None


def pass_mark_of(question: Question, pass_marks: Mapping[str, float]) -> float:
    """The least score that counts as right."""
    return pass_marks.get(question.key, question.pass_mark)


def _same(one: Question, other: Question) -> bool:
    return _substance(one) == _substance(other)


def _substance(question: Question) -> dict[str, Any]:
    return {name: value for name, value in question.config().items() if name not in _WORDING}
