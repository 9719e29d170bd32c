"""Names that rewards go by, over the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import Capability, project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from rewards.access import recipe_version_for, reward_name_for
from rewards.actions.reward_names import give_name, take_name
from rewards.api.recipe_serializers import RewardNameInput, RewardNameOutput
from rewards.models import RewardName


class RewardNameList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    keyset_ordering = "name"

    @extend_schema(responses=RewardNameOutput(many=True), summary="Names that rewards go by")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug)
        rows = self.paginate_queryset(RewardName.objects.of(project).for_list())
        return self.get_paginated_response(RewardNameOutput(rows, many=True).data)

    @extend_schema(
        request=RewardNameInput,
        responses={200: RewardNameOutput, 400: ErrorOutput},
        summary="Let a name stand for a version of a recipe, whatever it stood for before",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project_for(request.user, slug, needs=Capability.MANAGE)
        form = RewardNameInput(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        version = recipe_version_for(request.user, slug, asked["recipe"], asked["version"])
        return Response(RewardNameOutput(give_name(version=version, actor=request.user, name=asked["name"])).data)


class RewardNameDetail(GenericAPIView[Any]):
    @extend_schema(responses=RewardNameOutput, summary="The version that a name stands for")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(RewardNameOutput(reward_name_for(request.user, slug, pk)).data)

    @extend_schema(responses={204: None}, summary="Take a name away")
    def delete(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        take_name(given=reward_name_for(request.user, slug, pk, needs=Capability.MANAGE), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
