"""A filter that somebody gave a name."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from projects.models.project import Project


class SavedFilter(models.Model):
    """The query of a list's address, such as ``policy=3&judged=no``, kept by one person for one list of one project.

    Items of campaigns are filtered alike in all of them.
    """

    class List(models.TextChoices):
        TASKS = "tasks", _("Tasks")
        ITEMS = "items", _("Items of campaigns")
        AUDIT = "audit", _("Audit log")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="saved_filters")
    of_list = models.CharField(max_length=20, choices=List)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "project", "of_list", "name"], name="savedfilter_one_name"),
            models.CheckConstraint(
                condition=models.Q(of_list__in=["tasks", "items", "audit"]), name="savedfilter_list_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name
