"""Items whose right answer is known, and how people's answers to them compared."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotations.models.assignment import Submission
from annotations.models.campaign import Campaign, CampaignItem, CampaignProtocol
from annotations.querysets.check import CheckResultQuerySet
from projects.models import Project


class GoldAnswer(models.Model):
    """One immutable version of the right answer to an item; a changed one is a new version, and results keep theirs.

    `CampaignItem.gold` names the version in force.
    """

    class Origin(models.TextChoices):
        ANSWERED = "answered", _("Answered on the page")
        AGREED = "agreed", _("Agreed by those who answered")
        IMPORTED = "imported", _("Imported")
        EDITED = "edited", _("Changed by hand")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="gold_answers")
    item = models.ForeignKey(CampaignItem, on_delete=models.CASCADE, related_name="gold_versions")
    number = models.PositiveIntegerField()
    protocol = models.ForeignKey(CampaignProtocol, on_delete=models.RESTRICT, related_name="gold_answers")
    answer = models.JSONField()
    """By question, in the labels of `order`."""
    order = models.JSONField()
    """Output ids by label: the first one is A."""
    seed = models.BigIntegerField(default=0)
    """Of the sides of pairs, as in an assignment."""
    explanation = models.TextField(blank=True)
    pass_marks = models.JSONField(default=dict)
    """By question, where it is not the protocol's own: the least score that counts as right."""
    origin = models.CharField(max_length=8, choices=Origin)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="gold_answers"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "number"], name="goldanswer_one_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="goldanswer_from_one"),
            models.CheckConstraint(
                condition=Q(origin__in=["answered", "agreed", "imported", "edited"]), name="goldanswer_origin_known"
            ),
        ]

    def __str__(self) -> str:
        return f"gold answer {self.number} of item {self.item_id}"


class CheckResult(models.Model):
    """How one submit to an item that checks compared; it stands as long as its submission does.

    Exactly one of `gold` and `earlier` is set: what it was compared with.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="check_results")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="check_results")
    item = models.ForeignKey(CampaignItem, on_delete=models.CASCADE, related_name="check_results")
    submission = models.OneToOneField(Submission, on_delete=models.CASCADE, related_name="check_result")
    kind = models.CharField(max_length=13, choices=CampaignItem.Kind)
    attempt = models.PositiveSmallIntegerField(default=1)
    """Of the qualification."""
    gold = models.ForeignKey(GoldAnswer, null=True, on_delete=models.RESTRICT, related_name="results")
    earlier = models.ForeignKey(Submission, null=True, on_delete=models.CASCADE, related_name="repeated_by")
    scores = models.JSONField()
    """By question: `{"score": 0 to 1 or null, "passed": bool or null}`; null where nothing could be compared."""
    passed = models.BooleanField(null=True)
    """Every compared question; null where none could be."""
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CheckResultQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(gold__isnull=False, earlier__isnull=True) | Q(gold__isnull=True, earlier__isnull=False),
                name="checkresult_compared_with_one",
            ),
        ]
        indexes = [models.Index(fields=["campaign", "user", "kind"], name="checkresult_person")]

    def __str__(self) -> str:
        return f"{self.kind} result of submission {self.submission_id}"
