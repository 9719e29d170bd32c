"""Reports on items over the API; the annotation page's script uses the same address."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from annotations.access import assignment_for
from annotations.actions.reports import MAX_REPORT, report_item
from annotations.api.assignments import AssignmentView
from annotations.models import ItemReport
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput


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
