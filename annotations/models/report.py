"""What annotators say about an item besides answering it: that it is broken, or that they need help."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotations.models.assignment import Assignment
from annotations.models.campaign import Campaign
from projects.models import Project
from rewards.models import Output


class ItemReport(models.Model):
    """One remark by whoever has the item, for those who lead the campaign; what is answered to the item stands alone.

    It may point at words: `output`, `message`, `start` and `end` are then all set, in code points of the message.
    """

    class Kind(models.TextChoices):
        FLAG = "flag", _("Broken item")
        HELP = "help", _("Asks for help")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="item_reports")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="reports")
    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="reports")
    kind = models.CharField(max_length=4, choices=Kind)
    text = models.TextField()
    output = models.ForeignKey(Output, null=True, on_delete=models.CASCADE, related_name="reports")
    message = models.PositiveIntegerField(null=True)
    start = models.PositiveIntegerField(null=True)
    end = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="resolved_reports"
    )
    reply = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["flag", "help"]), name="itemreport_kind_known"),
            models.CheckConstraint(condition=~Q(text=""), name="itemreport_says_something"),
            models.CheckConstraint(
                condition=Q(output__isnull=True, message__isnull=True, start__isnull=True, end__isnull=True)
                | Q(output__isnull=False, message__isnull=False, start__isnull=False, end__gt=models.F("start")),
                name="itemreport_anchor_whole",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=False) | Q(resolved_by__isnull=True, reply=""),
                name="itemreport_reply_resolves",
            ),
        ]
        indexes = [
            models.Index(fields=["campaign", "-id"], condition=Q(resolved_at__isnull=True), name="itemreport_open"),
            models.Index(fields=["campaign", "-id"], name="itemreport_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of assignment {self.assignment_id}"

    @property
    def quote(self) -> str:
        """The words it points at; empty where it points at none."""
        if self.output is None or self.message is None:
            return ""
        return str(self.output.messages[self.message]["text"][self.start : self.end])
