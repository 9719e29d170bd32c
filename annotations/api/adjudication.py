"""Settling items over the API; the page's scripts use the same addresses."""

from collections.abc import Collection
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from annotations.access import adjudicated_item_for, adjudication_for, campaign_for
from annotations.actions.adjudication import Settlement, settle_agreed, settle_item, undo_adjudication
from annotations.adjudication.page import ORDERING, SORTS, STATES, lane_name, next_in_queue, queue, settling_data
from annotations.adjudication.reading import compare_answers, lanes_of
from annotations.models import Adjudication, ItemDisagreement
from projects.access import Capability
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.errors import AppError


class QueueRow(serializers.ModelSerializer[ItemDisagreement]):
    item = serializers.IntegerField(source="item_id")
    position = serializers.IntegerField(source="item.position")
    disagreement = serializers.FloatField(source="value", help_text="From 0, all agree, to 1.")
    agrees = serializers.BooleanField()
    questions = serializers.ListField(child=serializers.CharField(), help_text="Keys of those whose answers differ.")
    answers = serializers.IntegerField(source="lane_count")
    settled = serializers.BooleanField(source="is_settled")

    class Meta:
        model = ItemDisagreement
        fields = ["item", "position", "disagreement", "agrees", "questions", "answers", "settled"]


class LaneOutput(serializers.Serializer[Any]):
    submission = serializers.IntegerField()
    rater = serializers.CharField(help_text="A pseudonym.")
    protocol = serializers.IntegerField(help_text="The version under which it was given.")
    answer = serializers.DictField(help_text="Under the item's own labels.")


class PartOutput(serializers.Serializer[Any]):
    question = serializers.CharField()
    name = serializers.CharField()
    values = serializers.ListField(help_text="One for each lane; null where nothing was said.")
    agrees = serializers.BooleanField()


class ModelSpanOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField(help_text="The name of its part, under `@marks`.")
    model = serializers.CharField(source="source", help_text="What annotators know it by: never its name.")
    output = serializers.CharField(help_text="The item's own label.")
    message = serializers.IntegerField()
    start = serializers.IntegerField(help_text="In code points.")
    end = serializers.IntegerField()
    quote = serializers.CharField()
    type = serializers.CharField()
    severity = serializers.CharField()
    comment = serializers.CharField()


class AdjudicationOutput(serializers.ModelSerializer[Adjudication]):
    answer = serializers.DictField()
    lanes = serializers.ListField(child=serializers.IntegerField(), help_text="Ids of the submissions settled.")
    departures = serializers.ListField(child=serializers.CharField(), help_text="Where it goes against them.")
    rater = serializers.CharField(source="rater.label", help_text="By whom its judgments are.")

    class Meta:
        model = Adjudication
        fields = ["id", "act", "answer", "method", "departures", "reason", "iou", "lanes", "rater", "created_at"]


class SettledOutput(AdjudicationOutput):
    next = serializers.CharField(allow_null=True, help_text="The page of the next open item; null for none.")

    class Meta(AdjudicationOutput.Meta):
        fields = [*AdjudicationOutput.Meta.fields, "next"]


class ItemLanesOutput(serializers.Serializer[Any]):
    item = serializers.IntegerField()
    questions = serializers.ListField(child=serializers.DictField())
    outputs = serializers.ListField(child=serializers.DictField())
    lanes = LaneOutput(many=True)
    parts = PartOutput(many=True)
    marks = ModelSpanOutput(many=True, help_text="Spans of models that people accepted, changed or rejected.")
    merged = serializers.DictField(help_text="What all, or more than half, say; parts without that are left out.")
    standing = AdjudicationOutput(allow_null=True)


class SettleInput(serializers.Serializer[Any]):
    key = serializers.CharField(max_length=100, help_text="Chosen by you; repeating it changes nothing.")
    answer = serializers.DictField(
        help_text="Under the item's own labels, as lanes are given; under `@marks` a decision for each span of a model."
    )
    seen = serializers.ListField(child=serializers.IntegerField(min_value=1), help_text="The submissions looked at.")
    standing = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, help_text="The adjudication that this changes."
    )
    reason = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="Needed where it goes against what most people said."
    )
    iou = serializers.FloatField(required=False, default=1.0, min_value=0, max_value=1)


