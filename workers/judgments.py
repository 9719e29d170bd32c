"""From what a source gave for an item to the rows that keep it: one judgment a kind, its answers, and its trace."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from django.db.models import Model

from rewards import signal_store
from rewards.models import (
    Comparison,
    Critique,
    Judgment,
    JudgmentTrace,
    RankedOutput,
    Ranking,
    Rating,
    SpanMark,
    StepLabel,
    Verdict,
)
from rewards.text import sha256_text
from workers.code_version import code_version
from workers.models import Batch
from workers.outcomes import Outcome, storable
from workers.sources.results import ComparisonResult, RankingResult, Reply, Scored


def store_judgments(batch: Batch, outcomes: Sequence[Outcome]) -> int:
    """Write the judgments of scored outcomes; how many. A statement a table, whatever the number of outcomes."""
    made = [one for outcome in outcomes for one in _JudgmentsOf(batch, outcome).all()]
    Judgment.objects.bulk_create(judgment for judgment, _, _ in made)
    JudgmentTrace.objects.bulk_create(trace for _, trace, _ in made)
    answers: list[Any] = [answer for _, _, found in made for answer in found]
    tables: tuple[type[Model], ...] = (
        Verdict,
        Rating,
        Comparison,
        Ranking,
        RankedOutput,
        Critique,
        SpanMark,
        StepLabel,
    )
    for table in tables:
        table._default_manager.bulk_create(answer for answer in answers if type(answer) is table)
    return len(made)


class _JudgmentsOf:
    """The rows of one outcome; none is saved yet."""

    def __init__(self, batch: Batch, outcome: Outcome) -> None:
        assert outcome.result is not None
        assert outcome.input is not None
        self._batch = batch
        self._outcome = outcome
        self._input = outcome.input
        self._result: Scored = outcome.result
        self._act = uuid.uuid4()

    def all(self) -> Iterator[tuple[Judgment, JudgmentTrace, list[Any]]]:
        """Each judgment with its trace and answers."""
        result, item = self._result, self._outcome.item
        if result.verdicts:
            yield self._made(Judgment.Kind.VERDICTS, self._verdicts, output_id=item.output_id)
        if result.ratings:
            yield self._made(Judgment.Kind.RATING, self._ratings, output_id=item.output_id)
        if result.critiques:
            yield self._made(Judgment.Kind.CRITIQUE, self._critiques, output_id=item.output_id)
        if result.spans is not None:
            yield self._made(Judgment.Kind.SPANS, self._spans, output_id=item.output_id)
        if result.steps is not None:
            yield self._made(Judgment.Kind.STEPS, self._steps, output_id=item.output_id)
        for number, comparison in enumerate(result.comparisons):
            yield self._compared(number, comparison)
        if result.ranking is not None:
            shown = {"order": self._shown_members(result.ranking)}
            yield self._made(Judgment.Kind.RANKING, self._ranking, presentation=shown)

    def _made(
        self, kind: Judgment.Kind, answers: Any, *, presentation: dict[str, Any] | None = None, **fields: Any
    ) -> tuple[Judgment, JudgmentTrace, list[Any]]:
        judgment = self._judgment(kind, presentation or {}, **fields)
        return judgment, self._trace(judgment, self._result.replies), answers(judgment)

    def _compared(self, number: int, found: ComparisonResult) -> tuple[Judgment, JudgmentTrace, list[Any]]:
        a, b = (self._input.members[index] for index in (found.a, found.b))
        presentation = {"first_order": [a.pk, b.pk], "choices": list(found.order_choices)}
        judgment = self._judgment(Judgment.Kind.COMPARISON, presentation, key=f":{number}")
        answer = Comparison(
            judgment=judgment,
            output_a=a,
            output_b=b,
            choice=found.choice,
            tie_kind=found.tie_kind,
            strength=found.strength,
        )
        return judgment, self._trace(judgment, found.replies), [answer]

    def _judgment(
        self, kind: Judgment.Kind, presentation: dict[str, Any], *, key: str = "", output_id: int | None = None
    ) -> Judgment:
        rater_id = self._batch.run.scorer.rater_id
        outcome = self._outcome
        return Judgment(
            project_id=self._batch.project_id,
            kind=kind,
            rater_id=rater_id,
            task_id=outcome.item.output.task_id,
            output_id=output_id,
            input_hash=outcome.input_hash,
            repeat=outcome.item.repeat,
            act=self._act,
            idempotency_key=f"scorer:{rater_id}:{outcome.input_hash}:{outcome.item.repeat}:{kind}{key}",
            presentation={"run": self._batch.run_id, **presentation},
            duration_ms=None if outcome.seconds is None else round(outcome.seconds * 1000),
        )

    def _trace(self, judgment: Judgment, replies: Sequence[Reply]) -> JudgmentTrace:
        models = self._batch.run.scorer.content["models"].values()
        served = list(dict.fromkeys(reply.served_model for reply in replies if reply.served_model))
        return JudgmentTrace(
            judgment=judgment,
            prompt_hash=self._batch.run.scorer.content.get("prompt", ""),
            replies=stored_replies(replies),
            parse_state=_worst_state(replies),
            served_model=", ".join(served or [str(model["weights"]) for model in models])[:300],
            seed=self._input.source_item.seed,
            prompt_tokens=_total(reply.prompt_tokens for reply in replies),
            reply_tokens=_total(reply.reply_tokens for reply in replies),
            cost=_total(reply.cost for reply in replies),
            seconds=self._outcome.seconds,
            code_version=code_version(),
        )

    def _verdicts(self, judgment: Judgment) -> list[Verdict]:
        return [
            Verdict(
                judgment=judgment,
                criterion_id=self._input.criterion_ids[verdict.criterion_key],
                state=verdict.state,
                label=verdict.label,
                value=verdict.value,
                probabilities=dict(verdict.probabilities) or None,
                prior=dict(verdict.prior) or None,
                reason=verdict.reason,
                explanation=storable(verdict.explanation or verdict.detail),
            )
            for verdict in self._result.verdicts
        ]

    def _ratings(self, judgment: Judgment) -> list[Rating]:
        return [
            Rating(
                judgment=judgment,
                question=rating.question,
                value=rating.value,
                scale_low=rating.low,
                scale_high=rating.high,
                probabilities=dict(rating.probabilities) or None,
            )
            for rating in self._result.ratings
        ]

    def _critiques(self, judgment: Judgment) -> list[Critique]:
        return [Critique(judgment=judgment, kind=one.kind, text=storable(one.text)) for one in self._result.critiques]

    def _spans(self, judgment: Judgment) -> list[SpanMark]:
        texts = self._input.source_item.texts
        return [
            SpanMark(
                judgment=judgment,
                output_id=self._outcome.item.output_id,
                message=span.message,
                start=span.start,
                end=span.end,
                text_sha256=sha256_text(texts[span.message]),
                quote=texts[span.message][span.start : span.end],
                type=span.type,
                severity=span.severity,
                value=span.value,
                explanation=storable(span.explanation),
                criterion_id=self._input.criterion_ids[span.criterion_key] if span.criterion_key else None,
            )
            for span in self._result.spans or ()
        ]

    def _steps(self, judgment: Judgment) -> list[StepLabel]:
        found = self._result.steps
        assert found is not None
        cut = signal_store.segmentation_for(
            self._outcome.item.output, found.segmentation.segmenter, found.segmentation.spans
        )
        return [
            StepLabel(
                judgment=judgment, segmentation=cut, step=step, label=label, is_first_error=step == found.first_error
            )
            for step, label in enumerate(found.labels)
            if label is not None
        ]

    def _ranking(self, judgment: Judgment) -> list[Any]:
        assert self._result.ranking is not None
        ranking = Ranking(judgment=judgment)
        places = zip(self._input.members, self._result.ranking.tiers, strict=True)
        return [ranking, *(RankedOutput(ranking=ranking, output=output, tier=tier) for output, tier in places)]

    def _shown_members(self, ranking: RankingResult) -> list[int]:
        members = self._input.members
        return [members[index].pk for index in ranking.order or range(len(members))]


def stored_replies(replies: Iterable[Reply]) -> list[dict[str, Any]]:
    """As JSON: what is not known is left out."""
    return [
        {name: storable(value) if isinstance(value, str) else value for name, value in asdict(reply).items() if value}
        for reply in replies
    ]


def _worst_state(replies: Sequence[Reply]) -> str:
    states = [reply.parse_state.value for reply in replies if not reply.is_understood]
    states += [reply.parse_state.value for reply in replies]
    return states[0] if states else ""


def _total(values: Iterable[float | None]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
