"""API addresses of the rewards app, under /api/v1/."""

from django.urls import path

from rewards.api import (
    exports,
    imports,
    judgments,
    marks,
    outputs,
    reactions,
    recipes,
    reward_names,
    rubrics,
    signals,
    tasks,
)

app_name = "rewards-api"
urlpatterns = [
    path("projects/<slug:slug>/tasks", tasks.TaskList.as_view(), name="task-list"),
    path("projects/<slug:slug>/tasks/<int:pk>", tasks.TaskDetail.as_view(), name="task-detail"),
    path("projects/<slug:slug>/outputs", outputs.OutputList.as_view(), name="output-list"),
    path("projects/<slug:slug>/outputs/<int:pk>", outputs.OutputDetail.as_view(), name="output-detail"),
    path("projects/<slug:slug>/judgments", judgments.JudgmentList.as_view(), name="judgment-list"),
    path("projects/<slug:slug>/judgments/<int:pk>", judgments.JudgmentDetail.as_view(), name="judgment-detail"),
    path("projects/<slug:slug>/marks/<int:pk>/review", marks.MarkReview.as_view(), name="mark-review"),
    path("projects/<slug:slug>/reactions", reactions.ReactionList.as_view(), name="reaction-list"),
    path("projects/<slug:slug>/reactions/withdraw", reactions.ReactionWithdrawal.as_view(), name="reaction-withdraw"),
    path("projects/<slug:slug>/signals", signals.SignalList.as_view(), name="signal-list"),
    path("projects/<slug:slug>/signals/<int:pk>", signals.SignalDetail.as_view(), name="signal-detail"),
    path("projects/<slug:slug>/rubrics", rubrics.RubricList.as_view(), name="rubric-list"),
    path("projects/<slug:slug>/rubrics/<int:pk>", rubrics.RubricDetail.as_view(), name="rubric-detail"),
    path("projects/<slug:slug>/rubrics/<int:pk>/diff", rubrics.RubricDiffDetail.as_view(), name="rubric-diff"),
    path(
        "projects/<slug:slug>/rubrics/<int:pk>/reaggregation",
        rubrics.RubricReaggregation.as_view(),
        name="rubric-reaggregation",
    ),
    path(
        "projects/<slug:slug>/rubrics/<int:pk>/rule-comparison",
        rubrics.RubricRuleComparison.as_view(),
        name="rubric-rule-comparison",
    ),
    path("projects/<slug:slug>/rubrics/<int:pk>/versions", rubrics.RubricVersionList.as_view(), name="version-list"),
    path(
        "projects/<slug:slug>/rubrics/<int:pk>/versions/<int:number>",
        rubrics.RubricVersionDetail.as_view(),
        name="version-detail",
    ),
    path("projects/<slug:slug>/recipes", recipes.RecipeList.as_view(), name="recipe-list"),
    path("projects/<slug:slug>/recipes/parts", recipes.RecipeParts.as_view(), name="recipe-parts"),
    path("projects/<slug:slug>/recipes/presets", recipes.RecipePresets.as_view(), name="recipe-presets"),
    path("projects/<slug:slug>/recipes/evaluation", recipes.RecipeEvaluation.as_view(), name="recipe-evaluation"),
    path("projects/<slug:slug>/recipes/<int:pk>", recipes.RecipeDetail.as_view(), name="recipe-detail"),
    path("projects/<slug:slug>/recipes/<int:pk>/diff", recipes.RecipeDiffDetail.as_view(), name="recipe-diff"),
    path(
        "projects/<slug:slug>/recipes/<int:pk>/stored-reward",
        recipes.RecipeStoredReward.as_view(),
        name="recipe-stored-reward",
    ),
    path(
        "projects/<slug:slug>/recipes/<int:pk>/versions",
        recipes.RecipeVersionList.as_view(),
        name="recipe-version-list",
    ),
    path(
        "projects/<slug:slug>/recipes/<int:pk>/versions/<int:number>",
        recipes.RecipeVersionDetail.as_view(),
        name="recipe-version-detail",
    ),
    path("projects/<slug:slug>/reward-names", reward_names.RewardNameList.as_view(), name="reward-name-list"),
    path(
        "projects/<slug:slug>/reward-names/<int:pk>", reward_names.RewardNameDetail.as_view(), name="reward-name-detail"
    ),
    path("projects/<slug:slug>/imports", imports.ImportList.as_view(), name="import-list"),
    path("projects/<slug:slug>/imports/<int:pk>", imports.ImportDetail.as_view(), name="import-detail"),
    path("projects/<slug:slug>/imports/<int:pk>/errors", imports.ImportErrorList.as_view(), name="import-errors"),
    path("projects/<slug:slug>/imports/<int:pk>/undo", imports.ImportUndo.as_view(), name="import-undo"),
    path("projects/<slug:slug>/exports", exports.ExportList.as_view(), name="export-list"),
    path("projects/<slug:slug>/exports/<int:pk>", exports.ExportDetail.as_view(), name="export-detail"),
    path("projects/<slug:slug>/exports/<int:pk>/cancel", exports.ExportCancel.as_view(), name="export-cancel"),
    path("projects/<slug:slug>/exports/<int:pk>/archive", exports.ExportArchive.as_view(), name="export-archive"),
    path(
        "projects/<slug:slug>/exports/<int:pk>/files/<int:file>",
        exports.ExportFileContent.as_view(),
        name="export-file",
    ),
]
