"""What a dataset is made of, as people choose it."""

from typing import Any

from django import forms
from django.forms import BaseForm
from django.utils.translation import gettext_lazy as _

from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.models import Project
from rewards.exporting.choices import (
    ANSWERS_TITLES,
    COMBINE_TITLES,
    DEFAULT_AGGREGATION,
    LARGEST_SEED,
    PAIRING_TITLES,
    SOURCE_TITLES,
    Answers,
    Combine,
    ExportChoices,
    Pairing,
    Source,
    choices_from_json,
    holds_rewards,
    holds_rubrics,
)
from rewards.exporting.offers import ExportOffers
from rewards.formats.registry import EXPORT_FORMATS
from rewards.rubrics.rules import AGGREGATIONS

OWN_RUBRIC = "own"
SPLITS = ("train", "validation", "test")
_FIELD_OF = {
    "rubric_version": "rubric",
    "recipe_version": "recipe",
    "channel": "signal",
    "signal_rater": "signal",
    "fractions": "train",
}
"""Where a choice has another name in the form."""


class ExportForm(forms.Form):
    """All choices; those that do not apply to the chosen source and format are hidden by the page and ignored here."""

    use_required_attribute = False  # a browser cannot point at a field that the page hides

    name = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=200,
        help_text=_("Left empty, it says what the dataset is made from."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    format = forms.ChoiceField(
        label=_("Format"),
        choices=[(entry.name, _(entry.title)) for entry in EXPORT_FORMATS.values()],
        widget=forms.RadioSelect,
    )
    file_type = forms.ChoiceField(
        label=_("Files"), choices=[("jsonl", _("JSONL")), ("parquet", _("Parquet"))], widget=forms.RadioSelect
    )
    source = forms.ChoiceField(
        label=_("Made from"),
        choices=[(source, _(SOURCE_TITLES[source])) for source in Source],
        widget=forms.RadioSelect,
    )
    combine = forms.ChoiceField(
        label=_("Raters"),
        choices=[(each, _(COMBINE_TITLES[each])) for each in Combine],
        widget=forms.RadioSelect,
    )
    answers = forms.ChoiceField(
        label=_("Answers"),
        required=False,
        choices=[(each, _(ANSWERS_TITLES[each])) for each in Answers],
        widget=forms.RadioSelect,
        help_text=_("An adjudicated answer is what somebody settled on where several people had answered."),
    )
    question = forms.ChoiceField(label=_("Question"))
    rubric = forms.ChoiceField(label=_("Rubric"), required=False)
    aggregation = forms.ChoiceField(
        label=_("Aggregation"), choices=[(name, _(entry.title)) for name, entry in AGGREGATIONS.items()]
    )
    signal = forms.ChoiceField(
        label=_("Signal"), required=False, help_text=_("Outputs compare by its sum over all segments.")
    )
    recipe = forms.ChoiceField(
        label=_("Recipe"), required=False, help_text=_("Outputs compare by its sum over all segments.")
    )
    pairing = forms.ChoiceField(
        label=_("Pairs"),
        choices=[(pairing, _(PAIRING_TITLES[pairing])) for pairing in Pairing],
        widget=forms.RadioSelect,
    )
    min_gap = forms.FloatField(
        label=_("Smallest margin"),
        min_value=0,
        initial=0,
        help_text=_(
            "The difference of ratings, scores or totals; of comparisons the share of raters, or the strength."
        ),
        widget=forms.NumberInput({"step": "any"}),
    )
    desirable_from = forms.FloatField(
        label=_("Desirable from"), required=False, widget=forms.NumberInput({"step": "any"})
    )
    undesirable_to = forms.FloatField(
        label=_("Undesirable up to"), required=False, widget=forms.NumberInput({"step": "any"})
    )
    raters = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Only from"),
        help_text=_("None ticked: everybody."),
    )
    policies = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Only outputs of"),
        help_text=_("None ticked: all."),
    )
    tag = forms.CharField(required=False, max_length=100, label=_("Only tasks tagged"))
    split = forms.ChoiceField(required=False, label=_("Only tasks of the split"))
    current_only = forms.BooleanField(
        required=False,
        initial=True,
        label=_("Current versions only"),
        help_text=_("Leave out judgments of replaced texts."),
    )
    margin = forms.BooleanField(required=False, initial=True, label=_("A column with the margin"))
    weight = forms.BooleanField(
        required=False,
        label=_("A column with the weight"),
        help_text=_("Of a ranking's pairs, so that a long order counts as much as a short one."),
    )
    ids = forms.BooleanField(
        required=False,
        label=_("Columns with the ids"),
        help_text=_("Of the task and its outputs. Trainers pass them over."),
    )
    train = forms.FloatField(label=_("Train, %"), min_value=0, max_value=100, initial=90)
    validation = forms.FloatField(label=_("Validation, %"), min_value=0, max_value=100, initial=0)
    test = forms.FloatField(label=_("Test, %"), min_value=0, max_value=100, initial=10)
    seed = forms.IntegerField(label=_("Seed"), min_value=0, max_value=LARGEST_SEED, initial=0)

    def __init__(self, *args: Any, project: Project, recipe: str = "", **kwargs: Any) -> None:
        """`recipe`: the key of a version whose rewards the form begins with, where it is one to choose."""
        super().__init__(*args, **kwargs)
        self.offers = ExportOffers(project)
        self.initial.update(
            format="trl_preference",
            file_type="jsonl",
            source=self.offers.first_source,
            combine=Combine.TOGETHER,
            pairing=Pairing.ALL,
            answers=Answers.RAW,
            aggregation=DEFAULT_AGGREGATION,
        )
        self._offer("question", [(name, name) for name in self.offers.questions])
        self._offer("rubric", self.offers.rubrics)
        self._offer("signal", self.offers.signals)
        self._offer("recipe", self.offers.recipes)
        if recipe in dict(self.offers.recipes):
            rewards = next(name for name in EXPORT_FORMATS if holds_rewards(name))
            self.initial.update(format=rewards, source=Source.RECIPE, recipe=recipe)
        self._offer("raters", self.offers.raters)
        self._offer("policies", self.offers.policies)
        self._offer("split", [("", "Any"), *((name, name) for name in self.offers.splits)])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self._choices = choices_from_json(self._as_json(cleaned))
            except AppError as error:
                show_in_form(self, renamed(error))
        return cleaned

    @property
    def export_choices(self) -> ExportChoices:
        """What was chosen; only after validation."""
        return self._choices

    def _offer(self, field: str, choices: list[tuple[str, str]]) -> None:
        offered = self.fields[field]
        assert isinstance(offered, forms.ChoiceField)
        offered.choices = choices
        if field in {"rubric", "signal", "recipe"}:
            # Nothing to choose from is no fault of whoever chose another source.
            offered.required = bool(choices)

    def _as_json(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        same = ("format", "file_type", "source", "desirable_from", "undesirable_to", "tag", "split", "current_only")
        chosen = {name: cleaned[name] for name in (*same, "margin", "weight", "ids")}
        chosen["answers"] = cleaned["answers"] or Answers.RAW
        chosen |= {name: cleaned[name] for name in ("combine", "pairing", "aggregation", "question", "min_gap", "seed")}
        if holds_rubrics(chosen["format"]):
            chosen["source"] = Source.RUBRICS
        if holds_rewards(chosen["format"]):
            chosen["source"] = Source.RECIPE
        chosen["raters"] = [int(key) for key in cleaned["raters"]]
        chosen["policies"] = [int(key) for key in cleaned["policies"]]
        chosen["fractions"] = {name: round(cleaned[name] / 100, 9) for name in SPLITS if cleaned[name]}
        if cleaned["rubric"] and cleaned["rubric"] != OWN_RUBRIC:
            chosen["rubric_version"] = int(cleaned["rubric"])
        if cleaned["recipe"]:
            chosen["recipe_version"] = int(cleaned["recipe"])
        if cleaned["signal"]:
            rater, _, chosen["channel"] = cleaned["signal"].partition(":")
            chosen["signal_rater"] = int(rater)
        return chosen


def show_refusal(form: BaseForm, error: AppError) -> None:
    """Put a refusal of the choices beside the form's fields."""
    show_in_form(form, renamed(error))


def renamed(error: AppError) -> AppError:
    """The same refusal with the form's names for fields."""
    fields = {_FIELD_OF.get(name, name): messages for name, messages in error.fields.items()}
    return AppError(error.message, code=error.code, status=error.status, fields=fields)
