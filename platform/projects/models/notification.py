"""What a person is told about: a run that ended, a campaign to answer in, a project joined."""

from django.conf import settings
from django.db import models

from projects.models.project import Project
from projects.querysets.notification import NotificationQuerySet


class Notification(models.Model):
    """One line for one person. `data` holds the words of the line; `kind` says how it reads (projects.notices)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    project = models.ForeignKey(Project, null=True, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    url = models.CharField(max_length=500, blank=True)
    """A path on this server."""
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)
    mail_due = models.BooleanField(default=False)
    """Waits to be sent by e-mail; cleared by who sends it, so that it is sent once, and set again where it cannot."""

    objects = NotificationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["user", "-id"], name="notification_recent"),
            models.Index(fields=["id"], condition=models.Q(mail_due=True), name="notification_mail_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"
