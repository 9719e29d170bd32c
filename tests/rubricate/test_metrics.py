"""What Prometheus reads."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from projects.models import Project
from tests.annotations.campaigns import make_campaign
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def read(client, settings):
    """`read()` gives the samples by name and labels, as Prometheus' own parser finds them."""
    settings.METRICS_TOKEN = "of-the-operator"

    def samples():
        response = client.get("/metrics", headers={"Authorization": "Bearer of-the-operator"})
        assert response["Content-Type"].startswith("text/plain")
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(response.content.decode())
            for sample in family.samples
        }

    return samples


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "of-the-operators"])
def test_without_the_operators_token_there_is_no_such_page(client, settings, header):
    settings.METRICS_TOKEN = "of-the-operator"
    assert client.get("/metrics", headers={"Authorization": header}).status_code == 404
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": header}).status_code == 404


def test_kept_counters_are_summed_over_projects(read):
    make_project("quill")
    make_project("vellum")
    Project.objects.filter(slug="quill").update(task_count=3, output_count=6, judgment_count=5)
    Project.objects.filter(slug="vellum").update(task_count=1, output_count=1, judgment_count=4)
    found = read()
    assert [found[f"rubricate_{noun}",] for noun in ("tasks", "outputs", "judgments")] == [4, 7, 9]


def test_states_are_counted_by_name(read):
    owner = make_user("olga")
    project = make_project(owner=owner)
    make_campaign(project, actor=owner, name="One")
    make_campaign(project, actor=owner, name="Two", is_open=False)
    found = read()
    assert found["rubricate_campaigns", ("status", "open")] == 1
    assert found["rubricate_campaigns", ("status", "draft")] == 1
    assert found["rubricate_accounts_active",] == 1


def test_requests_are_counted_by_the_name_of_their_address_and_never_by_the_address(client, read):
    client.get("/invitations/a-secret-of-somebody/")
    key = (
        "rubricate_request_seconds_count",
        ("address", "projects:invitation-accept"),
        ("method", "GET"),
        ("status", "4xx"),
    )
    before = read()[key]
    client.get("/invitations/a-secret-of-somebody/")
    found = read()
    assert found[key] == before + 1
    assert "a-secret" not in str(found)


@pytest.mark.parametrize("projects", [1, 4])
def test_the_page_costs_the_same_for_any_number_of_projects(read, django_assert_max_num_queries, projects):
    for _ in range(projects):
        make_project()
    with django_assert_max_num_queries(11):
        read()
