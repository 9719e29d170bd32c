"""Tasks over the API."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import Capability, project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from rewards.access import task_for
from rewards.actions.task_intake import take_task
from rewards.api.bodies import RowParser
from rewards.api.import_serializers import NewTask, TaskRules
from rewards.api.queries import conditions
from rewards.api.serializers import TaskDetailOutput, TaskQuery, TaskRowOutput
from rewards.models import Task


class TaskList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    parser_classes = [RowParser]

    @extend_schema(parameters=[TaskQuery], responses=TaskRowOutput(many=True), summary="Current tasks, newest first")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug)
        query = conditions(TaskQuery, request)
        tasks = Task.objects.of(project).for_api_list().matching(search=query.pop("q"), **query)
        return self.get_paginated_response(TaskRowOutput(self.paginate_queryset(tasks), many=True).data)

    @extend_schema(
        request=NewTask,
        parameters=[TaskRules],
        responses={200: TaskDetailOutput, 201: TaskDetailOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Store a task with its outputs; 200 where all of it was stored like that before",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        taken = take_task(project, by=request.user, row=cast("bytes", request.data), **conditions(TaskRules, request))
        answer = status.HTTP_201_CREATED if taken.is_new else status.HTTP_200_OK
        return Response(TaskDetailOutput(taken.task).data, status=answer)


class TaskDetail(GenericAPIView[Any]):
    @extend_schema(responses=TaskDetailOutput, summary="One version of a task, with its texts")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(TaskDetailOutput(task_for(request.user, slug, pk)).data)
