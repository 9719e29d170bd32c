"""What a reader of one task may choose to see."""

from django import forms
from django.http import QueryDict

from rewards.rubrics.rules import AGGREGATIONS
from rewards.task_page.page import MAX_SIGNALS

AGGREGATION_CHOICES = [(name, aggregation.title) for name, aggregation in AGGREGATIONS.items()]
_LONGEST_KEY = 300


class TaskViewForm(forms.Form):
    """Which outputs, which signals over them, which aggregation; what is not valid is left out."""

    aggregation = forms.ChoiceField(required=False, choices=AGGREGATION_CHOICES)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self._asked = data.getlist("signal")
        # What is no output of the task is left out when the outputs are read.
        self.output_ids = [int(text) for text in data.getlist("output") if text.isdecimal() and len(text) < 19]
        self.is_valid()

    @property
    def signal_keys(self) -> list[str] | None:
        """The first is laid over the texts, the others under their lines; empty for none, None: nothing was chosen."""
        if not self._asked:
            return None
        return list(dict.fromkeys(key for key in self._asked if 0 < len(key) <= _LONGEST_KEY))[:MAX_SIGNALS]

    @property
    def aggregation_name(self) -> str:
        """Empty where each rubric should get one that suits it."""
        return str(self.cleaned_data.get("aggregation", ""))
