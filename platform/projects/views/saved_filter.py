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
from projects.models import SavedFilter
from projects.requests import AuthedRequest

_ADDRESSES = {SavedFilter.List.TASKS: "rewards:task-list"}


@require_POST
@login_required
def filter_save(request: AuthedRequest, slug: str) -> HttpResponse:
    """Keep what the task list is filtered by."""
    project = project_for(request.user, slug)
    saved = save_filter(
        user=request.user,
        project=project,
        of_list=SavedFilter.List.TASKS,
        name=request.POST.get("name", ""),
        query=request.POST.get("query", ""),
    )
    messages.success(request, gettext("The filter “%(name)s” is kept.") % {"name": saved.name})
    return redirect(f"{reverse(_ADDRESSES[SavedFilter.List.TASKS], args=[slug])}?{saved.query}")


@require_POST
@login_required
def filter_delete(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Forget one of one's own filters."""
    saved = saved_filter_for(request.user, slug, pk)
    delete_filter(saved=saved)
    messages.success(request, gettext("The filter “%(name)s” is deleted.") % {"name": saved.name})
    return redirect(_ADDRESSES[SavedFilter.List.TASKS], slug=slug)
