"""The criteria of a rubric, one verdict each for every output, with evidence in the text."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from django.utils.translation import gettext, gettext_noop

from annotations.protocols.contract import (
    VERDICTS,
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
from annotations.protocols.places import place_span
from rewards.models import SpanMark, Verdict

MAX_CRITERIA = 40
MAX_LEVELS = 11
MAX_EVIDENCE = 500
NOT_APPLICABLE = "na"
EVIDENCE = "evidence"
"""The part of an answer that holds the spans, and their type where they are stored."""


class CheckedLevel(NamedTuple):
    """One verdict that is offered."""

    label: str
    value: float | None
    """None: it says nothing of worth, so that its verdict counts as unscored."""
    anchor: str


class CheckedCriterion(NamedTuple):
    """A criterion as the page asks it: a copy of the rubric version's, which never changes."""

    criterion: int
    """Its id."""
    key: str
    text: str
    levels: tuple[CheckedLevel, ...]
    allow_na: bool

    def config(self) -> dict[str, Any]:
        return {**self._asdict(), "levels": [level._asdict() for level in self.levels]}


@dataclass(frozen=True)
class ChecklistQuestion:
    """`{"kind": "checklist", "criteria": [...], "evidence": true|false}`.

    A criterion is `{"criterion": id, "key", "text", "levels": [{"label", "value", "anchor"}], "allow_na"}`, as
    `annotations.rubric_questions.checklist_of` writes it. An answer is `{"A/<key>": 1, "B/<key>": "na", "evidence":
    [...]}`: the number of the level, 1 for the first; evidence is a list of spans whose `type` is a criterion's key.
    """

    kind: ClassVar[str] = "checklist"
    label: ClassVar[str] = gettext_noop("Rubric checklist")
    place: ClassVar[Place] = "response"
    min_outputs: ClassVar[int] = 1

    pass_mark: ClassVar[float] = 0.8

    key: str
    prompt: str
    criteria: tuple[CheckedCriterion, ...]
    evidence: bool = True
    required: bool = True
    confidence: bool = False

    @classmethod
    def parse(cls, reader: Reader) -> Self:
        criteria = [_criterion(row) for row in reader.rows("criteria", low=1, high=MAX_CRITERIA)]
        keys = [criterion.key for criterion in criteria]
        for key in {key for key in keys if key and keys.count(key) > 1}:
            reader.wrong("criteria", gettext("The key %(key)s is used more than once.") % {"key": key})
        return cls(
            **read_asked(reader),
            criteria=tuple(criteria),
            evidence=reader.flag("evidence", default=True),
        )

    def config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.key,
            "prompt": self.prompt,
            "criteria": [criterion.config() for criterion in self.criteria],
            "evidence": self.evidence,
            "required": self.required,
            "confidence": self.confidence,
        }

    def layout(self, item: ShownItem) -> dict[str, Any]:
        return {}

    def plan(self, answer: Any, item: ShownItem, problems: Problems) -> list[PlannedJudgment]:
        """One judgment for each output, with a verdict for every criterion that was answered."""
        parts = [f"{output.label}/{one.key}" for output in item.outputs for one in self.criteria]
        given = parts_of(answer, self.key, [*parts, EVIDENCE], problems)
        if given is None:
            return []
        evidence = self._evidence(given.get(EVIDENCE, []), item, problems)
        planned = []
        for output in item.outputs:
            verdicts = [self._verdict(one, output, given, problems) for one in self.criteria]
            rows: list[Any] = [verdict for verdict in verdicts if verdict is not None]
            if rows or evidence[output.pk]:
                rows += evidence[output.pk]
                presentation = {"label": output.label, "criteria": [one.criterion for one in self.criteria]}
                planned.append(PlannedJudgment(VERDICTS, f"{self.key}:{output.pk}", output.pk, presentation, rows))
        return planned

    def score(
        self, given: Sequence[PlannedJudgment], right: Sequence[PlannedJudgment], item: ShownItem
    ) -> float | None:
        """The share of verdicts that are the same, N/A among them; the evidence for them is not compared."""
        scores: list[float] = []
        for mine, known in matched(given, right):
            said = _verdicts(mine)
            scores += [float(said.get(criterion) == verdict) for criterion, verdict in _verdicts(known).items()]
        return mean(scores)

    def tell(self, planned: Sequence[PlannedJudgment], item: ShownItem) -> list[tuple[str, str]]:
        texts = {one.criterion: one.text for one in self.criteria}
        return [
            (
                f"{item.response(plan.output_id or 0)}: {texts.get(criterion, '')}",
                gettext("Not applicable") if state == Verdict.State.NOT_APPLICABLE else label,
            )
            for plan in planned
            for criterion, (state, label) in _verdicts(plan).items()
        ]

    def _verdict(
        self, asked: CheckedCriterion, output: ShownOutput, given: Mapping[str, Any], problems: Problems
    ) -> Verdict | None:
        part = f"{output.label}/{asked.key}"
        value = given.get(part)
        if value is None:
            if self.required:
                problems.add(
                    f"{self.key}.{part}",
                    gettext("Judge Response %(label)s: %(text)s") % {"label": output.label, "text": asked.text[:200]},
                )
            return None
        if value == NOT_APPLICABLE and asked.allow_na:
            return Verdict(criterion_id=asked.criterion, state=Verdict.State.NOT_APPLICABLE)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= len(asked.levels):
            na = gettext(', or "%s" for not applicable') % NOT_APPLICABLE if asked.allow_na else ""
            problems.add(
                f"{self.key}.{part}",
                gettext("Expected a whole number from 1 to %(levels)s%(na)s.")
                % {"levels": len(asked.levels), "na": na},
            )
            return None
        level = asked.levels[value - 1]
        if level.value is None:
            reason = "The level chosen has no value."
            unscored = Verdict.State.UNSCORED
            return Verdict(criterion_id=asked.criterion, state=unscored, label=level.label[:200], reason=reason)
        return Verdict(criterion_id=asked.criterion, label=level.label[:200], value=level.value)

    def _evidence(self, entries: Any, item: ShownItem, problems: Problems) -> dict[int, list[SpanMark]]:
        """The spans by output, each bound to its criterion."""
        marks: dict[int, list[SpanMark]] = defaultdict(list)
        most = MAX_EVIDENCE if self.evidence else 0
        if not isinstance(entries, list) or len(entries) > most:
            problems.add(
                f"{self.key}.{EVIDENCE}", gettext("Expected a list of at most %(most)s spans.") % {"most": most}
            )
            return marks
        for number, entry in enumerate(entries, start=1):
            mark = self._mark(entry, number, item, problems)
            if mark is not None:
                marks[mark.output_id].append(mark)
        return marks

    def _mark(self, entry: Any, number: int, item: ShownItem, problems: Problems) -> SpanMark | None:
        where = f"{self.key}.{EVIDENCE}.{number - 1}"
        if not isinstance(entry, Mapping):
            problems.add(where, gettext("Expected an object."))
            return None
        criteria = {one.key: one.criterion for one in self.criteria}
        criterion = criteria.get(str(entry.get("type")))
        if criterion is None:
            problems.add(
                f"{where}.type",
                gettext("Evidence %(number)s: expected the key of a criterion of this checklist.") % {"number": number},
            )
            return None
        try:
            output = item.output(str(entry.get("output")))
        except KeyError:
            problems.add(
                f"{where}.output", gettext("Evidence %(number)s: there is no such response.") % {"number": number}
            )
            return None
        found = place_span(entry, output)
        if isinstance(found, str):
            problems.add(
                where,
                gettext("Evidence %(number)s in Response %(label)s: %(found)s")
                % {"number": number, "label": output.label, "found": found},
            )
            return None
        span, words, digest = found
        return SpanMark(
            output_id=output.pk,
            message=span.message,
            start=span.start,
            end=span.end,
            text_sha256=digest,
            quote=words,
            type=EVIDENCE,
            criterion_id=criterion,
        )


def _verdicts(plan: PlannedJudgment | None) -> dict[int, tuple[str, str]]:
    """State and level by criterion."""
    rows = plan.rows if plan else ()
    return {row.criterion_id: (str(row.state), row.label) for row in rows if isinstance(row, Verdict)}


def _criterion(row: Reader) -> CheckedCriterion:
    levels = []
    for entry in row.rows("levels", low=2, high=MAX_LEVELS):
        label = entry.text("label", max_length=200)
        value = entry.number("value")
        levels.append(CheckedLevel(label, value, entry.text("anchor", default="", max_length=2000)))
        entry.finish()
    identifier = row.identifier("criterion")
    if identifier is None:
        row.wrong("criterion", gettext("Expected the id of a criterion."))
    found = CheckedCriterion(
        identifier or 0,
        row.slug("key"),
        row.text("text", max_length=5000),
        tuple(levels),
        row.flag("allow_na", default=False),
    )
    row.finish()
    return found
