"""Shapes of served models, their terms, and budgets in the API. A key goes in and never out."""

from typing import Any

from rest_framework import serializers

from workers.actions.servers import MOST_CONCURRENCY, MOST_TIMEOUT_SECONDS, Terms
from workers.budgets import Budget


class Limits(serializers.Serializer[Any]):
    concurrency = serializers.IntegerField(required=False, min_value=1, max_value=MOST_CONCURRENCY)
    requests_per_minute = serializers.IntegerField(required=False, min_value=1)
    tokens_per_minute = serializers.IntegerField(required=False, min_value=1)
    timeout_seconds = serializers.FloatField(required=False, min_value=1, max_value=MOST_TIMEOUT_SECONDS)


class Prices(serializers.Serializer[Any]):
    prompt_per_million = serializers.FloatField(min_value=0)
    reply_per_million = serializers.FloatField(min_value=0)
    currency = serializers.CharField(max_length=10)


class ServerTerms(serializers.Serializer[Any]):
    """What is left out is taken away, the key alone excepted."""

    limits = Limits(required=False)
    prices = Prices(required=False, allow_null=True)
    budget = serializers.FloatField(required=False, allow_null=True, min_value=0)
    key = serializers.CharField(
        max_length=4000,
        required=False,
        allow_blank=True,
        write_only=True,
        help_text="Stored encrypted, never given out. Left out: the stored one stays. Empty: none.",
    )

    def terms(self) -> Terms:
        """Once valid."""
        given = self.validated_data
        return Terms(dict(given.get("limits") or {}), dict(given.get("prices") or {}), given.get("budget"))


class NewServer(ServerTerms):
    name = serializers.CharField(max_length=100)
    url = serializers.CharField(max_length=500, help_text="Up to and including /v1.")
    served_model = serializers.CharField(max_length=300, help_text="The name by which the server knows the model.")


class NewBudget(serializers.Serializer[Any]):
    budget = serializers.FloatField(allow_null=True, min_value=0, help_text="Null: no bound.")


class BudgetOutput(serializers.Serializer[Budget]):
    amount = serializers.FloatField()
    spent = serializers.FloatField()
    left = serializers.FloatField()


class ProjectBudgetOutput(serializers.Serializer[Any]):
    budget = BudgetOutput(allow_null=True)
