"""Settling items: the queue of those whose answers differ, and one item with all that was said about it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe

from annotations.access import adjudicated_item_for, adjudication_for, campaign_for
from annotations.actions.adjudication import settle_agreed, undo_adjudication
from annotations.adjudication.page import SORTS, STATES, item_page, queue_page
from annotations.forms.adjudication import SettleAgreedForm
from projects.access import Capability, allows
from projects.requests import AuthedRequest


@require_safe
@login_required
def adjudication_queue(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Items with several answers, those furthest apart first."""
    campaign = campaign_for(request.user, slug, pk)
    state, sort = request.GET.get("state", "open"), request.GET.get("sort", "")
    context = queue_page(
        campaign,
        state=state if state in STATES else "open",
        sort=sort if sort in SORTS else "",
        question=request.GET.get("question", ""),
        cursor=request.GET.get("cursor"),
    )
    context |= {"project": campaign.project, "section": "campaigns", "form": SettleAgreedForm()}
    return TemplateResponse(request, "annotations/adjudication_queue.html", context)


@require_POST
@login_required
def adjudication_agreed(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Settle what all agree on."""
    campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
    form = SettleAgreedForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["iou"])))
        return redirect("annotations:adjudication-queue", slug=slug, pk=pk)
    done = settle_agreed(campaign=campaign, actor=request.user, iou=form.cleaned_data["iou"])
    words = ngettext("%(settled)s item is settled.", "%(settled)s items are settled.", done.settled)
    more = f" {gettext('There are more: press again.')}" if done.has_more else ""
    messages.success(request, words % {"settled": f"{done.settled:,}"} + more)
    return redirect("annotations:adjudication-queue", slug=slug, pk=pk)


@require_safe
@ensure_csrf_cookie
@login_required
def adjudicate_item(request: AuthedRequest, slug: str, pk: int, item_pk: int) -> HttpResponse:
    """One item; owners may ask for names instead of pseudonyms."""
    item = adjudicated_item_for(request.user, slug, pk, item_pk)
    named = request.GET.get("names") == "1" and allows(item.project, Capability.OWN)
    return TemplateResponse(request, "annotations/adjudicate_item.html", item_page(item, request.user, named=named))


@require_POST
@login_required
def adjudication_undo(request: AuthedRequest, slug: str, pk: int, adjudication_pk: int) -> HttpResponse:
    """Take a settled answer back and look at its item again."""
    adjudication = adjudication_for(request.user, slug, pk, adjudication_pk)
    undo_adjudication(adjudication=adjudication, actor=request.user)
    messages.info(request, gettext("Taken back: the item is open again."))
    return redirect("annotations:adjudicate-item", slug=slug, pk=pk, item_pk=adjudication.item_id)
