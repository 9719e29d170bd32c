"""How errors become answers."""

import json

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from django_htmx.middleware import HtmxDetails
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from projects.errors import AppError
from rubricate.errors import AppErrorMiddleware, api_exception_handler


class Outer(serializers.Serializer):
    class Inner(serializers.Serializer):
        level = serializers.IntegerField(max_value=7)

    title = serializers.CharField()
    criteria = Inner(many=True)


def api_answer(raise_it, **view_attributes):
    """Return status and body of an API view that raises."""

    class View(APIView):
        authentication_classes = ()
        permission_classes = ()

        def get_exception_handler(self):
            return api_exception_handler

        def post(self, request):
            raise_it(request)
            return Response()

    view = View.as_view(**view_attributes)
    request = APIRequestFactory().post("/", data=b"{", content_type="application/json")
    response = view(request)
    response.render()
    return response.status_code, json.loads(response.content)


def test_the_api_shows_an_app_error_with_its_code_and_fields():
    def raise_it(request):
        raise AppError("The file is refused.", code="file_refused", status=409, fields={"file": ["It is empty."]})

    assert api_answer(raise_it) == (
        409,
        {"code": "file_refused", "message": "The file is refused.", "fields": {"file": ["It is empty."]}},
    )


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Http404("A secret name."), 404, "not_found"),
        (PermissionDenied(), 403, "permission_denied"),
        (exceptions.Throttled(wait=3), 429, "throttled"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.UnsupportedMediaType("text/csv"), 415, "unsupported_media_type"),
    ],
)
def test_expected_errors_share_one_shape(error, status, code):
    def raise_it(request):
        raise error

    answered, body = api_answer(raise_it)
    assert answered == status
    assert set(body) == {"code", "message", "fields"}
    assert body["code"] == code
    assert "secret" not in body["message"]


def test_json_that_cannot_be_parsed_is_a_parse_error():
    status, body = api_answer(lambda request: request.data)
    assert status == 400
    assert body["code"] == "parse_error"


def test_validation_errors_name_nested_fields_by_dots():
    def raise_it(request):
        Outer(data={"criteria": [{"level": 3}, {"level": 9}]}).is_valid(raise_exception=True)

    status, body = api_answer(raise_it)
    assert status == 400
    assert body["code"] == "invalid"
    assert set(body["fields"]) == {"title", "criteria.1.level"}


def test_an_unexpected_error_is_not_dressed_up():
    def raise_it(request):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        api_answer(raise_it)


def page_answer(error, **headers):
    """Return what the middleware makes of an error that a page raised."""
    request = RequestFactory().get("/", headers=headers)
    request.htmx = HtmxDetails(request)
    return AppErrorMiddleware(lambda request: HttpResponse()).process_exception(request, error)


def test_htmx_gets_the_message_into_the_pages_messages():
    response = page_answer(AppError("No <b>such</b> run.", code="no_run"), HX_Request="true")
    assert response.headers["HX-Retarget"] == "#messages"
    assert "No &lt;b&gt;such&lt;/b&gt; run." in response.content.decode()
    assert "<html" not in response.content.decode()


def test_other_exceptions_are_left_to_django():
    assert page_answer(ValueError()) is None
