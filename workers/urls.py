"""Pages of the workers app."""

from django.urls import path

from workers.views import artefacts, endpoints, prompts, proposals, runs, scorers, servers, sources, trials

app_name = "workers"
urlpatterns = [
    path("p/<slug:slug>/sources/", sources.source_list, name="source-list"),
    path("p/<slug:slug>/sources/<slug:source>/", sources.source_detail, name="source-detail"),
    path("p/<slug:slug>/sources/<slug:source>/new/", scorers.scorer_create, name="scorer-create"),
    path("p/<slug:slug>/sources/<slug:source>/prompts/new/", prompts.prompt_create, name="prompt-create"),
    path("p/<slug:slug>/prompts/", prompts.prompt_list, name="prompt-list"),
    path("p/<slug:slug>/prompts/<int:pk>/", prompts.prompt_detail, name="prompt-detail"),
    path("p/<slug:slug>/prompts/<int:pk>/edit/", prompts.prompt_edit, name="prompt-edit"),
    path("p/<slug:slug>/prompts/<int:pk>/diff/", prompts.prompt_diff, name="prompt-diff"),
    path("p/<slug:slug>/scorers/", scorers.scorer_list, name="scorer-list"),
    path("p/<slug:slug>/scorers/options/outputs/", trials.output_options, name="output-options"),
    path("p/<slug:slug>/scorers/options/tasks/", trials.task_options, name="task-options"),
    path("p/<slug:slug>/scorers/<int:pk>/try/", trials.trial_create, name="trial-create"),
    path("p/<slug:slug>/scorers/<int:pk>/try/<int:run_pk>/", trials.trial_detail, name="trial-detail"),
    path("p/<slug:slug>/scorers/<int:pk>/", scorers.scorer_detail, name="scorer-detail"),
    path("p/<slug:slug>/scorers/<int:pk>/archive/", scorers.scorer_archive, name="scorer-archive"),
    path("p/<slug:slug>/models/", endpoints.endpoint_list, name="endpoint-list"),
    path("p/<slug:slug>/models/servers/new/", servers.server_create, name="server-create"),
    path("p/<slug:slug>/models/budget/", servers.project_budget, name="project-budget"),
    path("p/<slug:slug>/models/<int:pk>/terms/", servers.endpoint_terms, name="endpoint-terms"),
    path("p/<slug:slug>/models/<int:pk>/probe/", endpoints.endpoint_probe, name="endpoint-probe"),
    path("p/<slug:slug>/artefacts/", artefacts.artefact_list, name="artefact-list"),
    path("p/<slug:slug>/artefacts/<int:pk>/", artefacts.artefact_detail, name="artefact-detail"),
    path("p/<slug:slug>/fits/new/<slug:trainer>/", artefacts.fit_create, name="fit-create"),
    path("p/<slug:slug>/fits/<int:pk>/", artefacts.fit_detail, name="fit-detail"),
    path("p/<slug:slug>/fits/<int:pk>/change/", artefacts.fit_change, name="fit-change"),
    path("p/<slug:slug>/proposals/", proposals.proposal_list, name="proposal-list"),
    path("p/<slug:slug>/proposals/<int:pk>/", proposals.proposal_detail, name="proposal-detail"),
    path("p/<slug:slug>/proposals/<int:pk>/decide/", proposals.proposal_decide, name="proposal-decide"),
    path("p/<slug:slug>/tasks/<int:pk>/rubric/propose/", proposals.task_rubric_propose, name="task-rubric-propose"),
    path("p/<slug:slug>/rubrics/<int:pk>/refine/", proposals.rubric_refine, name="rubric-refine"),
    path("p/<slug:slug>/runs/", runs.run_list, name="run-list"),
    path("p/<slug:slug>/runs/new/", runs.run_create, name="run-create"),
    path("p/<slug:slug>/runs/estimate/", runs.run_estimate, name="run-estimate"),
    path("p/<slug:slug>/runs/<int:pk>/", runs.run_detail, name="run-detail"),
    path("p/<slug:slug>/runs/<int:pk>/change/", runs.run_change, name="run-change"),
    path("p/<slug:slug>/runs/<int:pk>/budget/", servers.run_budget, name="run-budget"),
    path("p/<slug:slug>/runs/<int:pk>/items/", runs.run_items, name="run-items"),
    path("p/<slug:slug>/attempts/<int:pk>/", runs.attempt_detail, name="attempt-detail"),
]
