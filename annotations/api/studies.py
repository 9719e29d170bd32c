"""Studies over the API."""

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from annotations.access import study_for
from annotations.actions.study import delete_study, start_study
from annotations.forms.study import FORMS
from annotations.models import Study
from annotations.quality.said import worded
from annotations.studies.registry import KINDS
from projects.access import Capability, project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.errors import AppError


class StudyOutput(serializers.ModelSerializer[Study]):
    class Meta:
        model = Study
        fields = ["id", "kind", "status", "failure", "created_at", "finished_at"]


class StudyDetailOutput(serializers.ModelSerializer[Study]):
    result = serializers.JSONField(help_text="Empty until the status is ready; tasks, outputs and raters by id.")

    class Meta:
        model = Study
        fields = ["id", "kind", "status", "failure", "parameters", "result", "created_at", "finished_at"]

    def to_representation(self, instance: Study) -> dict[str, Any]:
        """A report on quality keeps codes and numbers: its sentences are in the caller's language."""
        shown = super().to_representation(instance)
        if instance.kind == "quality" and instance.result:
            shown["result"] = worded(instance.result)
        return shown


class NewStudy(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=sorted(KINDS))
    parameters = serializers.DictField(
        required=False,
        help_text="consistency: question, rating_raters, comparison_raters, seed. "
        "agreement: protocol, metric, question, raters, seed. accuracy: comparison_raters, seed. "
        "dense: span_raters, seed. "
        "preference_loss: policy_log_probs and reference_log_probs (keys of signals, rater:channel:segmenter; the "
        "second may be none), comparison_raters, seed, and of each loss <loss>.<parameter> such as dpo.beta. "
        "groups: outcome and proxy (rater:channel:segmenter, ratings:rater:question with people for a rater; the "
        "second also length or none), passes_from, policy, rule, strength, seed. "
        "quality: campaign, known_rater (whose answers count as right; optional), seed. "
        "acquisition: game, source, options, temperature, lapse, answers, repeats, seed.",
    )


class StudyList(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(responses=StudyOutput(many=True), summary="The project's studies, newest first")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug)
        rows = self.paginate_queryset(Study.objects.of(project).for_list())
        return self.get_paginated_response(StudyOutput(rows, many=True).data)

    @extend_schema(request=NewStudy, responses={201: StudyDetailOutput}, summary="Ask a study")
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug)
        asked = NewStudy(data=request.data)
        asked.is_valid(raise_exception=True)
        kind = asked.validated_data["kind"]
        given = asked.validated_data.get("parameters", {})
        form = FORMS[kind](project, given)
        if unknown := [name for name in given if name not in form.fields]:
            expected = gettext("There is no such parameter: expected one of %(fields)s.") % {
                "fields": ", ".join(form.fields)
            }
            raise AppError(
                gettext("The parameters are not valid."),
                code="invalid",
                fields={f"parameters.{name}": [expected] for name in unknown},
            )
        if not form.is_valid():
            fields = {f"parameters.{name}": [str(error) for error in errors] for name, errors in form.errors.items()}
            raise AppError(gettext("The parameters are not valid."), code="invalid", fields=fields)
        study = start_study(project, by=request.user, kind=kind, parameters=form.parameters())
        study.refresh_from_db()
        return Response(StudyDetailOutput(study).data, status=status.HTTP_201_CREATED)


class StudyDetail(GenericAPIView[Any]):
    @extend_schema(responses=StudyDetailOutput, summary="One study with its result")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(StudyDetailOutput(study_for(request.user, slug, pk)).data)

    @extend_schema(responses={204: None}, summary="Delete a study")
    def delete(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        delete_study(study_for(request.user, slug, pk, needs=Capability.MANAGE), by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
