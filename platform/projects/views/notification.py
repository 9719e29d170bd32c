"""What a person was told: the bell's panel, the whole list, and what is mailed as well."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST, require_safe

from projects.access import notification_for
from projects.actions.notification import mark_read
from projects.keyset import keyset_page
from projects.notices import line_of
from projects.requests import AuthedRequest


@require_safe
@login_required
def notification_list(request: AuthedRequest) -> HttpResponse:
    """Newest first; through htmx the panel under the bell, with the latest few."""
    is_panel = bool(request.htmx) and "panel" in request.GET
    rows = request.user.notifications.for_list()
    page = keyset_page(rows, ordering="-id", cursor=request.GET.get("cursor"), limit=8 if is_panel else 50)
    lines = [(row, line_of(row)) for row in page.rows]
    template = "projects/notification_list.html" + ("#panel" if is_panel else "")
    return TemplateResponse(request, template, {"page": page, "lines": lines})


@require_POST
@login_required
def notification_open(request: AuthedRequest, pk: int) -> HttpResponse:
    """Take one as read and go where it leads."""
    notification = notification_for(request.user, pk)
    mark_read(user=request.user, pks=[notification.pk])
    return redirect(notification.url or "projects:notification-list")


@require_POST
@login_required
def notifications_read(request: AuthedRequest) -> HttpResponse:
    """Take all as read."""
    mark_read(user=request.user)
    return redirect("projects:notification-list")
