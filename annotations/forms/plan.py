"""Forms about who gets which item: the plan of a campaign, its items, and what people can do."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotations.access import annotators_of
from annotations.active.evidence import scorer_choices
from annotations.active.strategies import STRATEGIES
from annotations.arms import GUIDELINES, OVERLAY, OVERLAY_OFF, OVERLAYS, SEQUENCE, SEQUENCES
from annotations.models import Campaign, CampaignPlan
from annotations.next_item import ORDERS, plan_of
from annotations.overlay import mark_choices, overlay_choices, shown_by
from projects.errors import AppError
from projects.models import Project, User

_HEADING = re.compile(r"^#[ \t]*(.+?)[ \t]*$", re.MULTILINE)
COLUMNS = ("position", "task", "priority", "skills", "people")
MAX_ROWS = 100_000
_SHOWN = ("overlay_source", "overlay_marks", "overlay_people")


class PlanForm(forms.Form):
    """The whole plan; what is empty is not asked for."""

    order = forms.ChoiceField(
        label=_("Which item comes next"),
        choices=[(order.name, _(order.label)) for order in ORDERS.values()],
        widget=forms.RadioSelect,
        help_text=_("Everything is asked once before anything is asked twice, whatever the order."),
    )
    strategy = forms.ChoiceField(
        label=_("Active: by"),
        required=False,
        choices=[
            ("", "–"),
            *(
                (one.name, format_lazy(_("{label} – reads: {needs}"), label=_(one.label), needs=_(one.needs)))
                for one in STRATEGIES.values()
            ),
        ],
    )
    scorer = forms.ChoiceField(
        label=_("Active: the number it reads"),
        required=False,
        help_text=_("What a scorer gave the outputs of this campaign."),
    )
    rerank_every = forms.IntegerField(
        label=_("Ranked anew after so many answers"), min_value=1, max_value=10_000, initial=10
    )
    skill_tags = forms.CharField(
        label=_("Tags that are skills"),
        required=False,
        help_text=_("Separated by commas. A task with one of these tags is given only to people who have this skill."),
    )
    deadline = forms.DateTimeField(
        label=_("Deadline"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("After it no new item is given out; what is in work may be finished."),
    )
    sequence = forms.BooleanField(
        label=_("Order of the questions"),
        required=False,
        help_text=_("One arm sees ratings and choices first and then marks in the text, the other the reverse."),
    )
    guidelines = forms.CharField(
        label=_("Variants of the guidelines"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("Each begins with a line “# name”; what follows is added to the guidelines of that arm."),
    )
    overlay = forms.MultipleChoiceField(
        label=_("A model’s values over the texts"),
        required=False,
        choices=[(key, _(words)) for key, words in OVERLAYS.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("One for everybody; several are arms of the study. Annotators are not told which model it is."),
    )
    overlay_source = forms.MultipleChoiceField(
        label=_("Whose values"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What scorers stored for the outputs of this campaign. Annotators switch between several."),
    )
    overlay_marks = forms.TypedMultipleChoiceField(
        label=_("Whose spans"),
        required=False,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Models whose marked spans annotators accept, change or reject, where a question asks for spans."),
    )
    overlay_people = forms.BooleanField(
        label=_("What people marked elsewhere"),
        required=False,
        help_text=_(
            "The share of people who marked a word, from imports and other campaigns, where at least two looked."
        ),
    )
    arm_unit = forms.ChoiceField(label=_("Arms are drawn"), choices=CampaignPlan.ArmUnit.choices)
    pay_per = forms.ChoiceField(label=_("Pay"), required=False, choices=CampaignPlan.PayPer.choices)
    pay_amount = forms.FloatField(label=_("Amount"), required=False, min_value=0)
    currency = forms.CharField(label=_("Currency"), required=False, max_length=8)

    def __init__(self, campaign: Campaign, data: Any = None) -> None:
        super().__init__(data, initial=_initial(plan_of(campaign)))
        scorer = self.fields["scorer"]
        assert isinstance(scorer, forms.ChoiceField)
        kept = plan_of(campaign).scorer
        found = scorer_choices(campaign)
        missing = [(kept, f"{kept} (no number left)")] if kept and kept not in dict(found) else []
        scorer.choices = [("", "–"), *found, *missing]
        self.signals = {choice.key: (choice, words) for choice, words in overlay_choices(campaign)}
        self._offer_overlay(campaign)

    def _offer_overlay(self, campaign: Campaign) -> None:
        """What may be shown over the texts; what is chosen stays on offer where nothing is left of it."""
        shown = shown_by(campaign)
        source, marks = self.fields["overlay_source"], self.fields["overlay_marks"]
        assert isinstance(source, forms.MultipleChoiceField)
        assert isinstance(marks, forms.MultipleChoiceField)
        gone = [choice for choice in shown.signals if choice.key not in self.signals]
        self.signals |= {choice.key: (choice, f"{choice.key} (nothing left)") for choice in gone}
        source.choices = [(key, words) for key, (_, words) in self.signals.items()]
        models = dict(mark_choices(campaign))
        models |= {rater: f"{rater} (nothing left)" for rater in shown.marks if rater not in models}
        marks.choices = list(models.items())
        self.initial["overlay_source"] = [choice.key for choice in shown.signals]
        self.initial["overlay_marks"] = list(shown.marks)
        self.initial["overlay_people"] = shown.people

    def changes(self) -> dict[str, Any]:
        """By the names of `change_plan`. Call when the form is valid."""
        data = self.cleaned_data
        names = (
            "order",
            "strategy",
            "scorer",
            "rerank_every",
            "deadline",
            "arm_unit",
            "pay_per",
            "pay_amount",
            "currency",
        )
        arms: dict[str, Any] = {}
        if data["sequence"]:
            arms[SEQUENCE] = list(SEQUENCES)
        if data["guidelines"].strip():
            arms[GUIDELINES] = list(_variants(data["guidelines"]))
        if data["overlay"]:
            arms[OVERLAY] = {
                "levels": data["overlay"],
                "sources": [
                    {"rater": one.rater_id, "channel": one.channel, "segmenter": one.segmenter}
                    for one, _ in map(self.signals.__getitem__, data["overlay_source"])
                ],
                "marks": data["overlay_marks"],
                "people": data["overlay_people"],
            }
        tags = [tag.strip() for tag in data["skill_tags"].split(",") if tag.strip()]
        return {name: data[name] for name in names} | {"arms": arms, "skill_tags": list(dict.fromkeys(tags))}

    def clean_guidelines(self) -> str:
        text: str = self.cleaned_data["guidelines"]
        if text.strip() and not _HEADING.match(text.lstrip()):
            raise forms.ValidationError(gettext("Expected a line “# name” before the first text."))
        return text

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("order") != CampaignPlan.Order.ACTIVE:
            # Kept out of the way rather than refused: they mean nothing to the other orders.
            cleaned["strategy"] = ""
        if cleaned.get("overlay") == [OVERLAY_OFF]:
            cleaned["overlay"] = []
        if cleaned.get("overlay") and not any(cleaned.get(name) for name in _SHOWN):
            self.add_error("overlay_source", gettext("Choose whose values or spans are shown."))
        return cleaned


class PlanItemsForm(forms.Form):
    """Priorities, skills and people by item, as CSV."""

    rows = forms.CharField(
        label=_("Rows"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "placeholder": _("task,priority,skills,people")}),
        help_text=_(
            "A header line, then one item a line: position or task (its id), and priority, skills or people. "
            "Several skills or user names are separated by ;."
        ),
    )
    file = forms.FileField(label=_("or a CSV file"), required=False)

    def items(self) -> list[dict[str, Any]]:
        """The rows by the names of `set_items`; AppError ``items_invalid`` for a header that is not known."""
        given = self.cleaned_data["file"]
        try:
            text = given.read().decode("utf-8-sig") if given else self.cleaned_data["rows"]
        except UnicodeDecodeError as error:
            raise AppError(gettext("The file is not UTF-8 text."), code="items_invalid") from error
        reader = csv.DictReader(io.StringIO(text.strip("\n")))
        header = [name.strip() for name in reader.fieldnames or []]
        wrong = [name for name in header if name not in COLUMNS]
        if wrong or not {"position", "task"} & set(header) or len(header) < 2:
            got = ", ".join(header) or "nothing"
            message = gettext("Expected a header of position or task, and one of %(columns)s; got %(got)s.") % {
                "columns": ", ".join(COLUMNS[2:]),
                "got": got,
            }
            raise AppError(message, code="items_invalid", fields={"rows": [message]})
        reader.fieldnames = header
        rows = [_item_row(row, line) for line, row in enumerate(reader, start=2)]
        if len(rows) > MAX_ROWS:
            raise AppError(
                gettext("Expected at most %(max_rows)s rows, got %(rows)s.")
                % {"max_rows": f"{MAX_ROWS:,}", "rows": f"{len(rows):,}"},
                code="items_invalid",
            )
        return rows


class ShareOutForm(forms.Form):
    people = forms.ModelMultipleChoiceField(
        label=_("Among these people"),
        queryset=User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Each gets equally many items. Nobody chosen: every item is for everybody again."),
    )

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = self.fields["people"]
        assert isinstance(people, forms.ModelMultipleChoiceField)
        people.queryset = annotators_of(project)


class SkillsForm(forms.Form):
    """A line of skills for each annotator of the project."""

    def __init__(self, project: Project, data: Any = None) -> None:
        super().__init__(data)
        self.people = list(annotators_of(project))
        known: dict[int, list[str]] = {person.pk: [] for person in self.people}
        for user, name in project.person_skills.filter(user__in=self.people).values_list("user_id", "name"):
            known[user].append(name)
        for person in self.people:
            self.fields[f"skills-{person.pk}"] = forms.CharField(
                label=str(person), required=False, max_length=2_000, initial=", ".join(known[person.pk])
            )

    def chosen(self) -> dict[User, list[str]]:
        """By person. Call when the form is valid."""
        return {person: self.cleaned_data[f"skills-{person.pk}"].split(",") for person in self.people}


class WithdrawForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=300)


def _initial(plan: CampaignPlan) -> dict[str, Any]:
    names = ("order", "strategy", "scorer", "rerank_every", "deadline", "arm_unit", "pay_per", "pay_amount", "currency")
    variants = plan.arms.get(GUIDELINES, [])
    return {name: getattr(plan, name) for name in names} | {
        "skill_tags": ", ".join(plan.skill_tags),
        "sequence": bool(plan.arms.get(SEQUENCE)),
        "overlay": plan.arms.get(OVERLAY, {}).get("levels", []),
        "guidelines": "\n\n".join(f"# {variant['name']}\n{variant['text']}" for variant in variants),
    }


def _variants(text: str) -> Iterator[dict[str, str]]:
    parts = _HEADING.split(text)
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        yield {"name": name, "text": body.strip()}


def _item_row(row: dict[str | None, Any], line: int) -> dict[str, Any]:
    """One row with numbers as numbers; columns that are empty are left as they are."""
    found: dict[str, Any] = {}
    if row.get(None):
        raise AppError(gettext("Line %(line)s has more cells than the header.") % {"line": line}, code="items_invalid")
    for name in COLUMNS:
        cell = (row.get(name) or "").strip()
        if not cell:
            continue
        if name in ("position", "priority"):
            try:
                found[name] = int(cell) if name == "position" else float(cell)
            except ValueError as error:
                message = gettext("Line %(line)s, %(name)s: expected a number, got %(cell)s.") % {
                    "line": line,
                    "name": name,
                    "cell": cell[:40],
                }
                raise AppError(message, code="items_invalid", fields={"rows": [message]}) from error
        elif name == "task":
            found[name] = cell
        else:
            found[name] = [part.strip() for part in cell.split(";") if part.strip()]
    return found
