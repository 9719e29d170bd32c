"""What the project itself serves: health, documentation, static files, and the headers on all of it."""

import re

import pytest
from django.db import connection
from django.test import AsyncClient


def test_a_process_that_lives_says_so_without_a_database(client):
    response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "live"})


@pytest.mark.django_db
def test_a_process_is_ready_when_database_and_channel_layer_answer(client):
    response = client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


@pytest.mark.django_db
def test_a_process_without_its_database_is_not_ready_and_says_which_part(client, monkeypatch):
    def refuse():
        raise ConnectionError

    monkeypatch.setattr(connection, "cursor", refuse)
    response = client.get("/health/ready")
    assert (response.status_code, response.json()) == (503, {"status": "unready", "failed": ["database"]})


def test_the_policy_allows_no_inline_script_or_style_and_no_framing(client):
    policy = client.get("/api/v1/docs/").headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["script-src"] == "'self'"
    assert directives["style-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
    assert directives["base-uri"] == "'none'"
    assert "unsafe" not in policy


def test_the_documentation_page_keeps_to_that_policy(client):
    page = client.get("/api/v1/docs/").content.decode()
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)
    assert scripts
    assert all("src=" in attributes and not body.strip() for attributes, body in scripts)
    assert "<style" not in page
    assert " style=" not in page


def test_the_schema_is_served(client):
    response = client.get("/api/v1/schema/?format=json")
    assert response.status_code == 200
    assert response.json()["openapi"].startswith("3.")


async def test_static_files_are_whole_under_asgi():
    # pytest turns Django's warning about synchronous iterators into an error.
    response = await AsyncClient().get("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/css")
    assert len(response.content) == int(response.headers["Content-Length"]) > 1000
