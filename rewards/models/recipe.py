"""Recipes: compositions of named signals by operators, as versioned data."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from projects.models import Project
from rewards.querysets.recipe import RecipeQuerySet, RecipeVersionQuerySet


class Recipe(models.Model):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="recipes")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RecipeQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="recipe_one_name")]

    def __str__(self) -> str:
        return self.name


class RecipeVersion(models.Model):
    """Immutable."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="recipe_versions")
    recipe = models.ForeignKey(Recipe, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    tree = models.JSONField()
    content_hash = models.CharField(max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="recipe_versions"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RecipeVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["recipe", "number"], name="recipeversion_one_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="recipeversion_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.recipe} v{self.number}"
