"""People, projects and who may do what."""

from projects.models.audit import AuditEvent
from projects.models.invitation import Invitation
from projects.models.project import Membership, Project, Role
from projects.models.token import ApiToken, TokenScope
from projects.models.user import Theme, User

__all__ = [
    "ApiToken",
    "AuditEvent",
    "Invitation",
    "Membership",
    "Project",
    "Role",
    "Theme",
    "TokenScope",
    "User",
]
