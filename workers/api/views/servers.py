"""Served models, their terms, and budgets, over the API."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import APIView

from projects.access import Capability, project_for
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.models import Project, TokenScope
from workers.access import endpoint_for, manageable_run_for
from workers.actions.budgets import set_project_budget, set_run_budget
from workers.actions.servers import change_server, register_server
from workers.api.serializers import EndpointOutput, RunOutput
from workers.api.server_serializers import NewBudget, NewServer, ProjectBudgetOutput, ServerTerms
from workers.budgets import project_budget


class ServerList(APIView):
    write_scope = TokenScope.SCORE

    @extend_schema(
        request=NewServer,
        responses={201: EndpointOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Register a model behind HTTP; a worker probes it next",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        form = NewServer(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        endpoint = register_server(
            project=project,
            name=given["name"],
            url=given["url"],
            served_model=given["served_model"],
            key=given.get("key", ""),
            terms=form.terms(),
            actor=request.user,
        )
        return Response(EndpointOutput(endpoint).data, status=status.HTTP_201_CREATED)


class EndpointTerms(APIView):
    write_scope = TokenScope.SCORE

    @extend_schema(
        request=ServerTerms,
        responses={200: EndpointOutput, 400: ErrorOutput},
        summary="Change key, limits, prices and budget of a model behind HTTP",
    )
    def put(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        endpoint = endpoint_for(request.user, slug, pk, needs=Capability.MANAGE)
        if not endpoint.is_served:
            raise Http404
        form = ServerTerms(data=request.data)
        form.is_valid(raise_exception=True)
        key = form.validated_data.get("key")
        change_server(endpoint=endpoint, terms=form.terms(), key=key, actor=request.user)
        return Response(EndpointOutput(endpoint).data)


class ProjectBudgetView(APIView):
    write_scope = TokenScope.SCORE

    @extend_schema(responses=ProjectBudgetOutput, summary="What the project's runs may spend, and have spent")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        return Response(_budget(project_for(request.user, slug)))

    @extend_schema(
        request=NewBudget,
        responses={200: ProjectBudgetOutput, 400: ErrorOutput},
        summary="Bound what the project's runs may spend; those that it had stopped go on",
    )
    def put(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        form = NewBudget(data=request.data)
        form.is_valid(raise_exception=True)
        set_project_budget(project=project, amount=form.validated_data["budget"], actor=request.user)
        return Response(_budget(project))


class RunBudget(APIView):
    write_scope = TokenScope.SCORE

    @extend_schema(
        request=NewBudget,
        responses={200: RunOutput, 400: ErrorOutput},
        summary="Bound what a run may spend; it goes on where that had stopped it",
    )
    def put(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        run = manageable_run_for(request.user, slug, pk)
        form = NewBudget(data=request.data)
        form.is_valid(raise_exception=True)
        set_run_budget(run=run, amount=form.validated_data["budget"], actor=request.user)
        return Response(RunOutput(run).data)


def _budget(project: Project) -> dict[str, Any]:
    return dict(ProjectBudgetOutput({"budget": project_budget(project)}).data)
