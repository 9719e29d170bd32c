"""Pages of the annotations app."""

from django.urls import URLPattern, path

from annotations.actions.qualification import CHANGES
from annotations.views import (
    adjudication,
    answering,
    campaign_settings,
    campaigns,
    checks,
    consent,
    plan,
    quality,
    reports,
    studies,
)

app_name = "annotations"

study_urls = [
    path("p/<slug:slug>/compare/", studies.study_list, name="study-list"),
    path("p/<slug:slug>/compare/new/<slug:kind>/", studies.study_create, name="study-create"),
    path("p/<slug:slug>/compare/<int:pk>/", studies.study_detail, name="study-detail"),
    path("p/<slug:slug>/compare/<int:pk>/delete/", studies.study_delete, name="study-delete"),
]

campaign_urls = [
    path("p/<slug:slug>/campaigns/", campaigns.campaign_list, name="campaign-list"),
    path("p/<slug:slug>/campaigns/new/", campaigns.campaign_create, name="campaign-create"),
    path("p/<slug:slug>/campaigns/preview/", campaigns.campaign_preview, name="campaign-preview"),
    path("p/<slug:slug>/campaigns/question/", campaigns.question_add, name="question-add"),
    path("p/<slug:slug>/campaigns/<int:pk>/", campaigns.campaign_detail, name="campaign-detail"),
    path("p/<slug:slug>/campaigns/<int:pk>/settings/", campaign_settings.campaign_settings, name="campaign-settings"),
    path("p/<slug:slug>/campaigns/<int:pk>/settings/tasks/", campaign_settings.tasks_add, name="campaign-tasks-add"),
    path("p/<slug:slug>/campaigns/<int:pk>/delete/", campaign_settings.campaign_delete, name="campaign-delete"),
    path("p/<slug:slug>/campaigns/<int:pk>/items/", campaigns.campaign_items, name="campaign-items"),
    path("p/<slug:slug>/campaigns/<int:pk>/quality/", quality.campaign_quality, name="campaign-quality"),
    path("p/<slug:slug>/campaigns/<int:pk>/questions/", campaigns.protocol_edit, name="protocol-edit"),
    path("p/<slug:slug>/campaigns/<int:pk>/plan/", plan.campaign_plan, name="campaign-plan"),
    path("p/<slug:slug>/campaigns/<int:pk>/plan/items/", plan.plan_items, name="campaign-plan-items"),
    path("p/<slug:slug>/campaigns/<int:pk>/plan/share/", plan.plan_share, name="campaign-plan-share"),
    path("p/<slug:slug>/campaigns/<int:pk>/plan/skills/", plan.plan_skills, name="campaign-plan-skills"),
    path(
        "p/<slug:slug>/campaigns/<int:pk>/items/<int:item_pk>/withdraw/",
        plan.item_withdraw,
        name="campaign-item-withdraw",
    ),
    path(
        "p/<slug:slug>/campaigns/<int:pk>/items/<int:item_pk>/restore/",
        plan.item_restore,
        name="campaign-item-restore",
    ),
    path("p/<slug:slug>/campaigns/<int:pk>/reports/", reports.report_list, name="report-list"),
    path(
        "p/<slug:slug>/campaigns/<int:pk>/reports/<int:report_pk>/resolve/",
        reports.report_resolve,
        name="report-resolve",
    ),
    path("p/<slug:slug>/campaigns/<int:pk>/consent/", consent.campaign_consent, name="campaign-consent"),
    path("p/<slug:slug>/campaigns/<int:pk>/consent/agree/", consent.consent_agree, name="consent-agree"),
    *(
        path(
            f"p/<slug:slug>/campaigns/<int:pk>/{change}/",
            campaigns.campaign_status,
            {"change": change},
            name=f"campaign-{change}",
        )
        for change in campaigns.STATUS_CHANGES
    ),
]

adjudication_urls = [
    path("p/<slug:slug>/campaigns/<int:pk>/adjudicate/", adjudication.adjudication_queue, name="adjudication-queue"),
    path(
        "p/<slug:slug>/campaigns/<int:pk>/adjudicate/agreed/",
        adjudication.adjudication_agreed,
        name="adjudication-agreed",
    ),
    path(
        "p/<slug:slug>/campaigns/<int:pk>/adjudicate/<int:item_pk>/",
        adjudication.adjudicate_item,
        name="adjudicate-item",
    ),
    path(
        "p/<slug:slug>/campaigns/<int:pk>/adjudicate/<int:adjudication_pk>/undo/",
        adjudication.adjudication_undo,
        name="adjudication-undo",
    ),
]

_CHECKS = "p/<slug:slug>/campaigns/<int:pk>/checks"
check_urls = [
    path(f"{_CHECKS}/", checks.check_list, name="check-list"),
    path(f"{_CHECKS}/import/", checks.check_import, name="check-import"),
    path(f"{_CHECKS}/<int:check_pk>/", checks.check_detail, name="check-detail"),
    path(f"{_CHECKS}/<int:item_pk>/make/", checks.check_make, name="check-make"),
    path(f"{_CHECKS}/<int:check_pk>/answer/", checks.check_answer, name="check-answer"),
    path(f"{_CHECKS}/<int:check_pk>/agreed/", checks.check_agreed, name="check-agreed"),
    path(f"{_CHECKS}/<int:check_pk>/withdraw/", checks.check_withdraw, name="check-withdraw"),
    path(f"{_CHECKS}/<int:check_pk>/return/", checks.check_return, name="check-return"),
    path("p/<slug:slug>/campaigns/<int:pk>/attempt/", checks.attempt_begin, name="attempt-begin"),
    *(
        path(
            f"p/<slug:slug>/campaigns/<int:pk>/people/<int:person_pk>/{change}/",
            checks.person_decide,
            {"change": change},
            name=f"person-{change}",
        )
        for change in CHANGES
    ),
]

answering_urls = [
    path("p/<slug:slug>/campaigns/<int:pk>/start/", answering.campaign_start, name="campaign-start"),
    path("p/<slug:slug>/campaigns/<int:pk>/next/", answering.item_next, name="item-next"),
    path("p/<slug:slug>/campaigns/<int:pk>/last/", answering.item_last, name="item-last"),
    path("annotate/<int:pk>/", answering.annotate, name="annotate"),
    path("annotate/<int:pk>/resume/", answering.item_regain, name="item-regain"),
    path("annotate/<int:pk>/undo/", answering.submit_undo, name="submit-undo"),
]

urlpatterns: list[URLPattern] = [*answering_urls, *campaign_urls, *adjudication_urls, *check_urls, *study_urls]
