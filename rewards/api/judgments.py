"""Judgments over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from rewards.access import judgment_for
from rewards.api.queries import conditions
from rewards.api.serializers import JudgmentDetailOutput, JudgmentOutput, JudgmentQuery
from rewards.models import Judgment


class JudgmentList(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(
        parameters=[JudgmentQuery], responses=JudgmentOutput(many=True), summary="Judgments with answers, newest first"
    )
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug)
        found = Judgment.objects.of(project).matching(**conditions(JudgmentQuery, request))
        judgments = found.with_answers().with_marked_texts()
        return self.get_paginated_response(JudgmentOutput(self.paginate_queryset(judgments), many=True).data)


class JudgmentDetail(GenericAPIView[Any]):
    @extend_schema(responses=JudgmentDetailOutput, summary="One judgment, with where it comes from")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(JudgmentDetailOutput(judgment_for(request.user, slug, pk)).data)
