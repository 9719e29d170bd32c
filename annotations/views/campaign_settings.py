"""A campaign that was made: its settings, tasks that have come since, and drafts that are given up."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from annotations.access import campaign_for
from annotations.actions.campaign_settings import add_tasks, change_campaign, delete_draft
from annotations.actions.items import tasks_to_add
from annotations.forms.campaign_settings import CampaignSettingsForm, TasksAddForm
from annotations.models import Campaign
from projects.access import Capability
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.requests import AuthedRequest


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def campaign_settings(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Name, people and times; how many tasks have come since; what is refused stands beside its field."""
    campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
    form = CampaignSettingsForm(campaign, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            change_campaign(campaign=campaign, actor=request.user, **form.changes())
        except AppError as error:
            # What was refused has been set on the row that the page names.
            campaign.refresh_from_db(fields=["name", "overlap"])
            show_in_form(form, error)
        else:
            messages.success(request, gettext("Kept."))
            return redirect("annotations:campaign-settings", slug=slug, pk=pk)
    context = {
        "project": campaign.project,
        "section": "campaigns",
        "campaign": campaign,
        "form": form,
        "add_form": TasksAddForm(),
        "new_count": tasks_to_add(campaign).count(),
        "may_add": campaign.status != Campaign.Status.CLOSED,
        "may_delete": campaign.status == Campaign.Status.DRAFT and not campaign.assignments.exists(),
    }
    return TemplateResponse(request, "annotations/campaign_settings.html", context)


@require_POST
@login_required
def tasks_add(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Take in tasks that have come since the campaign was made."""
    campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
    form = TasksAddForm(request.POST)
    if not form.is_valid():
        raise AppError(gettext("Expected a whole number of tasks from 1 on, or nothing."), code="limit_invalid")
    added = add_tasks(campaign=campaign, actor=request.user, limit=form.cleaned_data["limit"])
    words = ngettext("%(added)s item is added.", "%(added)s items are added.", added) % {"added": f"{added:,}"}
    messages.success(request, words)
    return redirect("annotations:campaign-items", slug=slug, pk=pk)


@require_POST
@login_required
def campaign_delete(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Delete a draft."""
    campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
    delete_draft(campaign=campaign, actor=request.user)
    messages.success(request, gettext("The draft “%(name)s” is deleted.") % {"name": campaign.name})
    return redirect("annotations:campaign-list", slug=slug)
