"""Shapes of the rewards app's API. They hold no logic: views call actions and querysets."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from rewards.models import (
    Comparison,
    Critique,
    Judgment,
    JudgmentTrace,
    Output,
    RankedOutput,
    Rater,
    Rating,
    RewardSignal,
    SpanMark,
    StepLabel,
    Task,
    Verdict,
)
from rewards.text import CONTEXT, QuoteSelector, quote_selector

LARGEST_KEY = 2**63 - 1
"""What a row's key can be: a larger number finds nothing and must not reach the database."""


class TaskMessageShape(serializers.Serializer[Any]):
    role = serializers.CharField()
    text = serializers.CharField(help_text="Exactly as imported.")


class OutputMessageShape(serializers.Serializer[Any]):
    role = serializers.CharField()
    channel = serializers.CharField(help_text="answer, thinking or tool")
    text = serializers.CharField(help_text="Exactly as imported; offsets count its Unicode code points.")


class TaskQuery(serializers.Serializer[Any]):
    """Filters of the task list."""

    q = serializers.CharField(
        required=False, max_length=200, default="", help_text="Start of the id, or starts of words of the prompt."
    )
    tag = serializers.CharField(required=False, max_length=100, default="")
    split = serializers.CharField(required=False, max_length=40, default="")
    policy = serializers.IntegerField(
        required=False, default=None, min_value=1, max_value=LARGEST_KEY, help_text="Key of a policy that answered."
    )
    judged = serializers.BooleanField(required=False, default=None, allow_null=True)


class TaskRowOutput(serializers.ModelSerializer[Task]):
    class Meta:
        model = Task
        fields = [
            "id",
            "external_id",
            "version",
            "preview",
            "tags",
            "split",
            "licence",
            "output_count",
            "created_at",
        ]


class TaskDetailOutput(serializers.ModelSerializer[Task]):
    messages = TaskMessageShape(many=True)

    class Meta:
        model = Task
        fields = [
            "id",
            "external_id",
            "version",
            "is_current",
            "messages",
            "reference",
            "context",
            "tags",
            "split",
            "licence",
            "metadata",
            "content_hash",
            "output_count",
            "created_at",
        ]


class OutputQuery(serializers.Serializer[Any]):
    """Filters of the output list."""

    task = serializers.IntegerField(
        required=False, default=None, min_value=1, max_value=LARGEST_KEY, help_text="Key of the task's version."
    )
    policy = serializers.IntegerField(required=False, default=None, min_value=1, max_value=LARGEST_KEY)


class OutputRowOutput(serializers.ModelSerializer[Output]):
    policy = serializers.StringRelatedField[Any](help_text="Its name; null where none is known.")

    class Meta:
        model = Output
        fields = ["id", "task", "external_id", "version", "policy", "preview", "char_count", "created_at"]


class OutputDetailOutput(serializers.ModelSerializer[Output]):
    policy = serializers.StringRelatedField[Any](help_text="Its name; null where none is known.")
    messages = OutputMessageShape(many=True)

    class Meta:
        model = Output
        fields = [
            "id",
            "task",
            "external_id",
            "version",
            "is_current",
            "policy",
            "messages",
            "generation",
            "char_count",
            "content_hash",
            "created_at",
        ]


class RaterOutput(serializers.ModelSerializer[Rater]):
    name = serializers.CharField(source="label", help_text="Of people the pseudonym.")

    class Meta:
        model = Rater
        fields = ["id", "kind", "name", "scorer_hash"]


class JudgmentQuery(serializers.Serializer[Any]):
    """Filters of the judgment list."""

    kind = serializers.ChoiceField(choices=Judgment.Kind.choices, required=False, default="")
    rater = serializers.IntegerField(required=False, default=None, min_value=1, max_value=LARGEST_KEY)
    task = serializers.IntegerField(required=False, default=None, min_value=1, max_value=LARGEST_KEY)
    output = serializers.IntegerField(
        required=False,
        default=None,
        min_value=1,
        max_value=LARGEST_KEY,
        help_text="Also comparisons and rankings that it takes part in.",
    )
    withdrawn = serializers.BooleanField(required=False, default=False, help_text="Withdrawn ones as well.")


class VerdictOutput(serializers.ModelSerializer[Verdict]):
    criterion = serializers.CharField(source="criterion.key")
    rubric_version = serializers.IntegerField(source="criterion.version_id")

    class Meta:
        model = Verdict
        fields = [
            "criterion",
            "rubric_version",
            "state",
            "label",
            "value",
            "probabilities",
            "prior",
            "reason",
            "explanation",
        ]


