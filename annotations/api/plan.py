"""Who gets which item, over the API: a campaign's plan, and priority, skills and people by item."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from annotations.access import campaign_for
from annotations.actions.plan import FIELDS, change_plan
from annotations.actions.plan_items import set_items
from annotations.active.strategies import STRATEGIES
from annotations.forecast import what_is_left
from annotations.models import Campaign, CampaignPlan, Reranking
from annotations.next_item import ORDERS, plan_of
from projects.access import Capability
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput


class RerankingOutput(serializers.ModelSerializer[Reranking]):
    details = serializers.DictField(help_text="What the strategy saw: wins by policy, strata of the judge's error.")
    failure = serializers.CharField(help_text="Why the order is random; empty where the strategy could rank.")

    class Meta:
        model = Reranking
        fields = [
            "strategy",
            "seed",
            "answer_count",
            "seen_count",
            "item_count",
            "failure",
            "details",
            "seconds",
            "created_at",
        ]


class PlanOutput(serializers.Serializer[Any]):
    order = serializers.ChoiceField(choices=[(order.name, order.label) for order in ORDERS.values()])
    strategy = serializers.CharField(help_text=f"Of the active order: one of {', '.join(STRATEGIES)}.")
    scorer = serializers.CharField(help_text="The number it reads: `rater id:name of the number`.")
    rerank_every = serializers.IntegerField()
    skill_tags = serializers.ListField(child=serializers.CharField())
    deadline = serializers.DateTimeField(allow_null=True)
    arms = serializers.DictField(
        help_text="`sequence`: levels; `guidelines`: `[{name, text}]`; `overlay`: levels and whose values or spans."
    )
    arm_unit = serializers.ChoiceField(choices=CampaignPlan.ArmUnit.choices)
    pay_per = serializers.CharField(help_text="`answer`, `hour` or empty.")
    pay_amount = serializers.FloatField(allow_null=True)
    currency = serializers.CharField()
    last_ranking = RerankingOutput(allow_null=True)
    remaining_answers = serializers.IntegerField()
    finish = serializers.DateTimeField(allow_null=True, help_text="The median of the forecast; null without one.")
    finish_earliest = serializers.DateTimeField(allow_null=True, help_text="90 % lie between this and the latest.")
    finish_latest = serializers.DateTimeField(allow_null=True)


class PlanInput(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    order = serializers.CharField(required=False, max_length=20)
    strategy = serializers.CharField(required=False, allow_blank=True, max_length=40)
    scorer = serializers.CharField(required=False, allow_blank=True, max_length=300)
    rerank_every = serializers.IntegerField(required=False, min_value=1, max_value=10_000)
    skill_tags = serializers.ListField(required=False, child=serializers.CharField(max_length=100))
    deadline = serializers.DateTimeField(required=False, allow_null=True)
    arms = serializers.DictField(required=False)
    arm_unit = serializers.ChoiceField(required=False, choices=CampaignPlan.ArmUnit.choices)
    pay_per = serializers.ChoiceField(required=False, choices=CampaignPlan.PayPer.choices, allow_blank=True)
    pay_amount = serializers.FloatField(required=False, allow_null=True, min_value=0)
    currency = serializers.CharField(required=False, allow_blank=True, max_length=8)


class ItemSetting(serializers.Serializer[Any]):
    position = serializers.IntegerField(required=False, help_text="Of the item; or `task`.")
    task = serializers.CharField(required=False, max_length=200, help_text="The task's external id.")
    priority = serializers.FloatField(required=False)
    skills = serializers.ListField(required=False, child=serializers.CharField(max_length=100))
    people = serializers.ListField(
        required=False, child=serializers.CharField(max_length=150), help_text="User names; empty for everybody."
    )


class ItemSettings(serializers.Serializer[Any]):
    rows = serializers.ListField(child=ItemSetting(), max_length=100_000)


class ItemsSet(serializers.Serializer[Any]):
    items = serializers.IntegerField()


class CampaignPlanView(GenericAPIView[Any]):
    @extend_schema(
        responses=PlanOutput, summary="Who gets which item, what is left, and when the queue was last ranked"
    )
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(_data(campaign_for(request.user, slug, pk)))

    @extend_schema(
        request=PlanInput,
        responses={200: PlanOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Change order, strategy, skills, arms, deadline or pay",
    )
    def patch(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
        form = PlanInput(data=request.data)
        form.is_valid(raise_exception=True)
        change_plan(campaign=campaign, actor=request.user, **form.validated_data)
        return Response(_data(campaign))


class CampaignPlanItems(GenericAPIView[Any]):
    @extend_schema(
        request=ItemSettings,
        responses={200: ItemsSet, 400: ErrorOutput},
        summary="Set priority, skills or people of items, all rows or none",
    )
    def patch(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
        form = ItemSettings(data=request.data)
        form.is_valid(raise_exception=True)
        return Response({"items": set_items(campaign=campaign, actor=request.user, rows=form.validated_data["rows"])})


def _data(campaign: Campaign) -> dict[str, Any]:
    plan, left = plan_of(campaign), what_is_left(campaign)
    last = campaign.rerankings.order_by("-id").first()
    pace = left.pace
    found = {
        **{name: getattr(plan, name) for name in FIELDS},
        "last_ranking": last,
        "remaining_answers": left.remaining,
        "finish": pace.finish if pace else None,
        "finish_earliest": pace.earliest if pace else None,
        "finish_latest": pace.latest if pace else None,
    }
    return dict(PlanOutput(found).data)
