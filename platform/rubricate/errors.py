"""Where an error becomes an answer: a message on the page, or the API's `{code, message, fields}`."""

from collections.abc import Callable
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django_htmx.http import reswap, retarget
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from projects.errors import AppError


class AppErrorMiddleware:
    """Show an AppError that a view raised: htmx puts it into the page's messages, else it is a page of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer an AppError; leave every other exception to Django."""
        if not isinstance(exception, AppError):
            return None
        context = {"error": exception}
        if getattr(request, "htmx", False):
            # htmx swaps only answers of status 200 in; the code stands in a header for scripts and tests.
            partial = render(request, "errors.html#message", context)
            partial["X-Error-Code"] = exception.code
            return reswap(retarget(partial, "#messages"), "innerHTML")
        return render(request, "errors.html", context, status=exception.status)


def api_exception_handler(exception: Exception, context: dict[str, Any]) -> Response | None:
    """Answer every expected API error in one shape, and leave the unexpected to Django (status 500)."""
    if isinstance(exception, AppError):
        return _answer(exception.status, exception.code, exception.message, exception.fields)
    if isinstance(exception, Http404):
        exception = exceptions.NotFound()
    elif isinstance(exception, PermissionDenied):
        exception = exceptions.PermissionDenied()
    # The default handler rolls back the transaction and knows the headers (WWW-Authenticate, Retry-After).
    response = exception_handler(exception, context)
    if response is None or not isinstance(exception, exceptions.APIException):
        return response
    if isinstance(exception, exceptions.ValidationError):
        message, fields = _validation(exception.detail)
        code = "invalid"
    else:
        message, fields = str(exception.detail), {}
        code = str(exception.get_codes())
    response.data = {"code": code, "message": message, "fields": fields}
    return response


def _answer(status: int, code: str, message: str, fields: dict[str, list[str]]) -> Response:
    return Response({"code": code, "message": message, "fields": fields}, status=status)


def _validation(detail: Any) -> tuple[str, dict[str, list[str]]]:
    """Flatten a serializer's errors to one message and lists by field; nested names are joined by dots."""
    fields: dict[str, list[str]] = {}
    _collect(detail, "", fields)
    general = fields.pop("", []) + fields.pop("non_field_errors", [])
    return (" ".join(general) or gettext("Some fields are not valid.")), fields


def _collect(detail: Any, name: str, fields: dict[str, list[str]]) -> None:
    if isinstance(detail, dict):
        for key, value in detail.items():
            _collect(value, f"{name}.{key}" if name else str(key), fields)
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            _collect(value, f"{name}.{index}" if nested and name else (str(index) if nested else name), fields)
    else:
        fields.setdefault(name, []).append(str(cast("object", detail)))
