"""Filters that people keep under a name; kept and deleted beside the list they are of."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from projects.access import project_for, saved_filter_for
from projects.actions.saved_filter import delete_filter, save_filter
from projects.errors import AppError
from projects.models import SavedFilter
from projects.requests import AuthedRequest

_ADDRESSES = {SavedFilter.List.TASKS: "rewards:task-list", SavedFilter.List.AUDIT: "projects:audit-list"}


@require_POST
@login_required
def filter_save(request: AuthedRequest, slug: str) -> HttpResponse:
    """Keep what a list is filtered by."""
    project = project_for(request.user, slug)
    of_list = request.POST.get("of_list", SavedFilter.List.TASKS)
    if of_list not in SavedFilter.List.values:
        raise AppError(gettext("There is no such list."), code="filter_invalid")
    saved = save_filter(
        user=request.user,
        project=project,
        of_list=of_list,
        name=request.POST.get("name", ""),
        query=request.POST.get("query", ""),
    )
    messages.success(request, gettext("The filter “%(name)s” is kept.") % {"name": saved.name})
    return redirect(f"{_address(request, slug, of_list)}?{saved.query}")


@require_POST
@login_required
def filter_delete(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Forget one of one's own filters."""
    saved = saved_filter_for(request.user, slug, pk)
    delete_filter(saved=saved)
    messages.success(request, gettext("The filter “%(name)s” is deleted.") % {"name": saved.name})
    return redirect(_address(request, slug, saved.of_list))


def _address(request: AuthedRequest, slug: str, of_list: str) -> str:
    """Of the list that the form stood beside: which campaign's items these were is said by its number."""
    if of_list != SavedFilter.List.ITEMS:
        return reverse(_ADDRESSES[SavedFilter.List(of_list)], args=[slug])
    campaign = request.POST.get("campaign", "")
    if campaign.isascii() and campaign.isdigit():
        return reverse("annotations:campaign-items", args=[slug, int(campaign)])
    return reverse("annotations:campaign-list", args=[slug])
