"""Raters: whoever judges, a person or a scorer."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from projects.models import Project
from rewards.querysets.rater import RaterQuerySet


class Rater(models.Model):
    """A person of the project, a scorer, or a rater that an imported file names."""

    class Kind(models.TextChoices):
        PERSON = "person", _("Person")
        SCORER = "scorer", _("Scorer")
        EXTERNAL = "external", _("From an import")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="raters")
    kind = models.CharField(max_length=8, choices=Kind)
    name = models.CharField(max_length=200)
    pseudonym = models.CharField(max_length=40)
    """What exports and other raters see, such as `rater-3`."""
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="raters"
    )
    scorer_hash = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - null: not a scorer
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RaterQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "user"], condition=Q(user__isnull=False), name="rater_one_per_user"
            ),
            models.UniqueConstraint(
                fields=["project", "scorer_hash"],
                condition=Q(scorer_hash__isnull=False),
                name="rater_one_per_scorer",
            ),
            models.UniqueConstraint(
                fields=["project", "name"], condition=Q(kind="external"), name="rater_one_external_name"
            ),
            models.UniqueConstraint(fields=["project", "pseudonym"], name="rater_one_pseudonym"),
            models.CheckConstraint(
                condition=Q(kind="scorer", scorer_hash__isnull=False, user__isnull=True)
                | Q(kind="person", scorer_hash__isnull=True)
                | Q(kind="external", scorer_hash__isnull=True, user__isnull=True),
                name="rater_kind_fits",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        """What readers of the project see: people stand behind their pseudonym."""
        return self.pseudonym if self.kind == self.Kind.PERSON else self.name
