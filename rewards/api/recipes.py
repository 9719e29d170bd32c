"""Recipes, their versions, what they give over stored outputs, and what they can be made of, over the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import Capability, project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from rewards.access import named_version_for, recipe_for, recipe_version_for
from rewards.actions.recipe_rewards import cancel_storing, start_storing, stored_reward
from rewards.actions.recipes import create_recipe, refused, save_version
from rewards.api.queries import conditions
from rewards.api.recipe_serializers import (
    EvaluationInput,
    EvaluationOutput,
    NewRecipe,
    NewRecipeVersion,
    PartsOutput,
    PresetsOutput,
    RecipeDiffOutput,
    RecipeDiffQuery,
    RecipeQuery,
    RecipeRowOutput,
    RecipeVersionOutput,
    RecipeVersionRowOutput,
    StoredRewardInput,
    StoredRewardOutput,
    StoredRewardQuery,
)
from rewards.models import Recipe, RecipeVersion, StoredReward
from rewards.recipe_parts import parts, presets
from rewards.recipe_results import compute
from rewards.recipes.diff import diff_recipes
from rewards.recipes.errors import RecipeError
from rewards.recipes.tree import read_recipe


class RecipeList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    keyset_ordering = "id"

    @extend_schema(parameters=[RecipeQuery], responses=RecipeRowOutput(many=True), summary="Recipes in use")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug)
        query = conditions(RecipeQuery, request)
        recipes = Recipe.objects.of(project).active().named_like(query["q"]).for_list()
        return self.get_paginated_response(RecipeRowOutput(self.paginate_queryset(recipes), many=True).data)

    @extend_schema(
        request=NewRecipe,
        responses={201: RecipeVersionOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Start a recipe with its first version",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        form = NewRecipe(data=request.data)
        form.is_valid(raise_exception=True)
        version = create_recipe(project=project, actor=request.user, **form.validated_data)
        return Response(_version_data(version), status=status.HTTP_201_CREATED)


class RecipeDetail(GenericAPIView[Any]):
    @extend_schema(responses=RecipeVersionOutput, summary="A recipe in its newest version")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(_version_data(recipe_version_for(request.user, slug, pk)))


class RecipeVersionList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    keyset_ordering = "-number"

    @extend_schema(responses=RecipeVersionRowOutput(many=True), summary="The versions of a recipe, newest first")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        rows = self.paginate_queryset(recipe_for(request.user, slug, pk).versions.for_list())
        return self.get_paginated_response(RecipeVersionRowOutput(rows, many=True).data)

    @extend_schema(
        request=NewRecipeVersion,
        responses={200: RecipeVersionOutput, 201: RecipeVersionOutput, 400: ErrorOutput},
        summary="Save a new version; 200 with the newest one where nothing changed",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        recipe = recipe_for(request.user, slug, pk, needs=Capability.MANAGE)
        form = NewRecipeVersion(data=request.data)
        form.is_valid(raise_exception=True)
        saved = save_version(recipe=recipe, actor=request.user, document=form.validated_data["document"])
        saved.version.recipe = recipe
        code = status.HTTP_201_CREATED if saved.is_new else status.HTTP_200_OK
        return Response(_version_data(saved.version), status=code)


class RecipeVersionDetail(GenericAPIView[Any]):
    @extend_schema(responses=RecipeVersionOutput, summary="One version of a recipe")
    def get(self, request: AuthedApiRequest, slug: str, pk: int, number: int) -> Response:
        return Response(_version_data(recipe_version_for(request.user, slug, pk, number)))


class RecipeDiffDetail(GenericAPIView[Any]):
    @extend_schema(parameters=[RecipeDiffQuery], responses=RecipeDiffOutput, summary="What changed, node by node")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        query = conditions(RecipeDiffQuery, request)
        old, new = (recipe_version_for(request.user, slug, pk, query[name]) for name in ("old", "new"))
        try:
            changes = diff_recipes(read_recipe(old.tree), read_recipe(new.tree))
        except RecipeError as error:
            raise refused(error) from error
        return Response(RecipeDiffOutput({"changes": changes}).data)


class RecipeEvaluation(GenericAPIView[Any]):
    # Nothing is written: a token that may read may also ask what would be.
    write_scope = "read"

    @extend_schema(
        request=EvaluationInput,
        responses={200: EvaluationOutput, 400: ErrorOutput, 404: ErrorOutput},
        summary="Rewards and advantages of these outputs; calls no model, stores nothing",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug)
        form = EvaluationInput(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        document = asked["document"]
        if asked["reward"]:
            document = named_version_for(request.user, slug, asked["reward"]).tree
        elif document is None:
            document = recipe_version_for(request.user, slug, asked["recipe"], asked["version"]).tree
        try:
            result = compute(project, read_recipe(document), asked["outputs"])
        except RecipeError as error:
            raise refused(error) from error
        return Response(EvaluationOutput(result.to_json()).data)


class RecipeStoredReward(GenericAPIView[Any]):
    @extend_schema(
        parameters=[StoredRewardQuery], responses=StoredRewardOutput, summary="How far storing its reward is"
    )
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        version = recipe_version_for(request.user, slug, pk, conditions(StoredRewardQuery, request)["version"])
        return Response(_stored_data(version, stored_reward(version)))

    @extend_schema(
        request=StoredRewardInput,
        responses={202: StoredRewardOutput, 400: ErrorOutput},
        summary="Store the recipe's reward as a signal of every current output of these tasks",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        recipe_for(request.user, slug, pk, needs=Capability.MANAGE)
        form = StoredRewardInput(data=request.data)
        form.is_valid(raise_exception=True)
        version = recipe_version_for(request.user, slug, pk, form.validated_data.pop("version"))
        state = start_storing(version=version, actor=request.user, **form.validated_data)
        return Response(_stored_data(version, state), status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        parameters=[StoredRewardQuery],
        responses={200: StoredRewardOutput, 409: ErrorOutput},
        summary="Cancel storing it; what is stored stays",
    )
    def delete(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        recipe_for(request.user, slug, pk, needs=Capability.MANAGE)
        version = recipe_version_for(request.user, slug, pk, conditions(StoredRewardQuery, request)["version"])
        return Response(_stored_data(version, cancel_storing(version=version, actor=request.user)))


class RecipeParts(GenericAPIView[Any]):
    @extend_schema(responses=PartsOutput, summary="What recipes can be made of")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project_for(request.user, slug)
        return Response(PartsOutput(parts()).data)


class RecipePresets(GenericAPIView[Any]):
    @extend_schema(responses=PresetsOutput, summary="The papers' compositions")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project_for(request.user, slug)
        return Response(PresetsOutput({"presets": presets()}).data)


def _version_data(version: RecipeVersion) -> Any:
    return RecipeVersionOutput(
        {
            "id": version.pk,
            "recipe": version.recipe_id,
            "name": version.recipe.name,
            "number": version.number,
            "content_hash": version.content_hash,
            "created_at": version.created_at,
            "document": version.tree,
        }
    ).data


def _stored_data(version: RecipeVersion, stored: StoredReward | None) -> Any:
    row = stored or StoredReward(n_outputs=0, status="never")
    return StoredRewardOutput(
        {
            "version": version.number,
            "status": row.status,
            "tag": row.tag,
            "split": row.split,
            "n_done": row.n_done,
            "n_outputs": row.n_outputs,
            "n_scored": row.n_scored,
            "n_left_out": row.n_left_out,
            "rater": row.rater_id,
            "problem": row.failure,
        }
    ).data
