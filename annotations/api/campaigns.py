"""Campaigns over the API: lead them, and get the next item."""

from typing import Any

from django.urls import reverse
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from annotations.access import annotators_named, answerable_campaign_for, campaign_for, campaigns_for
from annotations.actions.campaign import (
    ProtocolContent,
    close_campaign,
    create_campaign,
    open_campaign,
    pause_campaign,
    revise_protocol,
)
from annotations.actions.campaign_settings import change_campaign, delete_draft
from annotations.actions.lease import lease_next_item
from annotations.answering_page import item_html
from annotations.api.campaign_settings import CampaignChange
from annotations.api.serializers import (
    CampaignInput,
    CampaignOutput,
    CampaignRow,
    NextInput,
    NextOutput,
    ProtocolInput,
    ProtocolOutput,
)
from annotations.next_item import still_to_come
from annotations.page_data import assignment_data
from annotations.selection import Selection
from projects.access import Capability, project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.models import TokenScope
from projects.prepared import prepared_statements


class CampaignList(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(responses=CampaignRow(many=True), summary="Campaigns; for an annotator, the ones that ask them")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=None)
        campaigns = campaigns_for(request.user, project).with_progress_of(request.user).for_list()
        rows = self.paginate_queryset(campaigns)
        return self.get_paginated_response(CampaignRow(rows, many=True).data)

    @extend_schema(
        request=CampaignInput,
        responses={201: CampaignOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Make a campaign with its items, in draft",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        form = CampaignInput(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        campaign = create_campaign(
            project=project,
            actor=request.user,
            protocol=ProtocolContent(**data.pop("protocol")),
            selection=Selection.from_json(data.pop("selection")),
            people=annotators_named(project, data.pop("people")),
            **data,
        )
        return Response(CampaignOutput(campaign).data, status=status.HTTP_201_CREATED)


class CampaignDetail(GenericAPIView[Any]):
    @extend_schema(responses=CampaignOutput, summary="One campaign, for those who may read the project")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(CampaignOutput(campaign_for(request.user, slug, pk)).data)

    @extend_schema(
        request=CampaignChange,
        responses={200: CampaignOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Change name, people, overlap, times, or whether policies are revealed",
    )
    def patch(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
        form = CampaignChange(data=request.data)
        form.is_valid(raise_exception=True)
        changes = dict(form.validated_data)
        if "people" in changes:
            changes["people"] = annotators_named(campaign.project, changes["people"])
        return Response(CampaignOutput(change_campaign(campaign=campaign, actor=request.user, **changes)).data)

    @extend_schema(responses={204: None, 409: ErrorOutput}, summary="Delete a draft in which nobody has worked")
    def delete(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        delete_draft(campaign=campaign_for(request.user, slug, pk, needs=Capability.MANAGE), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class CampaignProtocols(GenericAPIView[Any]):
    @extend_schema(
        request=ProtocolInput,
        responses={200: ProtocolOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Put a new version of the questions in force",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
        form = ProtocolInput(data=request.data)
        form.is_valid(raise_exception=True)
        content = ProtocolContent(**form.validated_data)
        return Response(ProtocolOutput(revise_protocol(campaign=campaign, actor=request.user, protocol=content)).data)


class CampaignOpen(GenericAPIView[Any]):
    @extend_schema(request=None, responses={200: CampaignOutput, 409: ErrorOutput}, summary="Let annotators in")
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
        open_campaign(campaign=campaign, actor=request.user)
        return Response(CampaignOutput(campaign).data)


class CampaignPause(GenericAPIView[Any]):
    @extend_schema(
        request=None,
        responses={200: CampaignOutput, 409: ErrorOutput},
        summary="Give out no new items; those in work can be finished",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
        pause_campaign(campaign=campaign, actor=request.user)
        return Response(CampaignOutput(campaign).data)


class CampaignClose(GenericAPIView[Any]):
    @extend_schema(request=None, responses={200: CampaignOutput, 409: ErrorOutput}, summary="Take no more answers")
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
        close_campaign(campaign=campaign, actor=request.user)
        return Response(CampaignOutput(campaign).data)


@method_decorator(prepared_statements(), name="dispatch")
class CampaignNext(GenericAPIView[Any]):
    write_scope = TokenScope.ANNOTATE

    @extend_schema(
        request=NextInput,
        responses={200: NextOutput, 409: ErrorOutput},
        summary="Lease the next item, or get the one in work again",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = answerable_campaign_for(request.user, slug, pk)
        form = NextInput(data=request.data)
        form.is_valid(raise_exception=True)
        assignment = lease_next_item(campaign=campaign, user=request.user)
        if assignment is None:
            is_done = not still_to_come(request.user, campaign).exists()
            return Response({"assignment": None, "url": None, "is_done": is_done, "item": None, "page": None})
        url = reverse("annotations:annotate", args=[assignment.pk])
        item = assignment_data(assignment) if form.validated_data["with_item"] else None
        page = item_html(request._request, assignment) if form.validated_data["with_page"] else None
        return Response({"assignment": assignment.pk, "url": url, "is_done": False, "item": item, "page": page})
