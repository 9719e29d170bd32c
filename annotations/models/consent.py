"""What a campaign asks people to agree to before their first item, and who did."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotations.models.campaign import Campaign
from projects.models import Project


class ConsentText(models.Model):
    """One immutable version; the one with the highest number is in force. An empty text asks for nothing any more."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="consent_texts")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="consent_texts")
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="consent_texts"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="consenttext_one_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="consenttext_from_one"),
        ]

    def __str__(self) -> str:
        return f"consent text {self.number} of campaign {self.campaign_id}"


class Consent(models.Model):
    """That a person agreed to one version, and when; never changed."""

    text = models.ForeignKey(ConsentText, on_delete=models.CASCADE, related_name="consents")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="consents")
    agreed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["text", "user"], name="consent_once")]

    def __str__(self) -> str:
        return f"{self.user_id} agreed to {self.text_id}"
