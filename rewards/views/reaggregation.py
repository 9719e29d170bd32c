"""The ranking of outputs under other weights, from stored verdicts."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from projects.access import Capability, require
from projects.errors import AppError
from projects.requests import AuthedRequest
from rewards.access import current_task_for, rubric_version_for
from rewards.actions.rubrics import save_version, with_weights
from rewards.forms.reaggregation import ReaggregationForm
from rewards.models import Rater, RubricVersion
from rewards.reaggregation import MAX_OUTPUTS, MAX_ROWS, newest_verdicts, reaggregate
from rewards.rubrics.aggregate import CANNOT_ASSESS, GATES
from rewards.rubrics.parse import RubricError
from rewards.rubrics.rules import AGGREGATIONS
from rewards.rule_comparison import compare_rules


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def rubric_reaggregate(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Try out weights and aggregations; a POST keeps the weights as a new version."""
    version = rubric_version_for(request.user, slug, pk)
    raters = list(Rater.objects.of_verdicts(version.rubric))
    form = ReaggregationForm(
        request.POST if request.method == "POST" else request.GET, content=version.content(), raters=raters
    )
    if request.method == "POST":
        return _save(request, version, form)
    task = current_task_for(version.project, form.task_external_id) if form.task_external_id else None
    table = newest_verdicts(version, form.rater_ids, task_id=task.pk if task else None)
    chosen: dict[str, Any] = {"weights": form.weights, "handling": form.handling}
    context = {
        "project": version.project,
        "section": "rubrics",
        "rubric": version.rubric,
        "version": version,
        "content": version.content(),
        "form": form,
        "strategies": CANNOT_ASSESS.items(),
        "gates": GATES.items(),
        "task": task,
        "aggregation": AGGREGATIONS[form.aggregation_name],
        "aggregations": AGGREGATIONS.values(),
        "result": reaggregate(table, aggregation=form.aggregation_name, **chosen),
        "comparison": compare_rules(table, **chosen),
        "base": AGGREGATIONS,
        "max_outputs": MAX_OUTPUTS,
        "max_rows": MAX_ROWS,
    }
    template = "rewards/rubric_reaggregate.html" + ("#result" if request.htmx else "")
    return TemplateResponse(request, template, context)


def _save(request: AuthedRequest, version: RubricVersion, form: ReaggregationForm) -> HttpResponse:
    require(version.project, Capability.MANAGE)
    try:
        content = with_weights(version.content(), form.weights)
    except RubricError as error:
        raise AppError(
            gettext("These weights make no rubric: %(error)s.") % {"error": error}, code="weights_invalid"
        ) from error
    saved = save_version(rubric=version.rubric, actor=request.user, content=content, note="Weights tried out")
    words = (
        gettext("Saved as version %(number)s.") % {"number": saved.version.number}
        if saved.is_new
        else gettext("Nothing changed: no new version.")
    )
    messages.success(request, words)
    return redirect("rewards:rubric-detail", slug=version.project.slug, pk=version.rubric_id)
