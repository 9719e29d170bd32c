"""API addresses of the workers app, under /api/v1/."""

from django.urls import path

from workers.api.views import artefacts, prompts, proposals, runs, scorers, servers, sources

app_name = "workers-api"
urlpatterns = [
    path("projects/<slug:slug>/sources", sources.SourceList.as_view(), name="source-list"),
    path("projects/<slug:slug>/sources/<slug:source>", sources.SourceDetail.as_view(), name="source-detail"),
    path("projects/<slug:slug>/prompts", prompts.PromptList.as_view(), name="prompt-list"),
    path("projects/<slug:slug>/prompts/<int:pk>", prompts.PromptDetail.as_view(), name="prompt-detail"),
    path(
        "projects/<slug:slug>/prompts/<int:pk>/versions",
        prompts.PromptVersionList.as_view(),
        name="prompt-version-list",
    ),
    path("projects/<slug:slug>/endpoints", sources.EndpointList.as_view(), name="endpoint-list"),
    path("projects/<slug:slug>/endpoints/<int:pk>", sources.EndpointDetail.as_view(), name="endpoint-detail"),
    path("projects/<slug:slug>/endpoints/<int:pk>/probe", sources.EndpointProbe.as_view(), name="endpoint-probe"),
    path("projects/<slug:slug>/endpoints/<int:pk>/terms", servers.EndpointTerms.as_view(), name="endpoint-terms"),
    path("projects/<slug:slug>/servers", servers.ServerList.as_view(), name="server-list"),
    path("projects/<slug:slug>/budget", servers.ProjectBudgetView.as_view(), name="project-budget"),
    path("projects/<slug:slug>/runs/<int:pk>/budget", servers.RunBudget.as_view(), name="run-budget"),
    path("projects/<slug:slug>/scorers", scorers.ScorerList.as_view(), name="scorer-list"),
    path("projects/<slug:slug>/scorers/<int:pk>", scorers.ScorerDetail.as_view(), name="scorer-detail"),
    path("projects/<slug:slug>/trainers", artefacts.TrainerList.as_view(), name="trainer-list"),
    path("projects/<slug:slug>/artefacts", artefacts.ArtefactList.as_view(), name="artefact-list"),
    path("projects/<slug:slug>/artefacts/<int:pk>", artefacts.ArtefactDetail.as_view(), name="artefact-detail"),
    path("projects/<slug:slug>/fits", artefacts.FitList.as_view(), name="fit-list"),
    path("projects/<slug:slug>/fits/<int:pk>", artefacts.FitDetail.as_view(), name="fit-detail"),
    path("projects/<slug:slug>/fits/<int:pk>/cancel", artefacts.FitCancel.as_view(), name="fit-cancel"),
    path("projects/<slug:slug>/fits/<int:pk>/retry", artefacts.FitRetry.as_view(), name="fit-retry"),
    path("projects/<slug:slug>/rubric-proposals", proposals.ProposalList.as_view(), name="proposal-list"),
    path("projects/<slug:slug>/rubric-proposals/<int:pk>", proposals.ProposalDetail.as_view(), name="proposal-detail"),
    path(
        "projects/<slug:slug>/rubric-proposals/<int:pk>/accept",
        proposals.ProposalAccept.as_view(),
        name="proposal-accept",
    ),
    path(
        "projects/<slug:slug>/rubric-proposals/<int:pk>/reject",
        proposals.ProposalReject.as_view(),
        name="proposal-reject",
    ),
    path(
        "projects/<slug:slug>/rubric-proposals/<int:pk>/retry",
        proposals.ProposalRetry.as_view(),
        name="proposal-retry",
    ),
    path("projects/<slug:slug>/runs", runs.RunList.as_view(), name="run-list"),
    path("projects/<slug:slug>/runs/estimate", runs.RunEstimateView.as_view(), name="run-estimate"),
    path("projects/<slug:slug>/runs/<int:pk>", runs.RunDetail.as_view(), name="run-detail"),
    path("projects/<slug:slug>/runs/<int:pk>/cancel", runs.RunCancel.as_view(), name="run-cancel"),
    path("projects/<slug:slug>/runs/<int:pk>/resume", runs.RunResume.as_view(), name="run-resume"),
    path("projects/<slug:slug>/runs/<int:pk>/retry-failed", runs.RunRetryFailed.as_view(), name="run-retry-failed"),
    path("projects/<slug:slug>/runs/<int:pk>/items", runs.RunItemList.as_view(), name="run-item-list"),
]
