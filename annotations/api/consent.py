"""Consent over the API, for annotators' own programs."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from annotations.access import answerable_campaign_for, campaign_for
from annotations.actions.consent import agree, change_consent_text, text_in_force
from annotations.models import Campaign
from projects.access import Capability
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.models import TokenScope, User


class ConsentOutput(serializers.Serializer[Any]):
    number = serializers.IntegerField(allow_null=True, help_text="The version in force; null where nothing is asked.")
    text = serializers.CharField()
    sha256 = serializers.CharField()
    agreed_at = serializers.DateTimeField(allow_null=True, help_text="When you agreed to it; null where you have not.")


class ConsentTextInput(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=50_000, allow_blank=True, help_text="Empty: nothing is asked any more.")


class AgreeInput(serializers.Serializer[Any]):
    number = serializers.IntegerField(min_value=1, help_text="The version that was read.")


class ConsentDetail(GenericAPIView[Any]):
    @extend_schema(responses=ConsentOutput, summary="The consent text of a campaign, and whether you agreed to it")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(_shown(campaign_for(request.user, slug, pk, needs=None), request.user))

    @extend_schema(request=ConsentTextInput, responses=ConsentOutput, summary="Put another text in force")
    def put(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
        form = ConsentTextInput(data=request.data)
        form.is_valid(raise_exception=True)
        change_consent_text(campaign=campaign, actor=request.user, text=form.validated_data["text"])
        return Response(_shown(campaign, request.user))


class ConsentAgree(GenericAPIView[Any]):
    write_scope = TokenScope.ANNOTATE

    @extend_schema(
        request=AgreeInput, responses={200: ConsentOutput, 409: ErrorOutput}, summary="Agree to the text in force"
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = answerable_campaign_for(request.user, slug, pk)
        form = AgreeInput(data=request.data)
        form.is_valid(raise_exception=True)
        agree(campaign=campaign, user=request.user, number=form.validated_data["number"])
        return Response(_shown(campaign, request.user))


def _shown(campaign: Campaign, user: User) -> dict[str, Any]:
    text = text_in_force(campaign)
    if text is None:
        return {"number": None, "text": "", "sha256": "", "agreed_at": None}
    agreed_at = text.consents.filter(user=user).values_list("agreed_at", flat=True).first()
    return ConsentOutput({"number": text.number, "text": text.text, "sha256": text.sha256, "agreed_at": agreed_at}).data
