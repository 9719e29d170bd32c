"""Right answers over the API: make, list, change, withdraw; and how often they are asked."""

from dataclasses import fields
from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from annotations.access import campaign_for, check_for
from annotations.actions.gold import revise_gold, withdraw_gold
from annotations.actions.gold_import import import_gold
from annotations.actions.qualification import set_checks
from annotations.checks import CheckSettings
from annotations.forms.checks import CheckSettingsForm
from annotations.gold_rows import MAX_EXPLANATION, rows_of_data
from annotations.models import CampaignItem, GoldAnswer
from projects.access import Capability
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.errors import AppError


class GoldOutput(serializers.ModelSerializer[GoldAnswer]):
    answer = serializers.DictField(help_text="By question, in the labels of `order`.")
    order = serializers.ListField(child=serializers.IntegerField(), help_text="Output ids; the first one is A.")
    pass_marks = serializers.DictField(child=serializers.FloatField())

    class Meta:
        model = GoldAnswer
        fields = ["number", "origin", "answer", "order", "explanation", "pass_marks", "created_at"]


class CheckOutput(serializers.ModelSerializer[CampaignItem]):
    task = serializers.CharField(source="task.external_id", help_text="External id.")
    gold = GoldOutput(allow_null=True, help_text="The right answer in force; null: nobody is asked.")

    class Meta:
        model = CampaignItem
        fields = ["id", "position", "kind", "task", "gold"]


class GoldRowsInput(serializers.Serializer[Any]):
    rows = serializers.ListField(
        child=serializers.DictField(),
        help_text="task (external id), kind (gold, attention, training, qualification), answer (by question), outputs "
        "(external ids in the order of the labels; optional), explanation, pass_marks (by question).",
    )


class GoldInput(serializers.Serializer[Any]):
    explanation = serializers.CharField(allow_blank=True, max_length=MAX_EXPLANATION)
    pass_marks = serializers.DictField(
        child=serializers.FloatField(min_value=0.01, max_value=1), required=False, default=dict
    )


class CheckSettingsSchema(serializers.Serializer[Any]):
    """The fields of `annotations.checks.CheckSettings`."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            field.name: (serializers.BooleanField if isinstance(field.default, bool) else serializers.IntegerField)(
                required=False
            )
            for field in fields(CheckSettings)
        }


class CheckList(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(responses=CheckOutput(many=True), summary="Items that check people, with their right answers")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk)
        items = campaign.items.checks().select_related("task", "gold").order_by("-id")
        return self.get_paginated_response(CheckOutput(self.paginate_queryset(items), many=True).data)

    @extend_schema(
        request=GoldRowsInput,
        responses={201: CheckOutput(many=True), 400: ErrorOutput},
        summary="Put right answers in force, all of them or none",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
        form = GoldRowsInput(data=request.data)
        form.is_valid(raise_exception=True)
        made = import_gold(campaign=campaign, actor=request.user, rows=rows_of_data(form.validated_data["rows"]))
        return Response(CheckOutput(made, many=True).data, status=status.HTTP_201_CREATED)


class CheckDetail(GenericAPIView[Any]):
    @extend_schema(responses=CheckOutput, summary="One item that checks people")
    def get(self, request: AuthedApiRequest, slug: str, pk: int, check_pk: int) -> Response:
        return Response(CheckOutput(check_for(request.user, slug, pk, check_pk)).data)

    @extend_schema(
        request=GoldInput,
        responses={200: CheckOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Change explanation and pass marks: a new version",
    )
    def put(self, request: AuthedApiRequest, slug: str, pk: int, check_pk: int) -> Response:
        item = check_for(request.user, slug, pk, check_pk, needs=Capability.MANAGE)
        form = GoldInput(data=request.data)
        form.is_valid(raise_exception=True)
        revise_gold(item=item, actor=request.user, **form.validated_data)
        return Response(CheckOutput(item).data)

    @extend_schema(responses={204: None}, summary="Withdraw the right answer: nobody is asked any more")
    def delete(self, request: AuthedApiRequest, slug: str, pk: int, check_pk: int) -> Response:
        withdraw_gold(item=check_for(request.user, slug, pk, check_pk, needs=Capability.MANAGE), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class CheckSettingsView(GenericAPIView[Any]):
    @extend_schema(responses=CheckSettingsSchema, summary="How often people are checked, and what follows")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(CheckSettings.of(campaign_for(request.user, slug, pk)).to_json())

    @extend_schema(
        request=CheckSettingsSchema,
        responses={200: CheckSettingsSchema, 400: ErrorOutput},
        summary="Change them; what is left out stays",
    )
    def patch(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
        given = dict(request.data)
        form = CheckSettingsForm({**CheckSettings.of(campaign).to_json(), **given})
        unknown = sorted(set(given) - set(form.fields))
        if unknown or not form.is_valid():
            errors = {name: [str(error) for error in found] for name, found in form.errors.items()}
            expected = gettext("There is no such setting: expected one of %(fields)s.") % {
                "fields": ", ".join(form.fields)
            }
            raise AppError(
                gettext("The settings are not valid."),
                code="invalid",
                fields=errors | {name: [expected] for name in unknown},
            )
        set_checks(campaign=campaign, settings=form.settings(), actor=request.user)
        return Response(form.settings().to_json())
