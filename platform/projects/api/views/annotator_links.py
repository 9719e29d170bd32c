"""Links that let annotators in, over the API; owners only."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import Capability, annotator_link_for, project_for
from projects.actions.annotator_link import issue_annotator_link, revoke_annotator_link
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.api.serializers import AnnotatorLinkOutput, IssuedAnnotatorLinkOutput, NewAnnotatorLink


class AnnotatorLinkList(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(responses=AnnotatorLinkOutput(many=True), summary="Links that still let annotators in, newest first")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.OWN)
        rows = self.paginate_queryset(project.annotator_links.open())
        return self.get_paginated_response(AnnotatorLinkOutput(rows, many=True).data)

    @extend_schema(
        request=NewAnnotatorLink,
        responses={201: IssuedAnnotatorLinkOutput, 400: ErrorOutput},
        summary="Make a link by which many people become annotators",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.OWN)
        form = NewAnnotatorLink(data=request.data)
        form.is_valid(raise_exception=True)
        issued = issue_annotator_link(project=project, actor=request.user, **form.validated_data)
        url = request.build_absolute_uri(reverse("projects:annotator-link-accept", args=[issued.secret]))
        answer = {"link": AnnotatorLinkOutput(issued.link).data, "url": url}
        return Response(answer, status=status.HTTP_201_CREATED)


class AnnotatorLinkDetail(GenericAPIView[Any]):
    @extend_schema(responses={204: None}, summary="Let nobody in by a link any more; who is in stays")
    def delete(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        revoke_annotator_link(link=annotator_link_for(request.user, slug, pk), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
