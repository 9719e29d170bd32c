"""The answers that a judgment carries, one table a kind."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from rewards.models.judgment import Judgment
from rewards.models.output import Output
from rewards.models.rubric import Criterion
from rewards.models.signal import Segmentation
from rewards.querysets.verdict import VerdictQuerySet


class Verdict(models.Model):
    """One criterion's answer. Not applicable and unscored carry no value: they are not zero."""

    class State(models.TextChoices):
        SCORED = "scored", _("Scored")
        NOT_APPLICABLE = "not_applicable", _("Not applicable")
        UNSCORED = "unscored", _("Unscored")

    judgment = models.ForeignKey(Judgment, on_delete=models.CASCADE, related_name="verdicts")
    criterion = models.ForeignKey(Criterion, on_delete=models.RESTRICT, related_name="verdicts")
    state = models.CharField(max_length=14, choices=State, default=State.SCORED)
    label = models.CharField(max_length=200, blank=True)
    value = models.FloatField(null=True)
    """Binary: probability that it is met, or 0/1; ordinal: expected level value; nominal: value of the level."""
    probabilities = models.JSONField(null=True)
    """Over the offered answers: `{label: probability}`."""
    prior = models.JSONField(null=True)
    """The same with a content-free output."""
    reason = models.CharField(max_length=300, blank=True)
    """Why it is unscored."""
    explanation = models.TextField(blank=True)

    objects = VerdictQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["judgment", "criterion"], name="verdict_one_per_criterion"),
            models.CheckConstraint(
                condition=Q(state="scored", value__isnull=False)
                | Q(state__in=["not_applicable", "unscored"], value__isnull=True),
                name="verdict_value_iff_scored",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.criterion_id}: {self.label or self.value}"


class Rating(models.Model):
    """A number on a stated scale, for the whole output or for one criterion; `value` null: not applicable."""

    judgment = models.ForeignKey(Judgment, on_delete=models.CASCADE, related_name="ratings")
    question = models.SlugField(max_length=80, default="overall")
    criterion = models.ForeignKey(Criterion, null=True, on_delete=models.RESTRICT, related_name="ratings")
    value = models.FloatField(null=True)
    scale_low = models.FloatField(default=1)
    scale_high = models.FloatField(default=7)
    probabilities = models.JSONField(null=True)
    """Over the offered numbers, where a model's were read: `{label: probability}`."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["judgment", "question"], name="rating_one_per_question"),
            models.CheckConstraint(
                condition=Q(value__isnull=True) | Q(value__gte=F("scale_low"), value__lte=F("scale_high")),
                name="rating_on_scale",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.question}: {self.value}"


class Comparison(models.Model):
    """Which of two outputs is better. A and B are the outputs, not the sides: the sides are in `presentation`.

    A and B may be the same output: data sets that know outputs by their text alone compare a text with itself.
    """

    class Choice(models.TextChoices):
        A = "a", "A"
        B = "b", "B"
        TIE = "tie", _("Tie")

    class TieKind(models.TextChoices):
        NONE = "", "-"
        EQUAL = "equal", _("Equal")
        BOTH_GOOD = "both_good", _("Both good")
        BOTH_BAD = "both_bad", _("Both bad")
        CANNOT_TELL = "cannot_tell", _("Cannot tell")
        FLIP = "flip", _("Changed with the order")

    judgment = models.OneToOneField(Judgment, primary_key=True, on_delete=models.CASCADE, related_name="comparison")
    output_a = models.ForeignKey(Output, on_delete=models.RESTRICT, related_name="comparisons_as_a")
    output_b = models.ForeignKey(Output, on_delete=models.RESTRICT, related_name="comparisons_as_b")
    choice = models.CharField(max_length=3, choices=Choice)
    tie_kind = models.CharField(max_length=11, choices=TieKind, blank=True)
    strength = models.PositiveSmallIntegerField(null=True)
    """Steps away from the middle in a 5- or 7-step question; null in a 3-step one."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(choice="tie") & ~Q(tie_kind="") | Q(choice__in=["a", "b"], tie_kind=""),
                name="comparison_tie_kind_iff_tie",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.output_a_id} / {self.output_b_id}: {self.choice}"


