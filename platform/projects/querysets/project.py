"""Reads of projects."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from projects.models import Project, User


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, user: User) -> ProjectQuerySet:
        """Projects that `user` belongs to, each with the role as `viewer_role`.

        A request made with a token that is bound to one project sees that project only.
        """
        # The model declares the name too, for whoever reads it.
        role = {"viewer_role": models.F("memberships__role")}
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
