"""Where a person would have stopped the model: a negative reward at the point of intervention, none anywhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils.translation import gettext, gettext_noop

from annotations.protocols.contract import (
    SPANS,
    Place,
    PlainQuestion,
    PlannedJudgment,
    Problems,
    ShownItem,
    ShownOutput,
    parts_of,
)
from annotations.protocols.likeness import matched, mean
from annotations.protocols.places import place_span
from rewards.models import SpanMark

NONE = "none"
STOP = "stop"
VALUE = -1.0


@dataclass(frozen=True)
class StopQuestion(PlainQuestion):
    """`{"kind": "stop"}`: mark the first word from which on you would have taken over.

    An answer is `{"A": {"message", "start", "end", "quote", "text_sha256"}, "B": "none"}`; "none" lets the response go
    on to its end. The intervention itself is the reward, -1 where it happens and 0 elsewhere: *RLIF* (Luo et al., 2023,
    arXiv 2311.12996). It is stored as a span of type `stop` over the word at that point.
    """

    kind: ClassVar[str] = "stop"
    label: ClassVar[str] = gettext_noop("Stop here")
    place: ClassVar[Place] = "response"
    min_outputs: ClassVar[int] = 1
    pass_mark: ClassVar[float] = 0.9

    def plan(self, answer: Any, item: ShownItem, problems: Problems) -> list[PlannedJudgment]:
        """One judgment for each output that was answered; one that may go on has no span."""
        labels = [output.label for output in item.outputs]
        given = parts_of(answer, self.key, labels, problems, unknown=gettext("There is no such response."))
        if given is None:
            return []
        planned = []
        for output in item.outputs:
            value = given.get(output.label)
            where = f"{self.key}.{output.label}"
            if value is None:
                if self.required:
                    problems.add(
                        where,
                        gettext("Mark where to stop Response %(label)s, or let it go on: %(prompt)s")
                        % {"label": output.label, "prompt": self.prompt},
                    )
                continue
            rows = [] if value == NONE else self._rows(value, output, where, problems)
            if rows is not None:
                presentation = {"label": output.label, "asked": self.kind}
                planned.append(PlannedJudgment(SPANS, f"{self.key}:{output.pk}", output.pk, presentation, rows))
        return planned

    def score(
        self, given: Sequence[PlannedJudgment], right: Sequence[PlannedJudgment], item: ShownItem
    ) -> float | None:
        """One less the share of the text between the two points, mean over outputs; to let it go on is its end."""
        places = ((_place(mine, item), _place(known, item)) for mine, known in matched(given, right))
        return mean(0.0 if mine is None or known is None else 1 - abs(mine - known) for mine, known in places)

    def tell(self, planned: Sequence[PlannedJudgment], item: ShownItem) -> list[tuple[str, str]]:
        told = []
        for plan in planned:
            quotes = [row.quote for row in plan.rows if isinstance(row, SpanMark)]
            words = gettext("Stop at “%s”") % quotes[0] if quotes else gettext("Let it go on to its end")
            told.append((item.response(plan.output_id or 0), words))
        return told

    def _rows(self, value: Any, output: ShownOutput, where: str, problems: Problems) -> list[SpanMark] | None:
        found = place_span(value, output) if isinstance(value, Mapping) else gettext('expected a place or "%s".') % NONE
        if isinstance(found, str):
            problems.add(where, gettext("Response %(label)s: %(found)s") % {"label": output.label, "found": found})
            return None
        span, words, digest = found
        return [
            SpanMark(
                output_id=output.pk,
                message=span.message,
                start=span.start,
                end=span.end,
                text_sha256=digest,
                quote=words,
                type=STOP,
                value=VALUE,
            )
        ]


def _place(plan: PlannedJudgment | None, item: ShownItem) -> float | None:
    """The share of the output's characters before the point, 1 for its end."""
    if plan is None or plan.output_id is None:
        return None
    lengths = [len(text) for text in item.output(item.label_of(plan.output_id)).texts]
    marks = [row for row in plan.rows if isinstance(row, SpanMark)]
    total = sum(lengths)
    if not marks or not total:
        return 1.0
    return (sum(lengths[: marks[0].message]) + marks[0].start) / total
