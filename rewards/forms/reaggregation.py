"""What a reader of the re-aggregation page may choose."""

import math
from collections.abc import Sequence

from django import forms
from django.http import QueryDict

from rewards.adjudicated import without_settled
from rewards.forms.task_view import AGGREGATION_CHOICES
from rewards.models import Rater
from rewards.rubrics.aggregate import CANNOT_ASSESS, GATES, USUAL, Handling
from rewards.rubrics.content import RubricContent
from rewards.rubrics.parse import MAX_WEIGHT
from rewards.rubrics.rules import suggested_aggregation


class ReaggregationForm(forms.Form):
    """Raters, aggregation and a weight for each criterion; what is missing or not valid keeps the rubric's own."""

    rater = forms.TypedMultipleChoiceField(required=False, coerce=int)
    aggregation = forms.ChoiceField(required=False, choices=AGGREGATION_CHOICES)
    task = forms.CharField(required=False, max_length=200)
    cannot_assess = forms.ChoiceField(required=False, choices=list(CANNOT_ASSESS.items()))
    partial_credit = forms.FloatField(required=False, min_value=0, max_value=1)
    gate = forms.ChoiceField(required=False, choices=list(GATES.items()))

    def __init__(self, data: QueryDict, *, content: RubricContent, raters: Sequence[Rater]) -> None:
        super().__init__(data)
        self.content = content
        self.raters = raters
        field = self.fields["rater"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        field.choices = [(rater.pk, rater.label) for rater in raters]
        self.is_valid()

    @property
    def rater_ids(self) -> list[int]:
        return list(self.cleaned_data.get("rater") or [rater.pk for rater in without_settled(self.raters)])

    @property
    def aggregation_name(self) -> str:
        return self.cleaned_data.get("aggregation") or suggested_aggregation(self.content)

    @property
    def task_external_id(self) -> str:
        return str(self.cleaned_data.get("task", ""))

    @property
    def handling(self) -> Handling:
        credit = self.cleaned_data.get("partial_credit")
        return Handling(
            cannot_assess=self.cleaned_data.get("cannot_assess") or USUAL.cannot_assess,
            partial_credit=USUAL.partial_credit if credit is None else credit,
            gate=self.cleaned_data.get("gate") or USUAL.gate,
        )

    @property
    def weights(self) -> dict[str, float]:
        """By criterion key; only those that were given and are numbers in range."""
        given = {criterion.key: _weight(self.data.get(f"w-{criterion.key}", "")) for criterion in self.content.criteria}
        return {key: weight for key, weight in given.items() if weight is not None}


def _weight(text: str) -> float | None:
    try:
        weight = float(text)
    except ValueError:
        return None
    return weight if math.isfinite(weight) and abs(weight) <= MAX_WEIGHT else None
