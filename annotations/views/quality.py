"""The quality of a campaign's answers, for those who lead or follow it."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from annotations.access import campaign_for, studies_of_campaign
from annotations.actions.consent import consent_standing
from annotations.actions.study import start_study
from annotations.forms.study import QualityForm
from annotations.models import Study
from annotations.next_item import plan_of
from annotations.plan_page import arm_rows
from annotations.quality import pictures
from annotations.quality.checks import checks_report
from projects.requests import AuthedRequest


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def campaign_quality(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """The newest report; asking for another changes nothing that is stored, so reading is enough to ask."""
    campaign = campaign_for(request.user, slug, pk)
    data = {**request.POST.dict(), "campaign": pk} if request.method == "POST" else None
    form = QualityForm(campaign.project, data)
    if data is not None and form.is_valid():
        start_study(campaign.project, by=request.user, kind=QualityForm.kind, parameters=form.parameters())
        return redirect("annotations:campaign-quality", slug=slug, pk=pk)
    study = studies_of_campaign(campaign).first()
    context: dict[str, Any] = {
        "project": campaign.project,
        "section": "campaigns",
        "campaign": campaign,
        "form": form,
        "study": study,
        "checks": checks_report(campaign) if not request.htmx else None,
        "consent": consent_standing(campaign),
        "arms": arm_rows(campaign) if not request.htmx else [],
        "plan": plan_of(campaign),
        "is_open": study is not None and study.status in (Study.Status.PENDING, Study.Status.RUNNING),
    }
    if study is not None and study.status == Study.Status.READY:
        context |= pictures.context(study.result)
        context["is_stale"] = study.result["answers"] != campaign.submitted_count
    template = "annotations/campaign_quality.html" + ("#result" if request.htmx else "")
    return TemplateResponse(request, template, context)
