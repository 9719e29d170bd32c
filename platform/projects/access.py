"""Who may see and do what: the only door to a project, for pages, API and sockets alike.

A role is a set of capabilities and no rank: an annotator annotates but must never read policy names or other
people's answers, a viewer reads all of it but does not annotate.
"""

from django.db import models
from django.http import Http404
from django.utils.translation import gettext

from projects.errors import AppError
from projects.models import (
    AnnotatorLink,
    ApiToken,
    Invitation,
    Membership,
    Notification,
    Project,
    Role,
    SavedFilter,
    User,
)
from projects.querysets.notification import NotificationQuerySet
from projects.querysets.project import ProjectQuerySet


class Capability(models.TextChoices):
    VIEW = "view", "Read tasks, outputs, judgments, runs and results"
    ANNOTATE = "annotate", "Answer in campaigns"
    MANAGE = "manage", "Import, change and export data, start runs, lead campaigns"
    OWN = "own", "Change members and settings"


CAPABILITIES: dict[str, frozenset[Capability]] = {
    Role.OWNER: frozenset(Capability),
    Role.MANAGER: frozenset({Capability.VIEW, Capability.ANNOTATE, Capability.MANAGE}),
    Role.ANNOTATOR: frozenset({Capability.ANNOTATE}),
    Role.VIEWER: frozenset({Capability.VIEW}),
}


def roles_with(capability: Capability) -> list[str]:
    """The roles that hold `capability`, for queries over memberships."""
    return [role for role, capabilities in CAPABILITIES.items() if capability in capabilities]


def projects_for(user: User, *, needs: Capability | None = None) -> ProjectQuerySet:
    """The projects of `user`, each with `viewer_role`; with `needs`, only those where the role grants it.

    Every other app's access starts here, so that a token bound to one project opens no other.
    """
    projects = Project.objects.visible_to(user)
    return projects if needs is None else projects.with_viewer_role_in(roles_with(needs))


def project_for(user: User, slug: str, *, needs: Capability | None = Capability.VIEW) -> Project:
    """The project `slug` as `user` sees it (one query). With `needs` None any member will do.

    Raises
    ------
    Http404
        The project does not exist, or `user` is no member: the two look the same.
    AppError
        With code ``role_required`` (403) if `user` is a member whose role lacks `needs`.
    """
    project = projects_for(user).filter(slug=slug).first()
    if project is None:
        raise Http404
    if needs is not None:
        require(project, needs)
    return project


def marked_project_for(user: User, slug: str) -> Project:
    """A project of `user` that is marked for deletion and may be restored (one query)."""
    project = Project.objects.to_be_deleted_by(user).filter(slug=slug).first()
    if project is None:
        raise Http404
    require(project, Capability.OWN)
    return project


def allows(project: Project, capability: Capability | str) -> bool:
    """Whether the role that `project` was loaded with grants `capability` (no query)."""
    return Capability(capability) in CAPABILITIES[project.viewer_role]


def require(project: Project, capability: Capability) -> None:
    """Raise the 403 `role_required` unless the viewer's role grants `capability` (no query)."""
    if not allows(project, capability):
        role = Role(project.viewer_role).words
        raise AppError(
            gettext("This is not open to you as %(role)s of this project.") % {"role": role},
            code="role_required",
            status=403,
        )


def is_owner(project: Project, user: User) -> bool:
    """Whether `user` is entered as owner, also while a missing second factor withholds an owner's rights."""
    if project.viewer_role == Role.OWNER:
        return True
    return project.memberships.filter(user=user, role=Role.OWNER).exists()


def membership_for(user: User, slug: str, pk: int) -> Membership:
    """A membership that `user` may change: a member's role or presence in an owned project."""
    project = project_for(user, slug, needs=Capability.OWN)
    membership = project.memberships.select_related("user", "project").filter(pk=pk).first()
    if membership is None:
        raise Http404
    return membership


def invitation_for(user: User, slug: str, pk: int) -> Invitation:
    """An invitation that `user` may revoke."""
    project = project_for(user, slug, needs=Capability.OWN)
    invitation = project.invitations.select_related("project").filter(pk=pk).first()
    if invitation is None:
        raise Http404
    return invitation


def token_for(user: User, pk: int) -> ApiToken:
    """One of the user's own API tokens."""
    token = user.api_tokens.select_related("project").filter(pk=pk).first()
    if token is None:
        raise Http404
    return token


def annotator_link_for(user: User, slug: str, pk: int) -> AnnotatorLink:
    """An annotator link that `user` may revoke."""
    project = project_for(user, slug, needs=Capability.OWN)
    link = project.annotator_links.select_related("project").filter(pk=pk).first()
    if link is None:
        raise Http404
    return link


def notifications_for(user: User) -> NotificationQuerySet:
    """The user's own notifications; through a token that is bound to a project, that project's only."""
    notifications: NotificationQuerySet = Notification.objects.filter(user=user)
    return notifications if user.bound_project_id is None else notifications.filter(project=user.bound_project_id)


def notification_for(user: User, pk: int) -> Notification:
    """One of the user's own notifications."""
    notification = user.notifications.filter(pk=pk).first()
    if notification is None:
        raise Http404
    return notification


def saved_filter_for(user: User, slug: str, pk: int) -> SavedFilter:
    """One of the user's own filters in a project."""
    saved = project_for(user, slug).saved_filters.filter(user=user, pk=pk).first()
    if saved is None:
        raise Http404
    return saved


def require_operator(user: User) -> None:
    """Raise Http404 for everybody but the operator, who is a superuser of this server."""
    if not user.is_superuser:
        raise Http404
