"""Reward signals over the API."""

import math
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response

from projects.access import project_for
from projects.api.pagination import KeysetPagination
from projects.api.requests import AuthedApiRequest
from rewards import signal_store
from rewards.access import signal_for
from rewards.api.queries import conditions
from rewards.api.serializers import SignalDetailOutput, SignalQuery, SignalRowOutput
from rewards.models import RewardSignal


class SignalList(GenericAPIView[Any]):
    pagination_class = KeysetPagination

    @extend_schema(
        parameters=[SignalQuery],
        responses=SignalRowOutput(many=True),
        summary="Stored signals without their values, newest first",
    )
    def get(self, request: AuthedApiRequest, slug: str) -> Response:
        project = project_for(request.user, slug)
        signals = RewardSignal.objects.of(project).matching(**conditions(SignalQuery, request)).for_list()
        return self.get_paginated_response(SignalRowOutput(self.paginate_queryset(signals), many=True).data)


class SignalDetail(GenericAPIView[Any]):
    @extend_schema(responses=SignalDetailOutput, summary="One signal: its segments and their values")
    def get(self, request: AuthedApiRequest, slug: str, pk: int) -> Response:
        row = signal_for(request.user, slug, pk)
        [stored] = signal_store.load([row.pk])
        answer = {
            "signal": SignalRowOutput(row).data,
            "spans": stored.signal.segmentation.spans.tolist(),
            "values": [None if math.isnan(value) else value for value in stored.signal.values.tolist()],
        }
        return Response(answer)
