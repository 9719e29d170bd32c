"""The API's document and the shapes it promises: errors, pages, and every address in it."""

import re
from datetime import timedelta

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from projects.actions.token import issue_token
from projects.models import TokenScope
from tests.factories import make_project, make_user

API = "/api/v1/"
METHODS = {"get", "post", "put", "patch", "delete"}
# Pages about the document, not part of what it documents.
UNDOCUMENTED = {"api-schema", "api-docs"}


@pytest.fixture(scope="module")
def document():
    return SchemaGenerator().get_schema(request=None, public=True)


def api_patterns(patterns=None, prefix="/"):
    """Each address of the API as OpenAPI writes it, with its pattern."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from api_patterns(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and route.startswith(API) and pattern.name not in UNDOCUMENTED:
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route), pattern


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, method, operation


def test_the_document_is_made_without_a_warning():
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        SchemaGenerator().get_schema(request=None, public=True)
    said = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    GENERATOR_STATS.reset()
    assert said == []


def test_every_address_and_method_is_in_the_document(document):
    served = set()
    for route, pattern in api_patterns():
        view = pattern.callback.cls
        path = document["paths"].get(route) or document["paths"].get(_with_id(route))
        assert path is not None, f"{route} is not documented"
        for method in METHODS:
            if hasattr(view, method):
                assert method in path, f"{method.upper()} {route} is not documented"
                served.add((route, method))
    assert len(served) == len(list(operations(document)))


def _with_id(route):
    """drf-spectacular calls a view's `pk` `id` where it knows the model."""
    return route.replace("{pk}", "{id}")


def test_every_operation_has_a_summary_and_a_name_of_its_own(document):
    listed = list(operations(document))
    assert [path for path, _, operation in listed if not operation.get("summary")] == []
    names = [operation["operationId"] for _, _, operation in listed]
    assert len(names) == len(set(names))


def test_every_operation_asks_for_a_token_or_a_session(document):
    for path, method, operation in operations(document):
        schemes = {name for scheme in operation["security"] for name in scheme}
        assert schemes == {"token", "cookieAuth"}, f"{method.upper()} {path}"


def test_every_reference_leads_to_a_component(document):
    references = set(re.findall(r"'#/components/schemas/(\w+)'", str(document)))
    assert references <= set(document["components"]["schemas"])


def test_lists_are_pages_of_results_with_the_address_of_the_next(document):
    for path, method, operation in operations(document):
        names = {parameter["name"] for parameter in operation.get("parameters", [])}
        if method == "get" and "cursor" in names:
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            reference = schema.get("$ref", "").rpartition("/")[2]
            shape = document["components"]["schemas"][reference] if reference else schema
            assert set(shape["properties"]) == {"next", "results"}, path


def assert_error(response, status, code):
    """One shape for every error: a word for programs, a sentence for people, messages by field."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"code", "message", "fields"}
    assert body["code"] == code
    assert isinstance(body["message"], str)
    assert body["message"]
    assert isinstance(body["fields"], dict)
    for messages in body["fields"].values():
        assert messages
        assert all(isinstance(message, str) for message in messages)
    return body


@pytest.mark.django_db
class TestErrors:
    def test_without_signing_in_is_401_and_says_how(self, client):
        response = client.get(f"{API}projects")
        assert_error(response, 401, "not_authenticated")
        assert response["WWW-Authenticate"].startswith("Bearer")

    def test_a_wrong_token_is_401(self, client):
        response = client.get(f"{API}projects", HTTP_AUTHORIZATION="Bearer rbr_nothing")
        assert_error(response, 401, "token_invalid")

    def test_a_token_without_the_scope_is_403(self, client):
        later = timezone.now() + timedelta(days=1)
        issued = issue_token(user=make_user(), name="reader", scopes=[TokenScope.READ], expires_at=later)
        response = client.post(
            f"{API}projects", {"name": "New"}, "application/json", HTTP_AUTHORIZATION=f"Bearer {issued.secret}"
        )
        assert_error(response, 403, "scope_required")

    def test_a_role_that_may_not_is_403(self, client):
        viewer = make_user()
        make_project("lab", viewer=viewer)
        client.force_login(viewer)
        response = client.patch(f"{API}projects/lab", {"name": "Mine"}, "application/json")
        assert_error(response, 403, "role_required")

    def test_a_strangers_project_is_404(self, client):
        make_project("lab", owner=make_user())
        client.force_login(make_user())
        assert_error(client.get(f"{API}projects/lab"), 404, "not_found")

    def test_an_unknown_method_is_405(self, client):
        client.force_login(make_user())
        response = client.delete(f"{API}projects")
        assert_error(response, 405, "method_not_allowed")
        assert "GET" in response["Allow"]

    def test_what_is_not_json_is_415(self, client):
        client.force_login(make_user())
        assert_error(client.post(f"{API}projects", "<a/>", "application/xml"), 415, "unsupported_media_type")

    def test_broken_json_is_400(self, client):
        client.force_login(make_user())
        assert_error(client.post(f"{API}projects", '{"name": ', "application/json"), 400, "parse_error")

    def test_json_of_another_shape_is_400(self, client):
        client.force_login(make_user())
        assert_error(client.post(f"{API}projects", "[1, 2]", "application/json"), 400, "invalid")

    def test_a_missing_field_is_400_and_named(self, client):
        client.force_login(make_user())
        body = assert_error(client.post(f"{API}projects", {}, "application/json"), 400, "invalid")
        assert set(body["fields"]) == {"name"}

    @pytest.mark.parametrize("name", ["nul \x00 inside", "lone \ud800 surrogate"])
    def test_text_that_no_database_keeps_is_400(self, client, name):
        client.force_login(make_user())
        body = assert_error(client.post(f"{API}projects", {"name": name}, "application/json"), 400, "invalid")
        assert set(body["fields"]) == {"name"}

    @pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=ten", "limit=-1", "limit=٣"])
    def test_a_page_size_outside_the_bounds_is_400(self, client, query):
        client.force_login(make_user())
        body = assert_error(client.get(f"{API}projects?{query}"), 400, "limit_invalid")
        assert set(body["fields"]) == {"limit"}

    @pytest.mark.parametrize("cursor", ["nonsense", "%00", "eyJ9", "a" * 5000])
    def test_a_cursor_that_no_page_gave_is_400(self, client, cursor):
        client.force_login(make_user())
        response = client.get(f"{API}projects?cursor={cursor}")
        assert_error(response, 400, "cursor_invalid")


@pytest.mark.django_db
def test_pages_lead_through_every_row_once(client):
    user = make_user()
    wanted = {make_project(owner=user).slug for _ in range(5)}
    client.force_login(user)
    address, seen, pages = f"{API}projects?limit=2", [], 0
    while address:
        body = client.get(address).json()
        assert set(body) == {"next", "results"}
        assert len(body["results"]) <= 2
        seen += [row["slug"] for row in body["results"]]
        address, pages = body["next"], pages + 1
    assert (sorted(seen), pages) == (sorted(wanted), 3)
