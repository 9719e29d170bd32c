"""The editor of a campaign's questions: one form a question, all kinds in one class, each showing its own fields."""

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from django import forms
from django.forms.formsets import BaseFormSet
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotations.protocols import KINDS, MAX_QUESTIONS
from annotations.protocols.comparison import PAIRS, STRENGTHS, TIES
from annotations.protocols.steps import CUTS, MODES
from annotations.protocols.words import VOICES
from projects.errors import AppError

_KEYED = re.compile(r"([a-z][a-z0-9_-]*)\s*:\s*(.+)")
_COLOUR = re.compile(r"([a-z][a-z0-9_-]*)=(\d)")
_LEVEL = re.compile(r"(-?\d+)\s*[:=]\s*(.+)")

_COMMON = ("required", "confidence")
FIELDS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "rating": ("anchors", "allow_na", *_COMMON),
    "comparison": ("pairs", "steps", "ties", *_COMMON),
    "checklist": ("evidence", *_COMMON),
    "ranking": ("allow_ties", *_COMMON),
    "best_worst": _COMMON,
    "tick": _COMMON,
    "spans": ("types", "severities", "comments", "confidence"),
    "steps": ("segmenter", "mode", *_COMMON),
    "stop": _COMMON,
    "edit": _COMMON,
    "critique": ("voices", *_COMMON),
}
"""What each kind of question has beside the prompt and the key."""
NEEDED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "rating": ("scale_low", "scale_high"),
    "comparison": ("pairs",),
    "spans": ("types",),
    "steps": ("segmenter", "mode"),
    "critique": ("voices",),
    "checklist": ("criteria",),
}
RUBRIC_KINDS = ("checklist",)
"""Kinds that can only be made from a rubric."""


