"""What a reader of the re-aggregation page may choose."""

import math
from collections.abc import Sequence

from django import forms
from django.http import QueryDict

from rewards.actions.scores import suggested_aggregation
from rewards.forms.task_view import AGGREGATION_CHOICES
from rewards.models import Rater
from rewards.rubrics.content import RubricContent
from rewards.rubrics.parse import MAX_WEIGHT


class ReaggregationForm(forms.Form):
    """Raters, aggregation and a weight for each criterion; what is missing or not valid keeps the rubric's own."""

    rater = forms.TypedMultipleChoiceField(required=False, coerce=int)
    aggregation = forms.ChoiceField(required=False, choices=AGGREGATION_CHOICES)
    task = forms.CharField(required=False, max_length=200)

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
        return list(self.cleaned_data.get("rater") or [rater.pk for rater in self.raters])

    @property
    def aggregation_name(self) -> str:
        return self.cleaned_data.get("aggregation") or suggested_aggregation(self.content)

    @property
    def task_external_id(self) -> str:
        return str(self.cleaned_data.get("task", ""))

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
