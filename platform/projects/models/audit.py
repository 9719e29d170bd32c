"""Who did what, when: append-only."""

from django.conf import settings
from django.db import models

from projects.models.project import Project
from projects.querysets.audit import AuditEventQuerySet


class AuditEvent(models.Model):
    """`verb` is `noun.past_participle`, such as `member.added`; `data` never holds a secret."""

    project = models.ForeignKey(Project, null=True, on_delete=models.CASCADE, related_name="audit_events")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="audit_events"
    )
    verb = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["project", "-id"], name="auditevent_recent")]

    def __str__(self) -> str:
        return f"{self.verb} {self.object_type} {self.object_id}"