class QuestionForm(forms.Form):
    """One question. Only the shape of the text areas is checked here; `annotations.protocols` checks the rest."""

    kind = forms.ChoiceField(choices=[(kind, _(KINDS[kind].label)) for kind in KINDS], widget=forms.HiddenInput)
    prompt = forms.CharField(label=_("Question"), max_length=1000)
    key = forms.SlugField(
        label=_("Key"),
        max_length=80,
        required=False,
        help_text=_("The name in exports; made from the kind if left empty."),
    )
    criterion = forms.IntegerField(required=False, widget=forms.HiddenInput)
    scale_low = forms.IntegerField(label=_("Lowest level"), required=False, initial=1)
    scale_high = forms.IntegerField(label=_("Highest level"), required=False, initial=7)
    anchors = forms.CharField(
        label=_("What the levels mean"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 7}),
        help_text=_("One level a line, such as “7: Could not be better”. Levels may be left out."),
    )
    allow_na = forms.BooleanField(label=_("May be answered with “Not applicable”"), required=False)
    required = forms.BooleanField(label=_("Must be answered"), required=False, initial=True)
    confidence = forms.BooleanField(label=_("Also ask how sure the person is"), required=False)
    pairs = forms.ChoiceField(
        label=_("Pairs"), choices=[(key, _(words)) for key, words in PAIRS.items()], required=False
    )
    steps = forms.TypedChoiceField(
        label=_("Steps"),
        choices=[(n, f"{n}: {', '.join(words)}, tied") for n, words in STRENGTHS.items()],
        coerce=int,
        required=False,
        initial=3,
    )
    ties = forms.MultipleChoiceField(
        label=_("Ties offered"),
        choices=[(key, _(words)) for key, words in TIES.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    types = forms.CharField(
        label=_("Types"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_(
            "One type a line, at most nine, such as “factual: Factual error | States something that is not "
            "true”. Key and description may be left out."
        ),
    )
    colours = forms.CharField(required=False, widget=forms.HiddenInput)
    """Of the types as they were, so that editing the words keeps them: `key=colour,...`."""
    severities = forms.CharField(
        label=_("Severities"), required=False, help_text=_("Separated by commas, mildest first; empty for none.")
    )
    comments = forms.BooleanField(label=_("A comment may be added to each span"), required=False, initial=True)
    criteria = forms.JSONField(required=False, widget=forms.HiddenInput)
    evidence = forms.BooleanField(
        label=_("Evidence for a criterion may be marked in the text"), required=False, initial=True
    )
    allow_ties = forms.BooleanField(label=_("Responses may be tied"), required=False, initial=True)
    segmenter = forms.ChoiceField(
        label=_("What a step is"), choices=[(key, _(cut[0])) for key, cut in CUTS.items()], required=False
    )
    mode = forms.ChoiceField(
        label=_("Which steps are labelled"), choices=[(key, _(words)) for key, words in MODES.items()], required=False
    )
    voices = forms.MultipleChoiceField(
        label=_("Voices"),
        choices=[(key, _(words[0])) for key, words in VOICES.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in NEEDED_BY.get(self.kind_value, ()):
            self.fields[name].required = True

    @property
    def kind_value(self) -> str:
        """The kind, also while the form is not valid."""
        value = self["kind"].value()
        return value if value in KINDS else "rating"

    @property
    def kind_label(self) -> str:
        return gettext(KINDS[self.kind_value].label)

    @property
    def kind_fields(self) -> list[forms.BoundField]:
        """The fields that this kind of question has beside the prompt and the scale."""
        return [self[name] for name in FIELDS_OF[self.kind_value]]

    def clean_anchors(self) -> str:
        for line in _lines(self.cleaned_data["anchors"]):
            if not _LEVEL.fullmatch(line):
                raise forms.ValidationError(
                    gettext("Write “%(line)s” as a level, a colon and what it means.") % {"line": line[:40]}
                )
        return str(self.cleaned_data["anchors"])

    @property
    def criteria_shown(self) -> list[str]:
        """The criteria of a checklist in words."""
        value = self["criteria"].value()
        try:
            rows = json.loads(value) if isinstance(value, str) else value
            return [str(row["text"]) for row in rows or ()]
        except (ValueError, TypeError, KeyError):
            return []

    def config(self) -> dict[str, Any]:
        """The question as `annotations.protocols` reads it. Call when the form is valid."""
        data = self.cleaned_data
        kind = data["kind"]
        shared = {"kind": kind, "key": data["key"], "prompt": data["prompt"]}
        plain = {name: data[name] for name in FIELDS_OF[kind]}
        return {**shared, **plain, **(_SPECIAL[kind](data) if kind in _SPECIAL else {})}


def _rating_config(data: Mapping[str, Any]) -> dict[str, Any]:
    anchors = (_LEVEL.fullmatch(line) for line in _lines(data["anchors"]))
    return {
        "scale_low": data["scale_low"],
        "scale_high": data["scale_high"],
        "anchors": {found[1]: found[2] for found in anchors if found},
        "criterion": data["criterion"],
    }


def _spans_config(data: Mapping[str, Any]) -> dict[str, Any]:
    colours = dict(_COLOUR.findall(data["colours"]))
    return {
        "types": [_type(line, colours) for line in _lines(data["types"])],
        "severities": [_keyed(entry) for entry in data["severities"].split(",") if entry.strip()],
    }


_SPECIAL: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "rating": _rating_config,
    # A form that was written before there were more steps leaves them out.
    "comparison": lambda data: {"steps": data["steps"] or 3},
    "spans": _spans_config,
    "checklist": lambda data: {"criteria": data["criteria"]},
}
"""What is not stored as the field has it."""


if TYPE_CHECKING:
    _QuestionFormSet = BaseFormSet[QuestionForm]
else:
    _QuestionFormSet = BaseFormSet


class QuestionAddForm(forms.Form):
    """What to add to the editor: a kind of question, or the criteria of a rubric."""

    TOTAL = "q-TOTAL_FORMS"

    kind = forms.ChoiceField(choices=[(kind, kind) for kind in KINDS], required=False)
    rubric = forms.IntegerField(required=False, min_value=1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The form set's own name for how many there are already.
        self.fields[self.TOTAL] = forms.IntegerField(min_value=0, max_value=MAX_QUESTIONS - 1)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        kind, rubric = cleaned.get("kind"), cleaned.get("rubric")
        if not rubric and (not kind or kind in RUBRIC_KINDS):
            raise forms.ValidationError(gettext("Choose a kind of question or a rubric."))
        return cleaned


class BaseQuestionFormSet(_QuestionFormSet):
    """The questions in order; deleted ones are left out, missing keys are filled in."""

    def configs(self) -> list[dict[str, Any]]:
        """What the forms say. Call when the form set is valid."""
        configs = [form.config() for form in self.standing_forms]
        taken = {config["key"] for config in configs}
        for config in configs:
            number, kind = 1, config["kind"]
            while not config["key"]:
                candidate = kind if number == 1 else f"{kind}-{number}"
                if candidate not in taken:
                    taken.add(candidate)
                    config["key"] = candidate
                number += 1
        return configs

    @property
    def standing_forms(self) -> list[QuestionForm]:
        return [form for form in self.forms if not form.cleaned_data.get("DELETE")]

    def show_errors(self, error: AppError) -> bool:
        """Put the problems of a protocol (`questions.<index>.<field>...`) beside their fields; False if none is one."""
        shown = False
        forms_ = self.standing_forms
        for name, messages in error.fields.items():
            parts = name.split(".")
            if parts[0] != "questions" or len(parts) < 3 or not parts[1].isdecimal() or int(parts[1]) >= len(forms_):
                continue
            form = forms_[int(parts[1])]
            for message in messages:
                form.add_error(parts[2] if parts[2] in form.fields else None, message)
            shown = True
        return shown


QuestionFormSet = cast(
    "type[BaseQuestionFormSet]",
    forms.formset_factory(
        QuestionForm,
        formset=BaseQuestionFormSet,
        extra=0,
        can_delete=True,
        min_num=1,
        validate_min=True,
        max_num=MAX_QUESTIONS,
    ),
)


def question_initial(config: dict[str, Any]) -> dict[str, Any]:
    """A stored question as the form shows it."""
    shown = dict(config)
    if config["kind"] == "rating":
        shown["anchors"] = "\n".join(f"{level}: {text}" for level, text in config.get("anchors", {}).items())
    elif config["kind"] == "spans":
        shown["types"] = "\n".join(
            f"{entry['key']}: {entry['label']}" + (f" | {entry['description']}" if entry.get("description") else "")
            for entry in config["types"]
        )
        shown["colours"] = ",".join(f"{entry['key']}={entry['colour']}" for entry in config["types"])
        shown["severities"] = ", ".join(f"{entry['key']}: {entry['label']}" for entry in config.get("severities", []))
    return shown


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _keyed(text: str) -> dict[str, str]:
    match = _KEYED.fullmatch(text.strip())
    if match:
        return {"key": match[1], "label": match[2].strip()}
    return {"key": slugify(text), "label": text.strip()}


def _type(line: str, colours: Mapping[str, str]) -> dict[str, Any]:
    label, _, description = line.partition("|")
    entry: dict[str, Any] = {**_keyed(label), "description": description.strip()}
    if entry["key"] in colours:
        entry["colour"] = int(colours[entry["key"]])
    return entry
