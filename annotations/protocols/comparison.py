"""Which of two outputs is better, and by how much, with ties that say why."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, ClassVar, NamedTuple, Self

from django.utils.translation import gettext, gettext_noop

from annotations.protocols.contract import (
    COMPARISON,
    Place,
    PlannedJudgment,
    Problems,
    Reader,
    ShownItem,
    ShownOutput,
    parts_of,
    read_asked,
)
from annotations.protocols.likeness import matched, mean
from rewards.models import Comparison

TIES = {
    "both_good": gettext_noop("Both good"),
    "both_bad": gettext_noop("Both bad"),
    "cannot_tell": gettext_noop("Cannot tell"),
    "equal": gettext_noop("Equal"),
}
PAIRS = {"all": gettext_noop("Every pair"), "consecutive": gettext_noop("Neighbours in the order shown")}
STRENGTHS: dict[int, tuple[str, ...]] = {
    3: (gettext_noop("better"),),
    5: (gettext_noop("slightly better"), gettext_noop("much better")),
    7: (gettext_noop("slightly better"), gettext_noop("better"), gettext_noop("much better")),
}
"""By how many steps there are, a tie among them: how a side is better, from the middle outwards."""


class Step(NamedTuple):
    """One answer that is offered."""

    value: str
    words: str
    side: str
    """The label of the better response, or empty for a tie."""
    strength: int | None
    """Steps away from the middle; None for a tie and where there are three steps only."""


class Pair(NamedTuple):
    """Two outputs with the sides on which they are offered."""

    name: str
    left: ShownOutput
    right: ShownOutput


@dataclass(frozen=True)
class ComparisonQuestion:
    """`{"kind": "comparison", "pairs": "all"|"consecutive", "steps": 3|5|7, "ties": [...]}`.

    An answer is `{"A-B": "A", "A-C": "both_good"}`: the label of the better response, or the kind of tie. With 5 or 7
    steps the label comes with the steps away from the middle: `{"A-B": "A+2", "A-C": "C+1"}`.
    """

    kind: ClassVar[str] = "comparison"
    label: ClassVar[str] = gettext_noop("Pairwise comparison")
    place: ClassVar[Place] = "together"
    min_outputs: ClassVar[int] = 2

    key: str
    prompt: str
    pairs: str = "all"
    steps: int = 3
    ties: tuple[str, ...] = ("both_good", "both_bad", "cannot_tell")
    required: bool = True
    confidence: bool = False

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        steps = reader.integer("steps", default=3, low=3, high=7)
        if steps not in STRENGTHS:
            reader.wrong(
                "steps", gettext("Expected one of %(strengths)s.") % {"strengths": ", ".join(map(str, STRENGTHS))}
            )
            steps = 3
        return cls(
            **read_asked(reader),
            steps=steps,
            pairs=reader.choice("pairs", tuple(PAIRS), default="all"),
            ties=reader.choices("ties", tuple(TIES), default=("both_good", "both_bad", "cannot_tell")),
        )

    def config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.key,
            "prompt": self.prompt,
            "pairs": self.pairs,
            "steps": self.steps,
            "ties": list(self.ties),
            "required": self.required,
            "confidence": self.confidence,
        }

    @property
    def is_graded(self) -> bool:
        """Whether it is asked by how much a response is better."""
        return self.steps > 3

    @property
    def tie_labels(self) -> list[tuple[str, str]]:
        return [(tie, gettext(TIES[tie])) for tie in self.ties]

    def pairs_of(self, item: ShownItem) -> list[Pair]:
        """The pairs to ask about, each with its sides.

        Two outputs stand beside each other as shown, and the order shown is already random. With more, the sides of
        each pair are drawn by themselves, so that a response is not always on the left for being shown first.
        """
        couples = combinations(item.outputs, 2) if self.pairs == "all" else pairwise(item.outputs)
        drawn = []
        for first, second in couples:
            name = f"{first.label}-{second.label}"
            swapped = len(item.outputs) > 2 and _coin(item.seed, self.key, name)
            drawn.append(Pair(name, second, first) if swapped else Pair(name, first, second))
        return drawn

    def steps_of(self, left: str, right: str) -> list[Step]:
        """The answers offered between two labels, from the left one's best to the right one's."""
        words = STRENGTHS[self.steps]
        sides = [self._steps_to(left, words)[::-1], [Step(tie, gettext(TIES[tie]), "", None) for tie in self.ties]]
        return [step for side in (*sides, self._steps_to(right, words)) for step in side]

    def _steps_to(self, label: str, words: tuple[str, ...]) -> list[Step]:
        if self.steps == 3:
            return [Step(label, _is(label, words[0]), label, None)]
        return [Step(f"{label}+{far}", _is(label, how), label, far) for far, how in enumerate(words, start=1)]

    def layout(self, item: ShownItem) -> dict[str, Any]:
        return {
            "pairs": [
                {
                    "name": pair.name,
                    "left": pair.left.label,
                    "right": pair.right.label,
                    "choices": [step._asdict() for step in self.steps_of(pair.left.label, pair.right.label)],
                }
                for pair in self.pairs_of(item)
            ]
        }

    def plan(self, answer: Any, item: ShownItem, problems: Problems) -> list[PlannedJudgment]:
        pairs = self.pairs_of(item)
        names = [pair.name for pair in pairs]
        given = parts_of(answer, self.key, names, problems, unknown=gettext("This pair is not asked about."))
        if given is None:
            return []
        planned = []
        for pair in pairs:
            choice = given.get(pair.name)
            offered = {step.value: step for step in self.steps_of(pair.left.label, pair.right.label)}
            if choice is None:
                if self.required:
                    problems.add(
                        f"{self.key}.{pair.name}",
                        gettext("Compare Responses %(name)s: %(prompt)s") % {"name": pair.name, "prompt": self.prompt},
                    )
            elif not isinstance(choice, str) or choice not in offered:
                problems.add(
                    f"{self.key}.{pair.name}", gettext("Expected one of %(offered)s.") % {"offered": ", ".join(offered)}
                )
            else:
                planned.append(self._planned(pair, offered[choice], item))
        return planned

    @property
    def pass_mark(self) -> float:
        """The right side, by one step too much or too little at most on average."""
        return 1 - 1 / (2 * len(STRENGTHS[self.steps])) if self.is_graded else 1.0

    def score(
        self, given: Sequence[PlannedJudgment], right: Sequence[PlannedJudgment], item: ShownItem
    ) -> float | None:
        """Over the pairs that were asked: 1 for the same answer; for the right side with another strength, one less
        half the steps between them over the most steps there are; else 0, for another kind of tie as well.
        """
        asked = set()
        for pair in self.pairs_of(item):
            a, b = sorted((pair.left, pair.right), key=lambda output: item.stored_order.index(output.pk))
            asked.add(f"{self.key}:{a.pk}:{b.pk}")
        known = [plan for plan in right if plan.name in asked]
        return mean(self._nearness(mine, plan) for mine, plan in matched(given, known))

    def tell(self, planned: Sequence[PlannedJudgment], item: ShownItem) -> list[tuple[str, str]]:
        return [self._told(_answer(plan), item) for plan in planned]

    def _nearness(self, mine: PlannedJudgment | None, known: PlannedJudgment) -> float:
        if mine is None:
            return 0.0
        said, meant = _answer(mine), _answer(known)
        if (said.choice, said.tie_kind) != (meant.choice, meant.tie_kind):
            return 0.0
        return 1 - abs((said.strength or 0) - (meant.strength or 0)) / (2 * len(STRENGTHS[self.steps]))

    def _told(self, answer: Comparison, item: ShownItem) -> tuple[str, str]:
        a, b = item.label_of(answer.output_a_id), item.label_of(answer.output_b_id)
        first, second = sorted((a, b))
        about = gettext("Responses %(first)s and %(second)s") % {"first": first, "second": second}
        if answer.choice == Comparison.Choice.TIE:
            return about, gettext(TIES.get(answer.tie_kind, TIES["equal"]))
        how = STRENGTHS[self.steps][(answer.strength or 1) - 1]
        return about, _is(a if answer.choice == Comparison.Choice.A else b, how)

    def _planned(self, pair: Pair, chosen: Step, item: ShownItem) -> PlannedJudgment:
        a, b = sorted((pair.left, pair.right), key=lambda output: item.stored_order.index(output.pk))
        sides = {a.label: Comparison.Choice.A, b.label: Comparison.Choice.B}
        row = Comparison(
            output_a_id=a.pk,
            output_b_id=b.pk,
            choice=sides.get(chosen.side, Comparison.Choice.TIE),
            tie_kind="" if chosen.side else chosen.value,
            strength=chosen.strength,
        )
        presentation = {"left": pair.left.pk, "right": pair.right.pk, "pair": pair.name, "steps": self.steps}
        return PlannedJudgment(COMPARISON, f"{self.key}:{a.pk}:{b.pk}", None, presentation, [row])


def _is(label: str, how: str) -> str:
    """That a response is better, in the words of `STRENGTHS`."""
    return gettext("%(label)s is %(how)s") % {"label": label, "how": gettext(how)}


def _coin(seed: int, key: str, name: str) -> bool:
    """A fair coin that always falls the same way for the same assignment, question and pair."""
    return hashlib.sha256(f"{seed}:{key}:{name}".encode()).digest()[0] % 2 == 1


def _answer(plan: PlannedJudgment) -> Comparison:
    (row,) = plan.rows
    assert isinstance(row, Comparison)
    return row
