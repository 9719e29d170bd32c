"""An order of all outputs, ties allowed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from django.utils.translation import gettext, gettext_noop, ngettext

from annotations.protocols.contract import (
    RANKING,
    Place,
    PlannedJudgment,
    Problems,
    Reader,
    ShownItem,
    parts_of,
    read_asked,
)
from annotations.protocols.likeness import matched, mean, rank_likeness
from rewards.models import RankedOutput, Ranking

ORDER = "order"


@dataclass(frozen=True)
class RankingQuestion:
    """`{"kind": "ranking", "allow_ties": true|false}`.

    An answer is `{"order": [["B"], ["A", "C"]]}`: the labels by place, best first, those of one place tied.
    """

    kind: ClassVar[str] = "ranking"
    label: ClassVar[str] = gettext_noop("Ranking")
    place: ClassVar[Place] = "together"
    min_outputs: ClassVar[int] = 2

    pass_mark: ClassVar[float] = 0.8

    key: str
    prompt: str
    allow_ties: bool = True
    required: bool = True
    confidence: bool = False

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        return cls(**read_asked(reader), allow_ties=reader.flag("allow_ties", default=True))

    def config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.key,
            "prompt": self.prompt,
            "allow_ties": self.allow_ties,
            "required": self.required,
            "confidence": self.confidence,
        }

    def layout(self, item: ShownItem) -> dict[str, Any]:
        return {}

    def plan(self, answer: Any, item: ShownItem, problems: Problems) -> list[PlannedJudgment]:
        given = parts_of(answer, self.key, [ORDER], problems)
        if given is None:
            return []
        order = given.get(ORDER)
        where = f"{self.key}.{ORDER}"
        if not order and not self.required:
            return []
        if not order:
            problems.add(where, gettext("Rank the responses: %(prompt)s") % {"prompt": self.prompt})
            return []
        wrong = self._what_is_wrong(order, item)
        if wrong:
            problems.add(where, wrong)
            return []
        tiers = {label: tier for tier, labels in enumerate(order, start=1) for label in labels}
        return [planned_ranking(self.key, item, tiers, {"asked": self.kind})]

    def score(
        self, given: Sequence[PlannedJudgment], right: Sequence[PlannedJudgment], item: ShownItem
    ) -> float | None:
        """The share of pairs in the same order, as Kendall counts them; see `likeness.rank_likeness`."""
        pairs = matched(given, right)
        return mean(rank_likeness(tiers_of(mine), tiers_of(known)) if mine else 0.0 for mine, known in pairs)

    def tell(self, planned: Sequence[PlannedJudgment], item: ShownItem) -> list[tuple[str, str]]:
        return [(gettext("Best first"), " > ".join(_places(plan, item))) for plan in planned]

    def _what_is_wrong(self, order: Any, item: ShownItem) -> str:
        """Why it cannot be taken, or nothing."""
        known = [output.label for output in item.outputs]
        example = gettext("Expected a list of places, best first, each a list of labels.")
        if not isinstance(order, list) or not all(isinstance(labels, list) and labels for labels in order):
            return example
        named = [label for labels in order for label in labels]
        if not all(isinstance(label, str) and label in known for label in named):
            named_here = gettext("The responses are %(labels)s.") % {"labels": ", ".join(known)}
            return f"{example} {named_here}"
        if len(named) != len(set(named)):
            return gettext("A response can have one place only.")
        left = [label for label in known if label not in named]
        if left:
            words = ngettext(
                "Rank every response: %(labels)s has no place yet.",
                "Rank every response: %(labels)s have no place yet.",
                len(left),
            )
            return words % {"labels": ", ".join(left)}
        if not self.allow_ties and len(order) < len(known):
            return gettext("Ties are not allowed here: give every response a place of its own.")
        return ""


def planned_ranking(key: str, item: ShownItem, tiers: dict[str, int], presentation: dict[str, Any]) -> PlannedJudgment:
    """The judgment that puts each label at its tier; what kind of question was asked stands in `presentation`."""
    places = [RankedOutput(output_id=output.pk, tier=tiers[output.label]) for output in item.outputs]
    return PlannedJudgment(RANKING, key, None, presentation, [Ranking(), *places])


def tiers_of(plan: PlannedJudgment) -> dict[int, int]:
    """The tier of each output."""
    return {row.output_id: row.tier for row in plan.rows if isinstance(row, RankedOutput)}


def labels_at(plan: PlannedJudgment, tier: int, item: ShownItem) -> list[str]:
    """The labels of the outputs at one tier."""
    return sorted(item.label_of(pk) for pk, at in tiers_of(plan).items() if at == tier)


def _places(plan: PlannedJudgment, item: ShownItem) -> list[str]:
    return [" = ".join(labels_at(plan, tier, item)) for tier in sorted(set(tiers_of(plan).values()))]