class RatingOutput(serializers.ModelSerializer[Rating]):
    class Meta:
        model = Rating
        fields = ["question", "value", "scale_low", "scale_high"]


class ComparisonOutput(serializers.ModelSerializer[Comparison]):
    class Meta:
        model = Comparison
        fields = ["output_a", "output_b", "choice", "tie_kind", "strength"]


class RankedOutputOutput(serializers.ModelSerializer[RankedOutput]):
    class Meta:
        model = RankedOutput
        fields = ["output", "tier"]


class SpanOutput(serializers.ModelSerializer[SpanMark]):
    """A mark with what W3C's annotation model calls a text quote selector, made from the stored text."""

    prefix = serializers.SerializerMethodField(help_text=f"Up to {CONTEXT} code points before the quote.")
    suffix = serializers.SerializerMethodField(help_text=f"Up to {CONTEXT} code points after it.")

    def get_prefix(self, mark: SpanMark) -> str:
        return _selector(mark).prefix

    def get_suffix(self, mark: SpanMark) -> str:
        return _selector(mark).suffix

    class Meta:
        model = SpanMark
        fields = [
            "id",
            "output",
            "message",
            "start",
            "end",
            "quote",
            "prefix",
            "suffix",
            "text_sha256",
            "type",
            "severity",
            "value",
            "explanation",
            "origin",
        ]


def _selector(mark: SpanMark) -> QuoteSelector:
    return quote_selector(mark.output.messages[mark.message]["text"], mark.start, mark.end)


class StepLabelOutput(serializers.ModelSerializer[StepLabel]):
    segmenter = serializers.CharField(source="segmentation.segmenter")

    class Meta:
        model = StepLabel
        fields = ["segmenter", "step", "label", "is_first_error"]


class CritiqueOutput(serializers.ModelSerializer[Critique]):
    class Meta:
        model = Critique
        fields = ["kind", "text"]


class TraceOutput(serializers.ModelSerializer[JudgmentTrace]):
    class Meta:
        model = JudgmentTrace
        fields = [
            "prompt_hash",
            "replies",
            "parse_state",
            "served_model",
            "seed",
            "prompt_tokens",
            "reply_tokens",
            "seconds",
            "cost",
            "code_version",
        ]


class JudgmentOutput(serializers.ModelSerializer[Judgment]):
    """The envelope with its answers; those of other kinds are empty or null."""

    rater = RaterOutput()
    verdicts = VerdictOutput(many=True)
    ratings = RatingOutput(many=True)
    comparison = ComparisonOutput(allow_null=True, default=None)
    ranking = RankedOutputOutput(many=True, source="ranking.places.all", default=None, allow_null=True)
    spans = SpanOutput(many=True)
    steps = StepLabelOutput(many=True)
    critiques = CritiqueOutput(many=True)

    class Meta:
        model = Judgment
        fields = [
            "id",
            "kind",
            "rater",
            "task",
            "output",
            "repeat",
            "act",
            "input_hash",
            "duration_ms",
            "presentation",
            "replaces",
            "created_at",
            "withdrawn_at",
            "verdicts",
            "ratings",
            "comparison",
            "ranking",
            "spans",
            "steps",
            "critiques",
        ]


class JudgmentDetailOutput(JudgmentOutput):
    """With where a model's judgment comes from."""

    trace = TraceOutput(allow_null=True, default=None)

    class Meta(JudgmentOutput.Meta):
        fields = [*JudgmentOutput.Meta.fields, "trace"]


class SignalQuery(serializers.Serializer[Any]):
    """Filters of the signal list."""

    output = serializers.IntegerField(required=False, default=None, min_value=1, max_value=LARGEST_KEY)
    rater = serializers.IntegerField(required=False, default=None, min_value=1, max_value=LARGEST_KEY)
    channel = serializers.CharField(required=False, max_length=80, default="")


class SignalRowOutput(serializers.ModelSerializer[RewardSignal]):
    rater = RaterOutput()
    segmenter = serializers.CharField()
    count = serializers.IntegerField(help_text="Segments.")

    class Meta:
        model = RewardSignal
        fields = [
            "id",
            "output",
            "rater",
            "channel",
            "segmenter",
            "count",
            "scored_count",
            "total",
            "repeat",
            "input_hash",
            "created_at",
        ]


class SignalDetailOutput(serializers.Serializer[Any]):
    signal = SignalRowOutput()
    spans = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=3, max_length=3),
        help_text="Message, start and end of each segment, in Unicode code points.",
    )
    values = serializers.ListField(
        child=serializers.FloatField(allow_null=True), help_text="One for each segment; null is unscored, not zero."
    )
