"""Imports over the API."""

from contextlib import ExitStack
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from projects.access import Capability, project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from rewards.access import import_for
from rewards.actions.imports import create_import, undo_import
from rewards.api.bodies import JsonlParser
from rewards.api.import_serializers import ImportErrorOutput, ImportOutput, ImportRules, NewImport
from rewards.api.queries import conditions
from rewards.models import ImportBatch


class ImportList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    parser_classes = [MultiPartParser, JsonlParser]

    @extend_schema(responses=ImportOutput(many=True), summary="Imports, latest first")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        rows = self.paginate_queryset(ImportBatch.objects.of(project).for_list())
        return self.get_paginated_response(ImportOutput(rows, many=True).data)

    @extend_schema(
        request={"multipart/form-data": NewImport, "application/jsonl": OpenApiTypes.BINARY},
        parameters=[ImportRules],
        responses={201: ImportOutput, 400: ErrorOutput},
        summary="Import files, or the body itself as Rubricate's JSONL (its rules then stand in the query)",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        uploads = request.FILES.getlist("files")
        if request.content_type.startswith(JsonlParser.media_type):
            asked: dict[str, Any] = {"format": "rubricate_jsonl", **conditions(ImportRules, request)}
        else:
            form = NewImport(data={**request.POST.dict(), "files": uploads})
            form.is_valid(raise_exception=True)
            asked = form.validated_data
        with ExitStack() as stack:
            for upload in uploads:
                # The storage may have moved it away; closing knows, being collected as garbage does not.
                stack.callback(upload.close)
            batch = create_import(
                project,
                by=request.user,
                format_name=asked["format"],
                uploads=uploads,
                options=asked.get("options"),
                on_conflict=asked["on_conflict"],
                on_error=asked["on_error"],
            )
        return Response(ImportOutput(batch).data, status=status.HTTP_201_CREATED)


class ImportDetail(GenericAPIView[Any]):
    @extend_schema(responses=ImportOutput, summary="An import: how far it is and what it brought")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(ImportOutput(import_for(request.user, slug, pk)).data)


class ImportErrorList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    keyset_ordering = "id"

    @extend_schema(responses=ImportErrorOutput(many=True), summary="The first thousand faults of an import, by row")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        rows = self.paginate_queryset(import_for(request.user, slug, pk).row_errors.all())
        return self.get_paginated_response(ImportErrorOutput(rows, many=True).data)


class ImportUndo(GenericAPIView[Any]):
    @extend_schema(
        request=None,
        responses={200: ImportOutput, 409: ErrorOutput},
        summary="Take back what an import brought, unless something has come to depend on it",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        batch = undo_import(import_for(request.user, slug, pk), by=request.user)
        return Response(ImportOutput(batch).data)
