"""Exports over the API. A token needs the scope `export` for all of it."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import Capability, project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.models import TokenScope
from rewards.access import export_file_for, export_for
from rewards.actions.exports import cancel_export, create_export, delete_export
from rewards.api.export_serializers import ExportDetailOutput, ExportRowOutput, NewExport
from rewards.exporting.choices import choices_from_json
from rewards.exporting.downloads import archive_response, file_response
from rewards.models import Export


class ExportView(GenericAPIView[Any]):
    """What every view of exports asks of a token."""

    read_scope = write_scope = TokenScope.EXPORT

    def answer(self, export: Export, code: int = status.HTTP_200_OK) -> Response:
        return Response(ExportDetailOutput(export, context={"request": self.request}).data, status=code)


class ExportList(ExportView):
    pagination_class = KeysetPagination

    @extend_schema(responses=ExportRowOutput(many=True), summary="Exports, latest first")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        rows = self.paginate_queryset(Export.objects.of(project_for(request.user, slug)).for_list())
        return self.get_paginated_response(ExportRowOutput(rows, many=True).data)

    @extend_schema(
        request=NewExport, responses={201: ExportDetailOutput, 400: ErrorOutput}, summary="Ask for a dataset"
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        form = NewExport(data=request.data)
        form.is_valid(raise_exception=True)
        asked = dict(form.validated_data)
        name = asked.pop("name", "")
        export = create_export(project, by=request.user, choices=choices_from_json(asked), name=name)
        return self.answer(export, status.HTTP_201_CREATED)


class ExportDetail(ExportView):
    @extend_schema(responses=ExportDetailOutput, summary="An export with its manifest and files")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return self.answer(export_for(request.user, slug, pk))

    @extend_schema(responses={204: None, 409: ErrorOutput}, summary="Remove an export and its files")
    def delete(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        delete_export(export_for(request.user, slug, pk, needs=Capability.MANAGE), by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ExportCancel(ExportView):
    @extend_schema(request=None, responses={200: ExportDetailOutput, 409: ErrorOutput}, summary="Stop building it")
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        export = export_for(request.user, slug, pk, needs=Capability.MANAGE)
        project = export.project
        export = cancel_export(export, by=request.user)
        export.project = project
        return self.answer(export)


class ExportArchive(ExportView):
    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY}, summary="The whole folder as a zip")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> HttpResponseBase:
        return archive_response(request._request, export_for(request.user, slug, pk))


class ExportFileContent(ExportView):
    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}, summary="One file of an export")
    def get(self, request: AuthedApiRequest, slug: str, pk: int, file: int) -> HttpResponseBase:
        return file_response(request._request, export_file_for(request.user, slug, pk, file))
