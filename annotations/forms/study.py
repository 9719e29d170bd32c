"""What a study is asked."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet

from annotations.studies.inputs import questions_of, raters_with
from annotations.studies.log_probs import log_probs_of
from annotations.studies.preference_loss import NO_REFERENCE, read_asked
from projects.models import Project
from rewards.models import Judgment, Rater
from rewards.preferences import LOSSES
from workers.forms.scorer import parameter_field
from workers.sources.log_ratio import LOG_PROB, LOG_PROB_BASELINE

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


class PreferenceLossForm(StudyForm):
    """Pairs, two models' log-probs, and `<loss>.<parameter>` for each loss; what is left empty takes its default."""

    kind = "preference_loss"
    policy_log_probs = forms.ChoiceField(
        required=False,
        label="Log-probs of the policy",
        help_text="Of each token, stored by a scorer such as Log-ratio of two views.",
    )
    reference_log_probs = forms.ChoiceField(
        required=False,
        label="Log-probs of the reference",
        help_text="On the tokens of the same tokenizer. Without one only SimPO is worked out.",
    )
    comparison_raters = RaterChoice("Pairs of")
    field_order = ["policy_log_probs", "reference_log_probs", "comparison_raters", "seed"]

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        del self.fields["question"]
        self.fields["comparison_raters"].help_text = "Leave all unticked to take the pairs of all people."
        self.offer("comparison_raters", raters_with(project, Judgment.Kind.COMPARISON))
        self._stored = log_probs_of(project)
        named = [(stored.choice.key, stored.label) for stored in self._stored]
        self.choose("policy_log_probs", named)
        self.choose("reference_log_probs", [*named, (NO_REFERENCE, "None")])
        self.fields["policy_log_probs"].initial = self._default_policy()
        self.fields["reference_log_probs"].initial = self._default_reference(self._default_policy())
        for loss in LOSSES.values():
            for parameter in loss.parameters:
                field = parameter_field(parameter)
                field.required = False
                self.fields[f"{loss.name}.{parameter.name}"] = field

    def groups(self) -> Iterator[tuple[str, str, list[forms.BoundField]]]:
        """Name, formula and fields of each loss."""
        for loss in LOSSES.values():
            yield loss.label, loss.formula, [self[f"{loss.name}.{one.name}"] for one in loss.parameters]

    def ungrouped(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if "." not in name]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self._stored:
            self.add_error("policy_log_probs", "No log-probs of tokens are stored: score outputs by a log-ratio first.")
        if self.errors:
            return cleaned
        cleaned["policy_log_probs"] = cleaned["policy_log_probs"] or self._default_policy()
        policy = cleaned["policy_log_probs"]
        cleaned["reference_log_probs"] = cleaned["reference_log_probs"] or self._default_reference(policy)
        for loss in LOSSES.values():
            for parameter in loss.parameters:
                name = f"{loss.name}.{parameter.name}"
                if cleaned[name] is None:
                    cleaned[name] = parameter.default
        try:
            read_asked(self.parameters())
        except ValueError as error:
            self.add_error("reference_log_probs", f"{str(error)[:1].upper()}{str(error)[1:]}.")
        return cleaned

    def _default_policy(self) -> str:
        """The model whose scorer also holds a reference's log-probs, else the first one."""
        with_reference = {stored.choice.rater_id for stored in self._stored if stored.is_of_reference}
        ranked = sorted(self._stored, key=lambda stored: stored.choice.rater_id not in with_reference)
        models = [stored.choice.key for stored in ranked if stored.choice.channel == LOG_PROB]
        return models[0] if models else next((stored.choice.key for stored in ranked), "")

    def _default_reference(self, policy: str) -> str:
        """What the policy's own scorer compared it with."""
        choices = {stored.choice.key: stored.choice for stored in self._stored}
        own = choices[policy]._replace(channel=LOG_PROB_BASELINE).key if policy in choices else ""
        return own if own in choices and own != policy else NO_REFERENCE


FORMS: dict[str, type[StudyForm]] = {
    form.kind: form for form in (ConsistencyForm, AgreementForm, AccuracyForm, DenseForm, PreferenceLossForm)
}
