"""Making a campaign, and changing what it says."""

from typing import Any

from django import forms

from annotations.access import annotators_of
from annotations.actions.campaign import ProtocolContent
from annotations.protocols import LABELS
from annotations.selection import Selection
from projects.models import Project, User


class ProtocolForm(forms.Form):
    """What annotators are told beside the questions."""

    guidelines = forms.CharField(
        required=False,
        max_length=50_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Shown before the start and, at any time, by the key g.",
    )
    show_reference = forms.BooleanField(
        label="Show the task's reference answer", required=False, help_text="Leave this off to ask for an own judgment."
    )

    def content(self, questions: list[dict[str, Any]]) -> ProtocolContent:
        """The whole protocol. Call when the form is valid."""
        return ProtocolContent(
            questions=questions,
            guidelines=self.cleaned_data["guidelines"],
            show_reference=self.cleaned_data["show_reference"],
        )


class CampaignForm(forms.Form):
    """Which outputs are judged by whom."""

    name = forms.CharField(max_length=200)
    tags = forms.CharField(
        label="With one of these tags", required=False, help_text="Separated by commas; empty for every task."
    )
    splits = forms.CharField(label="In one of these splits", required=False, help_text="Separated by commas.")
    task_ids = forms.CharField(
        label="Only these tasks", required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text="One id a line."
    )
    limit = forms.IntegerField(label="Tasks at most", required=False, min_value=1)
    outputs_per_item = forms.IntegerField(
        label="Outputs per item",
        initial=2,
        min_value=1,
        max_value=len(LABELS),
        help_text="Judged together; where a task has more, they are drawn at random.",
    )
    overlap = forms.IntegerField(
        label="People per item", initial=1, min_value=1, max_value=100, help_text="Two or more show how far they agree."
    )
    people = forms.ModelMultipleChoiceField(
        label="Annotators",
        queryset=User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Nobody chosen: everyone in the project who may annotate.",
    )
    lease_minutes = forms.IntegerField(
        label="Minutes an item is kept for a person",
        initial=30,
        min_value=2,
        max_value=1440,
        help_text="Counted from the last sign of life.",
    )
    undo_minutes = forms.IntegerField(
        label="Minutes in which a submit can be taken back", initial=15, min_value=0, max_value=1440
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = self.fields["people"]
        assert isinstance(people, forms.ModelMultipleChoiceField)
        people.queryset = annotators_of(project)

    def selection(self) -> Selection:
        """Which tasks and outputs. Call when the form is valid."""
        data = self.cleaned_data
        return Selection(
            tags=_split(data["tags"], ","),
            splits=_split(data["splits"], ","),
            task_ids=_split(data["task_ids"], "\n"),
            limit=data["limit"],
            outputs_per_item=data["outputs_per_item"],
        )

    def settings(self) -> dict[str, Any]:
        """The rest, by the names of `create_campaign`."""
        names = ("name", "overlap", "lease_minutes", "undo_minutes", "people")
        return {name: self.cleaned_data[name] for name in names}


class SkipForm(forms.Form):
    reason = forms.CharField(max_length=300, required=False)


def _split(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())
