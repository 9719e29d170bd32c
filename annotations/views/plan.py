"""Who gets which item: a campaign's plan, for those who lead or follow it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_POST

from annotations.access import campaign_for, campaign_item_for
from annotations.actions.plan import change_plan, restore_item, set_items, set_skills, share_out, withdraw_item
from annotations.forms.plan import PlanForm, PlanItemsForm, ShareOutForm, SkillsForm, WithdrawForm
from annotations.models import Campaign
from annotations.plan_page import plan_page
from projects.access import Capability, allows
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.requests import AuthedRequest


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def campaign_plan(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """What comes next and why; a manager changes the plan here."""
    needs = Capability.MANAGE if request.method == "POST" else Capability.VIEW
    campaign = campaign_for(request.user, slug, pk, needs=needs)
    form = PlanForm(campaign, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            change_plan(campaign=campaign, actor=request.user, **form.changes())
        except AppError as error:
            show_in_form(form, error)
        else:
            messages.success(request, "Kept. It holds from the next item on.")
            return redirect("annotations:campaign-plan", slug=slug, pk=pk)
    return _page(request, campaign, form=form)


@require_POST
@login_required
def plan_items(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Priorities, skills and people of items, from a file or typed."""
    campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
    form = PlanItemsForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            count = set_items(campaign=campaign, actor=request.user, rows=form.items())
        except AppError as error:
            show_in_form(form, error)
        else:
            messages.success(request, f"{count:,} items are set.")
            return redirect("annotations:campaign-plan", slug=slug, pk=pk)
    return _page(request, campaign, items_form=form)


@require_POST
@login_required
def plan_share(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Keep each item for named people, all with equally many."""
    campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
    form = ShareOutForm(campaign.project, request.POST)
    if form.is_valid():
        people = list(form.cleaned_data["people"])
        try:
            counts = share_out(campaign=campaign, actor=request.user, people=people)
        except AppError as error:
            show_in_form(form, error)
        else:
            given = ", ".join(f"{name} {count:,}" for name, count in counts.items())
            messages.success(request, f"Shared out: {given}." if counts else "Every item is for everybody.")
            return redirect("annotations:campaign-plan", slug=slug, pk=pk)
    return _page(request, campaign, share_form=form)


@require_POST
@login_required
def plan_skills(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """What the project's annotators can do."""
    campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
    form = SkillsForm(campaign.project, request.POST)
    if form.is_valid():
        for person, names in form.chosen():
            set_skills(project=campaign.project, actor=request.user, person=person, names=names)
        messages.success(request, "Kept, for every campaign of the project.")
        return redirect("annotations:campaign-plan", slug=slug, pk=pk)
    return _page(request, campaign, skills_form=form)


@require_POST
@login_required
def item_withdraw(request: AuthedRequest, slug: str, pk: int, item_pk: int) -> HttpResponse:
    """Ask nobody about an item any more."""
    item = campaign_item_for(request.user, slug, pk, item_pk)
    form = WithdrawForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    withdraw_item(item=item, actor=request.user, reason=reason)
    messages.success(request, f"Item {item.position:,} is withdrawn: nobody is asked any more, its answers stand.")
    return redirect("annotations:campaign-items", slug=slug, pk=pk)


@require_POST
@login_required
def item_restore(request: AuthedRequest, slug: str, pk: int, item_pk: int) -> HttpResponse:
    """Ask about a withdrawn item again."""
    item = campaign_item_for(request.user, slug, pk, item_pk)
    restore_item(item=item, actor=request.user)
    messages.success(request, f"Item {item.position:,} is asked again.")
    return redirect("annotations:campaign-items", slug=slug, pk=pk)


def _page(request: AuthedRequest, campaign: Campaign, **forms: Any) -> HttpResponse:
    """The page with the forms that were sent, and fresh ones for the others."""
    context: dict[str, Any] = {"project": campaign.project, "section": "campaigns", **plan_page(campaign)}
    if allows(campaign.project, Capability.MANAGE):
        context |= {
            "form": forms.get("form") or PlanForm(campaign),
            "items_form": forms.get("items_form") or PlanItemsForm(),
            "share_form": forms.get("share_form") or ShareOutForm(campaign.project),
            "skills_form": forms.get("skills_form") or SkillsForm(campaign.project),
        }
    return TemplateResponse(request, "annotations/campaign_plan.html", context)
