"""A campaign's data over the API, for those who lead or follow it: its items, and what was answered to them."""

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from annotations.access import campaign_for
from annotations.actions.campaign_settings import add_tasks
from annotations.api.campaign_settings import TasksAdded, TasksAddInput
from annotations.forms.item_filter import ItemFilterForm
from annotations.models import Campaign, CampaignItem, Submission
from annotations.querysets.item import STATES, CampaignItemQuerySet
from projects.access import Capability
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.errors import AppError
from rewards.models import Rater


class ItemOutput(serializers.ModelSerializer[CampaignItem]):
    task = serializers.CharField(source="task.external_id", help_text="External id.")
    outputs = serializers.SerializerMethodField(help_text="Output ids, in the item's own order.")
    people = serializers.SerializerMethodField(help_text="User names of those it is kept for; empty for everybody.")
    skills = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = CampaignItem
        fields = [
            "id", "position", "kind", "task", "outputs", "granted_count", "submitted_count", "priority", "skills",
            "people", "withdrawn_at", "withdrawn_reason",
        ]  # fmt: skip

    def get_outputs(self, item: CampaignItem) -> list[int]:
        return [row.output_id for row in item.item_outputs.all()]

    def get_people(self, item: CampaignItem) -> list[str]:
        return sorted(row.user.username for row in item.reserved_items.all())


class AnswerOutput(serializers.ModelSerializer[Submission]):
    """One submit that stands, as it was sent. Its judgments carry the same `act`."""

    item = serializers.IntegerField(source="assignment.item_id")
    position = serializers.IntegerField(source="assignment.item.position")
    kind = serializers.ChoiceField(source="assignment.item.kind", choices=CampaignItem.Kind.choices)
    task = serializers.CharField(source="assignment.item.task.external_id", help_text="External id.")
    rater = serializers.CharField(source="pseudonym", allow_null=True, help_text="A pseudonym.")
    protocol = serializers.IntegerField(
        source="protocol.number", allow_null=True, help_text="The version under which it was given; null if not kept."
    )
    order = serializers.ListField(
        source="assignment.order", child=serializers.IntegerField(), help_text="Output ids by label: the first is A."
    )
    arm = serializers.DictField(source="assignment.arm", help_text="Of the study: a level for each factor.")
    active_parts = serializers.DictField(help_text="Of active_ms, by prompt, response:A, question:<key> and the like.")
    answer = serializers.DictField(help_text="By question, in the labels shown; empty where retention took it.")

    class Meta:
        model = Submission
        fields = [
            "id", "act", "item", "position", "kind", "task", "rater", "protocol", "order", "arm", "answer",
            "active_ms", "active_parts", "created_at",
        ]  # fmt: skip


class CampaignItems(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    keyset_ordering = "position"

    @extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="The beginning of the task's id, or words of its prompt."),
            OpenApiParameter("state", str, enum=STATES),
            OpenApiParameter("kind", str, enum=CampaignItem.Kind.values),
            OpenApiParameter("person", str, description="User name of who holds, submitted or skipped it."),
        ],
        responses=ItemOutput(many=True),
        summary="A campaign's items in order, checks among them",
    )
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk)
        form = ItemFilterForm(request.query_params, campaign=campaign)
        if form.errors:
            raise AppError(
                gettext("These items cannot be looked for."),
                code="filter_invalid",
                fields={name: [str(one) for one in found] for name, found in form.errors.items()},
            )
        rows = self.paginate_queryset(_items(campaign).matching(campaign, **form.conditions()))
        return self.get_paginated_response(ItemOutput(rows, many=True).data)

    @extend_schema(
        request=TasksAddInput,
        responses={201: TasksAdded, 400: ErrorOutput, 409: ErrorOutput},
        summary="Add tasks that fit the campaign's selection and have come since",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
        form = TasksAddInput(data=request.data)
        form.is_valid(raise_exception=True)
        added = add_tasks(campaign=campaign, actor=request.user, limit=form.validated_data["limit"])
        return Response({"added": added, "items": campaign.item_count}, status=status.HTTP_201_CREATED)


class CampaignAnswers(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(responses=AnswerOutput(many=True), summary="Answers that stand, as they were sent, newest first")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        rows = self.paginate_queryset(_answers(campaign_for(request.user, slug, pk)))
        return self.get_paginated_response(AnswerOutput(rows, many=True).data)


def _items(campaign: Campaign) -> CampaignItemQuerySet:
    """Three queries, however many items."""
    wide = ("task__messages", "task__context", "task__reference")
    return campaign.items.select_related("task").defer(*wide).prefetch_related("item_outputs", "reserved_items__user")


def _answers(campaign: Campaign) -> QuerySet[Submission]:
    """One query; what was answered to make a right answer is nobody's answer."""
    raters = Rater.objects.filter(project=campaign.project_id, user=OuterRef("assignment__user"))
    wide = ("assignment__item__task__messages", "assignment__item__task__context", "assignment__item__task__reference")
    standing = Submission.objects.filter(
        assignment__campaign=campaign, assignment__makes_gold=False, undone_at__isnull=True
    )
    return (
        standing.select_related("assignment__item__task", "protocol")
        .defer(*wide, "protocol__questions", "protocol__guidelines", "protocol__examples")
        .annotate(pseudonym=Subquery(raters.values("pseudonym")[:1]))
    )
