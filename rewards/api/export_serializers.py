"""Shapes of exports over the API. They hold no logic: views call the actions."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from rewards.api.serializers import LARGEST_KEY
from rewards.exporting.choices import ANSWERS_TITLES, COMBINE_TITLES, LARGEST_SEED, PAIRING_TITLES, SOURCE_TITLES
from rewards.exporting.page import erased_since
from rewards.formats.registry import EXPORT_FORMATS
from rewards.formats.row_files import WRITERS
from rewards.models import Export, ExportFile
from rewards.rubrics.rules import AGGREGATIONS


def _key(**options: Any) -> "serializers.IntegerField":
    return serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_KEY, **options)


class NewExport(serializers.Serializer[Any]):
    """What a dataset is made of; what does not apply to the source and format is passed over."""

    name = serializers.CharField(required=False, max_length=200, allow_blank=True)
    format = serializers.ChoiceField(choices=[(entry.name, entry.title) for entry in EXPORT_FORMATS.values()])
    file_type = serializers.ChoiceField(choices=list(WRITERS), required=False)
    source = serializers.ChoiceField(choices=[*SOURCE_TITLES.items()], required=False)  # type: ignore[assignment]
    combine = serializers.ChoiceField(choices=[*COMBINE_TITLES.items()], required=False)
    pairing = serializers.ChoiceField(choices=[*PAIRING_TITLES.items()], required=False)
    answers = serializers.ChoiceField(
        choices=[*ANSWERS_TITLES.items()], required=False, help_text="Raw, adjudicated, or the one before the other."
    )
    question = serializers.CharField(required=False, max_length=80, help_text="Of ratings.")
    rubric_version = _key(allow_null=True, help_text="Of scores; null for each task's own rubric.")
    aggregation = serializers.ChoiceField(
        choices=[(name, entry.title) for name, entry in AGGREGATIONS.items()], required=False
    )
    signal_rater = _key(allow_null=True, help_text="Whose signal.")
    channel = serializers.CharField(required=False, max_length=80, allow_blank=True, help_text="Of the signal.")
    recipe_version = _key(allow_null=True, help_text="Whose rewards.")
    min_gap = serializers.FloatField(required=False, min_value=0, help_text="Smallest margin of a pair.")
    desirable_from = serializers.FloatField(required=False, allow_null=True)
    undesirable_to = serializers.FloatField(required=False, allow_null=True)
    raters = serializers.ListField(child=_key(), required=False, help_text="None at all: everybody.")
    policies = serializers.ListField(child=_key(), required=False, help_text="None at all: all.")
    tag = serializers.CharField(required=False, max_length=100, allow_blank=True)
    split = serializers.CharField(required=False, max_length=40, allow_blank=True, help_text="Of tasks.")
    current_only = serializers.BooleanField(required=False)
    margin = serializers.BooleanField(required=False, help_text="A column with it.")
    weight = serializers.BooleanField(
        required=False, help_text="Of pairs of rankings: a column with 1 / C(K, 2) for an order of K outputs."
    )
    ids = serializers.BooleanField(required=False, help_text="Columns with the external ids.")
    fractions = serializers.DictField(
        child=serializers.FloatField(),
        required=False,
        help_text='Shares of splits, such as {"train": 0.9, "test": 0.1}.',
    )
    seed = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST_SEED)


class ExportRowOutput(serializers.ModelSerializer[Export]):
    class Meta:
        model = Export
        fields = ["id", "name", "format", "status", "rows_written", "created_at", "finished_at"]


class ExportFileOutput(serializers.ModelSerializer[ExportFile]):
    url = serializers.SerializerMethodField(help_text="Where to download it.")

    class Meta:
        model = ExportFile
        fields = ["id", "path", "split", "rows", "bytes", "sha256", "url"]

    @extend_schema_field(serializers.URLField())
    def get_url(self, file: ExportFile) -> str:
        export: Export = self.context["export"]
        address = reverse("rewards-api:export-file", args=[export.project.slug, export.pk, file.pk])
        return str(self.context["request"].build_absolute_uri(address))


class ExportDetailOutput(serializers.ModelSerializer[Export]):
    percent = serializers.IntegerField(allow_null=True, help_text="How far it is; null while that is unknown.")
    files = serializers.SerializerMethodField(help_text="Once it is ready.")
    erased_since = serializers.SerializerMethodField(
        help_text="What went from the project for good after this was made, by what it was; it is in here still."
    )

    class Meta:
        model = Export
        fields = [
            "id",
            "name",
            "format",
            "options",
            "status",
            "percent",
            "rows_written",
            "rows_expected",
            "failure",
            "manifest",
            "files",
            "erased_since",
            "created_at",
            "finished_at",
        ]

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_erased_since(self, export: Export) -> dict[str, int]:
        return erased_since(export)

    @extend_schema_field(ExportFileOutput(many=True))
    def get_files(self, export: Export) -> Any:
        context = {"export": export, "request": self.context["request"]}
        return ExportFileOutput(export.files.in_order(), many=True, context=context).data
