"""Reactions of an application's users over the API."""

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import Capability, project_for
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.throttle import require_within_limit
from rewards.actions.reactions import MOST, Given, store_reactions, withdraw_reactions
from rewards.api.serializers import LARGEST_KEY

_APP_HELP = "The application's name: its rater carries it."


class ReactionInput(serializers.Serializer[Any]):
    key = serializers.CharField(max_length=100, help_text="Chosen by you for this reaction; repeating changes nothing.")
    reaction = serializers.CharField(
        max_length=60, help_text="thumbs_up or thumbs_down (also 👍 👎), an emoji, or a word of your own such as love."
    )
    value = serializers.FloatField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        max_value=1,
        help_text="Left out: 1 where it was given, 0 for a thumb down. 0 says: seen, and not reacted so.",
    )
    output = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=LARGEST_KEY, help_text="Its id here."
    )
    task_id = serializers.CharField(required=False, default="", max_length=200, help_text="Else the external ids,")
    output_id = serializers.CharField(required=False, default="", max_length=200, help_text="of task and output.")
    user = serializers.CharField(
        required=False,
        default="",
        max_length=200,
        help_text="Your name for the person, kept as a hash: a second answer of theirs replaces the first.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["output"] is None and not (attrs["task_id"] and attrs["output_id"]):
            raise serializers.ValidationError(
                {"output": gettext("Name the output by its id, or by task_id and output_id.")}
            )
        return attrs


class ReactionsInput(serializers.Serializer[Any]):
    app = serializers.CharField(max_length=100, help_text=_APP_HELP)
    reactions = serializers.ListField(child=ReactionInput(), max_length=MOST, allow_empty=False)


class ReactionsOutput(serializers.Serializer[Any]):
    stored = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="Sent before.")
    replaced = serializers.IntegerField(help_text="Earlier answers of the same people, withdrawn.")


class WithdrawInput(serializers.Serializer[Any]):
    app = serializers.CharField(max_length=100, help_text=_APP_HELP)
    keys = serializers.ListField(child=serializers.CharField(max_length=100), max_length=MOST, allow_empty=False)


class WithdrawnOutput(serializers.Serializer[Any]):
    withdrawn = serializers.IntegerField()


class ReactionList(GenericAPIView[Any]):
    @extend_schema(
        request=ReactionsInput,
        responses={200: ReactionsOutput, 400: ErrorOutput, 409: ErrorOutput, 429: ErrorOutput},
        summary="Store reactions of an application's users as ratings from 0 to 1, once each",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        require_within_limit(request._request, action="reactions")
        form = ReactionsInput(data=request.data)
        form.is_valid(raise_exception=True)
        told = form.validated_data
        done = store_reactions(project=project, app=told["app"], given=[Given(**one) for one in told["reactions"]])
        return Response(done._asdict())


class ReactionWithdrawal(GenericAPIView[Any]):
    @extend_schema(
        request=WithdrawInput,
        responses={200: WithdrawnOutput, 400: ErrorOutput, 429: ErrorOutput},
        summary="Take reactions back by their keys",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        require_within_limit(request._request, action="reactions")
        form = WithdrawInput(data=request.data)
        form.is_valid(raise_exception=True)
        told = form.validated_data
        count = withdraw_reactions(project=project, app=told["app"], keys=told["keys"], by=request.user)
        return Response({"withdrawn": count})
