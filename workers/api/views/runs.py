"""Runs, over the API."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from projects.access import Capability, project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.models import TokenScope
from workers.access import manageable_run_for, run_for, scorer_for
from workers.actions.runs import cancel_run, resume_run, retry_failed, start_run
from workers.api.serializers import EstimateOutput, NewRun, RunDetailOutput, RunItemOutput, RunOutput
from workers.estimation import estimate_run
from workers.models import Run, RunItem
from workers.progress import progress_of, publish


class RunList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    write_scope = TokenScope.SCORE

    @extend_schema(responses=RunOutput(many=True), summary="The runs of a project, latest first")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        rows = self.paginate_queryset(Run.objects.of(project_for(request.user, slug)).for_list())
        return self.get_paginated_response(RunOutput(rows, many=True).data)

    @extend_schema(request=NewRun, responses={201: RunOutput, 400: ErrorOutput}, summary="Start a run")
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        form = NewRun(data=request.data)
        form.is_valid(raise_exception=True)
        wanted = form.validated_data
        run = start_run(
            project=project,
            scorer=scorer_for(request.user, slug, wanted["scorer"]),
            selection=form.chosen(),
            repeats=wanted["repeats"],
            seed=wanted["seed"],
            name=wanted["name"],
            budget=wanted["budget"],
            actor=request.user,
        )
        return Response(RunOutput(run).data, status=status.HTTP_201_CREATED)


class RunEstimateView(APIView):
    write_scope = TokenScope.SCORE

    @extend_schema(request=NewRun, responses=EstimateOutput, summary="What a run would cost; nothing is started")
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        form = NewRun(data=request.data)
        form.is_valid(raise_exception=True)
        scorer = scorer_for(request.user, slug, form.validated_data["scorer"])
        repeats = form.validated_data["repeats"]
        estimate = estimate_run(project=project, scorer=scorer, selection=form.chosen(), repeats=repeats)
        return Response(EstimateOutput(asdict(estimate)).data)


class RunDetail(APIView):
    @extend_schema(responses=RunDetailOutput, summary="How far a run is, and why items have no score")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(RunDetailOutput(progress_of(run_for(request.user, slug, pk))).data)


class RunCancel(APIView):
    write_scope = TokenScope.SCORE

    @extend_schema(
        request=None, responses={200: RunOutput, 409: ErrorOutput}, summary="Stop a run; what is scored stays"
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        run = manageable_run_for(request.user, slug, pk)
        cancel_run(run=run, actor=request.user)
        publish(run.pk, now=True)
        return Response(RunOutput(run).data)


class RunResume(APIView):
    write_scope = TokenScope.SCORE

    @extend_schema(request=None, responses={200: RunOutput, 409: ErrorOutput}, summary="Let a cancelled run go on")
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        run = manageable_run_for(request.user, slug, pk)
        resume_run(run=run, actor=request.user)
        publish(run.pk, now=True)
        return Response(RunOutput(run).data)


class RunRetryFailed(APIView):
    write_scope = TokenScope.SCORE

    @extend_schema(request=None, responses={200: RunOutput, 409: ErrorOutput}, summary="Try the failed items again")
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        run = manageable_run_for(request.user, slug, pk)
        retry_failed(run=run, actor=request.user)
        publish(run.pk, now=True)
        return Response(RunOutput(run).data)


class RunItemList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    keyset_ordering = "id"

    @extend_schema(
        parameters=[
            OpenApiParameter("status", str, enum=RunItem.Status.values),
            OpenApiParameter("reason", str, description="A code of the run's `reasons`."),
        ],
        responses=RunItemOutput(many=True),
        summary="The items of a run, with the last attempt at each",
    )
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        run = run_for(request.user, slug, pk)
        query = request.query_params
        items = RunItem.objects.of(run).matching(status=query.get("status", ""), reason=query.get("reason", ""))
        rows = self.paginate_queryset(items.for_list().with_last_attempt())
        return self.get_paginated_response(RunItemOutput(rows, many=True).data)
