"""Answers of one value a unit: ratings, comparisons, verdicts, labels of steps, places to stop."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import TypeVar

from annotations.protocols import Question
from annotations.protocols.checklist import CheckedCriterion, ChecklistQuestion
from annotations.protocols.rating import RatingQuestion
from annotations.quality.measures.rows import REPLICATES, Items, Note, Row, alpha_row, part, replicates, same
from annotations.quality.reading import Texts
from annotations.studies.inputs import Triples
from rewards.statistics.agreement import krippendorff_alpha, percent_agreement
from rewards.statistics.differences import Metric
from rewards.statistics.pair_agreement import Given, pair_agreement

FINE = 5
"""From so many levels on it is told how often two people are at most one level apart."""

METRICS: Mapping[str, Metric] = {
    "rating": "ordinal",
    "comparison": "ordinal",
    "checklist": "ordinal",
    "steps": "ordinal",
    "stop": "interval",
}
"""How far two different answers are apart, by kind of question."""

T = TypeVar("T")
_Answer = tuple[str, int, float | str | None]


@dataclass(frozen=True)
class ValueMeasure:
    """Krippendorff's alpha, whose interval draws items: what one person says of an item at once hangs together."""

    question: Question
    columns: Triples
    texts: Texts

    def items(self) -> Items:
        return frozenset(self._item_of.values())

    def over(self, items: Items) -> float:
        kept = _columns(row for row in self._answers if self._item_of[row[0]] in items)
        return krippendorff_alpha(*kept, metric=self._metric).value

    def row(self, seed: int) -> Row:
        n = replicates(len(self.columns.values))
        alpha = krippendorff_alpha(*self.columns, metric=self._metric, clusters=self._item_of, replicates=n, seed=seed)
        return {
            **alpha_row(alpha, f"Krippendorff's alpha, {self._metric}"),
            "equal": percent_agreement(*self.columns).value,
            "parts": self._parts(seed) if alpha.n_units else [],
            "note": "" if alpha.n_units else {"code": "none_answered_twice"},
        }

    @property
    def _metric(self) -> Metric:
        return METRICS.get(self.question.kind, "nominal")

    @cached_property
    def _answers(self) -> list[_Answer]:
        return list(zip(*self.columns, strict=True))

    @cached_property
    def _item_of(self) -> dict[Hashable, Hashable]:
        return {unit: self._item(unit) for unit in set(self.columns.units)}

    def _item(self, unit: Hashable) -> Hashable:
        """Names of units start with the id of an output."""
        output = int(str(unit).replace("-", "/").split("/")[0])
        return self.texts.item_of.get(output, output)

    def _parts(self, seed: int) -> list[Row]:
        if isinstance(self.question, ChecklistQuestion):
            return [self._criterion(criterion, seed) for criterion in self.question.criteria]
        if isinstance(self.question, RatingQuestion):
            return self._near(self.question, seed)
        makers = {"steps": self._first_error, "comparison": self._by_side}
        return makers[self.question.kind](seed) if self.question.kind in makers else []

    def _criterion(self, asked: CheckedCriterion, seed: int) -> Row:
        """One by itself, beside how often it is met: where that is nearly always or never, alpha is low for that."""
        columns = _columns(row for row in self._answers if row[0].split("/")[1] == str(asked.criterion))
        alpha = krippendorff_alpha(
            *columns, metric=self._metric, clusters=self._item_of, replicates=REPLICATES // 2, seed=seed
        )
        return part(asked.text, alpha, n=alpha.n_units, note=_prevalence(asked, columns.values))

    def _first_error(self, seed: int) -> list[Row]:
        wrong: dict[tuple[str, int], list[int]] = {}
        for unit, rater, value in self._answers:
            text, _, step = unit.rpartition("/")
            found = wrong.setdefault((text, rater), [])
            if value is not None and float(value) < 0:
                found.append(int(step))
        first = [Given(text, rater, min(steps, default=-1)) for (text, rater), steps in wrong.items()]
        return [self._alike("The same first wrong step, or none", first, same, seed)]

    def _by_side(self, seed: int) -> list[Row]:
        """Whatever was said of how much better; a tie is a side of its own."""
        sides = [None if value is None else sign(float(value)) for value in self.columns.values]
        known = [side for side in sides if side is not None]
        alpha = krippendorff_alpha(
            self.columns.units, self.columns.raters, sides,
            clusters=self._item_of, replicates=REPLICATES // 2, seed=seed,
        )  # fmt: skip
        note: Note = {"code": "ties", "share": known.count(0) / len(known)} if known else ""
        return [part("By side alone: alpha, nominal", alpha, n=alpha.n_units, note=note)]

    def _near(self, asked: RatingQuestion, seed: int) -> list[Row]:
        if len(asked.levels) < FINE:
            return []
        rated = [Given(unit, rater, float(value)) for unit, rater, value in self._answers if value is not None]
        return [self._alike("At most one level apart", rated, lambda a, b: float(abs(a - b) <= 1), seed)]

    def _alike(self, name: str, given: Sequence[Given[T]], likeness: Callable[[T, T], float], seed: int) -> Row:
        found = pair_agreement(given, likeness, clusters=self._item, replicates=REPLICATES // 2, seed=seed)
        return part(name, found, n=found.n)


def sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _columns(answers: Iterable[_Answer]) -> Triples:
    columns = Triples([], [], [])
    for unit, rater, value in answers:
        columns.units.append(unit)
        columns.raters.append(rater)
        columns.values.append(value)
    return columns


def _prevalence(asked: CheckedCriterion, values: Sequence[float | str | None]) -> Note:
    """How often it is met, or the mean of its levels where there are more than yes and no."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return ""
    is_binary = {level.value for level in asked.levels if level.value is not None} <= {0.0, 1.0}
    found = fmean(known)
    if is_binary:
        return {"code": "met", "share": found, "n": len(known)}
    return {"code": "mean_value", "mean": found}
