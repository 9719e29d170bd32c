"""What a project may spend on models that cost money."""

from django.db import models
from django.db.models import Q

from projects.models import Project


class ProjectBudget(models.Model):
    """At most one a project; where there is none, only runs and endpoints bound the cost."""

    project = models.OneToOneField(Project, primary_key=True, on_delete=models.CASCADE, related_name="model_budget")
    amount = models.FloatField()
    """In the currency of the endpoints' prices."""
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount__gte=0), name="projectbudget_not_negative")]

    def __str__(self) -> str:
        return f"budget of {self.project}"
