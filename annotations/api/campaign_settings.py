"""The shapes in which a campaign that was made is changed over the API."""

from typing import Any

from rest_framework import serializers


class CampaignChange(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    name = serializers.CharField(required=False, max_length=200)
    overlap = serializers.IntegerField(required=False, min_value=1, max_value=100)
    lease_minutes = serializers.IntegerField(required=False, min_value=2, max_value=1440)
    undo_minutes = serializers.IntegerField(required=False, min_value=0, max_value=1440)
    reveals_policies = serializers.BooleanField(required=False)
    people = serializers.ListField(
        child=serializers.CharField(max_length=150),
        required=False,
        help_text="User names, in place of who was asked; empty for everyone who may annotate.",
    )


class TasksAddInput(serializers.Serializer[Any]):
    limit = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, help_text="Tasks at most; null for all of them."
    )


class TasksAdded(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    items = serializers.IntegerField(help_text="Of the work, all in all.")
