"""Making a campaign, and changing what it says."""

from typing import Any, cast

from django import forms
from django.forms.formsets import BaseFormSet
from django.utils.translation import gettext_lazy as _

from annotations.access import annotators_of
from annotations.actions.campaign import ProtocolContent
from annotations.guidelines import MAX_EXAMPLE, MAX_EXAMPLES, MAX_REASON
from annotations.protocols import LABELS
from annotations.selection import Selection
from projects.models import Project, User


class ProtocolForm(forms.Form):
    """What annotators are told beside the questions."""

    guidelines = forms.CharField(
        label=_("Guidelines"),
        required=False,
        max_length=50_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("Shown before the start and, at any time, by the key g."),
    )
    show_reference = forms.BooleanField(
        label=_("Show the task's reference answer"),
        required=False,
        help_text=_("Leave this off to ask for an own judgment."),
    )

    def content(self, questions: list[dict[str, Any]], examples: list[dict[str, Any]]) -> ProtocolContent:
        """The whole protocol. Call when the form is valid."""
        return ProtocolContent(
            questions=questions,
            examples=examples,
            guidelines=self.cleaned_data["guidelines"],
            show_reference=self.cleaned_data["show_reference"],
        )


class ExampleForm(forms.Form):
    """One example; an empty text leaves it out."""

    is_good = forms.TypedChoiceField(
        label=_("Shows"),
        choices=[("good", _("what is good")), ("bad", _("what is bad"))],
        coerce=lambda value: value == "good",
        initial="good",
    )
    text = forms.CharField(
        label=_("Text"), required=False, strip=False, max_length=MAX_EXAMPLE, widget=forms.Textarea(attrs={"rows": 3})
    )
    reason = forms.CharField(label=_("Why"), required=False, max_length=MAX_REASON)


class BaseExampleFormSet(BaseFormSet):  # type: ignore[type-arg]  # not generic at run time
    """The examples of a protocol with two more to fill in. What is sent without them leaves them as they are."""

    PREFIX = "e"

    def __init__(self, data: Any, examples: list[dict[str, Any]]) -> None:
        self._stored = examples
        sent = data if data is not None and f"{self.PREFIX}-TOTAL_FORMS" in data else None
        initial = [{**example, "is_good": "good" if example["is_good"] else "bad"} for example in examples]
        super().__init__(sent, prefix=self.PREFIX, initial=initial)

    def is_valid(self) -> bool:
        return not self.is_bound or super().is_valid()

    def examples(self) -> list[dict[str, Any]]:
        """Those with a text. Call when the forms are valid."""
        if not self.is_bound:
            return self._stored
        return [form.cleaned_data for form in self.forms if form.cleaned_data.get("text", "").strip()]


ExampleFormSet = cast(
    "type[BaseExampleFormSet]",
    forms.formset_factory(ExampleForm, formset=BaseExampleFormSet, extra=2, max_num=MAX_EXAMPLES, validate_max=True),
)


class CampaignForm(forms.Form):
    """Which outputs are judged by whom."""

    name = forms.CharField(label=_("Name"), max_length=200)
    tags = forms.CharField(
        label=_("With one of these tags"), required=False, help_text=_("Separated by commas; empty for every task.")
    )
    splits = forms.CharField(label=_("In one of these splits"), required=False, help_text=_("Separated by commas."))
    task_ids = forms.CharField(
        label=_("Only these tasks"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One id a line."),
    )
    limit = forms.IntegerField(label=_("Tasks at most"), required=False, min_value=1)
    outputs_per_item = forms.IntegerField(
        label=_("Outputs per item"),
        initial=2,
        min_value=1,
        max_value=len(LABELS),
        help_text=_("Judged together; where a task has more, they are drawn at random."),
    )
    overlap = forms.IntegerField(
        label=_("People per item"),
        initial=1,
        min_value=1,
        max_value=100,
        help_text=_("Two or more show how far they agree."),
    )
    people = forms.ModelMultipleChoiceField(
        label=_("Annotators"),
        queryset=User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Nobody chosen: everyone in the project who may annotate."),
    )
    lease_minutes = forms.IntegerField(
        label=_("Minutes an item is kept for a person"),
        initial=30,
        min_value=2,
        max_value=1440,
        help_text=_("Counted from the last sign of life."),
    )
    undo_minutes = forms.IntegerField(
        label=_("Minutes in which a submit can be taken back"), initial=15, min_value=0, max_value=1440
    )

    reveals_policies = forms.BooleanField(
        label=_("Tell annotators who wrote the responses"),
        required=False,
        help_text=_(
            "Beside their own answers, once a submit can no longer be taken back and none of its responses may be put "
            "to them again; where checks or repeats are mixed in, once the campaign is closed. Who has read it knows."
        ),
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
        names = ("name", "overlap", "lease_minutes", "undo_minutes", "reveals_policies", "people")
        return {name: self.cleaned_data[name] for name in names}


def _split(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())
