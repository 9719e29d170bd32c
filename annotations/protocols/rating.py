"""A number on a stated scale for each output, for the whole of it or for one criterion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from django.utils.translation import gettext, gettext_noop

from annotations.protocols.contract import (
    RATING,
    Place,
    PlannedJudgment,
    Problems,
    Reader,
    ShownItem,
    parts_of,
    read_asked,
)
from annotations.protocols.likeness import matched, mean
from rewards.models import Rating

NOT_APPLICABLE = "na"
FINE = 5
"""From so many levels on, one level beside the right one is no error: the pass mark lets it through on average."""


@dataclass(frozen=True)
class RatingQuestion:
    """`{"kind": "rating", "scale_low", "scale_high", "anchors", "allow_na", "criterion"}`.

    `anchors` says in words what a level means, by the level as text: `{"1": "Useless", "7": "Could not be better"}`.
    `criterion` is the id of the rubric criterion that is rated, or null for the output as a whole.
    An answer is `{"A": 5, "B": "na"}`.
    """

    kind: ClassVar[str] = "rating"
    label: ClassVar[str] = gettext_noop("Rating")
    place: ClassVar[Place] = "response"
    min_outputs: ClassVar[int] = 1

    key: str
    prompt: str
    scale_low: int
    scale_high: int
    anchors: Mapping[str, str] = field(default_factory=dict)
    allow_na: bool = False
    required: bool = True
    confidence: bool = False
    criterion: int | None = None

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        low = reader.integer("scale_low", default=1, low=-10, high=10)
        high = reader.integer("scale_high", default=7, low=-10, high=10)
        if not 1 <= high - low <= 10:
            reader.wrong("scale_high", gettext("Expected 2 to 11 levels from lowest to highest."))
            low, high = 1, 7
        anchors = Reader(reader.mapping("anchors"), f"{reader.where}.anchors", reader.problems)
        levels = [str(level) for level in range(low, high + 1)]
        texts = {level: anchors.text(level, default="", max_length=300) for level in levels}
        for level in anchors.config:
            if level not in levels:
                anchors.wrong(
                    str(level),
                    gettext("This is not a level of the scale, %(low)s to %(high)s.") % {"low": low, "high": high},
                )
        return cls(
            **read_asked(reader),
            scale_low=low,
            scale_high=high,
            anchors={level: text for level, text in texts.items() if text},
            allow_na=reader.flag("allow_na", default=False),
            criterion=reader.identifier("criterion"),
        )

    def config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.key,
            "prompt": self.prompt,
            "scale_low": self.scale_low,
            "scale_high": self.scale_high,
            "anchors": dict(self.anchors),
            "allow_na": self.allow_na,
            "required": self.required,
            "confidence": self.confidence,
            "criterion": self.criterion,
        }

    @property
    def levels(self) -> list[tuple[int, str]]:
        """Each level with its anchor text, lowest first."""
        return [(level, self.anchors.get(str(level), "")) for level in range(self.scale_low, self.scale_high + 1)]

    def layout(self, item: ShownItem) -> dict[str, Any]:
        return {}

    def plan(self, answer: Any, item: ShownItem, problems: Problems) -> list[PlannedJudgment]:
        labels = [output.label for output in item.outputs]
        given = parts_of(answer, self.key, labels, problems, unknown=gettext("There is no such response."))
        if given is None:
            return []
        planned = []
        for output in item.outputs:
            value = given.get(output.label)
            if value is None:
                if self.required:
                    problems.add(
                        f"{self.key}.{output.label}",
                        gettext("Rate Response %(label)s: %(prompt)s") % {"label": output.label, "prompt": self.prompt},
                    )
                continue
            if not self._is_level(value):
                problems.add(f"{self.key}.{output.label}", self._expected())
                continue
            row = Rating(
                question=self.key,
                criterion_id=self.criterion,
                value=None if value == NOT_APPLICABLE else value,
                scale_low=self.scale_low,
                scale_high=self.scale_high,
            )
            name = f"{self.key}:{output.pk}"
            planned.append(PlannedJudgment(RATING, name, output.pk, {"label": output.label}, [row]))
        return planned

    @property
    def pass_mark(self) -> float:
        span = self.scale_high - self.scale_low
        return 1 - 1 / span if span + 1 >= FINE else 1.0

    def score(
        self, given: Sequence[PlannedJudgment], right: Sequence[PlannedJudgment], item: ShownItem
    ) -> float | None:
        """One less the distance over the length of the scale, mean over outputs; N/A is like N/A alone."""
        return mean(self._nearness(_value(mine), _value(known)) for mine, known in matched(given, right))

    def tell(self, planned: Sequence[PlannedJudgment], item: ShownItem) -> list[tuple[str, str]]:
        return [(item.response(plan.output_id or 0), self._words(_value(plan))) for plan in planned]

    def _nearness(self, mine: float | str | None, known: float | str | None) -> float:
        if mine == known:
            return 1.0
        if isinstance(mine, int | float) and isinstance(known, int | float):
            return 1 - abs(mine - known) / (self.scale_high - self.scale_low)
        return 0.0

    def _words(self, value: float | str | None) -> str:
        if not isinstance(value, int | float):
            return gettext("Not applicable")
        anchor = self.anchors.get(f"{value:.0f}", "")
        words = gettext("%(value)s of %(highest)s") % {"value": f"{value:.0f}", "highest": self.scale_high}
        return f"{words}: {anchor}" if anchor else words

    def _is_level(self, value: Any) -> bool:
        if value == NOT_APPLICABLE:
            return self.allow_na
        return isinstance(value, int) and not isinstance(value, bool) and self.scale_low <= value <= self.scale_high

    def _expected(self) -> str:
        asked = {"low": self.scale_low, "high": self.scale_high, "na": NOT_APPLICABLE}
        if self.allow_na:
            return gettext('Expected a whole number from %(low)s to %(high)s, or "%(na)s" for not applicable.') % asked
        return gettext("Expected a whole number from %(low)s to %(high)s.") % asked


def _value(plan: PlannedJudgment | None) -> float | str | None:
    """The number, "na" for not applicable, or None where nothing was answered."""
    if plan is None:
        return None
    (row,) = plan.rows
    assert isinstance(row, Rating)
    return NOT_APPLICABLE if row.value is None else row.value
