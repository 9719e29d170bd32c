"""The audit log, written by every app."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Model

from projects.models import AuditEvent, Project, User


def record_event(
    *,
    actor: User | None,
    verb: str,
    project: Project | None = None,
    target: Model | None = None,
    data: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Append who did what; call it inside the transaction of the write it tells of.

    Parameters
    ----------
    actor : User | None
        Who did it; None for the machine itself.
    verb : str
        ``noun.past_participle``, such as ``"member.added"``.
    project : Project | None
        Where; None for what concerns the account only.
    target : Model | None
        The row it was done to; its table and id are kept, so that the row may go.
    data : Mapping[str, Any] | None
        What a reader needs to understand it, as JSON. Never a secret.
    """
    return AuditEvent.objects.create(
        project=project,
        actor=actor,
        verb=verb,
        object_type=target._meta.model_name or "" if target is not None else "",
        object_id=str(target.pk) if target is not None else "",
        data=dict(data or {}),
    )
