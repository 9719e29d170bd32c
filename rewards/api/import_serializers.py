"""Shapes of imports over the API. They hold no logic: views call the actions."""

from typing import Any

from django.utils.translation import gettext
from rest_framework import serializers

from rewards.formats.registry import IMPORT_FORMATS
from rewards.models import ImportBatch, ImportRowError


class ImportRules(serializers.Serializer[Any]):
    """What to do with conflicts and faults."""

    on_conflict = serializers.ChoiceField(
        choices=ImportBatch.OnConflict.choices,
        required=False,
        default=ImportBatch.OnConflict.NEW_VERSION,
        help_text="Where an id is stored with other content.",
    )
    on_error = serializers.ChoiceField(
        choices=ImportBatch.OnError.choices,
        required=False,
        default=ImportBatch.OnError.KEEP_GOOD,
        help_text="Where rows cannot be read.",
    )


class TaskRules(serializers.Serializer[Any]):
    """What to do where the id is stored with other content."""

    on_conflict = serializers.ChoiceField(
        choices=ImportBatch.OnConflict.choices, required=False, default=ImportBatch.OnConflict.NEW_VERSION
    )


class NewImport(ImportRules):
    """Files as multipart/form-data."""

    format = serializers.ChoiceField(choices=[(entry.name, entry.title) for entry in IMPORT_FORMATS.values()])
    files = serializers.ListField(child=serializers.FileField(), allow_empty=False)
    options = serializers.JSONField(
        binary=True,
        required=False,
        default=dict,
        help_text='The format\'s own options as a JSON object, such as {"rater": "AI"}.',
    )

    def validate_options(self, value: Any) -> dict[str, str]:
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise serializers.ValidationError(gettext("Expected an object of strings."))
        text = serializers.CharField(max_length=200, allow_blank=True)
        return {name: text.run_validation(given) for name, given in value.items()}


class ImportOutput(serializers.ModelSerializer[ImportBatch]):
    percent = serializers.IntegerField(help_text="Of the files, read.")

    class Meta:
        model = ImportBatch
        fields = [
            "id",
            "format",
            "file_names",
            "options",
            "on_conflict",
            "on_error",
            "status",
            "percent",
            "bytes_total",
            "bytes_read",
            "counts",
            "error_count",
            "failure",
            "created_at",
            "finished_at",
            "undone_at",
        ]


class ImportErrorOutput(serializers.ModelSerializer[ImportRowError]):
    class Meta:
        model = ImportRowError
        fields = ["id", "file_name", "row", "field", "message", "expected"]


class NewTaskOutput(serializers.Serializer[Any]):
    id = serializers.CharField(required=False, help_text="Left out, it is made of the task's id and a number.")
    policy = serializers.CharField(required=False, help_text="Who wrote it.")
    text = serializers.CharField(required=False)
    messages = serializers.ListField(child=serializers.DictField(), required=False, help_text="In place of a text.")
    generation = serializers.DictField(required=False, help_text="How it was sampled.")


class NewTask(serializers.Serializer[Any]):
    """A line of Rubricate's JSONL; the importer checks it."""

    id = serializers.CharField(max_length=200)
    prompt = serializers.CharField(required=False)
    messages = serializers.ListField(child=serializers.DictField(), required=False, help_text="In place of a prompt.")
    reference = serializers.CharField(required=False, allow_null=True)
    context = serializers.CharField(required=False)  # type: ignore[assignment]
    tags = serializers.ListField(child=serializers.CharField(max_length=100), required=False)
    split = serializers.CharField(required=False, max_length=40)
    licence = serializers.CharField(required=False, max_length=100)
    metadata = serializers.DictField(required=False)
    rubric = serializers.DictField(required=False, help_text="The task's own rubric.")
    outputs = NewTaskOutput(many=True, required=False)
