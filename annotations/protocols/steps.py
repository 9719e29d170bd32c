"""Process labels: each step of an output is right, neutral or wrong, or all of them up to the first error."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from django.utils.translation import gettext, gettext_noop

from annotations.protocols.contract import (
    STEPS,
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
from rewards.models import StepLabel
from rewards.segmentation import Segmentation, sentences, steps

CUTS: dict[str, tuple[str, Callable[[Sequence[str]], Segmentation]]] = {
    "step": (gettext_noop("Steps: lines, or “Step 1:” where they are so marked"), steps),
    "sentence": (gettext_noop("Sentences"), sentences),
}
MODES = {"all": gettext_noop("Every step"), "first_error": gettext_noop("Up to the first error")}
LABELS = {1: gettext_noop("Right"), 0: gettext_noop("Neutral"), -1: gettext_noop("Wrong")}


@dataclass(frozen=True)
class StepsQuestion:
    """`{"kind": "steps", "segmenter": "step"|"sentence", "mode": "all"|"first_error"}`.

    An answer is `{"A/0": 1, "A/1": -1}`: a label for each step, which are numbered from 0 as the segmenter cuts them.
    With `first_error` the steps after the first wrong one are not asked about, as in *Let's Verify Step by Step*
    (Lightman et al., 2023, arXiv 2305.20050, section 2.6).
    """

    kind: ClassVar[str] = "steps"
    label: ClassVar[str] = gettext_noop("Steps")
    place: ClassVar[Place] = "response"
    min_outputs: ClassVar[int] = 1
    pass_mark: ClassVar[float] = 0.8

    key: str
    prompt: str
    segmenter: str = "step"
    mode: str = "all"
    required: bool = True
    confidence: bool = False

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        return cls(
            **read_asked(reader),
            segmenter=reader.choice("segmenter", tuple(CUTS), default="step"),
            mode=reader.choice("mode", tuple(MODES), default="all"),
        )

    def config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.key,
            "prompt": self.prompt,
            "segmenter": self.segmenter,
            "mode": self.mode,
            "required": self.required,
            "confidence": self.confidence,
        }

    @property
    def mode_label(self) -> str:
        return gettext(MODES[self.mode])

    def layout(self, item: ShownItem) -> dict[str, Any]:
        """`cuts`: message, start and end of each step in code points, by label."""
        return {"cuts": {output.label: self._cut(output).spans.tolist() for output in item.outputs}}

    def plan(self, answer: Any, item: ShownItem, problems: Problems) -> list[PlannedJudgment]:
        cuts = {output.label: self._cut(output) for output in item.outputs}
        parts = [f"{label}/{step}" for label, cut in cuts.items() for step in range(len(cut))]
        given = parts_of(answer, self.key, parts, problems)
        if given is None:
            return []
        planned = []
        for output in item.outputs:
            cut = cuts[output.label]
            values = [given.get(f"{output.label}/{step}") for step in range(len(cut))]
            rows = self._rows(values, output, problems)
            if rows:
                presentation = {"label": output.label, "mode": self.mode, "steps": len(cut)}
                name = f"{self.key}:{output.pk}"
                planned.append(PlannedJudgment(STEPS, name, output.pk, presentation, rows, cut))
        return planned

    def score(
        self, given: Sequence[PlannedJudgment], right: Sequence[PlannedJudgment], item: ShownItem
    ) -> float | None:
        """The share of steps with the same label; with `first_error`, of outputs with the same first wrong step."""
        scores: list[float] = []
        for mine, known in matched(given, right):
            said, meant = _labels(mine), _labels(known)
            if self.mode == "first_error":
                scores.append(float(bool(said) and _first_error(said) == _first_error(meant)))
            else:
                scores += [float(said.get(step) == label) for step, label in meant.items()]
        return mean(scores)

    def tell(self, planned: Sequence[PlannedJudgment], item: ShownItem) -> list[tuple[str, str]]:
        return [
            (
                item.response(plan.output_id or 0),
                ", ".join(_step_words(step, label) for step, label in _labels(plan).items()),
            )
            for plan in planned
        ]

    def _cut(self, output: ShownOutput) -> Segmentation:
        return CUTS[self.segmenter][1](output.texts)

    def _rows(self, values: list[Any], output: ShownOutput, problems: Problems) -> list[StepLabel]:
        """The labels of one output; what is missing or wrong goes to `problems` under its step."""
        rows: list[StepLabel] = []
        has_error = False
        for step, value in enumerate(values):
            where = f"{self.key}.{output.label}/{step}"
            is_past = has_error and self.mode == "first_error"
            if value is None:
                if self.required and not is_past:
                    problems.add(
                        where,
                        gettext("Label step %(step)s of Response %(label)s.")
                        % {"step": step + 1, "label": output.label},
                    )
            elif is_past:
                problems.add(where, gettext("Steps after the first error are not asked about."))
            elif type(value) is not int or value not in LABELS:
                problems.add(where, gettext("Expected 1 (right), 0 (neutral) or -1 (wrong)."))
            else:
                is_first = value == -1 and not has_error
                rows.append(StepLabel(step=step, label=value, is_first_error=is_first))
                has_error = has_error or is_first
        return rows


def _labels(plan: PlannedJudgment | None) -> dict[int, int]:
    """The label of each step that has one, in order."""
    return {row.step: row.label for row in plan.rows if isinstance(row, StepLabel)} if plan else {}


def _first_error(labels: dict[int, int]) -> int | None:
    return next((step for step, label in labels.items() if label == -1), None)


def _step_words(step: int, label: int) -> str:
    return gettext("step %(number)s: %(label)s") % {"number": step + 1, "label": gettext(LABELS[label]).lower()}
