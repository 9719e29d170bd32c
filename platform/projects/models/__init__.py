"""People, projects and who may do what."""

from projects.models.annotator_link import AnnotatorLink
from projects.models.audit import AuditEvent
from projects.models.departure import Departure
from projects.models.erasure import Erasure
from projects.models.invitation import Invitation
from projects.models.notification import Notification
from projects.models.project import Fate, Membership, Project, Role
from projects.models.saved_filter import SavedFilter
from projects.models.site_policy import SignUp, SitePolicy
from projects.models.token import ApiToken, TokenScope
from projects.models.user import Theme, User

__all__ = [
    "AnnotatorLink",
    "ApiToken",
    "AuditEvent",
    "Departure",
    "Erasure",
    "Fate",
    "Invitation",
    "Membership",
    "Notification",
    "Project",
    "Role",
    "SavedFilter",
    "SignUp",
    "SitePolicy",
    "Theme",
    "TokenScope",
    "User",
]