class SettleAgreedInput(serializers.Serializer[Any]):
    iou = serializers.FloatField(
        required=False, default=1.0, min_value=0.1, max_value=1, help_text="From which overlap on spans are the same."
    )


class SettledAgreedOutput(serializers.Serializer[Any]):
    settled = serializers.IntegerField()
    has_more = serializers.BooleanField()


class AdjudicationQueue(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    keyset_ordering = ORDERING

    @extend_schema(
        parameters=[
            OpenApiParameter("state", enum=list(STATES), default="open"),
            OpenApiParameter("sort", enum=list(SORTS), default=""),
            OpenApiParameter("question", description="Only items on whose answers to it people differ."),
        ],
        responses=QueueRow(many=True),
        summary="Items with several answers, those furthest apart first",
    )
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk)
        compare_answers(campaign)
        rows = queue(
            campaign,
            state=_one_of(request.GET.get("state", "open"), STATES, "state"),
            sort=_one_of(request.GET.get("sort", ""), SORTS, "sort"),
            question=request.GET.get("question", ""),
        )
        return self.get_paginated_response(QueueRow(self.paginate_queryset(rows), many=True).data)


class ItemAdjudication(GenericAPIView[Any]):
    @extend_schema(
        responses={200: ItemLanesOutput, 409: ErrorOutput},
        summary="What people answered about one item, beside each other",
    )
    def get(self, request: AuthedApiRequest, slug: str, pk: int, item_pk: int) -> Response:
        item = adjudicated_item_for(request.user, slug, pk, item_pk)
        lanes = lanes_of(item)
        if lanes is None:
            raise AppError(gettext("Nobody's answer to this item stands."), code="nothing_to_settle", status=409)
        standing = item.adjudications.filter(undone_at__isnull=True).select_related("rater").first()
        parts = lanes.parts()
        data = settling_data(item, lanes, parts, standing)
        told = {
            "item": item.pk,
            "questions": data["questions"],
            "outputs": data["outputs"],
            "lanes": [
                {
                    "submission": lane.submission,
                    "rater": lane_name(lane, named=False),
                    "protocol": lane.protocol,
                    "answer": lane.answer,
                }
                for lane in lanes.lanes
            ],
            "parts": [{**entry, "agrees": part.agrees} for entry, part in zip(data["parts"], parts, strict=True)],
            "marks": lanes.model_spans,
            "merged": data["merged"],
            "standing": standing,
        }
        return Response(ItemLanesOutput(told).data)

    @extend_schema(
        request=SettleInput,
        responses={200: SettledOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Settle an item; the answers that it settles stay as they are",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int, item_pk: int) -> Response:
        item = adjudicated_item_for(request.user, slug, pk, item_pk, needs=Capability.MANAGE)
        form = SettleInput(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        made = settle_item(item=item, actor=request.user, key=data.pop("key"), decision=Settlement(**data))
        after = next_in_queue(item.campaign, item)
        url = None if after is None else reverse("annotations:adjudicate-item", args=[slug, pk, after])
        return Response({**AdjudicationOutput(made).data, "next": url})


class AdjudicationAgreed(GenericAPIView[Any]):
    @extend_schema(
        request=SettleAgreedInput,
        responses={200: SettledAgreedOutput},
        summary="Settle the items on which all agree, two hundred at a time",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
        form = SettleAgreedInput(data=request.data)
        form.is_valid(raise_exception=True)
        done = settle_agreed(campaign=campaign, actor=request.user, **form.validated_data)
        return Response(done._asdict())


class AdjudicationUndo(GenericAPIView[Any]):
    @extend_schema(request=None, responses={204: None, 409: ErrorOutput}, summary="Take a settled answer back")
    def post(self, request: AuthedApiRequest, slug: str, pk: int, adjudication_pk: int) -> Response:
        undo_adjudication(adjudication=adjudication_for(request.user, slug, pk, adjudication_pk), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _one_of(value: str, known: Collection[str], name: str) -> str:
    if value not in known:
        words = gettext("Expected one of: %(known)s.") % {"known": ", ".join(filter(None, known))}
        raise AppError(words, code="filter_invalid", fields={name: [words]})
    return value
