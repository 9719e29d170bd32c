"""Choosing what a run scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.models import Project
from rewards.models import Policy
from workers.actions.runs import MOST_REPEATS
from workers.models import Scorer
from workers.selection import OutputSelection

if TYPE_CHECKING:
    _ScorerChoiceField = forms.ModelChoiceField[Scorer]
else:
    _ScorerChoiceField = forms.ModelChoiceField


class ScorerChoiceField(_ScorerChoiceField):
    def label_from_instance(self, obj: Scorer) -> str:
        return f"{obj.name} (#{obj.pk})"


class RunForm(forms.Form):
    """A scorer and the outputs; conditions that are left empty do not narrow."""

    scorer = ScorerChoiceField(label=_("Scorer"), queryset=Scorer.objects.none(), empty_label=None)
    policies = forms.MultipleChoiceField(
        label=_("By policy"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked: all of them."),
    )
    tags = forms.CharField(
        label=_("Task tags"),
        required=False,
        max_length=1000,
        help_text=_("Separated by commas; a task needs one of them."),
    )
    splits = forms.CharField(label=_("Splits"), required=False, max_length=400, help_text=_("Separated by commas."))
    task_ids = forms.CharField(
        label=_("Task ids"),
        required=False,
        max_length=200_000,
        help_text=_("External ids, one a line."),
        widget=forms.Textarea({"rows": 3, "spellcheck": "false"}),
    )
    limit = forms.IntegerField(
        label=_("At most"), required=False, min_value=1, max_value=10_000_000, help_text=_("The first so many outputs.")
    )
    only_unscored = forms.BooleanField(label=_("Only what this scorer has not scored"), required=False, initial=True)
    repeats = forms.IntegerField(
        label=_("Repeats"),
        min_value=1,
        max_value=MOST_REPEATS,
        initial=1,
        help_text=_("How often each output is scored."),
    )
    budget = forms.FloatField(
        label=_("Budget"),
        required=False,
        min_value=0,
        help_text=_("Most that it may spend, in the currency of the model's prices. Empty: no bound of its own."),
    )
    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        required=False,
        help_text=_("For the list of runs."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scorers = self.fields["scorer"]
        assert isinstance(scorers, forms.ModelChoiceField)
        scorers.queryset = Scorer.objects.of(project).active().order_by("-id")
        policies = self.fields["policies"]
        assert isinstance(policies, forms.MultipleChoiceField)
        policies.choices = [
            (name, name)
            for name in Policy.objects.filter(project=project).order_by("name").values_list("name", flat=True)
        ]

    def selection(self) -> OutputSelection:
        """The outputs meant, once the form is valid."""
        chosen = self.cleaned_data
        return OutputSelection(
            tags=_listed(chosen["tags"], ","),
            splits=_listed(chosen["splits"], ","),
            policies=tuple(chosen["policies"]),
            task_ids=_listed(chosen["task_ids"], "\n"),
            only_unscored=chosen["only_unscored"],
            limit=chosen["limit"],
        )


def _listed(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())
