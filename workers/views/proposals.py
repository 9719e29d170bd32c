"""Rubric proposals: asked for, followed, read as a diff, accepted or rejected."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from projects.access import Capability, project_for, require
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.keyset import keyset_page
from projects.requests import AuthedRequest
from rewards.access import current_task_for, editable_rubric_for, task_for
from workers.access import proposal_for
from workers.actions.rubric_proposals import (
    accept_proposal,
    reject_proposal,
    request_generation,
    request_refinement,
    retry_proposal,
)
from workers.forms.proposal import GenerationForm, RefinementForm
from workers.models import ModelEndpoint, RubricProposal
from workers.proposal_page import proposal_page


@require_safe
@login_required
def proposal_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """The proposals of a project, latest first; `?rubric=` only those about one rubric."""
    project = project_for(request.user, slug)
    proposals = RubricProposal.objects.of(project).for_list()
    rubric = request.GET.get("rubric", "")
    if rubric.isdecimal() and len(rubric) < 19:
        proposals = proposals.filter(rubric=int(rubric))
    page = keyset_page(proposals, cursor=request.GET.get("cursor"))
    is_live = any(proposal.is_under_way for proposal in page.rows)
    context = {"project": project, "section": "rubrics", "page": page, "is_live": is_live}
    template = "workers/proposal_list.html" + ("#proposals" if request.htmx else "")
    return TemplateResponse(request, template, context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def task_rubric_propose(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Have a model write a rubric for one task."""
    task = task_for(request.user, slug, pk)
    require(task.project, Capability.MANAGE)
    form = GenerationForm(request.POST or None, endpoints=list(ModelEndpoint.objects.offered_to(task.project)))
    if form.is_valid():
        try:
            proposal = request_generation(task=task, actor=request.user, **form.values())
        except AppError as error:
            show_in_form(form, error)
        else:
            return redirect("workers:proposal-detail", slug=slug, pk=proposal.pk)
    context = {"project": task.project, "section": "rubrics", "task": task, "form": form}
    return TemplateResponse(request, "workers/proposal_form.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def rubric_refine(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Have a model refine a rubric on the outputs of one task."""
    rubric = editable_rubric_for(request.user, slug, pk)
    form = RefinementForm(
        request.POST or None,
        endpoints=list(ModelEndpoint.objects.offered_to(rubric.project)),
        initial={"task": rubric.task_external_id or ""},
    )
    if form.is_valid():
        task = current_task_for(rubric.project, form.cleaned_data["task"])
        try:
            if task is None:
                message = gettext("There is no current task of this id.")
                raise AppError(message, code="task_unknown", fields={"task": [message]})
            proposal = request_refinement(rubric=rubric, task=task, actor=request.user, **form.values())
        except AppError as error:
            show_in_form(form, error)
        else:
            return redirect("workers:proposal-detail", slug=slug, pk=proposal.pk)
    context = {"project": rubric.project, "section": "rubrics", "rubric": rubric, "form": form}
    return TemplateResponse(request, "workers/proposal_form.html", context)


@require_safe
@login_required
def proposal_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """One proposal, live while it is written: the diff, what was measured, and what the model said."""
    proposal = proposal_for(request.user, slug, pk)
    context = {
        "project": proposal.project,
        "section": "rubrics",
        "proposal": proposal,
        "page": proposal_page(proposal),
        "accuracy_rows": [("All pairs", "all"), ("In the tail", "tail")],
    }
    template = "workers/proposal_detail.html" + ("#state" if request.htmx else "")
    return TemplateResponse(request, template, context)


@require_POST
@login_required
def proposal_decide(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Accept all or the ticked changes, reject, or try again, by the button that was pressed."""
    proposal = proposal_for(request.user, slug, pk, needs=Capability.MANAGE)
    try:
        if "accept" in request.POST or "accept-all" in request.POST:
            ticked = None if "accept-all" in request.POST else request.POST.getlist("change")
            version = accept_proposal(proposal=proposal, actor=request.user, changes=ticked)
            messages.success(
                request,
                gettext("Accepted as version %(number)s; the versions before it stay.") % {"number": version.number},
            )
            return redirect("rewards:rubric-detail", slug=slug, pk=version.rubric_id)
        if "retry" in request.POST:
            retry_proposal(proposal=proposal, actor=request.user)
        else:
            reject_proposal(proposal=proposal, actor=request.user)
            messages.success(request, gettext("Rejected: the rubric stays as it is."))
    except AppError as error:
        messages.error(request, error.message)
    return redirect("workers:proposal-detail", slug=slug, pk=pk)
