"""What a person says about a span that a model marked."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRefresh, push_url

from projects.requests import AuthedRequest
from rewards.access import reviewable_mark_for
from rewards.actions.reviews import review_mark, take_back_review
from rewards.forms.mark_review import MarkReviewForm
from rewards.models import Judgment, SpanMark
from rewards.reviews import Decision, Review, reviews_by_mark

TAKE_BACK = "take_back"


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def mark_review(request: AuthedRequest, slug: str, pk: int) -> HttpResponse:
    """Accept, change or reject a model's span, or take back what one said; alone in its row for htmx."""
    mark = reviewable_mark_for(request.user, slug, pk)
    asked = request.POST.get("decision", "")
    form = MarkReviewForm(request.POST if asked == Decision.CHANGED else None, mark=mark)
    if request.method != "POST" or (form.is_bound and not form.is_valid()):
        return _shown(request, mark, form)
    if asked == TAKE_BACK:
        take_back_review(mark=mark, user=request.user)
    elif asked in Decision.values:
        content = form.content() if form.is_bound else None
        review_mark(mark=mark, user=request.user, decision=Decision(asked), changed=content)
    else:
        return _shown(request, mark, form)
    if not request.htmx:
        task = reverse("rewards:task-detail", args=[slug, mark.output.task_id])
        return redirect(f"{task}?output={mark.output_id}")
    if asked == Decision.CHANGED:
        # The changed span is painted with the page.
        return HttpResponseClientRefresh()
    context = {
        "project": mark.output.project,
        "mark": mark,
        "reviews": _reviews(mark),
        "may_review": True,
        "is_new": True,
    }
    return _in_place(request, TemplateResponse(request, "rewards/mark_reviews.html", context))


def _shown(request: AuthedRequest, mark: SpanMark, form: MarkReviewForm) -> HttpResponse:
    reviews = _reviews(mark)
    context = {
        "project": mark.output.project,
        "section": "tasks",
        "mark": mark,
        "form": form,
        "reviews": reviews,
        "own": next((review for review in reviews if review.rater.user_id == request.user.pk), None),
    }
    template = "rewards/mark_review.html" + ("#review" if request.htmx else "")
    return _in_place(request, TemplateResponse(request, template, context))


def _in_place(request: AuthedRequest, response: HttpResponse) -> HttpResponse:
    """The row changes and the address does not, which a boosted link would do."""
    return push_url(response, False) if request.htmx else response


def _reviews(mark: SpanMark) -> list[Review]:
    """What stands, oldest first; one query."""
    standing = Judgment.objects.reviews_of(mark).standing().select_related("rater").order_by("id")
    return reviews_by_mark(standing).get(mark.pk, [])
