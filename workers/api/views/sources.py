"""Reward sources and model endpoints, over the API."""

from typing import Any

from django.http import Http404
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
from workers.access import endpoint_for
from workers.actions.endpoints import probe_again, register_endpoint
from workers.api.serializers import EndpointOutput, NewEndpoint, SourceOutput
from workers.catalogue import source_for, sources_for
from workers.models import ModelEndpoint
from workers.sources.registry import SOURCES


class SourceList(APIView):
    @extend_schema(responses=SourceOutput(many=True), summary="Every reward source, and what keeps it from use here")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        return Response(SourceOutput(sources_for(project_for(request.user, slug)), many=True).data)


class SourceDetail(APIView):
    @extend_schema(responses={200: SourceOutput, 404: ErrorOutput}, summary="One reward source")
    def get(self, request: AuthedApiRequest, slug: str, source: str) -> Response:
        project = project_for(request.user, slug)
        if source not in SOURCES:
            raise Http404
        return Response(SourceOutput(source_for(project, source)).data)


class EndpointList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    keyset_ordering = "id"
    write_scope = TokenScope.SCORE

    @extend_schema(responses=EndpointOutput(many=True), summary="The models that the project may use")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        rows = self.paginate_queryset(ModelEndpoint.objects.offered_to(project_for(request.user, slug)))
        return self.get_paginated_response(EndpointOutput(rows, many=True).data)

    @extend_schema(
        request=NewEndpoint,
        responses={201: EndpointOutput, 409: ErrorOutput},
        summary="Register a model; a worker probes it next",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        form = NewEndpoint(data=request.data)
        form.is_valid(raise_exception=True)
        endpoint = register_endpoint(project=project, actor=request.user, **form.validated_data)
        return Response(EndpointOutput(endpoint).data, status=status.HTTP_201_CREATED)


class EndpointDetail(APIView):
    @extend_schema(responses=EndpointOutput, summary="One model")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(EndpointOutput(endpoint_for(request.user, slug, pk)).data)


class EndpointProbe(APIView):
    write_scope = TokenScope.SCORE

    @extend_schema(request=None, responses={202: EndpointOutput}, summary="Let a worker look at a model anew")
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        endpoint = endpoint_for(request.user, slug, pk, needs=Capability.MANAGE)
        probe_again(endpoint=endpoint, actor=request.user)
        return Response(EndpointOutput(endpoint).data, status=status.HTTP_202_ACCEPTED)
