"""Forms about items that check people."""

from dataclasses import fields
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotations.checks import KNOWN, CheckSettings, Kind
from annotations.comparing import pass_mark_of
from annotations.gold_rows import MAX_EXPLANATION, GoldRow, rows_of_column, rows_of_file
from annotations.models import Campaign, GoldAnswer
from annotations.protocols import Question
from projects.errors import AppError

MAX_FILE = 20_000_000
MARK = "mark_"


class CheckSettingsForm(forms.Form):
    """How often, and what follows."""

    gold_percent = forms.IntegerField(label=_("Gold, share of items in %"), min_value=0, max_value=50)
    attention_percent = forms.IntegerField(label=_("Attention checks, share of items in %"), min_value=0, max_value=50)
    repeat_percent = forms.IntegerField(
        label=_("Asked again, share of items in %"),
        min_value=0,
        max_value=50,
        help_text=_("Of the same person, to see how far they agree with themselves."),
    )
    repeat_after = forms.IntegerField(label=_("Again after so many others"), min_value=1, max_value=1000)
    qualification_items = forms.IntegerField(
        label=_("Items of a qualification"), min_value=0, max_value=200, help_text=_("0: all that there are.")
    )
    qualification_percent = forms.IntegerField(
        label=_("Pass mark, share of them right in %"), min_value=1, max_value=100
    )
    qualification_attempts = forms.IntegerField(
        label=_("Attempts"), min_value=1, max_value=20, help_text=_("Each with items that the person has not seen.")
    )
    pause_after = forms.IntegerField(
        label=_("Pause a person after failed attention checks"), min_value=0, max_value=100, help_text=_("0: never.")
    )
    tells_gold = forms.BooleanField(
        required=False,
        label=_("Tell people what is right after each gold item"),
        help_text=_("They learn from it, and know then that it was one. What they have answered stands."),
    )

    @classmethod
    def of(cls, campaign: Campaign, data: Any = None) -> "CheckSettingsForm":
        return cls(data, initial=CheckSettings.of(campaign).to_json())

    def settings(self) -> CheckSettings:
        """Call when the form is valid."""
        return CheckSettings(**{field.name: self.cleaned_data[field.name] for field in fields(CheckSettings)})


class MakeCheckForm(forms.Form):
    kind = forms.ChoiceField(label=_("Kind"), choices=[(kind, Kind(kind).label) for kind in KNOWN], initial=Kind.GOLD)


class GoldForm(forms.Form):
    """The explanation, and a mark for each question that the answer answers."""

    explanation = forms.CharField(
        label=_("Explanation"),
        required=False,
        strip=False,
        max_length=MAX_EXPLANATION,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Why this is right. Shown after a training item, and after gold where people are told."),
    )

    def __init__(self, gold: GoldAnswer, questions: list[Question], data: Any = None) -> None:
        super().__init__(data, initial={"explanation": gold.explanation})
        self._questions = questions
        self._earlier = gold.pass_marks
        for question in questions:
            self.fields[MARK + question.key] = forms.FloatField(
                label=_("Least score that is right: %(prompt)s") % {"prompt": question.prompt},
                min_value=0.01,
                max_value=1,
                initial=round(pass_mark_of(question, gold.pass_marks), 4),
                widget=forms.NumberInput(attrs={"step": "any"}),
            )

    def pass_marks(self) -> dict[str, float]:
        """Those that differ from the protocol's own. Call when the form is valid."""
        given = {question.key: self.cleaned_data[MARK + question.key] for question in self._questions}
        own = {question.key: question.pass_mark for question in self._questions}
        changed = {key: mark for key, mark in given.items() if abs(mark - own[key]) > 1e-4}
        # Where the form only rounded it, the stored mark stands.
        kept = {key: mark for key, mark in self._earlier.items() if abs(mark - changed.get(key, 2)) <= 1e-4}
        return {**changed, **kept}


class GoldImportForm(forms.Form):
    """A file, or the name of a column that was imported with the tasks."""

    file = forms.FileField(required=False, label=_("File"), help_text=_("CSV, or JSONL with an object a line."))
    column = forms.CharField(
        required=False,
        max_length=80,
        label=_("Or the tasks’ column"),
        help_text=_("A key of the metadata that was imported with the tasks, such as gold."),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if bool(data.get("file")) == bool(data.get("column")) and not self.errors:
            raise forms.ValidationError(gettext("Choose a file or name a column."))
        if data.get("file") and data["file"].size > MAX_FILE:
            self.add_error("file", gettext("Expected at most 20 MB."))
        return data

    def rows(self, campaign: Campaign) -> list[GoldRow]:
        """Call when the form is valid; raises as `annotations.gold_rows` does."""
        file = self.cleaned_data["file"]
        if file:
            return rows_of_file(file.name, file.read())
        return rows_of_column(campaign, self.cleaned_data["column"])


def problems_of(error: AppError, most: int = 20) -> list[str]:
    """The messages of a refused import, each with its place."""
    lines = [f"{name}: {message}" for name, messages in error.fields.items() for message in messages]
    if len(lines) > most:
        lines[most:] = [f"and {len(lines) - most:,} more"]
    return lines or [error.message]
