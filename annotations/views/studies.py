"""The pages of Compare: studies and what they found."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotations.access import study_for
from annotations.actions.study import delete_study, start_study
from annotations.forms.study import FORMS, StudyForm
from annotations.models import Study
from annotations.quality import pictures as quality_pictures
from annotations.studies import curves, groups_page, pictures, preference_page, reading
from annotations.studies.registry import KINDS
from projects.access import Capability, project_for
from projects.keyset import keyset_page
from projects.models import Project
from projects.requests import AuthedRequest
from rewards.preferences import LOSSES


@require_safe
@login_required
def study_list(request: AuthedRequest, slug: str) -> HttpResponse:
    """The project's studies, newest first, and the kinds to start."""
    project = project_for(request.user, slug)
    page = keyset_page(Study.objects.of(project).for_list(), cursor=request.GET.get("cursor"))
    titled = [(KINDS[study.kind].title, study) for study in page.rows]
    context = {"project": project, "section": "compare", "page": page, "studies": titled, "kinds": KINDS.values()}
    return TemplateResponse(request, "annotations/study_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def study_create(request: AuthedRequest, slug: str, kind: str) -> HttpResponse:
    """Ask a study; reading is enough to ask, since it changes nothing that is stored."""
    project = project_for(request.user, slug, needs=Capability.VIEW)
    if kind not in FORMS:
        raise Http404
    form = _form(project, kind, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        study = start_study(project, by=request.user, kind=kind, parameters=form.parameters())
        return redirect("annotations:study-detail", slug=slug, pk=study.pk)
    context = {"project": project, "section": "compare", "form": form, "kind": KINDS[kind]}
    return TemplateResponse(request, "annotations/study_form.html", context)


@require_safe
@login_required
def study_detail(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """What a study found; while it is being worked out, the page asks again."""
    study = study_for(request.user, slug, pk)
    context: dict[str, Any] = {
        "project": study.project,
        "section": "compare",
        "study": study,
        "kind": KINDS[study.kind],
        "is_open": study.status in (Study.Status.PENDING, Study.Status.RUNNING),
    }
    if study.status == Study.Status.READY:
        context |= _CONTEXTS[study.kind](study, request)
    template = f"annotations/study_{study.kind}.html"
    return TemplateResponse(request, f"{template}#result" if request.htmx else template, context)


@require_POST
@login_required
def study_delete(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Remove a study."""
    study = study_for(request.user, slug, pk, needs=Capability.MANAGE)
    delete_study(study, by=request.user)
    messages.success(request, gettext("Study deleted. The judgments that it read are untouched."))
    return redirect("annotations:study-list", slug=slug)


def _form(project: Project, kind: str, data: Any) -> StudyForm:
    return FORMS[kind](project, data)


def _consistency_context(study: Study, request: AuthedRequest) -> dict[str, Any]:
    result = study.result
    kind = request.GET.get("pairs", "")
    start = _whole_number(request.GET.get("start", ""))
    pairs = reading.contradictory_pairs(study, kind=kind, start=start)
    counts = reading.contradiction_counts(study)
    total = counts.get(kind, 0) if kind else sum(counts.values())
    return {
        "result": result,
        "table": list(zip(("A", "B", "equal"), pictures.table_cells(result["table"]), strict=True)),
        "intervals": [
            found
            for found in (
                pictures.interval("Pairs as independent (Wilson)", result["inconsistency"]),
                pictures.interval("Bootstrap over tasks", result["inconsistency_by_task"]),
            )
            if found
        ],
        "gap_bars": pictures.gap_bars(result["by_gap"]),
        "length_bars": pictures.length_bars(result["by_length"]),
        "pairs": pairs,
        "pair_kinds": [(name, label, counts[name]) for name, label in reading.KINDS],
        "pair_kind": kind,
        "pair_total": total,
        "pair_first": start + 1,
        "pair_last": start + len(pairs),
        "next_start": start + reading.PAGE if start + reading.PAGE < total else None,
        "previous_start": max(0, start - reading.PAGE) if start else None,
    }


def _agreement_context(study: Study, request: AuthedRequest) -> dict[str, Any]:
    names = {rater["id"]: rater["name"] for rater in study.result["raters"]}
    return {
        "result": study.result,
        "matrix": pictures.alpha_matrix(study.result),
        "columns": [names[rater] for rater in study.result["matrix_raters"]],
    }


def _accuracy_context(study: Study, request: AuthedRequest) -> dict[str, Any]:
    return {
        "result": study.result,
        "rows": pictures.accuracy_rows(study.result["rows"]),
        "bias_rows": pictures.bias_rows(study.result["position_bias"]),
    }


def _dense_context(study: Study, request: AuthedRequest) -> dict[str, Any]:
    result = study.result
    return {
        "result": result,
        "rows": pictures.dense_rows(result["rows"]),
        "types": pictures.type_matrix(result),
        # A study of an earlier version has none.
        "steps": pictures.step_rows(result.get("steps", {}).get("rows", [])),
    }


def _preference_loss_context(study: Study, request: AuthedRequest) -> dict[str, Any]:
    choice = preference_page.choice_in(study, request.GET)
    pairs, n_pairs = preference_page.pairs_to_choose(study, choice)
    after = choice.start + preference_page.PAGE
    return {
        "result": study.result,
        "rows": preference_page.loss_rows(study.result),
        "left_out": [LOSSES[name].label for name in study.result["left_out"]],
        "choice": choice,
        "orders": preference_page.ORDERS,
        "pairs": pairs,
        "pair_total": n_pairs,
        "pair_first": choice.start + 1,
        "pair_last": choice.start + len(pairs),
        "next_start": after if after < n_pairs else None,
        "previous_start": choice.start - preference_page.PAGE if choice.start else None,
        "shown": preference_page.shown_pair(study, choice, pairs),
    }


def _quality_context(study: Study, request: AuthedRequest) -> dict[str, Any]:
    return quality_pictures.context(study.result)


def _groups_context(study: Study, request: AuthedRequest) -> dict[str, Any]:
    return groups_page.context(study, request.GET)


def _acquisition_context(study: Study, request: AuthedRequest) -> dict[str, Any]:
    return {"result": study.result, "plot": curves.plot(study.result)}


_CONTEXTS = {
    "consistency": _consistency_context,
    "agreement": _agreement_context,
    "accuracy": _accuracy_context,
    "dense": _dense_context,
    "quality": _quality_context,
    "acquisition": _acquisition_context,
    "preference_loss": _preference_loss_context,
    "groups": _groups_context,
}


def _whole_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
