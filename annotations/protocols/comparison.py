"""Which of two outputs is better, with ties that say why."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, ClassVar, NamedTuple, Self

from annotations.protocols.contract import COMPARISON, PlannedJudgment, Problems, Reader, ShownItem, ShownOutput
from rewards.models import Comparison

TIES = {
    "both_good": "Both good",
    "both_bad": "Both bad",
    "cannot_tell": "Cannot tell",
    "equal": "Equal",
}
PAIRS = {"all": "Every pair", "consecutive": "Neighbours in the order shown"}


class Pair(NamedTuple):
    """Two outputs with the sides on which they are offered."""

    name: str
    left: ShownOutput
    right: ShownOutput


@dataclass(frozen=True)
class ComparisonQuestion:
    """`{"kind": "comparison", "key", "prompt", "pairs": "all"|"consecutive", "ties": [...], "required"}`.

    An answer is `{"A-B": "A", "A-C": "both_good"}`: the label of the better response, or the kind of tie.
    """

    kind: ClassVar[str] = "comparison"
    label: ClassVar[str] = "Pairwise comparison"
    min_outputs: ClassVar[int] = 2

    key: str
    prompt: str
    pairs: str = "all"
    ties: tuple[str, ...] = ("both_good", "both_bad", "cannot_tell")
    required: bool = True

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        return cls(
            key=reader.key(),
            prompt=reader.text("prompt", max_length=1000),
            pairs=reader.choice("pairs", tuple(PAIRS), default="all"),
            ties=reader.choices("ties", tuple(TIES), default=("both_good", "both_bad", "cannot_tell")),
            required=reader.flag("required", default=True),
        )

    def config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.key,
            "prompt": self.prompt,
            "pairs": self.pairs,
            "ties": list(self.ties),
            "required": self.required,
        }

    @property
    def tie_labels(self) -> list[tuple[str, str]]:
        return [(tie, TIES[tie]) for tie in self.ties]

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

    def layout(self, item: ShownItem) -> dict[str, Any]:
        return {
            "pairs": [
                {"name": pair.name, "left": pair.left.label, "right": pair.right.label} for pair in self.pairs_of(item)
            ]
        }

    def plan(self, answer: Any, item: ShownItem, problems: Problems) -> list[PlannedJudgment]:
        if not isinstance(answer, Mapping):
            problems.add(self.key, "Expected an object with a choice for each pair.")
            return []
        pairs = self.pairs_of(item)
        known = {pair.name for pair in pairs}
        for name in answer:
            if name not in known:
                problems.add(f"{self.key}.{name}", "This pair is not asked about.")
        planned = []
        for pair in pairs:
            choice = answer.get(pair.name)
            if choice is None:
                if self.required:
                    problems.add(f"{self.key}.{pair.name}", f"Compare Responses {pair.name}: {self.prompt}")
            elif choice not in (pair.left.label, pair.right.label, *self.ties):
                expected = ", ".join((pair.left.label, pair.right.label, *self.ties))
                problems.add(f"{self.key}.{pair.name}", f"Expected one of {expected}.")
            else:
                planned.append(self._planned(pair, str(choice), item))
        return planned

    def _planned(self, pair: Pair, choice: str, item: ShownItem) -> PlannedJudgment:
        a, b = sorted((pair.left, pair.right), key=lambda output: item.stored_order.index(output.pk))
        is_tie = choice in self.ties
        row = Comparison(
            output_a_id=a.pk,
            output_b_id=b.pk,
            choice=Comparison.Choice.TIE if is_tie else ("a" if choice == a.label else "b"),
            tie_kind=choice if is_tie else "",
        )
        presentation = {"left": pair.left.pk, "right": pair.right.pk, "pair": pair.name}
        return PlannedJudgment(COMPARISON, f"{self.key}:{a.pk}:{b.pk}", None, presentation, [row])


def _coin(seed: int, key: str, name: str) -> bool:
    """A fair coin that always falls the same way for the same assignment, question and pair."""
    return hashlib.sha256(f"{seed}:{key}:{name}".encode()).digest()[0] % 2 == 1
