"""Shapes of rubrics, their versions and re-aggregation in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from rewards.api.serializers import LARGEST_KEY
from rewards.models import Rubric
from rewards.rubrics.aggregate import CANNOT_ASSESS, GATES, USUAL, Handling
from rewards.rubrics.rules import AGGREGATIONS


class CriterionShape(serializers.Serializer[Any]):
    key = serializers.CharField(required=False)
    title = serializers.CharField(required=False, allow_blank=True)
    text = serializers.CharField()
    kind = serializers.ChoiceField(choices=["binary", "ordinal", "nominal"], required=False)
    levels = serializers.ListField(child=serializers.DictField(), required=False)
    weight = serializers.FloatField(required=False, allow_null=True)
    importance = serializers.ChoiceField(
        choices=["Essential", "Important", "Optional", "Pitfall"], required=False, allow_null=True
    )
    must_have = serializers.BooleanField(required=False)
    may_be_na = serializers.BooleanField(required=False)


class RubricQuery(serializers.Serializer[Any]):
    """Filters of the rubric list."""

    q = serializers.CharField(required=False, max_length=200, default="")
    of = serializers.ChoiceField(
        choices=["all", "project", "tasks"],
        required=False,
        default="all",
        help_text="Tasks' own rubrics or shared ones.",
    )


class RubricRowOutput(serializers.ModelSerializer[Rubric]):
    version_number = serializers.IntegerField(allow_null=True, help_text="Of the newest version.")
    criterion_count = serializers.IntegerField(allow_null=True)

    class Meta:
        model = Rubric
        fields = [
            "id",
            "name",
            "description",
            "task_external_id",
            "archived_at",
            "created_at",
            "version_number",
            "criterion_count",
        ]


@extend_schema_field(CriterionShape(many=True))
class CriteriaField(serializers.JSONField):
    """Criteria as they come: the rubric's own reader names every field that is wrong."""


class NewRubric(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, default="")
    note = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")
    task_external_id = serializers.CharField(
        required=False, allow_null=True, default=None, max_length=200, help_text="Makes it this task's own rubric."
    )
    criteria = CriteriaField()


class NewVersion(serializers.Serializer[Any]):
    note = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")
    criteria = CriteriaField()


class FindingOutput(serializers.Serializer[Any]):
    severity = serializers.ChoiceField(choices=["warning", "note"])
    code = serializers.CharField()
    key = serializers.CharField(help_text="Of the criterion; empty for the rubric as a whole.")
    message = serializers.CharField()


class RubricVersionOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    rubric = serializers.IntegerField()
    name = serializers.CharField()
    task_external_id = serializers.CharField(allow_null=True)
    number = serializers.IntegerField()
    note = serializers.CharField()
    content_hash = serializers.CharField()
    created_at = serializers.DateTimeField()
    criteria = CriterionShape(many=True)
    findings = FindingOutput(many=True, help_text="What lint says of it.")


class VersionRowOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    number = serializers.IntegerField()
    note = serializers.CharField()
    content_hash = serializers.CharField()
    criterion_count = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class DiffQuery(serializers.Serializer[Any]):
    old = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    new = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class FieldChangeOutput(serializers.Serializer[Any]):
    field = serializers.CharField()
    old = serializers.JSONField()
    new = serializers.JSONField()


class CriterionChangeOutput(serializers.Serializer[Any]):
    key = serializers.CharField()
    changes = FieldChangeOutput(many=True)


class RubricDiffOutput(serializers.Serializer[Any]):
    added = serializers.ListField(child=serializers.CharField(), help_text="Keys of criteria.")
    removed = serializers.ListField(child=serializers.CharField())
    reordered = serializers.BooleanField()
    changed = CriterionChangeOutput(many=True)


class ReaggregationInput(serializers.Serializer[Any]):
    version = serializers.IntegerField(
        required=False, default=None, allow_null=True, help_text="The newest by default."
    )
    raters = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_KEY),
        required=False,
        default=list,
        help_text="All who gave verdicts by default.",
    )
    aggregation = serializers.ChoiceField(choices=sorted(AGGREGATIONS), required=False, default="")
    weights = serializers.DictField(
        child=serializers.FloatField(min_value=-1e6, max_value=1e6), required=False, default=dict
    )
    task = serializers.CharField(required=False, default="", max_length=200, help_text="Id of one task.")
    cannot_assess = serializers.ChoiceField(
        choices=[*CANNOT_ASSESS.items()],
        required=False,
        default=USUAL.cannot_assess,
        help_text="What a criterion counts that a rater said could not be assessed.",
    )
    partial_credit = serializers.FloatField(min_value=0, max_value=1, required=False, default=USUAL.partial_credit)
    gate = serializers.ChoiceField(
        choices=[*GATES.items()], required=False, default=USUAL.gate, help_text="What must-haves do."
    )

    @property
    def handling(self) -> Handling:
        """Once it is valid."""
        return Handling(**{name: self.validated_data[name] for name in ("cannot_assess", "partial_credit", "gate")})


class ScoreShape(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True, help_text="Null where there is no score; `reason` says why.")
    n_scored = serializers.IntegerField()
    n_total = serializers.IntegerField()
    gated_by = serializers.CharField(allow_null=True)
    reason = serializers.CharField()


class RankedRowOutput(serializers.Serializer[Any]):
    output = serializers.IntegerField(source="output.pk")
    task_external_id = serializers.CharField(source="output.task.external_id")
    policy = serializers.CharField(source="output.policy.name", allow_null=True, default=None)
    old_rank = serializers.IntegerField(allow_null=True)
    new_rank = serializers.IntegerField(allow_null=True)
    old = ScoreShape()
    new = ScoreShape()


class ReaggregationOutput(serializers.Serializer[Any]):
    base = serializers.CharField(help_text="Aggregation of the old ranking, under the version's own weights.")
    n_outputs = serializers.IntegerField()
    n_scored = serializers.IntegerField()
    n_moved = serializers.IntegerField()
    n_pairs = serializers.IntegerField(help_text="Pairs within a task that either scoring tells apart.")
    n_flipped = serializers.IntegerField()
    is_capped = serializers.BooleanField(help_text="Only the newest outputs were ranked.")
    rows = RankedRowOutput(many=True)


class RuleRowOutput(serializers.Serializer[Any]):
    name = serializers.CharField(source="rule.name")
    title = serializers.CharField(source="rule.title")
    n_scored = serializers.IntegerField()
    reason = serializers.CharField(help_text="Why an output has no score under it; empty where all have one.")
    mean = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    agreement = serializers.FloatField(allow_null=True, help_text="Kendall's tau-b with the base rule.")


class OutputLineOutput(serializers.Serializer[Any]):
    output = serializers.IntegerField(source="output.pk")
    task_external_id = serializers.CharField(source="output.task.external_id")
    policy = serializers.CharField(source="output.policy.name", allow_null=True, default=None)
    values = serializers.ListField(child=serializers.FloatField(allow_null=True), help_text="In the order of `rules`.")
    places = serializers.ListField(
        child=serializers.IntegerField(allow_null=True), help_text="Among the outputs that are shown."
    )


class RuleComparisonOutput(serializers.Serializer[Any]):
    base = serializers.CharField(help_text="The rule that the others are compared with.")
    n_outputs = serializers.IntegerField()
    is_capped = serializers.BooleanField(help_text="Only the newest outputs were scored.")
    rules = RuleRowOutput(many=True)
    lines = OutputLineOutput(many=True, help_text="The best outputs under the base rule.")
