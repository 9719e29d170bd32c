"""Orders from few picks: the best and the worst of several outputs, or the good ones among them.

Both are stored as a ranking whose ties are what was not asked; `asked` in the judgment's presentation names the kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils.translation import gettext, gettext_noop

from annotations.protocols.contract import Place, PlainQuestion, PlannedJudgment, Problems, ShownItem, parts_of
from annotations.protocols.likeness import f1, matched, mean
from annotations.protocols.ranking import labels_at, planned_ranking, tiers_of

BEST, WORST, GOOD = "best", "worst", "good"


@dataclass(frozen=True)
class BestWorstQuestion(PlainQuestion):
    """`{"kind": "best_worst"}`; an answer is `{"best": "B", "worst": "A"}`.

    The best is stored at tier 1, the worst at tier 3 and those between them, of whose order nothing is said, at tier 2.
    """

    kind: ClassVar[str] = "best_worst"
    label: ClassVar[str] = gettext_noop("Best and worst")
    place: ClassVar[Place] = "together"
    min_outputs: ClassVar[int] = 3
    pass_mark: ClassVar[float] = 1.0

    def plan(self, answer: Any, item: ShownItem, problems: Problems) -> list[PlannedJudgment]:
        given = parts_of(answer, self.key, [BEST, WORST], problems)
        if given is None or (not self.required and given.get(BEST) is None and given.get(WORST) is None):
            return []
        labels = [output.label for output in item.outputs]
        n_problems = len(problems.fields)
        for part in (BEST, WORST):
            if given.get(part) is None:
                problems.add(
                    f"{self.key}.{part}",
                    (
                        gettext("Choose the best response: %s")
                        if part == BEST
                        else gettext("Choose the worst response: %s")
                    )
                    % self.prompt,
                )
            elif given[part] not in labels:
                problems.add(
                    f"{self.key}.{part}", gettext("Expected one of %(labels)s.") % {"labels": ", ".join(labels)}
                )
        if len(problems.fields) == n_problems and given[BEST] == given[WORST]:
            problems.add(f"{self.key}.{WORST}", gettext("The best response cannot be the worst as well."))
        if len(problems.fields) > n_problems:
            return []
        ends = {given[BEST]: 1, given[WORST]: 3}
        tiers = {label: ends.get(label, 2) for label in labels}
        return [planned_ranking(self.key, item, tiers, {"asked": self.kind})]

    def score(
        self, given: Sequence[PlannedJudgment], right: Sequence[PlannedJudgment], item: ShownItem
    ) -> float | None:
        """The share of the two picks that are the same."""
        found = matched(given, right)
        return mean(float(_at(mine, tier) == _at(known, tier)) for mine, known in found for tier in (1, 3))

    def tell(self, planned: Sequence[PlannedJudgment], item: ShownItem) -> list[tuple[str, str]]:
        told = {gettext("Best"): 1, gettext("Worst"): 3}
        return [(name, ", ".join(labels_at(plan, tier, item))) for plan in planned for name, tier in told.items()]


@dataclass(frozen=True)
class TickQuestion(PlainQuestion):
    """`{"kind": "tick"}`; an answer is `{"good": ["A", "C"]}`, an empty list where none is good.

    The ticked ones are stored at tier 1 and the others at tier 2, also where there is none of one sort: the sparse
    relevance that In-context Ranking Preference Optimization (arXiv 2504.15477) learns from.
    """

    kind: ClassVar[str] = "tick"
    label: ClassVar[str] = gettext_noop("Tick the good ones")
    place: ClassVar[Place] = "together"
    min_outputs: ClassVar[int] = 2
    pass_mark: ClassVar[float] = 0.8

    def plan(self, answer: Any, item: ShownItem, problems: Problems) -> list[PlannedJudgment]:
        given = parts_of(answer, self.key, [GOOD], problems)
        if given is None:
            return []
        good = given.get(GOOD)
        labels = [output.label for output in item.outputs]
        if good is None:
            if self.required:
                problems.add(
                    f"{self.key}.{GOOD}",
                    gettext("Tick the good responses, or say that there is none: %(prompt)s") % {"prompt": self.prompt},
                )
            return []
        if not isinstance(good, list) or not all(label in labels for label in good) or len(set(good)) < len(good):
            problems.add(
                f"{self.key}.{GOOD}",
                gettext("Expected a list of labels out of %(labels)s, each once.") % {"labels": ", ".join(labels)},
            )
            return []
        tiers = {label: 1 if label in good else 2 for label in labels}
        return [planned_ranking(self.key, item, tiers, {"asked": self.kind})]

    def score(
        self, given: Sequence[PlannedJudgment], right: Sequence[PlannedJudgment], item: ShownItem
    ) -> float | None:
        """F1 of the ticked outputs; 1 where neither answer ticks any."""
        return mean(f1(_at(mine, 1), _at(known, 1)) if mine else 0.0 for mine, known in matched(given, right))

    def tell(self, planned: Sequence[PlannedJudgment], item: ShownItem) -> list[tuple[str, str]]:
        return [(gettext("Good"), ", ".join(labels_at(plan, 1, item)) or gettext("None of them")) for plan in planned]


def _at(plan: PlannedJudgment | None, tier: int) -> frozenset[int]:
    """The outputs at a tier; none where nothing was answered."""
    return frozenset(pk for pk, at in tiers_of(plan).items() if at == tier) if plan else frozenset()
