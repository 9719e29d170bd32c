"""Who gets which item: a campaign's plan, for those who lead or follow it."""

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from annotations.access import campaign_for, campaign_item_for
from annotations.actions.plan import change_plan, set_skills
from annotations.actions.plan_items import restore_item, set_items, share_out, withdraw_item
from annotations.forms.plan import PlanForm, PlanItemsForm, ShareOutForm, SkillsForm, WithdrawForm
from annotations.models import Campaign
from annotations.plan_page import plan_page
from projects.access import Capability, allows
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.requests import AuthedRequest

F = TypeVar("F", bound=forms.Form)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def campaign_plan(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """What comes next and why; a manager changes the plan here."""
    if request.method != "POST":
        return _page(request, campaign_for(request.user, slug, pk))
    campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)

    def change(form: PlanForm) -> str:
        change_plan(campaign=campaign, actor=request.user, **form.changes())
        return "Kept. It holds from the next item on."

    return _sent(request, campaign, "form", PlanForm(campaign, request.POST), change)


@require_POST
@login_required
def plan_items(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Priorities, skills and people of items, from a file or typed."""
    campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)

    def set_rows(form: PlanItemsForm) -> str:
        count = set_items(campaign=campaign, actor=request.user, rows=form.items())
        return f"{count:,} items are set."

    return _sent(request, campaign, "items_form", PlanItemsForm(request.POST, request.FILES), set_rows)


@require_POST
@login_required
def plan_share(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Keep each item for named people, all with equally many."""
    campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)

    def share(form: ShareOutForm) -> str:
        people = list(form.cleaned_data["people"])
        counts = share_out(campaign=campaign, actor=request.user, people=people)
        given = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        return f"Shared out: {given}." if counts else "Every item is for everybody."

    return _sent(request, campaign, "share_form", ShareOutForm(campaign.project, request.POST), share)


@require_POST
@login_required
def plan_skills(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """What the project's annotators can do."""
    campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)

    def keep(form: SkillsForm) -> str:
        set_skills(project=campaign.project, actor=request.user, skills=form.chosen())
        return "Kept, for every campaign of the project."

    return _sent(request, campaign, "skills_form", SkillsForm(campaign.project, request.POST), keep)


@require_POST
@login_required
def item_withdraw(request: AuthedRequest, slug: str, pk: int, item_pk: int) -> HttpResponse:
    """Ask nobody about an item any more."""
    item = campaign_item_for(request.user, slug, pk, item_pk)
    form = WithdrawForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    withdraw_item(item=item, actor=request.user, reason=reason)
    messages.success(
        request,
        gettext("Item %(position)s is withdrawn: nobody is asked any more, its answers stand.")
        % {"position": f"{item.position:,}"},
    )
    return redirect("annotations:campaign-items", slug=slug, pk=pk)


@require_POST
@login_required
def item_restore(request: AuthedRequest, slug: str, pk: int, item_pk: int) -> HttpResponse:
    """Ask about a withdrawn item again."""
    item = campaign_item_for(request.user, slug, pk, item_pk)
    restore_item(item=item, actor=request.user)
    messages.success(request, gettext("Item %(position)s is asked again.") % {"position": f"{item.position:,}"})
    return redirect("annotations:campaign-items", slug=slug, pk=pk)


def _sent(request: AuthedRequest, campaign: Campaign, name: str, form: F, act: Callable[[F], str]) -> HttpResponse:
    """Do what a form asks for and say what was done, as `act` says it; what is refused stands in the form.

    `name` is the form's on the page, beside whose others it is shown again.
    """
    if form.is_valid():
        try:
            done = act(form)
        except AppError as error:
            show_in_form(form, error)
        else:
            messages.success(request, done)
            return redirect("annotations:campaign-plan", slug=campaign.project.slug, pk=campaign.pk)
    return _page(request, campaign, **{name: form})


def _page(request: AuthedRequest, campaign: Campaign, **sent: forms.Form) -> HttpResponse:
    """The page with the forms that were sent, and fresh ones for the others."""
    context: dict[str, Any] = {"project": campaign.project, "section": "campaigns", **plan_page(campaign)}
    if allows(campaign.project, Capability.MANAGE):
        context |= {
            "form": sent.get("form") or PlanForm(campaign),
            "items_form": sent.get("items_form") or PlanItemsForm(),
            "share_form": sent.get("share_form") or ShareOutForm(campaign.project),
            "skills_form": sent.get("skills_form") or SkillsForm(campaign.project),
        }
    return TemplateResponse(request, "annotations/campaign_plan.html", context)
