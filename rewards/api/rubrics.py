"""Rubrics, their versions, and what other weights would do, over the API."""

from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import Capability, project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from projects.api.schema import ErrorOutput
from projects.errors import AppError
from rewards.access import current_task_for, editable_rubric_for, rubric_for, rubric_version_for
from rewards.actions.rubrics import create_rubric, save_version
from rewards.adjudicated import without_settled
from rewards.api.queries import conditions
from rewards.api.rubric_serializers import (
    DiffQuery,
    NewRubric,
    NewVersion,
    ReaggregationInput,
    ReaggregationOutput,
    RubricDiffOutput,
    RubricQuery,
    RubricRowOutput,
    RubricVersionOutput,
    RuleComparisonOutput,
    VersionRowOutput,
)
from rewards.models import Rater, Rubric, RubricVersion
from rewards.reaggregation import newest_verdicts, reaggregate
from rewards.rubric_findings import findings_about
from rewards.rubrics.content import RubricContent
from rewards.rubrics.diff import FieldChange, RubricDiff, diff_rubrics
from rewards.rubrics.parse import RubricError, rubric_from_dict, rubric_to_dict
from rewards.rubrics.rules import suggested_aggregation
from rewards.rule_comparison import compare_rules
from rewards.verdict_table import VerdictTable


class RubricList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    keyset_ordering = "id"

    @extend_schema(parameters=[RubricQuery], responses=RubricRowOutput(many=True), summary="Rubrics in use")
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug)
        query = conditions(RubricQuery, request)
        rubrics = Rubric.objects.of(project).active().kind_of(query["of"]).named_like(query["q"]).for_list()
        return self.get_paginated_response(RubricRowOutput(self.paginate_queryset(rubrics), many=True).data)

    @extend_schema(
        request=NewRubric,
        responses={201: RubricVersionOutput, 400: ErrorOutput, 409: ErrorOutput},
        summary="Start a rubric with its first version",
    )
    def post(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug, needs=Capability.MANAGE)
        form = NewRubric(data=request.data)
        form.is_valid(raise_exception=True)
        content = _content(form.validated_data.pop("criteria"))
        version = create_rubric(project=project, actor=request.user, content=content, **form.validated_data)
        return Response(_version_data(version), status=status.HTTP_201_CREATED)


class RubricDetail(GenericAPIView[Any]):
    @extend_schema(responses=RubricVersionOutput, summary="A rubric in its newest version")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        return Response(_version_data(rubric_version_for(request.user, slug, pk)))


