"""Campaigns for those who lead or follow them; annotators see the ones that ask them."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotations.access import campaign_for, campaigns_for
from annotations.actions.campaign import close_campaign, create_campaign, open_campaign, pause_campaign, revise_protocol
from annotations.campaign_page import campaign_page, items_page
from annotations.checks import KNOWN
from annotations.forecast import what_is_left
from annotations.forms.campaign import CampaignForm, ExampleFormSet, ProtocolForm
from annotations.forms.item_filter import ItemFilterForm
from annotations.forms.question import (
    RUBRIC_KINDS,
    QuestionAddForm,
    QuestionForm,
    QuestionFormSet,
    question_initial,
)
from annotations.models import Campaign
from annotations.protocols import KINDS
from annotations.protocols.checklist import ChecklistQuestion
from annotations.protocols.presets import PRESETS
from annotations.rubric_questions import checklist_of, rating_of
from projects.access import Capability, allows, project_for
from projects.errors import AppError
from projects.forms.errors import show_in_form
from projects.keyset import keyset_page
from projects.models import Project, SavedFilter
from projects.requests import AuthedRequest
from rewards.access import rubric_version_for
from rewards.models import RubricVersion

QUESTIONS_PREFIX = "q"


@require_safe
@login_required
def campaign_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """Every campaign of the project, or the ones that ask this annotator; three queries."""
    project = project_for(request.user, slug, needs=None)
    campaigns = campaigns_for(request.user, project).with_progress_of(request.user).for_list()
    context = {
        "project": project,
        "section": "campaigns",
        "page": keyset_page(campaigns, cursor=request.GET.get("cursor")),
        "leads": allows(project, Capability.VIEW),
    }
    template = "campaign_list.html" if context["leads"] else "my_campaigns.html"
    return TemplateResponse(request, f"annotations/{template}", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def campaign_create(request: AuthedRequest, slug: str) -> HttpResponse:
    """Choose outputs, people and questions; `?preset=` fills the questions in."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    preset = request.GET.get("preset", "full")
    chosen = PRESETS.get(preset, PRESETS["full"])
    data = request.POST if request.method == "POST" else None
    form = CampaignForm(data, project=project)
    protocol_form = ProtocolForm(data)
    examples = ExampleFormSet(data, [])
    questions = QuestionFormSet(
        data, prefix=QUESTIONS_PREFIX, initial=[question_initial(question) for question in chosen.questions]
    )
    if (
        data is not None
        and form.is_valid()
        and protocol_form.is_valid()
        and questions.is_valid()
        and examples.is_valid()
    ):
        try:
            campaign = create_campaign(
                project=project,
                actor=request.user,
                protocol=protocol_form.content(questions.configs(), examples.examples()),
                selection=form.selection(),
                **form.settings(),
            )
        except AppError as error:
            if not questions.show_errors(error):
                show_in_form(form, error)
        else:
            messages.success(
                request,
                gettext("Made with %(item_count)s items. Look it over, then open it.")
                % {"item_count": f"{campaign.item_count:,}"},
            )
            return redirect("annotations:campaign-detail", slug=slug, pk=campaign.pk)
    context = {
        "project": project,
        "section": "campaigns",
        "form": form,
        "protocol_form": protocol_form,
        "examples": examples,
        "questions": questions,
        "presets": PRESETS,
        "preset": preset,
        **_editor(project),
    }
    return TemplateResponse(request, "annotations/campaign_create.html", context)


@require_safe
@login_required
def campaign_preview(request: AuthedRequest, slug: str) -> HttpResponse:
    """How many tasks the selection in the form holds; a line of HTML for htmx."""
    project = project_for(request.user, slug, needs=Capability.MANAGE)
    form = CampaignForm(request.GET, project=project)
    form.is_valid()
    is_clear = not {"tags", "splits", "task_ids", "limit", "outputs_per_item"} & set(form.errors)
    count = form.selection().tasks(project, min_outputs=1).count() if is_clear else None
    return TemplateResponse(request, "annotations/campaign_create.html#preview", {"count": count})


