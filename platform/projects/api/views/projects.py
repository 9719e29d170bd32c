"""Projects over the API."""

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import Capability, project_for, projects_for
from projects.actions.project import change_project, create_project
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.api.serializers import (
    AuditEventOutput,
    NewProject,
    ProjectChange,
    ProjectDetailOutput,
    ProjectOutput,
)
from projects.errors import AppError


class ProjectList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    keyset_ordering = "name"

    @extend_schema(responses=ProjectOutput(many=True), summary="Your projects")
    def get(self, request: AuthedApiRequest) -> Response:
        rows = self.paginate_queryset(projects_for(request.user))
        return self.get_paginated_response(ProjectOutput(rows, many=True).data)

    @extend_schema(
        request=NewProject,
        responses={201: ProjectDetailOutput, 409: ErrorOutput},
        summary="Start a project that you own",
    )
    def post(self, request: AuthedApiRequest) -> Response:
        if request.user.bound_project_id is not None:
            raise AppError(gettext("This token is bound to one project."), code="token_bound", status=403)
        form = NewProject(data=request.data)
        form.is_valid(raise_exception=True)
        project = create_project(user=request.user, **form.validated_data)
        return Response(ProjectDetailOutput(project).data, status=status.HTTP_201_CREATED)


class ProjectDetail(GenericAPIView[Any]):
    @extend_schema(responses=ProjectDetailOutput, summary="One project, with its counts")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        return Response(ProjectDetailOutput(project_for(request.user, slug)).data)

    @extend_schema(request=ProjectChange, responses=ProjectDetailOutput, summary="Rename or describe a project")
    def patch(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.OWN)
        form = ProjectChange(data=request.data)
        form.is_valid(raise_exception=True)
        current = {"name": project.name, "description": project.description}
        change_project(project=project, actor=request.user, **{**current, **form.validated_data})
        return Response(ProjectDetailOutput(project).data)


class AuditEventList(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(responses=AuditEventOutput(many=True), summary="Who did what, newest first")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        rows = self.paginate_queryset(project.audit_events.for_list())
        return self.get_paginated_response(AuditEventOutput(rows, many=True).data)