class RubricVersionList(GenericAPIView[Any]):
    pagination_class = KeysetPagination
    keyset_ordering = "-number"

    @extend_schema(responses=VersionRowOutput(many=True), summary="The versions of a rubric, newest first")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        rows = self.paginate_queryset(rubric_for(request.user, slug, pk).versions.for_list())
        return self.get_paginated_response(VersionRowOutput(rows, many=True).data)

    @extend_schema(
        request=NewVersion,
        responses={200: RubricVersionOutput, 201: RubricVersionOutput, 400: ErrorOutput},
        summary="Save a new version; 200 with the newest one where nothing changed",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        rubric = editable_rubric_for(request.user, slug, pk)
        form = NewVersion(data=request.data)
        form.is_valid(raise_exception=True)
        content = _content(form.validated_data["criteria"])
        saved = save_version(rubric=rubric, actor=request.user, content=content, note=form.validated_data["note"])
        code = status.HTTP_201_CREATED if saved.is_new else status.HTTP_200_OK
        return Response(_version_data(saved.version), status=code)


class RubricVersionDetail(GenericAPIView[Any]):
    @extend_schema(responses=RubricVersionOutput, summary="One version of a rubric")
    def get(self, request: AuthedApiRequest, slug: str, pk: int, number: int) -> Response:
        return Response(_version_data(rubric_version_for(request.user, slug, pk, number)))


class RubricDiffDetail(GenericAPIView[Any]):
    @extend_schema(parameters=[DiffQuery], responses=RubricDiffOutput, summary="What changed between two versions")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        query = conditions(DiffQuery, request)
        old, new = (rubric_version_for(request.user, slug, pk, query[name]).content() for name in ("old", "new"))
        return Response(_diff_data(diff_rubrics(old, new)))


class RubricReaggregation(GenericAPIView[Any]):
    # Nothing is written: a token that may read may also ask what would be.
    write_scope = "read"

    @extend_schema(
        request=ReaggregationInput,
        responses={200: ReaggregationOutput, 400: ErrorOutput},
        summary="Rank outputs by stored verdicts under other weights; calls no model, stores nothing",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        form = _reaggregation_input(request)
        table = _verdicts(request, slug, pk, form)
        result = reaggregate(
            table,
            aggregation=form.validated_data["aggregation"] or suggested_aggregation(table.content),
            weights=form.validated_data["weights"],
            handling=form.handling,
        )
        return Response(ReaggregationOutput(result).data)


class RubricRuleComparison(GenericAPIView[Any]):
    write_scope = "read"

    @extend_schema(
        request=ReaggregationInput,
        responses={200: RuleComparisonOutput, 400: ErrorOutput},
        summary="All scoring rules over the same stored verdicts; `aggregation` is passed over",
    )
    def post(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        form = _reaggregation_input(request)
        table = _verdicts(request, slug, pk, form)
        result = compare_rules(table, weights=form.validated_data["weights"], handling=form.handling)
        return Response(RuleComparisonOutput(result).data)


def _reaggregation_input(request: AuthedApiRequest) -> ReaggregationInput:
    form = ReaggregationInput(data=request.data)
    form.is_valid(raise_exception=True)
    return form


def _verdicts(request: AuthedApiRequest, slug: str, pk: int, form: ReaggregationInput) -> VerdictTable:
    wanted = form.validated_data
    version = rubric_version_for(request.user, slug, pk, wanted["version"])
    raters = wanted["raters"] or [rater.pk for rater in without_settled(Rater.objects.of_verdicts(version.rubric))]
    return newest_verdicts(version, raters, task_id=_task_id(version, wanted["task"]))


def _content(criteria: object) -> RubricContent:
    try:
        return rubric_from_dict(criteria)
    except RubricError as error:
        fields: dict[str, list[str]] = {}
        for problem in error.problems:
            name = problem.field if problem.criterion is None else f"criteria.{problem.criterion}.{problem.field}"
            fields.setdefault(name, []).append(problem.message)
        raise AppError(gettext("This rubric cannot be read."), code="rubric_invalid", fields=fields) from error


def _task_id(version: RubricVersion, external_id: str) -> int | None:
    if not external_id:
        return None
    task = current_task_for(version.project, external_id)
    if task is None:
        message = gettext("There is no current task of this id.")
        raise AppError(message, code="task_unknown", fields={"task": [message]})
    return task.pk


def _version_data(version: RubricVersion) -> Any:
    content = version.content()
    return RubricVersionOutput(
        {
            "id": version.pk,
            "rubric": version.rubric_id,
            "name": version.rubric.name,
            "task_external_id": version.rubric.task_external_id,
            "number": version.number,
            "note": version.note_said,
            "content_hash": version.content_hash,
            "created_at": version.created_at,
            "criteria": rubric_to_dict(content)["criteria"],
            "findings": [finding._asdict() for finding in findings_about(content, rubric_id=version.rubric_id)],
        }
    ).data


def _diff_data(diff: RubricDiff) -> Any:
    return RubricDiffOutput(
        {
            "added": [criterion.key for criterion in diff.added],
            "removed": [criterion.key for criterion in diff.removed],
            "reordered": diff.reordered,
            "changed": [
                {"key": change.key, "changes": [_field_data(field) for field in change.fields]}
                for change in diff.changed
            ],
        }
    ).data


def _field_data(change: FieldChange) -> dict[str, object]:
    return {"field": change.field, "old": _plain(change.old), "new": _plain(change.new)}


def _plain(value: Any) -> object:
    return [asdict(level) for level in value] if isinstance(value, tuple) else value
