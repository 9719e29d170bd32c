"""What a study is asked."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotations.models import Campaign
from annotations.studies import acquisition
from annotations.studies.groups import NO_PROXY, PASSES_FROM, RULE, STRENGTH
from annotations.studies.inputs import questions_of, raters_with
from annotations.studies.log_probs import log_probs_of
from annotations.studies.outcomes import LENGTH_OUTCOME, outcomes_of
from annotations.studies.preference_loss import NO_REFERENCE, read_asked
from projects.models import Project
from rewards.models import Judgment, Policy, Rater
from rewards.preferences import LOSSES
from workers.forms.scorer import parameter_field
from workers.sources.log_ratio import LOG_PROB, LOG_PROB_BASELINE

METRICS = [
    ("ordinal", _("Ordinal: levels in order")),
    ("interval", _("Interval: distances count")),
    ("nominal", _("Nominal: the same or not")),
]


KNOWN_KINDS = (Judgment.Kind.RATING, Judgment.Kind.COMPARISON, Judgment.Kind.VERDICTS, Judgment.Kind.STEPS)
"""Kinds of judgment whose answers are right or wrong."""

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    RatersField = forms.ModelMultipleChoiceField[Rater]
    RaterField = forms.ModelChoiceField[Rater]
    CampaignField = forms.ModelChoiceField[Campaign]
else:
    RatersField = forms.ModelMultipleChoiceField
    RaterField = CampaignField = forms.ModelChoiceField


class RaterChoice(RatersField):
    def __init__(self, label: "str | _StrPromise") -> None:
        super().__init__(
            queryset=Rater.objects.none(),
            required=False,
            label=label,
            help_text=_("Leave all unticked to take every rater."),
            widget=forms.CheckboxSelectMultiple,
        )

    def label_from_instance(self, rater: Any) -> str:
        return f"{rater.name} ({rater.get_kind_display().lower()})"


class StudyForm(forms.Form):
    """What all kinds share."""

    kind = ""
    question = forms.ChoiceField(label=_("Question"), required=False, help_text=_("Which rating question counts."))
    seed = forms.IntegerField(
        label=_("Seed"),
        initial=0,
        required=False,
        min_value=0,
        max_value=2**31 - 1,
        help_text=_("Of the bootstrap: the same seed draws the same."),
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
    rating_raters = RaterChoice(_("Ratings of"))
    comparison_raters = RaterChoice(_("Comparisons of"))
    field_order = ["question", "rating_raters", "comparison_raters", "seed"]

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        for field, judged in (("rating_raters", Judgment.Kind.RATING), ("comparison_raters", Judgment.Kind.COMPARISON)):
            self.offer(field, raters_with(project, judged))


class AgreementForm(StudyForm):
    kind = "agreement"
    protocol = forms.ChoiceField(
        label=_("Protocol"),
        choices=[
            (Judgment.Kind.RATING, _("Ratings of an output")),
            (Judgment.Kind.COMPARISON, _("Comparisons of a pair")),
            (Judgment.Kind.VERDICTS, _("Verdicts on a criterion")),
        ],
    )
    metric = forms.ChoiceField(
        label=_("Metric"), choices=METRICS, help_text=_("How far two different answers are apart.")
    )
    raters = RaterChoice(_("Raters"))
    field_order = ["protocol", "metric", "question", "raters", "seed"]

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        judging = project.judgments.filter(withdrawn_at__isnull=True).values("rater")
        self.offer("raters", Rater.objects.filter(pk__in=judging).order_by("kind", "name"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("protocol") == Judgment.Kind.COMPARISON and cleaned.get("metric") not in (None, "nominal"):
            self.add_error("metric", gettext("Which of two outputs is preferred has no distances: choose nominal."))
        return cleaned


class AccuracyForm(StudyForm):
    kind = "accuracy"
    comparison_raters = RaterChoice(_("Comparisons of"))
    field_order = ["comparison_raters", "seed"]

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        del self.fields["question"]
        people = raters_with(project, Judgment.Kind.COMPARISON).exclude(kind=Rater.Kind.SCORER)
        self.offer("comparison_raters", people)


class DenseForm(StudyForm):
    kind = "dense"
    span_raters = RaterChoice(_("Spans of"))
    field_order = ["span_raters", "seed"]

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        del self.fields["question"]
        self.offer("span_raters", raters_with(project, Judgment.Kind.SPANS).exclude(kind=Rater.Kind.SCORER))


class GroupsForm(StudyForm):
    """What is left empty takes its default."""

    kind = "groups"
    outcome = forms.ChoiceField(
        label=_("Outcome"), required=False, help_text=_("One number an output: of a verifier, a judge or people.")
    )
    passes_from = forms.FloatField(
        required=False,
        initial=PASSES_FROM,
        label=_("Right from"),
        help_text=_("The least outcome that counts as right, for success rates and pass@k."),
        widget=forms.NumberInput({"step": "any"}),
    )
    proxy = forms.ChoiceField(
        label=_("Proxy"),
        required=False,
        help_text=_("By which the best of n would be chosen, such as a reward model or the length."),
    )
    policy = forms.ModelChoiceField(
        Policy.objects.none(),
        label=_("Policy"),
        required=False,
        empty_label=_("All"),
        help_text=_("Whose outputs make the groups."),
    )
    field_order = ["outcome", "passes_from", "proxy", "policy", "rule", "strength", "seed"]

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        del self.fields["question"]
        self._outcomes = [(outcome.key, outcome.label) for outcome in outcomes_of(project)]
        self.choose("outcome", self._outcomes)
        self.choose("proxy", [(NO_PROXY, "None"), *self._outcomes, LENGTH_OUTCOME])
        policy = self.fields["policy"]
        assert isinstance(policy, forms.ModelChoiceField)
        policy.queryset = Policy.objects.filter(project=project).order_by("name")
        for parameter in (RULE, STRENGTH):
            self.fields[parameter.name] = parameter_field(parameter)
            self.fields[parameter.name].required = False
        self.order_fields(self.field_order)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self._outcomes:
            self.add_error(
                "outcome", gettext("No outcome is stored: score outputs by a verifier, or have people rate them.")
            )
        if self.errors:
            return cleaned
        cleaned["outcome"] = cleaned["outcome"] or self._outcomes[0][0]
        cleaned["proxy"] = cleaned["proxy"] or NO_PROXY
        cleaned["policy"] = cleaned["policy"].pk if cleaned["policy"] else 0
        cleaned["rule"] = cleaned["rule"] or RULE.default
        for name, default in (("passes_from", PASSES_FROM), ("strength", STRENGTH.default)):
            cleaned[name] = default if cleaned[name] is None else cleaned[name]
        return cleaned


class PreferenceLossForm(StudyForm):
    """Pairs, two models' log-probs, and `<loss>.<parameter>` for each loss; what is left empty takes its default."""

    kind = "preference_loss"
    policy_log_probs = forms.ChoiceField(
        required=False,
        label=_("Log-probs of the policy"),
        help_text=_("Of each token, stored by a scorer such as Log-ratio of two views."),
    )
    reference_log_probs = forms.ChoiceField(
        required=False,
        label=_("Log-probs of the reference"),
        help_text=_("On the tokens of the same tokenizer. Without one only SimPO is worked out."),
    )
    comparison_raters = RaterChoice(_("Pairs of"))
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
            self.add_error(
                "policy_log_probs", gettext("No log-probs of tokens are stored: score outputs by a log-ratio first.")
            )
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


