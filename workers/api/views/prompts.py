"""Judge prompts of a project, over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from projects.access import Capability, project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.models import TokenScope
from workers.access import editable_prompt_for, prompt_for
from workers.actions.prompts import add_prompt_version, create_prompt
from workers.api.serializers import (
    NewPrompt,
    NewPromptVersion,
    PromptOutput,
    PromptVersionDetailOutput,
    PromptVersionOutput,
)
from workers.models import Prompt, PromptVersion


class PromptList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    write_scope = TokenScope.SCORE

    @extend_schema(
        responses=PromptOutput(many=True), summary="The prompts that the project may use besides built-in ones"
    )
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        prompts = Prompt.objects.offered_to(project_for(request.user, slug)).for_list()
        return self.get_paginated_response(PromptOutput(self.paginate_queryset(prompts), many=True).data)

    @extend_schema(
        request=NewPrompt,
        responses={201: PromptVersionDetailOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Save a prompt with its first version",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        form = NewPrompt(data=request.data)
        form.is_valid(raise_exception=True)
        version = create_prompt(project=project, actor=request.user, **form.validated_data)
        return Response(PromptVersionDetailOutput(version).data, status=status.HTTP_201_CREATED)


class PromptDetail(APIView):
    @extend_schema(responses=PromptVersionDetailOutput, summary="The newest version of a prompt, with its template")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        _, prompt = prompt_for(request.user, slug, pk)
        newest: PromptVersion = prompt.versions.order_by("-number")[0]
        return Response(PromptVersionDetailOutput(newest).data)


class PromptVersionList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    write_scope = TokenScope.SCORE

    @extend_schema(responses=PromptVersionOutput(many=True), summary="The versions of a prompt, latest first")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        _, prompt = prompt_for(request.user, slug, pk)
        rows = self.paginate_queryset(prompt.versions.all())
        return self.get_paginated_response(PromptVersionOutput(rows, many=True).data)

    @extend_schema(
        request=NewPromptVersion,
        responses={201: PromptVersionDetailOutput, 400: ErrorOutput},
        summary="Save the next version; the same template as the newest one is no new version",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        prompt = editable_prompt_for(request.user, slug, pk)
        form = NewPromptVersion(data=request.data)
        form.is_valid(raise_exception=True)
        version = add_prompt_version(prompt=prompt, actor=request.user, **form.validated_data)
        return Response(PromptVersionDetailOutput(version).data, status=status.HTTP_201_CREATED)
