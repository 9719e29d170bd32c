"""One output, and the numbers of one signal over it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from projects.requests import AuthedRequest
from rewards.access import output_for, signal_for
from rewards.task_page.numbers import segment_rows


@require_safe
@login_required
def output_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Where an output is shown: its task's page, with nothing else beside it."""
    output = output_for(request.user, slug, pk)
    return redirect(f"{reverse('rewards:task-detail', args=[slug, output.task_id])}?output={output.pk}")


@require_safe
@login_required
def signal_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """A stored signal as a table: every segment with its text and value, for who cannot or will not read colours."""
    signal = signal_for(request.user, slug, pk)
    page = segment_rows(signal, start=request.GET.get("start", ""))
    context = {"project": signal.project, "section": "tasks", "signal": signal, "page": page}
    return TemplateResponse(request, "rewards/signal_detail.html", context)