class QualityForm(StudyForm):
    kind = "quality"
    campaign = CampaignField(label=_("Campaign"), queryset=Campaign.objects.none())
    known_rater = RaterField(
        queryset=Rater.objects.none(),
        required=False,
        label=_("Answers that count as right"),
        empty_label=_("Nobody's"),
        help_text=_("Of an expert, or gold answers from an import: everybody else is measured by them."),
    )
    field_order = ["campaign", "known_rater", "seed"]

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        del self.fields["question"]
        campaign, known = self.fields["campaign"], self.fields["known_rater"]
        assert isinstance(campaign, forms.ModelChoiceField)
        assert isinstance(known, forms.ModelChoiceField)
        campaign.queryset = Campaign.objects.of(project).exclude(status=Campaign.Status.DRAFT).order_by("-id")
        known.queryset = Rater.objects.who_gave(project, KNOWN_KINDS)

    def parameters(self) -> dict[str, Any]:
        found = super().parameters()
        return {**found, "campaign": found["campaign"].pk, "known_rater": getattr(found["known_rater"], "pk", None)}


class AcquisitionForm(StudyForm):
    kind = "acquisition"
    game = forms.ChoiceField(
        label=_("What is asked"),
        choices=[
            (acquisition.PAIRS, _("Pairs: which of two is better")),
            (acquisition.RATINGS, _("Ratings: how good is one output, with noise that differs by output")),
            (acquisition.JUDGES, _("Judge or people: who answers an item, where the judge errs by kind of item")),
            (acquisition.ITEMS, _("Items: which of those that judges have scored people should answer")),
        ],
    )
    source = forms.ChoiceField(
        label=_("Options"),
        choices=[
            (acquisition.SIMULATED, _("Simulated")),
            (acquisition.POLICIES, _("This project's policies, as far as they were compared")),
        ],
        help_text=_("Of pairs. Ratings are of simulated outputs, and judges err on simulated kinds of item."),
    )
    options = forms.IntegerField(initial=8, min_value=2, max_value=30, label=_("Number of simulated options"))
    temperature = forms.FloatField(
        initial=1.0,
        min_value=0.05,
        max_value=20,
        label=_("Noise"),
        help_text=_(
            "Of answers, in the unit in which the options' qualities spread; of judges, the error that is borne."
        ),
    )
    lapse = forms.FloatField(
        initial=0.1,
        min_value=0,
        max_value=0.9,
        label=_("Blind answers"),
        help_text=_("Share of comparisons made by chance."),
    )
    answers = forms.IntegerField(label=_("Answers"), initial=500, min_value=20, max_value=2_000)
    repeats = forms.IntegerField(initial=20, min_value=2, max_value=50, label=_("Games a strategy"))
    field_order = ["game", "source", "options", "temperature", "lapse", "answers", "repeats", "seed"]

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(project, *args, **kwargs)
        del self.fields["question"]
        self.fields["seed"].help_text = "Of options and answers: the same seed plays the same games."


FORMS: dict[str, type[StudyForm]] = {
    form.kind: form
    for form in (
        ConsistencyForm,
        AgreementForm,
        AccuracyForm,
        DenseForm,
        GroupsForm,
        PreferenceLossForm,
        QualityForm,
        AcquisitionForm,
    )
}