@require_safe
@login_required
def question_add(request: AuthedRequest, slug: str) -> HttpResponse:
    """One more question of a kind, or what a rubric's criteria ask, for htmx to append to the form."""
    project_for(request.user, slug, needs=Capability.MANAGE)
    wanted = QuestionAddForm(request.GET)
    if not wanted.is_valid():
        raise AppError(gettext("Choose a kind of question or a rubric."), code="protocol_invalid")
    rubric = wanted.cleaned_data["rubric"]
    if rubric:
        version = rubric_version_for(request.user, slug, rubric)
        if wanted.cleaned_data["kind"] == ChecklistQuestion.kind:
            initial = [question_initial(checklist_of(version))]
        else:
            initial = [question_initial(rating_of(criterion)) for criterion in version.criteria.all()]
    else:
        initial = [question_initial({**PRESETS[wanted.cleaned_data["kind"]].questions[0], "key": ""})]
    first = wanted.cleaned_data[QuestionAddForm.TOTAL]
    context = {
        "forms": [
            QuestionForm(initial=fields, prefix=f"{QUESTIONS_PREFIX}-{index}")
            for index, fields in enumerate(initial, start=first)
        ],
        "total": first + len(initial),
    }
    return TemplateResponse(request, "annotations/question_editor.html#added", context)


@require_safe
@login_required
def campaign_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Progress, people, questions and warnings; annotators are sent to their own page."""
    campaign = campaign_for(request.user, slug, pk, needs=None)
    if not allows(campaign.project, Capability.VIEW):
        return redirect("annotations:campaign-start", slug=slug, pk=pk)
    context = {"project": campaign.project, "section": "campaigns", **campaign_page(campaign)}
    if not request.htmx:
        # Once a visit: it adds up the answers of four weeks, which no poll has to.
        context["left"] = what_is_left(campaign)
    template = "annotations/campaign_detail.html" + ("#progress" if request.htmx else "")
    return TemplateResponse(request, template, context)


@require_safe
@login_required
def campaign_items(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """The items that fit, with who holds or answered each; five queries a page."""
    campaign = campaign_for(request.user, slug, pk)
    form = ItemFilterForm(request.GET, campaign=campaign)
    context = {
        "project": campaign.project,
        "section": "campaigns",
        "campaign": campaign,
        "form": form,
        "saved_filters": campaign.project.saved_filters.filter(user=request.user, of_list=SavedFilter.List.ITEMS),
        "page": items_page(campaign, cursor=request.GET.get("cursor"), **form.conditions()),
        "check_kinds": [(kind, kind.label) for kind in KNOWN],
    }
    template = "annotations/campaign_items.html" + ("#results" if request.htmx else "")
    return TemplateResponse(request, template, context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def protocol_edit(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """The questions and guidelines; saving makes a new version."""
    campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
    current = campaign.protocol
    assert current is not None
    data = request.POST if request.method == "POST" else None
    protocol_form = ProtocolForm(
        data, initial={"guidelines": current.guidelines, "show_reference": current.show_reference}
    )
    examples = ExampleFormSet(data, current.examples)
    questions = QuestionFormSet(
        data, prefix=QUESTIONS_PREFIX, initial=[question_initial(question) for question in current.questions]
    )
    if data is not None and protocol_form.is_valid() and questions.is_valid() and examples.is_valid():
        try:
            content = protocol_form.content(questions.configs(), examples.examples())
            version = revise_protocol(campaign=campaign, actor=request.user, protocol=content)
        except AppError as error:
            if not questions.show_errors(error):
                show_in_form(protocol_form, error)
        else:
            same = version.number == current.number
            messages.info(
                request,
                gettext("Nothing changed.")
                if same
                else gettext("Version %(number)s is in force.") % {"number": version.number},
            )
            return redirect("annotations:campaign-detail", slug=slug, pk=pk)
    context = {
        "project": campaign.project,
        "section": "campaigns",
        "campaign": campaign,
        "protocol": current,
        "protocol_form": protocol_form,
        "examples": examples,
        "questions": questions,
        **_editor(campaign.project),
    }
    return TemplateResponse(request, "annotations/protocol_edit.html", context)


def _editor(project: Project) -> dict[str, Any]:
    """What the editor of questions offers to add."""
    return {
        "kinds": [(kind, gettext(KINDS[kind].label)) for kind in KINDS if kind not in RUBRIC_KINDS],
        "rubrics": [version.rubric for version in RubricVersion.objects.newest_shared(project)],
    }


STATUS_CHANGES: dict[str, tuple[Callable[..., None], str]] = {
    "open": (open_campaign, "The campaign is open."),
    "pause": (pause_campaign, "Paused: no new items are given out, those in work can be finished."),
    "close": (close_campaign, "Closed: no more answers are taken."),
}


@require_POST
@login_required
def campaign_status(request: AuthedRequest, slug: str, pk: int, change: str) -> HttpResponse:
    """Open, pause or close."""
    campaign: Campaign = campaign_for(request.user, slug, pk, needs=Capability.MANAGE)
    action, words = STATUS_CHANGES[change]
    action(campaign=campaign, actor=request.user)
    messages.success(request, words)
    return redirect("annotations:campaign-detail", slug=slug, pk=pk)