class Ranking(models.Model):
    """An order of several outputs, ties allowed."""

    judgment = models.OneToOneField(Judgment, primary_key=True, on_delete=models.CASCADE, related_name="ranking")

    def __str__(self) -> str:
        return f"ranking #{self.judgment_id}"


class RankedOutput(models.Model):
    """One output's place; 1 is best and tied outputs share a tier."""

    ranking = models.ForeignKey(Ranking, on_delete=models.CASCADE, related_name="places")
    output = models.ForeignKey(Output, on_delete=models.RESTRICT, related_name="ranked_in")
    tier = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ranking", "output"], name="rankedoutput_once"),
            models.CheckConstraint(condition=Q(tier__gte=1), name="rankedoutput_tier_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.output_id} at {self.tier}"


class SpanMark(models.Model):
    """A marked stretch of one message, in Unicode code points of the text whose SHA-256 is kept beside it."""

    judgment = models.ForeignKey(Judgment, on_delete=models.CASCADE, related_name="spans")
    output = models.ForeignKey(Output, on_delete=models.RESTRICT, related_name="span_marks")
    message = models.PositiveSmallIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    text_sha256 = models.CharField(max_length=64)
    quote = models.TextField()
    type = models.CharField(max_length=80)
    severity = models.CharField(max_length=40, blank=True)
    value = models.FloatField(null=True)
    explanation = models.TextField(blank=True)
    criterion = models.ForeignKey(Criterion, null=True, on_delete=models.RESTRICT, related_name="evidence")
    """Set where the span is evidence for a criterion's verdict."""
    origin = models.ForeignKey("self", null=True, on_delete=models.RESTRICT, related_name="revisions")
    """The model's or other rater's mark that this one accepts or overrides."""

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="spanmark_not_empty"),
            models.CheckConstraint(condition=~Q(type=""), name="spanmark_has_type"),
        ]
        indexes = [models.Index(fields=["output", "type"], name="spanmark_of_output")]

    def __str__(self) -> str:
        return f"{self.type} {self.message}:{self.start}-{self.end}"


class StepLabel(models.Model):
    """A process label on one step of a segmentation: +1 correct, 0 neutral, -1 wrong."""

    judgment = models.ForeignKey(Judgment, on_delete=models.CASCADE, related_name="steps")
    segmentation = models.ForeignKey(Segmentation, on_delete=models.RESTRICT, related_name="step_labels")
    step = models.PositiveIntegerField()
    label = models.SmallIntegerField()
    is_first_error = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["judgment", "segmentation", "step"], name="steplabel_one_per_step"),
            models.CheckConstraint(condition=Q(label__in=[-1, 0, 1]), name="steplabel_known"),
        ]

    def __str__(self) -> str:
        return f"step {self.step}: {self.label:+d}"


class Critique(models.Model):
    """Words about an output: what is missing, a correction, a comment."""

    class Kind(models.TextChoices):
        COMMENT = "comment", _("Comment")
        MISSING = "missing", _("Missing information")
        EDIT = "edit", _("Corrected text")
        USER_VOICE = "user_voice", _("As a user would say it")
        REVIEWER_VOICE = "reviewer_voice", _("As a reviewer would say it")
        SUMMARY = "summary", _("In a few words")

    judgment = models.ForeignKey(Judgment, on_delete=models.CASCADE, related_name="critiques")
    kind = models.CharField(max_length=14, choices=Kind)
    text = models.TextField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["comment", "missing", "edit", "user_voice", "reviewer_voice", "summary"]),
                name="critique_kind_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text[:40]}"
