"""Artefacts and fits, over the API."""

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
from rewards.access import export_for
from workers.access import artefact_for, endpoint_for, fit_for
from workers.actions.artefacts import cancel_fit, request_fit, retry_fit
from workers.api.artefact_serializers import ArtefactOutput, FitOutput, FitRowOutput, NewFit, TrainerOutput
from workers.models import Artefact, Fit
from workers.training.registry import TRAINERS


class TrainerList(APIView):
    @extend_schema(responses=TrainerOutput(many=True), summary="What can be fitted, with parameters as JSON schemas")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project_for(request.user, slug)
        return Response(TrainerOutput([trainer.declaration for trainer in TRAINERS.values()], many=True).data)  # type: ignore[arg-type]


class ArtefactList(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(responses=ArtefactOutput(many=True), summary="Fitted weights, latest first")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        rows = self.paginate_queryset(Artefact.objects.of(project_for(request.user, slug)).for_list())
        return self.get_paginated_response(ArtefactOutput(rows, many=True).data)


class ArtefactDetail(APIView):
    @extend_schema(responses=ArtefactOutput, summary="One artefact with its metrics")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(ArtefactOutput(artefact_for(request.user, slug, pk)).data)


class FitList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    write_scope = TokenScope.SCORE

    @extend_schema(responses=FitRowOutput(many=True), summary="Fits, latest first")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        rows = self.paginate_queryset(Fit.objects.of(project_for(request.user, slug)).for_list())
        return self.get_paginated_response(FitRowOutput(rows, many=True).data)

    @extend_schema(
        request=NewFit,
        responses={201: FitOutput, 400: ErrorOutput},
        summary="Have weights fitted on an export's labels",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        form = NewFit(data=request.data)
        form.is_valid(raise_exception=True)
        wanted = dict(form.validated_data)
        fit = request_fit(
            project=project,
            actor=request.user,
            export=export_for(request.user, slug, wanted.pop("export")),
            endpoint=endpoint_for(request.user, slug, wanted.pop("endpoint")),
            **wanted,
        )
        return Response(FitOutput(fit).data, status=status.HTTP_201_CREATED)


class FitDetail(APIView):
    @extend_schema(responses=FitOutput, summary="One fit with its losses so far")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(FitOutput(fit_for(request.user, slug, pk)).data)


class FitCancel(APIView):
    write_scope = TokenScope.SCORE

    @extend_schema(request=None, responses={200: FitOutput, 409: ErrorOutput}, summary="Stop a fit")
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        fit = fit_for(request.user, slug, pk, needs=Capability.MANAGE)
        cancel_fit(fit=fit, actor=request.user)
        return Response(FitOutput(fit).data)


class FitRetry(APIView):
    write_scope = TokenScope.SCORE

    @extend_schema(
        request=None, responses={200: FitOutput, 409: ErrorOutput}, summary="Compute a failed or cancelled fit again"
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        fit = fit_for(request.user, slug, pk, needs=Capability.MANAGE)
        retry_fit(fit=fit, actor=request.user)
        return Response(FitOutput(fit).data)
