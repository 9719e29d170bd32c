"""The annotator's pages: the start of a campaign, and the item in work."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe

from annotations.access import answerable_campaign_for, assignment_for, looked_back_at_by
from annotations.actions.lease import lease_next_item, take_up_again
from annotations.actions.submission import undo_submission
from annotations.answering_page import annotate_page, page_after, resume_if_possible, start_page
from annotations.checks import is_told
from annotations.checks_page import feedback_page
from annotations.looking_back import looking_back_page
from annotations.models import Assignment
from projects.prepared import prepared_statements
from projects.requests import AuthedRequest


@require_safe
@login_required
def campaign_start(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """What is asked, how far this person has come, and the button to start or go on."""
    campaign = answerable_campaign_for(request.user, slug, pk)
    context = {"project": campaign.project, "section": "campaigns", **start_page(campaign, request.user)}
    return TemplateResponse(request, "annotations/campaign_start.html", context)


@require_POST
@login_required
def item_next(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Lease the next item and go there; back to the start page if there is none."""
    campaign = answerable_campaign_for(request.user, slug, pk)
    assignment = lease_next_item(campaign=campaign, user=request.user)
    if assignment is None:
        return redirect("annotations:campaign-start", slug=slug, pk=pk)
    return redirect("annotations:annotate", pk=assignment.pk)


@require_safe
@ensure_csrf_cookie
@login_required
@prepared_statements()
def annotate(request: AuthedRequest, pk: int) -> HttpResponse:
    """The item in work. After a submit, a skip or a lost lease it says so and shows the way on."""
    assignment = assignment_for(request.user, pk)
    refusal = resume_if_possible(assignment)
    if assignment.status == Assignment.Status.LEASED and refusal is None:
        return TemplateResponse(request, "annotations/annotate.html", annotate_page(assignment))
    if assignment.makes_gold and assignment.status == Assignment.Status.SUBMITTED and (after := page_after(assignment)):
        return redirect(after)
    if is_told(assignment.campaign, assignment.item.kind) and assignment.status == Assignment.Status.SUBMITTED:
        return TemplateResponse(request, "annotations/answer_told.html", feedback_page(assignment))
    return TemplateResponse(request, "annotations/annotate_over.html", looking_back_page(assignment, refusal))


@require_safe
@login_required
def item_last(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Back to the item that the person submitted or skipped last; to the start page where there is none."""
    campaign = answerable_campaign_for(request.user, slug, pk)
    last = looked_back_at_by(request.user, campaign).first()
    if last is None:
        messages.info(request, gettext("You have submitted or skipped nothing here yet."))
        return redirect("annotations:campaign-start", slug=slug, pk=pk)
    return redirect("annotations:annotate", pk=last.pk)


@require_POST
@login_required
def item_regain(request: AuthedRequest, pk: int) -> HttpResponse:
    """Take a skipped or given-up item up again."""
    take_up_again(assignment=assignment_for(request.user, pk))
    return redirect("annotations:annotate", pk=pk)


@require_POST
@login_required
def submit_undo(request: AuthedRequest, pk: int) -> HttpResponse:
    """Take the submit of an item back and go on with it."""
    undo_submission(assignment=assignment_for(request.user, pk))
    messages.info(request, gettext("Your submit is taken back. Change what you like and submit again."))
    return redirect("annotations:annotate", pk=pk)
