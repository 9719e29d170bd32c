"""Outputs over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from rewards.access import output_for
from rewards.api.queries import conditions
from rewards.api.serializers import OutputDetailOutput, OutputQuery, OutputRowOutput
from rewards.models import Output


class OutputList(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(
        parameters=[OutputQuery], responses=OutputRowOutput(many=True), summary="Current outputs, newest first"
    )
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug)
        outputs = Output.objects.of(project).for_list().matching(**conditions(OutputQuery, request))
        return self.get_paginated_response(OutputRowOutput(self.paginate_queryset(outputs), many=True).data)


class OutputDetail(GenericAPIView[Any]):
    @extend_schema(responses=OutputDetailOutput, summary="One version of an output, with its texts")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(OutputDetailOutput(output_for(request.user, slug, pk)).data)
