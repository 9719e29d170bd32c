"""Shapes of recipes, their versions, what they are made of and what they give, in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from rewards.api.serializers import LARGEST_KEY
from rewards.models import Recipe, RecipeVersion
from rewards.recipe_frames import MAX_OUTPUTS


class RecipeQuery(serializers.Serializer[Any]):
    """Filters of the recipe list."""

    q = serializers.CharField(required=False, max_length=200, default="")


class RecipeRowOutput(serializers.ModelSerializer[Recipe]):
    version_number = serializers.IntegerField(allow_null=True, help_text="Of the newest version.")
    content_hash = serializers.CharField(allow_null=True, help_text="Of the newest version.")

    class Meta:
        model = Recipe
        fields = ["id", "name", "description", "archived_at", "created_at", "version_number", "content_hash"]


class NewRecipe(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(required=False, allow_blank=True, default="")
    document = serializers.JSONField(help_text="The recipe: inputs, nodes, reward, advantage, tokens and seed.")


class NewRecipeVersion(serializers.Serializer[Any]):
    document = serializers.JSONField()


class RecipeVersionRowOutput(serializers.ModelSerializer[RecipeVersion]):
    class Meta:
        model = RecipeVersion
        fields = ["id", "number", "content_hash", "created_at"]


class RecipeVersionOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    recipe = serializers.IntegerField()
    name = serializers.CharField()
    number = serializers.IntegerField()
    content_hash = serializers.CharField()
    created_at = serializers.DateTimeField()
    document = serializers.JSONField(help_text="The normal form: every default is written out.")


class RecipeDiffQuery(serializers.Serializer[Any]):
    old = serializers.IntegerField(min_value=1, max_value=LARGEST_KEY)
    new = serializers.IntegerField(min_value=1, max_value=LARGEST_KEY)


class RecipeChangeOutput(serializers.Serializer[Any]):
    path = serializers.CharField()
    kind = serializers.CharField(help_text="added, removed or changed.")
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)


class RecipeDiffOutput(serializers.Serializer[Any]):
    changes = RecipeChangeOutput(many=True)


class EvaluationInput(serializers.Serializer[Any]):
    """A document, a stored recipe by its id, or the name that a reward goes by, over these outputs."""

    document = serializers.JSONField(required=False, default=None, allow_null=True)
    recipe = serializers.IntegerField(required=False, default=None, allow_null=True, min_value=1, max_value=LARGEST_KEY)
    version = serializers.IntegerField(
        required=False, default=None, allow_null=True, min_value=1, max_value=2**31 - 1, help_text="Else the newest."
    )
    reward = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=80, help_text="The name that a version goes by."
    )
    outputs = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_KEY), min_length=1, max_length=MAX_OUTPUTS
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [attrs["document"] is not None, attrs["recipe"] is not None, bool(attrs["reward"])]
        if given.count(True) != 1:
            message = "Give one of a document, the id of a recipe, and the name of a reward."
            raise serializers.ValidationError({"document": message})
        return attrs


class RewardRowOutput(serializers.Serializer[Any]):
    output = serializers.IntegerField()
    external_id = serializers.CharField()
    total = serializers.FloatField(allow_null=True, help_text="Sum over scored segments; null for unscored.")
    values = serializers.ListField(child=serializers.FloatField(allow_null=True), help_text="One a segment.")
    advantage = serializers.FloatField(allow_null=True)
    advantages = serializers.ListField(child=serializers.FloatField(allow_null=True))


class LeftOutOutput(serializers.Serializer[Any]):
    output = serializers.IntegerField()
    external_id = serializers.CharField()
    reason = serializers.CharField()


class EvaluationOutput(serializers.Serializer[Any]):
    level = serializers.CharField(help_text="Where the reward stands: output, turn, step, sentence or token.")
    advantage_level = serializers.CharField(allow_null=True)
    n_outputs = serializers.IntegerField()
    n_scored = serializers.IntegerField()
    notes = serializers.ListField(child=serializers.CharField(), help_text="How many outputs each input has.")
    left_out = LeftOutOutput(many=True)
    rows = RewardRowOutput(many=True)


class PaperOutput(serializers.Serializer[Any]):
    title = serializers.CharField()
    arxiv = serializers.CharField()
    where = serializers.CharField()


class SlotOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    accepts = serializers.ChoiceField(choices=["output", "dense", "any"])
    many = serializers.BooleanField()  # type: ignore[assignment]
    optional = serializers.BooleanField()
    at_least = serializers.IntegerField()
    per_term = serializers.JSONField(help_text="JSON schema of what stands beside each term.")


class OperatorOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    family = serializers.CharField()
    summary = serializers.CharField()
    formula = serializers.CharField()
    papers = PaperOutput(many=True)
    slots = SlotOutput(many=True)
    parameters = serializers.JSONField(help_text="JSON schema.")
    gives = serializers.ChoiceField(choices=["output", "same", "onto"])
    notes = serializers.CharField()


class InputKindOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    summary = serializers.CharField()
    levels = serializers.ListField(child=serializers.CharField())
    parameters = serializers.JSONField(help_text="JSON schema.")
    takes_raters = serializers.BooleanField()
    takes_values = serializers.BooleanField()


class PartsOutput(serializers.Serializer[Any]):
    inputs = InputKindOutput(many=True)
    operators = OperatorOutput(many=True)
    estimators = serializers.ListField(child=serializers.DictField())


class PresetInputOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    level = serializers.CharField()
    is_bound = serializers.BooleanField()


class PresetOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    summary = serializers.CharField()
    formula = serializers.CharField()
    papers = PaperOutput(many=True)
    notes = serializers.CharField()
    inputs = PresetInputOutput(many=True)
    document = serializers.JSONField()


class PresetsOutput(serializers.Serializer[Any]):
    presets = PresetOutput(many=True)


class StoredRewardInput(serializers.Serializer[Any]):
    version = serializers.IntegerField(required=False, default=None, allow_null=True, min_value=1, max_value=2**31 - 1)
    tag = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)
    split = serializers.CharField(required=False, allow_blank=True, default="", max_length=40)


class StoredRewardQuery(serializers.Serializer[Any]):
    version = serializers.IntegerField(required=False, default=None, allow_null=True, min_value=1, max_value=2**31 - 1)


class StoredRewardOutput(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    status = serializers.CharField(help_text="never, queued, running, done, failed or cancelled.")
    tag = serializers.CharField()
    split = serializers.CharField()
    n_done = serializers.IntegerField()
    n_outputs = serializers.IntegerField()
    n_scored = serializers.IntegerField(help_text="Known once it is done.")
    n_left_out = serializers.IntegerField(help_text="Outputs that cannot carry the reward.")
    rater = serializers.IntegerField(allow_null=True, help_text="By whom the stored signals are found.")
    problem = serializers.CharField(help_text="Why it failed.")


class RewardNameInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    recipe = serializers.IntegerField(min_value=1, max_value=LARGEST_KEY)
    version = serializers.IntegerField(
        required=False, default=None, allow_null=True, min_value=1, max_value=2**31 - 1, help_text="Else the newest."
    )


class RewardNameOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    recipe = serializers.IntegerField(source="version.recipe_id")
    version = serializers.IntegerField(source="version.number")
    content_hash = serializers.CharField(source="version.content_hash")
    changed_at = serializers.DateTimeField()
