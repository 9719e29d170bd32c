"""What stands behind one judgment of a model."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from projects.requests import AuthedRequest
from rewards.access import traced_judgment_for
from rewards.provenance import facts_about_judgment, facts_about_raters, shown_replies


@require_safe
@login_required
def judgment_replies(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """The raw replies of the models that were asked, as they were; alone for htmx."""
    judgment = traced_judgment_for(request.user, slug, pk)
    trace = getattr(judgment, "trace", None)
    replies = shown_replies(trace.replies if trace else [])
    context = {
        "project": judgment.project,
        "section": "tasks",
        "judgment": judgment,
        "replies": replies,
        "n_understood": sum(reply.is_understood for reply in replies),
        "facts": [*facts_about_raters([judgment.rater])[judgment.rater_id], *facts_about_judgment(judgment)],
    }
    return TemplateResponse(request, "rewards/judgment_replies.html" + ("#replies" if request.htmx else ""), context)
