"""Reads of projects."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db import models

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
        for a second factor, one who has none is seen as a manager: in every page, request and socket at once.
        """
        # The model declares the name too, for whoever reads it.
        role = {"viewer_role": _role_in_force(user)}
        projects: ProjectQuerySet = self.filter(memberships__user=user).annotate(**role)
        if user.bound_project_id is not None:
            projects = projects.filter(pk=user.bound_project_id)
        return projects

    def with_viewer_role_in(self, roles: Collection[str]) -> ProjectQuerySet:
        """Of the projects from `visible_to`, those where the viewer has one of `roles`."""
        return self.filter(**{"viewer_role__in": roles})

    def for_list(self) -> ProjectQuerySet:
        """In the order of the home page."""
        return self.order_by("name", "id")
