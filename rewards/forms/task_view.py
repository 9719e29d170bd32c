"""What a reader of one task may choose to see."""

from django import forms
from django.http import QueryDict

from rewards.rubrics.aggregate import AGGREGATIONS

AGGREGATION_CHOICES = [(name, aggregation.title) for name, aggregation in AGGREGATIONS.items()]


class TaskViewForm(forms.Form):
    """Which outputs, which signal over them, which aggregation; what is not valid is left out."""

    signal = forms.CharField(required=False, max_length=300)
    aggregation = forms.ChoiceField(required=False, choices=AGGREGATION_CHOICES)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        # What is no output of the task is left out when the outputs are read.
        self.output_ids = [int(text) for text in data.getlist("output") if text.isdecimal() and len(text) < 19]
        self.is_valid()

    @property
    def signal_key(self) -> str | None:
        """Empty for none; None where nothing was chosen."""
        return str(self.cleaned_data.get("signal", "")) if "signal" in self.data else None

    @property
    def aggregation_name(self) -> str:
        """Empty where each rubric should get one that suits it."""
        return str(self.cleaned_data.get("aggregation", ""))
