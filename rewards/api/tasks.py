"""Tasks over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from rewards.access import task_for
from rewards.api.queries import conditions
from rewards.api.serializers import TaskDetailOutput, TaskQuery, TaskRowOutput
from rewards.models import Task


class TaskList(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(parameters=[TaskQuery], responses=TaskRowOutput(many=True), summary="Current tasks, newest first")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug)
        query = conditions(TaskQuery, request)
        tasks = Task.objects.of(project).for_api_list().matching(search=query.pop("q"), **query)
        return self.get_paginated_response(TaskRowOutput(self.paginate_queryset(tasks), many=True).data)


class TaskDetail(GenericAPIView[Any]):
    @extend_schema(responses=TaskDetailOutput, summary="One version of a task, with its texts")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(TaskDetailOutput(task_for(request.user, slug, pk)).data)
