"""Shapes of the workers app's API. They hold no logic: views call the actions."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from rewards.parameters import parameters_schema
from workers.actions.runs import MOST_REPEATS
from workers.catalogue import SourceEntry
from workers.engines.folders import DTYPES
from workers.models import ModelEndpoint, Prompt, PromptVersion, Run, RunItem, Scorer, ScorerEndpoint
from workers.progress import RunProgress
from workers.selection import OutputSelection


class RoleOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    help = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]
    capabilities = serializers.ListField(child=serializers.CharField())


class PlaceOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    help = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]


class PromptSpecOutput(serializers.Serializer[Any]):
    default = serializers.CharField(help_text="The template that the source comes with.")
    places = PlaceOutput(many=True)


class SourceOutput(serializers.Serializer[Any]):
    name = serializers.CharField(source="declaration.name")
    version = serializers.IntegerField(source="declaration.version")
    title = serializers.CharField(source="declaration.title")
    family = serializers.CharField(source="declaration.family")
    summary = serializers.CharField(source="declaration.summary")
    formula = serializers.CharField(source="declaration.formula")
    paper = serializers.CharField(source="declaration.paper")
    fidelity = serializers.CharField(source="declaration.fidelity")
    checked_by = serializers.CharField(source="declaration.checked_by")
    needs = serializers.SerializerMethodField()
    uses = serializers.SerializerMethodField()
    gives = serializers.SerializerMethodField()
    reads_group = serializers.BooleanField(
        source="declaration.reads_group", help_text="An item is all chosen outputs of a task together."
    )
    models = RoleOutput(source="declaration.models", many=True)
    prompt = PromptSpecOutput(source="declaration.prompt", allow_null=True)
    prompt_sha256 = serializers.CharField(source="declaration.prompt_sha256")
    parameters = serializers.SerializerMethodField(help_text="A JSON schema (draft 2020-12).")
    obstacle = serializers.CharField(help_text="Why it cannot be used here now; empty where it can.")

    def get_needs(self, entry: SourceEntry) -> list[str]:
        return sorted(entry.declaration.needs)

    def get_uses(self, entry: SourceEntry) -> list[str]:
        return sorted(entry.declaration.uses)

    def get_gives(self, entry: SourceEntry) -> list[str]:
        return sorted(entry.declaration.gives)

    def get_parameters(self, entry: SourceEntry) -> dict[str, Any]:
        return parameters_schema(entry.declaration.parameters)


class EndpointOutput(serializers.ModelSerializer[ModelEndpoint]):
    state = serializers.ChoiceField(choices=ModelEndpoint.State.choices)
    is_shared = serializers.SerializerMethodField(help_text="Offered to every project by the operator.")
    resolved = serializers.DictField()
    capabilities = serializers.ListField(child=serializers.CharField())
    limits = serializers.DictField()
    prices = serializers.DictField()
    has_key = serializers.SerializerMethodField(help_text="The key itself is never given out.")

    class Meta:
        model = ModelEndpoint
        fields = [
            "id",
            "name",
            "engine",
            "reference",
            "revision",
            "adapter",
            "dtype",
            "state",
            "failure",
            "caveat",
            "capabilities",
            "context_length",
            "resolved",
            "served_model",
            "has_key",
            "limits",
            "prices",
            "budget",
            "is_shared",
            "probed_at",
        ]

    def get_has_key(self, endpoint: ModelEndpoint) -> bool:
        return bool(endpoint.credentials)

    def get_is_shared(self, endpoint: ModelEndpoint) -> bool:
        return endpoint.project_id is None


class NewEndpoint(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    reference = serializers.CharField(max_length=500, help_text="Hub id, folder or package:<name>.")
    revision = serializers.CharField(max_length=64, required=False, allow_blank=True)
    adapter = serializers.CharField(
        max_length=500, required=False, allow_blank=True, help_text="LoRA weights: a folder, or owner/name@revision."
    )
    dtype = serializers.ChoiceField(choices=DTYPES, default="bfloat16")


class ScorerModelOutput(serializers.ModelSerializer[ScorerEndpoint]):
    endpoint = serializers.CharField(source="endpoint.name")

    class Meta:
        model = ScorerEndpoint
        fields = ["role", "endpoint", "endpoint_id"]


class ScorerOutput(serializers.ModelSerializer[Scorer]):
    parameters = serializers.DictField()
    models = ScorerModelOutput(many=True)

    class Meta:
        model = Scorer
        fields = [
            "id",
            "name",
            "source",
            "source_version",
            "parameters",
            "rubric_version_id",
            "uses_task_rubric",
            "prompt_version_id",
            "artefact_id",
            "models",
            "hash",
            "rater_id",
            "archived_at",
            "created_at",
        ]


class ScorerDetailOutput(ScorerOutput):
    content = serializers.DictField(help_text="What the hash covers.")

    class Meta(ScorerOutput.Meta):
        fields = [*ScorerOutput.Meta.fields, "content"]


class NewScorer(serializers.Serializer[Any]):
    source = serializers.CharField(max_length=80)  # type: ignore[assignment]
    name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    parameters = serializers.DictField(required=False)
    models = serializers.DictField(
        child=serializers.IntegerField(), required=False, help_text="Keys of endpoints by role."
    )
    rubric_version = serializers.IntegerField(required=False, allow_null=True)
    uses_task_rubric = serializers.BooleanField(default=False)
    prompt_version = serializers.IntegerField(
        required=False, allow_null=True, help_text="Key of a version; without it the source's own template."
    )
    artefact = serializers.IntegerField(
        required=False, allow_null=True, help_text="Key of an artefact, for a source that reads fitted weights."
    )


class PromptVersionOutput(serializers.ModelSerializer[PromptVersion]):
    class Meta:
        model = PromptVersion
        fields = ["id", "number", "content_hash", "created_at"]


class PromptVersionDetailOutput(PromptVersionOutput):
    class Meta(PromptVersionOutput.Meta):
        fields = [*PromptVersionOutput.Meta.fields, "template"]


class PromptOutput(serializers.ModelSerializer[Prompt]):
    newest_number = serializers.IntegerField()
    is_shared = serializers.SerializerMethodField(help_text="Offered to every project by the operator.")

    class Meta:
        model = Prompt
        fields = ["id", "name", "source", "newest_number", "is_shared", "created_at"]

    def get_is_shared(self, prompt: Prompt) -> bool:
        return prompt.project_id is None


class NewPrompt(serializers.Serializer[Any]):
    source = serializers.CharField(max_length=80)  # type: ignore[assignment]
    name = serializers.CharField(max_length=100)
    template = serializers.CharField(trim_whitespace=False)


class NewPromptVersion(serializers.Serializer[Any]):
    template = serializers.CharField(trim_whitespace=False)


class OutputSelectionInput(serializers.Serializer[Any]):
    """All conditions must hold; without any, every current output is meant."""

    tags = serializers.ListField(child=serializers.CharField(max_length=100), required=False)
    splits = serializers.ListField(child=serializers.CharField(max_length=40), required=False)
    policies = serializers.ListField(child=serializers.CharField(max_length=200), required=False)
    task_ids = serializers.ListField(child=serializers.CharField(max_length=200), required=False)
    output_ids = serializers.ListField(child=serializers.CharField(max_length=200), required=False)
    only_unscored = serializers.BooleanField(default=False)
    limit = serializers.IntegerField(required=False, allow_null=True, min_value=1)


class NewRun(serializers.Serializer[Any]):
    scorer = serializers.IntegerField()
    selection = OutputSelectionInput(required=False)
    repeats = serializers.IntegerField(default=1, min_value=1, max_value=MOST_REPEATS)
    seed = serializers.IntegerField(default=0, min_value=-(2**63), max_value=2**63 - 1)
    name = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    budget = serializers.FloatField(
        required=False, allow_null=True, default=None, min_value=0, help_text="Most that it may spend."
    )

    def chosen(self) -> OutputSelection:
        """The selection, once valid."""
        return OutputSelection.from_json(dict(self.validated_data.get("selection") or {}))


class EstimateOutput(serializers.Serializer[Any]):
    outputs = serializers.IntegerField()
    items = serializers.IntegerField()
    reused = serializers.IntegerField()
    characters = serializers.IntegerField()
    tokens = serializers.IntegerField()
    seconds = serializers.FloatField(help_text="Of one worker.")
    measured_on = serializers.IntegerField(allow_null=True)


class RunOutput(serializers.ModelSerializer[Run]):
    is_stopped_by_budget = serializers.BooleanField(read_only=True, help_text="It goes on when the budget is raised.")

    class Meta:
        model = Run
        fields = [
            "id",
            "name",
            "scorer_id",
            "status",
            "repeats",
            "seed",
            "item_count",
            "scored_count",
            "unscored_count",
            "failed_count",
            "reused_count",
            "reply_count",
            "understood_count",
            "prompt_tokens",
            "reply_tokens",
            "cost",
            "budget",
            "is_stopped_by_budget",
            "code_version",
            "created_at",
            "started_at",
            "finished_at",
        ]


class ReasonOutput(serializers.Serializer[Any]):
    status = serializers.CharField()
    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField()


class RunDetailOutput(serializers.Serializer[RunProgress]):
    run = RunOutput()
    selection = serializers.DictField(source="run.selection")
    settled = serializers.IntegerField()
    percent = serializers.IntegerField()
    workers = serializers.IntegerField(help_text="Batches under way.")
    items_per_minute = serializers.FloatField(allow_null=True, help_text="Of one worker, measured.")
    seconds_left = serializers.FloatField(allow_null=True)
    reasons = ReasonOutput(many=True)


class ItemAttemptOutput(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    status = serializers.CharField()
    reason = serializers.CharField()
    detail = serializers.CharField()
    seconds = serializers.FloatField(allow_null=True)
    worker = serializers.CharField()


class RunItemOutput(serializers.ModelSerializer[RunItem]):
    output_id = serializers.CharField(source="output.external_id")
    task_id = serializers.CharField(source="output.task.external_id")
    last_attempt = serializers.SerializerMethodField()

    class Meta:
        model = RunItem
        fields = ["id", "output_id", "task_id", "repeat", "status", "reason", "last_attempt"]

    @extend_schema_field(ItemAttemptOutput(allow_null=True))
    def get_last_attempt(self, item: RunItem) -> dict[str, Any] | None:
        attempts = getattr(item, "last_attempts", [])
        return ItemAttemptOutput(attempts[0]).data if attempts else None
