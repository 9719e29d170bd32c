"""Reads of projects."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    from projects.models import Project, User


def _role_in_force(user: User) -> models.Case:
    """The role of the membership, less where an owner's second factor is asked for and missing (no further query)."""
    from allauth.mfa.models import Authenticator

    from projects.models import Role, SitePolicy

    is_asked = models.Exists(SitePolicy.objects.filter(owners_need_two_factor=True))
    has_factor = models.Exists(Authenticator.objects.filter(user=user.pk, type=Authenticator.Type.TOTP))
    is_owner = models.Q(memberships__role=Role.OWNER)
    lacks_factor = is_owner & models.Q(is_asked) & ~models.Q(has_factor)
    return models.Case(
        models.When(lacks_factor, then=models.Value(Role.MANAGER)), default=models.F("memberships__role")
    )


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, user: User) -> ProjectQuerySet:
        """Projects that `user` belongs to, each with the role as `viewer_role`.

        A request made with a token that is bound to one project sees that project only. Where the server asks owners
        for a second factor, one who has none is seen as a manager: in every page, request and socket at once. One that
        is marked for deletion is seen by nobody (see `to_be_deleted_by`).
        """
        # The model declares the name too, for whoever reads it.
        role = {"viewer_role": _role_in_force(user)}
        projects: ProjectQuerySet = self.filter(memberships__user=user, deletion_asked_at=None).annotate(**role)
        if user.bound_project_id is not None:
            projects = projects.filter(pk=user.bound_project_id)
        return projects

    def to_be_deleted_by(self, user: User) -> ProjectQuerySet:
        """Those marked for deletion that `user` owns, and may restore, each with the role as `viewer_role`."""
        from projects.models import Role

        role = {"viewer_role": _role_in_force(user)}
        # One filter: the role has to be of the same membership.
        owned = self.filter(memberships__user=user, memberships__role=Role.OWNER, deletion_asked_at__isnull=False)
        marked: ProjectQuerySet = owned.annotate(**role)
        return marked if user.bound_project_id is None else marked.none()

    def due_for_deletion(self) -> ProjectQuerySet:
        """Those whose time to be restored is over, or whose erasing has begun."""
        return self.filter(deletion_due_at__lte=timezone.now())

    def with_viewer_role_in(self, roles: Collection[str]) -> ProjectQuerySet:
        """Of the projects from `visible_to`, those where the viewer has one of `roles`."""
        return self.filter(**{"viewer_role__in": roles})

    def for_list(self) -> ProjectQuerySet:
        """In the order of the home page."""
        return self.order_by("name", "id")
