"""What a study is asked."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet

from annotations.studies.inputs import questions_of, raters_with
from projects.models import Project
from rewards.models import Judgment, Rater

METRICS = [
    ("ordinal", "Ordinal: levels in order"),
    ("interval", "Interval: distances count"),
    ("nominal", "Nominal: the same or not"),
]


if TYPE_CHECKING:
    RatersField = forms.ModelMultipleChoiceField[Rater]
else:
    RatersField = forms.ModelMultipleChoiceField


class RaterChoice(RatersField):
    def __init__(self, label: str) -> None:
        super().__init__(
            queryset=Rater.objects.none(),
            required=False,
            label=label,
            help_text="Leave all unticked to take every rater.",
            widget=forms.CheckboxSelectMultiple,
        )

    def label_from_instance(self, rater: Any) -> str:
        return f"{rater.name} ({rater.get_kind_display().lower()})"


class StudyForm(forms.Form):
    """What all kinds share."""

    kind = ""
    question = forms.ChoiceField(required=False, help_text="Which rating question counts.")
    seed = forms.IntegerField(
        initial=0,
        required=False,
        min_value=0,
        max_value=2**31 - 1,
        help_text="Of the bootstrap: the same seed draws the same.",
    )

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choose("question", [(name, name) for name in questions_of(project) or ["overall"]])

    def choose(self, field: str, choices: list[tuple[str, str]]) -> None:
        choice = self.fields[field]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = choices

    def offer(self, field: str, raters: QuerySet[Rater]) -> None:
        choice = self.fields[field]
        assert isinstance(choice, RaterChoice)
        choice.queryset = raters

    def parameters(self) -> dict[str, Any]:
        """The study's parameters, as plain JSON."""
        found = dict(self.cleaned_data)
        found["seed"] = found["seed"] or 0
        if "question" in found:
            found["question"] = found["question"] or "overall"
        for name, value in found.items():
            if name.endswith("raters"):
                found[name] = [rater.pk for rater in value]
        return found


class ConsistencyForm(StudyForm):
    kind = "consistency"
    rating_raters = RaterChoice("Ratings of")
    comparison_raters = RaterChoice("Comparisons of")
    field_order = ["question", "rating_raters", "comparison_raters", "seed"]

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        for field, judged in (("rating_raters", Judgment.Kind.RATING), ("comparison_raters", Judgment.Kind.COMPARISON)):
            self.offer(field, raters_with(project, judged))


class AgreementForm(StudyForm):
    kind = "agreement"
    protocol = forms.ChoiceField(
        choices=[
            (Judgment.Kind.RATING, "Ratings of an output"),
            (Judgment.Kind.COMPARISON, "Comparisons of a pair"),
            (Judgment.Kind.VERDICTS, "Verdicts on a criterion"),
        ]
    )
    metric = forms.ChoiceField(choices=METRICS, help_text="How far two different answers are apart.")
    raters = RaterChoice("Raters")
    field_order = ["protocol", "metric", "question", "raters", "seed"]

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        judging = project.judgments.filter(withdrawn_at__isnull=True).values("rater")
        self.offer("raters", Rater.objects.filter(pk__in=judging).order_by("kind", "name"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("protocol") == Judgment.Kind.COMPARISON and cleaned.get("metric") not in (None, "nominal"):
            self.add_error("metric", "Which of two outputs is preferred has no distances: choose nominal.")
        return cleaned


class AccuracyForm(StudyForm):
    kind = "accuracy"
    comparison_raters = RaterChoice("Comparisons of")
    field_order = ["comparison_raters", "seed"]

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        del self.fields["question"]
        people = raters_with(project, Judgment.Kind.COMPARISON).exclude(kind=Rater.Kind.SCORER)
        self.offer("comparison_raters", people)


class DenseForm(StudyForm):
    kind = "dense"
    span_raters = RaterChoice("Spans of")
    field_order = ["span_raters", "seed"]

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        del self.fields["question"]
        self.offer("span_raters", raters_with(project, Judgment.Kind.SPANS).exclude(kind=Rater.Kind.SCORER))


FORMS: dict[str, type[StudyForm]] = {
    form.kind: form for form in (ConsistencyForm, AgreementForm, AccuracyForm, DenseForm)
}
