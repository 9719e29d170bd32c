"""The annotator's own items over the API; the page's scripts use the same addresses."""

from typing import Any

from django.urls import reverse
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from annotations.access import assignment_for
from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item, regain_item, release_item, renew_lease, skip_item
from annotations.actions.submission import submit_answer, undo_submission
from annotations.answering_page import item_html, page_after
from annotations.api.serializers import (
    AssignmentDetailOutput,
    DraftInput,
    HeartbeatInput,
    LeaseOutput,
    OverlayOutput,
    SavedDraftOutput,
    SkipInput,
    SubmitInput,
    SubmittedOutput,
)
from annotations.looking_back import submitted_data
from annotations.models import Assignment
from annotations.overlay import overlay_data
from annotations.page_data import assignment_data
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.errors import AppError
from projects.models import TokenScope
from projects.prepared import prepared_statements


class AssignmentView(GenericAPIView[Any]):
    """What all of these share: a token needs the scope `annotate`, for reading too."""

    read_scope = write_scope = TokenScope.ANNOTATE


class AssignmentDetail(AssignmentView):
    @extend_schema(responses=AssignmentDetailOutput, summary="An item of yours: prompt, outputs, questions, draft")
    def get(self, request: AuthedApiRequest, pk: int) -> Response:
        assignment = assignment_for(request.user, pk)
        return Response(assignment_data(assignment) | submitted_data(assignment))


class AssignmentOverlay(AssignmentView):
    @extend_schema(
        request=None,
        responses={200: OverlayOutput, 409: ErrorOutput},
        summary="Be shown what a model gave the texts, where the campaign does so; its name is not told",
    )
    def post(self, request: AuthedApiRequest, pk: int) -> Response:
        return Response(overlay_data(assignment_for(request.user, pk)))


class AssignmentDraft(AssignmentView):
    @extend_schema(
        request=DraftInput,
        responses={200: SavedDraftOutput, 409: ErrorOutput},
        summary="Keep the answer as far as it has come; renews the lease",
    )
    def put(self, request: AuthedApiRequest, pk: int) -> Response:
        assignment = assignment_for(request.user, pk)
        form = DraftInput(data=request.data)
        form.is_valid(raise_exception=True)
        saved = save_draft(assignment=assignment, **form.validated_data)
        answer = {"revision": saved.revision, "saved_at": saved.saved_at, "lease_until": assignment.lease_until}
        return Response(SavedDraftOutput(answer).data)


class AssignmentHeartbeat(AssignmentView):
    @extend_schema(
        request=HeartbeatInput, responses={200: LeaseOutput, 409: ErrorOutput}, summary="Renew the lease of an item"
    )
    def post(self, request: AuthedApiRequest, pk: int) -> Response:
        assignment = assignment_for(request.user, pk)
        form = HeartbeatInput(data=request.data)
        form.is_valid(raise_exception=True)
        renew_lease(assignment=assignment, **form.validated_data)
        return Response(LeaseOutput(assignment).data)


@method_decorator(prepared_statements(), name="dispatch")
class AssignmentSubmit(AssignmentView):
    @extend_schema(
        request=SubmitInput,
        responses={200: SubmittedOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Turn an answer into judgments, once however often it is sent",
    )
    def post(self, request: AuthedApiRequest, pk: int) -> Response:
        assignment = assignment_for(request.user, pk)
        form = SubmitInput(data=request.data)
        form.is_valid(raise_exception=True)
        sent = dict(form.validated_data)
        with_next, with_item, with_page = (sent.pop(f"with_{what}") for what in ("next", "item", "page"))
        done = submit_answer(assignment=assignment, **sent)
        after = page_after(assignment)
        following = _following(assignment) if with_next and after is None else None
        return Response(
            {
                "submission": done.submission.act,
                "submitted_at": done.submission.created_at,
                "undo_until": done.undo_until,
                "next": after if following is None else reverse("annotations:annotate", args=[following.pk]),
                "item": assignment_data(following) if with_item and following is not None else None,
                "page": item_html(request._request, following) if with_page and following is not None else None,
            }
        )


class AssignmentUndo(AssignmentView):
    @extend_schema(
        request=None,
        responses={200: LeaseOutput, 409: ErrorOutput},
        summary="Take the submit back: its judgments are withdrawn, its answer is the draft again",
    )
    def post(self, request: AuthedApiRequest, pk: int) -> Response:
        assignment = assignment_for(request.user, pk)
        undo_submission(assignment=assignment)
        return Response(LeaseOutput(assignment).data)


class AssignmentSkip(AssignmentView):
    @extend_schema(
        request=SkipInput, responses={200: LeaseOutput, 409: ErrorOutput}, summary="Give an item up, saying why"
    )
    def post(self, request: AuthedApiRequest, pk: int) -> Response:
        assignment = assignment_for(request.user, pk)
        form = SkipInput(data=request.data)
        form.is_valid(raise_exception=True)
        skip_item(assignment=assignment, **form.validated_data)
        return Response(LeaseOutput(assignment).data)


class AssignmentRelease(AssignmentView):
    @extend_schema(request=None, responses=LeaseOutput, summary="Give an item back for others; the draft is kept")
    def post(self, request: AuthedApiRequest, pk: int) -> Response:
        assignment = assignment_for(request.user, pk)
        release_item(assignment=assignment)
        return Response(LeaseOutput(assignment).data)


class AssignmentResume(AssignmentView):
    @extend_schema(
        request=None,
        responses={200: LeaseOutput, 409: ErrorOutput},
        summary="Take an item up again that was skipped, given back or ran out",
    )
    def post(self, request: AuthedApiRequest, pk: int) -> Response:
        assignment = assignment_for(request.user, pk)
        regain_item(assignment=assignment)
        return Response(LeaseOutput(assignment).data)


def _following(assignment: Assignment) -> Assignment | None:
    """The next item, leased only now that this one is out of hand; None where there is none to be had.

    The answer is kept by now: whatever refuses the next item must not refuse the submit.
    """
    try:
        return lease_next_item(campaign=assignment.campaign, user=assignment.user)
    except AppError:
        return None
