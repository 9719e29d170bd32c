"""People who are gone, while what they left is still being erased."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Departure(models.Model):
    """Where somebody's work has to go, and under which fate; a worker goes on with it until nothing is left."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="departure")
    """A pseudonym already: see `User.left_at`."""
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="departures_asked"
    )
    fates = models.JSONField(default=dict)
    """`projects.models.Fate` by the key of the project, as the person was shown it."""
    letter_to = models.TextField(blank=True)
    """The address that hears when all is gone, encrypted; emptied before that letter leaves."""
    asked_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True) | Q(letter_to=""), name="departure_forgets_address"
            ),
        ]
        indexes = [
            models.Index(fields=["asked_at"], condition=Q(finished_at__isnull=True), name="departure_under_way"),
        ]

    def __str__(self) -> str:
        return f"departure of {self.user_id}"
