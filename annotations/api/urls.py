"""API addresses of the annotations app, under /api/v1/."""

from django.urls import URLPattern, path

from annotations.api import adjudication, assignments, campaign_data, campaigns, checks, consent, plan, reports, studies

app_name = "annotations-api"

study_urls = [
    path("projects/<slug:slug>/studies", studies.StudyList.as_view(), name="study-list"),
    path("projects/<slug:slug>/studies/<int:pk>", studies.StudyDetail.as_view(), name="study-detail"),
]

campaign_urls = [
    path("projects/<slug:slug>/campaigns", campaigns.CampaignList.as_view(), name="campaign-list"),
    path("projects/<slug:slug>/campaigns/<int:pk>", campaigns.CampaignDetail.as_view(), name="campaign-detail"),
    path(
        "projects/<slug:slug>/campaigns/<int:pk>/protocols", campaigns.CampaignProtocols.as_view(), name="protocol-list"
    ),
    path("projects/<slug:slug>/campaigns/<int:pk>/open", campaigns.CampaignOpen.as_view(), name="campaign-open"),
    path("projects/<slug:slug>/campaigns/<int:pk>/pause", campaigns.CampaignPause.as_view(), name="campaign-pause"),
    path("projects/<slug:slug>/campaigns/<int:pk>/close", campaigns.CampaignClose.as_view(), name="campaign-close"),
    path("projects/<slug:slug>/campaigns/<int:pk>/next", campaigns.CampaignNext.as_view(), name="campaign-next"),
    path("projects/<slug:slug>/campaigns/<int:pk>/items", campaign_data.CampaignItems.as_view(), name="campaign-items"),
    path(
        "projects/<slug:slug>/campaigns/<int:pk>/answers",
        campaign_data.CampaignAnswers.as_view(),
        name="campaign-answers",
    ),
    path("projects/<slug:slug>/campaigns/<int:pk>/reports", reports.CampaignReports.as_view(), name="report-list"),
    path(
        "projects/<slug:slug>/campaigns/<int:pk>/reports/<int:report_pk>/settle",
        reports.ReportSettle.as_view(),
        name="report-settle",
    ),
    path("projects/<slug:slug>/campaigns/<int:pk>/plan", plan.CampaignPlanView.as_view(), name="campaign-plan"),
    path(
        "projects/<slug:slug>/campaigns/<int:pk>/plan/items",
        plan.CampaignPlanItems.as_view(),
        name="campaign-plan-items",
    ),
    path("projects/<slug:slug>/campaigns/<int:pk>/consent", consent.ConsentDetail.as_view(), name="consent-detail"),
    path("projects/<slug:slug>/campaigns/<int:pk>/consent/agree", consent.ConsentAgree.as_view(), name="consent-agree"),
]

adjudication_urls = [
    path(
        "projects/<slug:slug>/campaigns/<int:pk>/adjudication",
        adjudication.AdjudicationQueue.as_view(),
        name="adjudication-list",
    ),
    path(
        "projects/<slug:slug>/campaigns/<int:pk>/adjudication/agreed",
        adjudication.AdjudicationAgreed.as_view(),
        name="adjudication-agreed",
    ),
    path(
        "projects/<slug:slug>/campaigns/<int:pk>/adjudication/items/<int:item_pk>",
        adjudication.ItemAdjudication.as_view(),
        name="adjudication-item",
    ),
    path(
        "projects/<slug:slug>/campaigns/<int:pk>/adjudication/<int:adjudication_pk>/undo",
        adjudication.AdjudicationUndo.as_view(),
        name="adjudication-undo",
    ),
]

check_urls = [
    path("projects/<slug:slug>/campaigns/<int:pk>/checks", checks.CheckList.as_view(), name="check-list"),
    path(
        "projects/<slug:slug>/campaigns/<int:pk>/checks/settings",
        checks.CheckSettingsView.as_view(),
        name="check-settings",
    ),
    path(
        "projects/<slug:slug>/campaigns/<int:pk>/checks/<int:check_pk>",
        checks.CheckDetail.as_view(),
        name="check-detail",
    ),
]

assignment_urls = [
    path("assignments/<int:pk>", assignments.AssignmentDetail.as_view(), name="assignment-detail"),
    path("assignments/<int:pk>/draft", assignments.AssignmentDraft.as_view(), name="assignment-draft"),
    path("assignments/<int:pk>/overlay", assignments.AssignmentOverlay.as_view(), name="assignment-overlay"),
    path("assignments/<int:pk>/heartbeat", assignments.AssignmentHeartbeat.as_view(), name="assignment-heartbeat"),
    path("assignments/<int:pk>/submit", assignments.AssignmentSubmit.as_view(), name="assignment-submit"),
    path("assignments/<int:pk>/undo", assignments.AssignmentUndo.as_view(), name="assignment-undo"),
    path("assignments/<int:pk>/skip", assignments.AssignmentSkip.as_view(), name="assignment-skip"),
    path("assignments/<int:pk>/reports", reports.AssignmentReports.as_view(), name="assignment-reports"),
    path("assignments/<int:pk>/release", assignments.AssignmentRelease.as_view(), name="assignment-release"),
    path("assignments/<int:pk>/resume", assignments.AssignmentResume.as_view(), name="assignment-resume"),
]

urlpatterns: list[URLPattern] = [*assignment_urls, *campaign_urls, *adjudication_urls, *check_urls, *study_urls]
