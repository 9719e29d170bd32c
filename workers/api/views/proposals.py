"""Rubric proposals, over the API."""

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from projects.access import Capability, project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.errors import AppError
from projects.models import Project
from rewards.access import current_task_for, editable_rubric_for
from rewards.models import Task
from workers.access import endpoint_for, proposal_for
from workers.actions.rubric_proposals import (
    accept_proposal,
    reject_proposal,
    request_generation,
    request_refinement,
    retry_proposal,
)
from workers.api.proposal_serializers import (
    Acceptance,
    AcceptedOutput,
    NewProposal,
    ProposalOutput,
    ProposalRowOutput,
    proposal_data,
)
from workers.models import RubricProposal


class ProposalList(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(responses=ProposalRowOutput(many=True), summary="Rubric proposals, latest first")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug)
        rows = self.paginate_queryset(RubricProposal.objects.of(project).for_list())
        return self.get_paginated_response(ProposalRowOutput(rows, many=True).data)

    @extend_schema(
        request=NewProposal,
        responses={201: ProposalRowOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Have a model write a rubric for a task, or refine one on a task's outputs",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        form = NewProposal(data=request.data)
        form.is_valid(raise_exception=True)
        proposal = _requested(request, slug, project, dict(form.validated_data))
        return Response(ProposalRowOutput(proposal).data, status=status.HTTP_201_CREATED)


class ProposalDetail(APIView):
    @extend_schema(responses=ProposalOutput, summary="A proposal with its changes, measurements and replies")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(proposal_data(proposal_for(request.user, slug, pk)))


class ProposalAccept(APIView):
    @extend_schema(
        request=Acceptance,
        responses={200: AcceptedOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Make a rubric version of all proposed changes, or of those named",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        proposal = proposal_for(request.user, slug, pk, needs=Capability.MANAGE)
        form = Acceptance(data=request.data)
        form.is_valid(raise_exception=True)
        version = accept_proposal(proposal=proposal, actor=request.user, changes=form.validated_data["changes"])
        return Response(AcceptedOutput({"rubric": version.rubric_id, "version": version.number}).data)


class ProposalReject(APIView):
    @extend_schema(
        request=None,
        responses={200: ProposalRowOutput, 409: ErrorOutput},
        summary="Turn a proposal down, or stop one that is being written",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        proposal = proposal_for(request.user, slug, pk, needs=Capability.MANAGE)
        reject_proposal(proposal=proposal, actor=request.user)
        return Response(ProposalRowOutput(proposal).data)


class ProposalRetry(APIView):
    @extend_schema(
        request=None, responses={200: ProposalRowOutput, 409: ErrorOutput}, summary="Try a failed proposal again"
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        proposal = proposal_for(request.user, slug, pk, needs=Capability.MANAGE)
        retry_proposal(proposal=proposal, actor=request.user)
        return Response(ProposalRowOutput(proposal).data)


def _requested(request: AuthedApiRequest, slug: str, project: Project, wanted: dict[str, Any]) -> RubricProposal:
    task = _task(project, wanted["task"])
    endpoint = endpoint_for(request.user, slug, wanted["endpoint"])
    common = {name: wanted[name] for name in ("max_new_tokens", "seed")}
    if wanted["kind"] == RubricProposal.Kind.GENERATE:
        return request_generation(task=task, endpoint=endpoint, actor=request.user, **common)
    judge = wanted["judge"]
    return request_refinement(
        rubric=editable_rubric_for(request.user, slug, wanted["rubric"]),
        task=task,
        endpoint=endpoint,
        actor=request.user,
        judge=None if judge is None else endpoint_for(request.user, slug, judge),
        **{name: wanted[name] for name in ("way", "outputs", "iterations", "tail_share")},
        **common,
    )


def _task(project: Project, external_id: str) -> Task:
    task = current_task_for(project, external_id)
    if task is None:
        message = gettext("There is no current task of this id.")
        raise AppError(message, code="task_unknown", fields={"task": [message]})
    return task
