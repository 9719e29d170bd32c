"""Reviews of models' spans over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from rewards.access import reviewable_mark_for
from rewards.actions.reviews import review_mark, take_back_review
from rewards.api.serializers import JudgmentOutput
from rewards.models import Judgment, SpanMark
from rewards.reviews import Decision, MarkContent
from rewards.text import Span

LARGEST_OFFSET = 2**31 - 1


class MarkReviewInput(serializers.Serializer[Any]):
    """A decision; with `changed`, what differs from the model's span: fields that are left out stay as they are."""

    decision = serializers.ChoiceField(choices=Decision.choices)
    message = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST_OFFSET)
    start = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST_OFFSET, help_text="In code points.")
    end = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST_OFFSET)
    type = serializers.CharField(required=False)
    severity = serializers.CharField(required=False, allow_blank=True)
    explanation = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)

    def content(self, mark: SpanMark) -> MarkContent:
        """Of valid input."""
        told = self.validated_data
        place = (told.get(name, getattr(mark, name)) for name in ("message", "start", "end"))
        words = (told.get(name, getattr(mark, name)) for name in ("type", "severity", "explanation"))
        return MarkContent(Span(*place), *words)


class MarkReview(GenericAPIView[Any]):
    @extend_schema(responses=JudgmentOutput(many=True), summary="What people say of a model's span, oldest first")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        mark = reviewable_mark_for(request.user, slug, pk)
        reviews = Judgment.objects.reviews_of(mark).standing().with_answers().with_marked_texts().order_by("id")
        return Response(JudgmentOutput(reviews, many=True).data)

    @extend_schema(
        request=MarkReviewInput,
        responses={200: JudgmentOutput, 400: ErrorOutput},
        summary="Accept, change or reject a model's span; the same again changes nothing",
    )
    def put(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        mark = reviewable_mark_for(request.user, slug, pk)
        form = MarkReviewInput(data=request.data)
        form.is_valid(raise_exception=True)
        decision = Decision(form.validated_data["decision"])
        changed = form.content(mark) if decision == Decision.CHANGED else None
        return Response(
            JudgmentOutput(review_mark(mark=mark, user=request.user, decision=decision, changed=changed)).data
        )

    @extend_schema(responses={204: None, 409: ErrorOutput}, summary="Take back what one said of a model's span")
    def delete(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        take_back_review(mark=reviewable_mark_for(request.user, slug, pk), user=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
