"""Reports on items over the API: made by who has the item, as the annotation page's script does, settled by leads."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from annotations.access import assignment_for, campaign_for, report_for
from annotations.actions.reports import MAX_REPORT, report_item, resolve_report
from annotations.api.assignments import AssignmentView
from annotations.models import ItemReport
from annotations.reports_page import STATES, reports_of
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.api.serializers import PersonOutput


class AnchorInput(serializers.Serializer[Any]):
    output = serializers.CharField(max_length=10, help_text="The label under which the item shows it.")
    message = serializers.IntegerField(min_value=0)
    start = serializers.IntegerField(min_value=0, help_text="In code points.")
    end = serializers.IntegerField(min_value=1)


class ReportInput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=ItemReport.Kind.choices)
    text = serializers.CharField(max_length=MAX_REPORT, help_text="Why it is broken, or what you ask.")
    anchor = AnchorInput(required=False, allow_null=True, default=None, help_text="The words that you mean.")


class ReportOutput(serializers.ModelSerializer[ItemReport]):
    class Meta:
        model = ItemReport
        fields = ["id", "kind", "text", "created_at", "resolved_at", "reply"]


class LeadReportOutput(serializers.ModelSerializer[ItemReport]):
    """A report as those who lead the campaign read it."""

    item = serializers.IntegerField(source="assignment.item_id")
    position = serializers.IntegerField(source="assignment.item.position")
    task = serializers.CharField(source="assignment.item.task.external_id", help_text="External id.")
    person = PersonOutput(source="assignment.user", help_text="Who says it.")
    output = serializers.IntegerField(source="output_id", allow_null=True, help_text="Where it points at words.")
    quote = serializers.CharField(help_text="The words; empty where it points at none.")
    resolved_by = PersonOutput(allow_null=True)

    class Meta:
        model = ItemReport
        fields = [
            "id", "kind", "text", "item", "position", "task", "person", "output", "message", "start", "end", "quote",
            "created_at", "resolved_at", "resolved_by", "reply",
        ]  # fmt: skip


class SettleReportInput(serializers.Serializer[Any]):
    reply = serializers.CharField(
        max_length=MAX_REPORT, required=False, allow_blank=True, default="", help_text="To whoever made it."
    )


class CampaignReports(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(
        parameters=[OpenApiParameter("state", enum=list(STATES), default="open")],
        responses=LeadReportOutput(many=True),
        summary="What annotators say about a campaign's items, newest first",
    )
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk)
        rows = self.paginate_queryset(reports_of(campaign, request.GET.get("state") or "open"))
        return self.get_paginated_response(LeadReportOutput(rows, many=True).data)


class ReportSettle(GenericAPIView[Any]):
    @extend_schema(
        request=SettleReportInput,
        responses={200: LeadReportOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Settle a report, with words to whoever made it or without; the person is told",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int, report_pk: int) -> Response:
        report = report_for(request.user, slug, pk, report_pk)
        form = SettleReportInput(data=request.data)
        form.is_valid(raise_exception=True)
        resolve_report(report=report, actor=request.user, **form.validated_data)
        return Response(LeadReportOutput(report).data)


class AssignmentReports(AssignmentView):
    @extend_schema(
        request=ReportInput,
        responses={200: ReportOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Flag an item of yours as broken, or ask for help with it; you keep it",
    )
    def post(self, request: AuthedApiRequest, pk: int) -> Response:
        assignment = assignment_for(request.user, pk)
        form = ReportInput(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(ReportOutput(report_item(assignment=assignment, **form.validated_data)).data)
