"""Scorers, over the API."""

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
from workers.access import artefact_for, endpoint_for, prompt_version_in, rubric_version_in, scorer_for
from workers.actions.scorers import create_scorer
from workers.api.serializers import NewScorer, ScorerDetailOutput, ScorerOutput
from workers.models import Scorer


class ScorerList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    write_scope = TokenScope.SCORE

    @extend_schema(responses=ScorerOutput(many=True), summary="The scorers of a project")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        rows = self.paginate_queryset(Scorer.objects.of(project_for(request.user, slug)).for_list())
        return self.get_paginated_response(ScorerOutput(rows, many=True).data)

    @extend_schema(
        request=NewScorer,
        responses={201: ScorerDetailOutput, 400: ErrorOutput},
        summary="Make a scorer; the same content is the same scorer",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        form = NewScorer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted = dict(form.validated_data)
        models = wanted.pop("models", {})
        version = wanted.pop("rubric_version", None)
        prompt = wanted.pop("prompt_version", None)
        artefact = wanted.pop("artefact", None)
        scorer = create_scorer(
            project=project,
            actor=request.user,
            endpoints={role: endpoint_for(request.user, slug, pk) for role, pk in models.items()},
            rubric_version=None if version is None else rubric_version_in(project, version),
            prompt_version=None if prompt is None else prompt_version_in(project, prompt),
            artefact=None if artefact is None else artefact_for(request.user, slug, artefact),
            **wanted,
        )
        return Response(ScorerDetailOutput(scorer).data, status=status.HTTP_201_CREATED)


class ScorerDetail(APIView):
    @extend_schema(responses=ScorerDetailOutput, summary="One scorer with all that its hash covers")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(ScorerDetailOutput(scorer_for(request.user, slug, pk)).data)
