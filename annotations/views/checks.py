"""Items that check people: for those who lead, and what follows for a person."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from annotations.access import (
    annotator_in,
    answerable_campaign_for,
    campaign_for,
    campaign_item_for,
    check_for,
)
from annotations.actions.gold import (
    answer_as_gold,
    make_check,
    return_to_work,
    revise_gold,
    take_agreed_answer,
    withdraw_gold,
)
from annotations.actions.gold_import import import_gold
from annotations.actions.qualification import begin_attempt, decide_about, set_checks
from annotations.checks_page import check_page, checks_page
from annotations.forms.checks import CheckSettingsForm, GoldForm, GoldImportForm, MakeCheckForm, problems_of
from annotations.models import CampaignItem
from projects.access import Capability
from projects.errors import AppError
from projects.requests import AuthedRequest


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def check_list(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """The items that check, and how often they are mixed in."""
    needs = Capability.MANAGE if request.method == "POST" else Capability.VIEW
    campaign = campaign_for(request.user, slug, pk, needs=needs)
    form = CheckSettingsForm.of(campaign, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        set_checks(campaign=campaign, settings=form.settings(), actor=request.user)
        messages.success(request, gettext("Kept. It holds from the next item on."))
        return redirect("annotations:check-list", slug=slug, pk=pk)
    page = checks_page(campaign, cursor=request.GET.get("cursor"), kind=request.GET.get("kind", ""))
    context = {"project": campaign.project, "section": "campaigns", "form": form, **page}
    return TemplateResponse(request, "annotations/check_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def check_import(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Right answers from a file, or from a column of the tasks."""
    campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
    is_sent = request.method == "POST"
    form = GoldImportForm(request.POST, request.FILES) if is_sent else GoldImportForm()
    problems: list[str] = []
    if is_sent and form.is_valid():
        try:
            made = import_gold(campaign=campaign, actor=request.user, rows=form.rows(campaign))
        except AppError as error:
            problems = problems_of(error)
        else:
            messages.success(request, gettext("%(made)s right answers are in force.") % {"made": f"{len(made):,}"})
            return redirect("annotations:check-list", slug=slug, pk=pk)
    context = {
        "project": campaign.project,
        "section": "campaigns",
        "campaign": campaign,
        "form": form,
        "problems": problems,
    }
    return TemplateResponse(request, "annotations/check_import.html", context)


@require_POST
@login_required
def check_make(request: AuthedRequest, slug: str, pk: int, item_pk: int) -> HttpResponse:
    """Make an item check people, then say what is right."""
    item = campaign_item_for(request.user, slug, pk, item_pk)
    form = MakeCheckForm(request.POST)
    kind = form.cleaned_data["kind"] if form.is_valid() else ""
    made = make_check(item=item, kind=kind, actor=request.user)
    return redirect("annotations:check-detail", slug=slug, pk=pk, check_pk=made.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def check_detail(request: AuthedRequest, slug: str, pk: int, check_pk: int) -> HttpResponse:
    """One item with its right answer; saving makes a new version."""
    needs = Capability.MANAGE if request.method == "POST" else Capability.VIEW
    item = check_for(request.user, slug, pk, check_pk, needs=needs)
    page = check_page(item)
    data = request.POST if request.method == "POST" else None
    form = GoldForm(item.gold, [row.question for row in page["told"]], data) if item.gold else None
    if form is not None and data is not None and form.is_valid():
        explanation = form.cleaned_data["explanation"]
        gold = revise_gold(item=item, actor=request.user, explanation=explanation, pass_marks=form.pass_marks())
        messages.success(request, gettext("Version %(number)s is in force.") % {"number": gold.number})
        return redirect("annotations:check-detail", slug=slug, pk=pk, check_pk=check_pk)
    context: dict[str, Any] = {
        "project": item.campaign.project,
        "section": "campaigns",
        "campaign": item.campaign,
        "form": form,
        "kind_form": MakeCheckForm(initial={"kind": item.kind}),
        **page,
    }
    return TemplateResponse(request, "annotations/check_detail.html", context)


@require_POST
@login_required
def check_answer(request: AuthedRequest, slug: str, pk: int, check_pk: int) -> HttpResponse:
    """To the annotation page, whose submit becomes the right answer."""
    item = check_for(request.user, slug, pk, check_pk, needs=Capability.MANAGE)
    assignment = answer_as_gold(item=item, user=request.user)
    return redirect("annotations:annotate", pk=assignment.pk)


@require_POST
@login_required
def check_agreed(request: AuthedRequest, slug: str, pk: int, check_pk: int) -> HttpResponse:
    """Take what those who answered the work agree on."""
    item = check_for(request.user, slug, pk, check_pk, needs=Capability.MANAGE)
    take_agreed_answer(item=item, actor=request.user)
    messages.success(request, gettext("The agreed answer is in force."))
    return redirect("annotations:check-detail", slug=slug, pk=pk, check_pk=check_pk)


@require_POST
@login_required
def check_withdraw(request: AuthedRequest, slug: str, pk: int, check_pk: int) -> HttpResponse:
    """Ask it of nobody any more."""
    withdraw_gold(item=_led(request, slug, pk, check_pk), actor=request.user)
    messages.success(request, gettext("Nobody is asked it any more. Its versions and results stay."))
    return redirect("annotations:check-detail", slug=slug, pk=pk, check_pk=check_pk)


@require_POST
@login_required
def check_return(request: AuthedRequest, slug: str, pk: int, check_pk: int) -> HttpResponse:
    """Back to the work it came from."""
    return_to_work(item=_led(request, slug, pk, check_pk), actor=request.user)
    messages.success(request, gettext("It is work again."))
    return redirect("annotations:check-list", slug=slug, pk=pk)


@require_POST
@login_required
def person_decide(request: AuthedRequest, slug: str, pk: int, person_pk: int, change: str) -> HttpResponse:
    """Pause somebody, let them go on, or decide their qualification."""
    campaign, person = annotator_in(request.user, slug, pk, person_pk)
    words = decide_about(campaign=campaign, user=person, change=change, actor=request.user)
    messages.success(request, f"{person}: {words}")
    return redirect("annotations:campaign-quality", slug=slug, pk=pk)


@require_POST
@login_required
def attempt_begin(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Try the qualification again."""
    campaign = answerable_campaign_for(request.user, slug, pk)
    begin_attempt(campaign=campaign, user=request.user)
    return redirect("annotations:campaign-start", slug=slug, pk=pk)


def _led(request: AuthedRequest, slug: str, pk: int, check_pk: int) -> CampaignItem:
    return check_for(request.user, slug, pk, check_pk, needs=Capability.MANAGE)
