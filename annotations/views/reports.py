"""What annotators said about items, for those who lead or follow the campaign."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from annotations.access import campaign_for, report_for
from annotations.actions.reports import resolve_report
from annotations.reports_page import reports_page
from projects.requests import AuthedRequest


@require_safe
@login_required
def report_list(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Flags and questions, the open ones first asked for."""
    campaign = campaign_for(request.user, slug, pk)
    found = reports_page(campaign, state=request.GET.get("state") or "open", cursor=request.GET.get("cursor"))
    context = {"project": campaign.project, "section": "campaigns", **found}
    return TemplateResponse(request, "annotations/report_list.html", context)


@require_POST
@login_required
def report_resolve(request: AuthedRequest, slug: str, pk: int, report_pk: int) -> HttpResponse:
    """Settle one, with words to whoever made it or without."""
    report = report_for(request.user, slug, pk, report_pk)
    resolve_report(report=report, actor=request.user, reply=request.POST.get("reply", ""))
    messages.success(request, gettext("Settled: %(user)s is told.") % {"user": report.assignment.user})
    return redirect("annotations:report-list", slug=slug, pk=pk)
