"""Query parameters, checked."""

from typing import Any

from rest_framework.serializers import Serializer

from projects.api.requests import AuthedApiRequest


def conditions(shape: type[Serializer[Any]], request: AuthedApiRequest) -> dict[str, Any]:
    """The parameters that `shape` knows, with its defaults for the missing; ValidationError names the wrong ones."""
    form = shape(data=request.query_params.dict())
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)
