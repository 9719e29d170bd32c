"""Shapes of artefacts, fits and trainers in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from rewards.api.serializers import LARGEST_KEY
from rewards.parameters import parameters_schema
from workers.forms.proposal import LARGEST_SEED
from workers.models import Artefact, Fit
from workers.training.contract import TrainerDeclaration


class TrainerOutput(serializers.Serializer[TrainerDeclaration]):
    """One kind of weights that can be fitted."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()
    summary = serializers.CharField()
    formula = serializers.CharField()
    paper = serializers.CharField()
    fidelity = serializers.CharField()
    base = serializers.CharField(source="base.help", help_text="The model that is fitted on.")
    capabilities = serializers.SerializerMethodField(help_text="What that model must give.")
    used_by = serializers.CharField()
    makes_model = serializers.BooleanField(help_text="Whether base and artefact become a model of their own.")
    parameters = serializers.SerializerMethodField(help_text="A JSON schema.")

    def get_capabilities(self, declaration: TrainerDeclaration) -> list[str]:
        return sorted(capability.value for capability in declaration.base.capabilities)

    def get_parameters(self, declaration: TrainerDeclaration) -> dict[str, Any]:
        return parameters_schema(declaration.all_parameters)


class ArtefactOutput(serializers.ModelSerializer[Artefact]):
    kind = serializers.CharField(source="source")
    parameters = serializers.DictField(help_text="Of the fit; with seed, model, and SHA-256 of the data.")
    metrics = serializers.DictField(help_text="On training and held-out outputs, with intervals over tasks.")

    class Meta:
        model = Artefact
        fields = ["id", "name", "kind", "export_id", "sha256", "parameters", "metrics", "created_at"]


class FitOutput(serializers.ModelSerializer[Fit]):
    endpoint = serializers.CharField(source="endpoint.name")
    parameters = serializers.DictField()
    curve = serializers.ListField(child=serializers.DictField(), help_text="Losses so far.")

    class Meta:
        model = Fit
        fields = [
            "id",
            "kind",
            "name",
            "export_id",
            "endpoint",
            "endpoint_id",
            "parameters",
            "seed",
            "status",
            "progress",
            "failure",
            "curve",
            "artefact_id",
            "created_at",
            "started_at",
            "finished_at",
        ]


class FitRowOutput(FitOutput):
    class Meta(FitOutput.Meta):
        fields = [name for name in FitOutput.Meta.fields if name not in {"curve", "parameters"}]

    curve = None  # type: ignore[assignment]
    parameters = None  # type: ignore[assignment]


class NewFit(serializers.Serializer[Any]):
    kind = serializers.CharField(max_length=40)
    export = serializers.IntegerField(min_value=1, max_value=LARGEST_KEY, help_text="Of unpaired preference.")
    endpoint = serializers.IntegerField(min_value=1, max_value=LARGEST_KEY, help_text="The model to fit on.")
    parameters = serializers.DictField(required=False)
    seed = serializers.IntegerField(min_value=0, max_value=LARGEST_SEED, required=False, default=0)
    name = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
