"""What a reader of one task may choose to see."""

from django import forms
from django.http import QueryDict

from rewards.actions.scores import DEFAULT_AGGREGATION
from rewards.rubrics.aggregate import AGGREGATIONS

AGGREGATION_CHOICES = [(name, aggregation.title) for name, aggregation in AGGREGATIONS.items()]


class TaskViewForm(forms.Form):
    """Which outputs, which signal over them, which aggregation; what is not valid is left out."""

    output = forms.TypedMultipleChoiceField(required=False, coerce=int)
    signal = forms.CharField(required=False, max_length=300)
    aggregation = forms.ChoiceField(required=False, choices=AGGREGATION_CHOICES)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        field = self.fields["output"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        # Any number may be asked for; what is no output of the task is left out when it is read.
        field.choices = [(value, value) for value in data.getlist("output") if value.isdecimal() and len(value) < 19]
        self.is_valid()

    @property
    def output_ids(self) -> list[int]:
        return list(self.cleaned_data.get("output", []))

    @property
    def signal_key(self) -> str:
        return str(self.cleaned_data.get("signal", ""))

    @property
    def aggregation_name(self) -> str:
        return self.cleaned_data.get("aggregation") or DEFAULT_AGGREGATION
