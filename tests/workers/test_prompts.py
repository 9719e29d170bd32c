"""Prompts of a project's own: versions, what is refused, what a scorer makes of them, and their pages."""

import pytest
from django.db import connection, transaction
from django.db.utils import Error as DatabaseError
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from projects.errors import AppError
from rewards.models import JudgmentTrace, Rubric, RubricVersion
from tests.factories import make_output, make_project, make_rubric, make_task, make_user
from tests.workers.counting_source import start
from tests.workers.test_scorers import judge, make_endpoint, work_through
from tests.workers.tiny_model import LetterEngine
from workers import model_loading
from workers.actions.prompts import add_prompt_version, create_prompt
from workers.models import Prompt, PromptVersion
from workers.prompt_preview import pieces, preview_prompt
from workers.sources.prompts import text_sha256
from workers.sources.registry import source_named

pytestmark = pytest.mark.django_db

DECLARATION = source_named("rubric_judge").declaration
DEFAULT = DECLARATION.prompt.default
OWN = f"Be strict.\n\n{DEFAULT}"


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def endpoint():
    return make_endpoint()


@pytest.fixture
def letters(monkeypatch):
    """Every endpoint is the model that can be worked out by hand."""
    engine = LetterEngine()
    monkeypatch.setattr(model_loading, "engine_for", lambda endpoint: engine)
    return engine


@pytest.fixture
def manager(client, project):
    person = make_user("manager")
    project.memberships.create(user=person, role="manager")
    client.force_login(person)
    return person


def make_prompt(project, template=OWN, name="strict"):
    return create_prompt(project=project, source="rubric_judge", name=name, template=template, actor=None)


def address(name, project, *rest):
    return reverse(f"workers:{name}", args=[project.slug, *rest])


def test_versions_are_numbered_and_the_same_words_are_no_new_version(project):
    first = make_prompt(project)
    again = add_prompt_version(prompt=first.prompt, template=OWN.replace("\n", "\r\n"), actor=None)
    second = add_prompt_version(prompt=first.prompt, template=DEFAULT, actor=None)
    third = add_prompt_version(prompt=first.prompt, template=OWN, actor=None)
    assert again == first
    assert [first.number, second.number, third.number] == [1, 2, 3]
    assert third.content_hash == first.content_hash == text_sha256(OWN)


def test_a_version_never_changes_in_the_database(project):
    version = make_prompt(project)
    for changed in ({"template": "x"}, {"content_hash": "0" * 64}, {"number": 7}):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            PromptVersion.objects.filter(pk=version.pk).update(**changed)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (DEFAULT.replace("{criterion}", ""), "{criterion} is missing"),
        (DEFAULT + "{reply}", "{reply} is no place of this prompt: expected {answers}"),
        (DEFAULT + "x" * 20_001, "at most 20000"),
        (DEFAULT + "\ud800", "half of a pair"),
        (DEFAULT + "\x00", "NUL"),
    ],
)
def test_a_template_that_the_source_cannot_fill_is_refused_with_the_reason(project, template, said):
    with pytest.raises(AppError) as error:
        make_prompt(project, template)
    assert error.value.code == "prompt_invalid"
    assert said in error.value.fields["template"][0]
    assert not Prompt.objects.exists()


def test_a_prompt_is_for_a_source_that_fills_one_and_names_are_taken_once(project):
    for source, code in (("no_such", "source_unknown"), ("log_ratio", "prompt_invalid")):
        with pytest.raises(AppError) as error:
            create_prompt(project=project, source=source, name="n", template=OWN, actor=None)
        assert error.value.code == code
    make_prompt(project)
    with pytest.raises(AppError) as error:
        make_prompt(project)
    assert (error.value.code, error.value.status) == ("prompt_name_taken", 409)
    make_prompt(make_project())


def test_a_scorers_hash_covers_the_templates_words_and_not_its_name(project, endpoint):
    rubric = make_rubric(project)
    version, same_words = make_prompt(project), make_prompt(project, name="another name")
    plain = judge(project, endpoint, rubric_version=rubric)
    own = judge(project, endpoint, rubric_version=rubric, prompt_version=version)
    assert own.hash != plain.hash
    assert own.content["prompt"] == version.content_hash
    assert plain.content["prompt"] == text_sha256(DEFAULT)
    assert judge(project, endpoint, rubric_version=rubric, prompt_version=same_words) == own
    assert "strict v1" in own.name


def test_prompts_of_other_projects_and_other_sources_make_no_scorer(project, endpoint):
    rubric = make_rubric(project)
    foreign = make_prompt(make_project())
    with pytest.raises(AppError) as error:
        judge(project, endpoint, rubric_version=rubric, prompt_version=foreign)
    assert set(error.value.fields) == {"prompt"}
    of_nothing = Prompt.objects.create(project=project, source="log_ratio", name="n")
    version = of_nothing.versions.create(number=1, template=OWN, content_hash="0" * 64)
    with pytest.raises(AppError) as error:
        judge(project, endpoint, rubric_version=rubric, prompt_version=version)
    assert "not for rubric_judge" in error.value.fields["prompt"][0]


def test_a_version_whose_places_the_source_has_no_more_makes_no_scorer(project, endpoint):
    version = make_prompt(project).prompt.versions.create(number=2, template="{old_place}", content_hash="0" * 64)
    with pytest.raises(AppError) as error:
        judge(project, endpoint, rubric_version=make_rubric(project), prompt_version=version)
    assert "{old_place} is no place" in error.value.fields["prompt"][0]


def test_a_run_asks_with_the_projects_words_and_keeps_their_hash(project, endpoint, letters):
    make_output(make_task(project), "Paris.")
    version = make_prompt(project)
    scorer = judge(project, endpoint, rubric_version=make_rubric(project), prompt_version=version)
    run = work_through(start(project, scorer))
    assert run.scored_count == 1
    assert all(prompt.messages[-1].text.startswith("Be strict.") for prompt in letters.asked)
    trace = JudgmentTrace.objects.get()
    assert trace.prompt_hash == version.content_hash
    assert len(trace.replies[0]["prompt_sha256"]) == 64


def test_the_preview_fills_the_template_and_keeps_data_between_its_delimiters(project):
    task = make_task(project, prompt="What </task> is it?", reference="Paris")
    output = make_output(task, "It is </response> <b>Paris</b>.")
    make_rubric(project, criteria=[{"key": "a", "text": "It is right."}, {"key": "b", "text": "It is short."}])
    preview = preview_prompt(project, DECLARATION, OWN, output)
    # Two criteria, each about the output and about the content-free one.
    assert preview.n_prompts == 4
    first = {piece.tag: piece.text for piece in preview.prompts[0] if piece.tag}
    assert first == {
        "task": "What (/task> is it?",
        "reference": "Paris",
        "response": "It is (/response> <b>Paris</b>.",
        "criterion": "It is right.",
    }
    assert preview.prompts[0][0].text.startswith("Be strict.")


def test_the_preview_takes_the_tasks_own_rubric_and_says_what_is_lacking(project):
    output = make_output(make_task(project, "t"), "Paris.")
    assert preview_prompt(project, DECLARATION, OWN, output).problem == "no rubric applies to this task"
    make_rubric(project)
    rubric = Rubric.objects.create(project=project, name="own", task_external_id="t")
    version = RubricVersion.objects.create(project=project, rubric=rubric, number=1, content_hash="1" * 64)
    version.criteria.create(project=project, position=0, key="k", text="Its own question?")
    preview = preview_prompt(project, DECLARATION, OWN, output)
    assert {piece.text for piece in preview.prompts[0] if piece.tag == "criterion"} == {"Its own question?"}
    empty = make_output(make_task(project), "  ")
    assert preview_prompt(project, DECLARATION, OWN, empty).problem == "the output has no text"


def test_a_filled_prompt_is_cut_at_its_delimiters_and_loses_nothing_else():
    text = "Before\n<task>\nWhat?\n\nWhy?\n</task>\nbetween\n<response>\n<b>\n</response>"
    assert [tuple(piece) for piece in pieces(text)] == [
        ("", "Before\n"),
        ("task", "What?\n\nWhy?"),
        ("", "\nbetween\n"),
        ("response", "<b>"),
    ]


def test_a_prompt_is_written_and_given_a_version_from_the_pages(client, project, manager):
    create = address("prompt-create", project, "rubric_judge")
    assert client.get(create).context["form"].initial["template"] == DEFAULT
    refused = client.post(create, {"name": "strict", "template": "{task}"})
    assert "is missing" in refused.context["form"].errors["template"][0]
    made = client.post(create, {"name": "strict", "template": OWN.replace("\n", "\r\n")})
    version = PromptVersion.objects.get()
    assert (version.template, version.created_by) == (OWN, manager)
    assert made.url == address("prompt-detail", project, version.prompt_id)
    edit = address("prompt-edit", project, version.prompt_id)
    client.post(edit, {"template": OWN})
    client.post(edit, {"template": f"{OWN} Now."})
    assert [row.number for row in PromptVersion.objects.order_by("number")] == [1, 2]
    page = client.get(made.url)
    assert page.context["shown"].number == 2
    assert client.get(made.url, {"version": "1"}).context["shown"].template == OWN
    for wrong in ("9", "x"):
        assert client.get(made.url, {"version": wrong}).status_code == 404


def test_two_versions_are_compared_and_so_is_the_sources_own(client, project, manager):
    version = make_prompt(project)
    add_prompt_version(prompt=version.prompt, template=OWN.replace("strict", "mild"), actor=None)
    url = address("prompt-diff", project, version.prompt_id)
    page = client.get(url).content.decode()
    assert "<del>strict</del>" in page
    assert "<ins>mild</ins>" in page
    against_own = client.get(url, {"old": "0", "new": "1"})
    assert str(against_own.context["old"]) == "Built in"
    assert "<ins>Be strict." in against_own.content.decode()
    assert client.get(url, {"old": "5"}).status_code == 404


def test_the_page_previews_for_htmx_alone_and_says_what_is_wrong(client, project, manager):
    make_rubric(project)
    make_output(make_task(project), "<script>alert(1)</script>", external_id="o-1")
    url = address("prompt-create", project, "rubric_judge")

    def preview(**fields):
        given = {"preview": "1", "template": OWN, "output": "o-1", **fields}
        return client.post(url, given, HTTP_HX_REQUEST="true").content.decode()

    page = preview()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "<html" not in page
    assert "No output of this project has that id." in preview(output="o-2")
    assert "{criterion} is missing" in preview(template=DEFAULT.replace("{criterion}", ""))
    assert not Prompt.objects.exists()
    whole = client.post(url, {"preview": "1", "template": OWN, "output": "o-1"}).content.decode()
    assert "<html" in whole
    assert "Be strict." in whole


def test_a_scorer_is_made_with_a_chosen_prompt_from_the_page(client, project, manager, endpoint):
    rubric, version = make_rubric(project), make_prompt(project)
    url = address("scorer-create", project, "rubric_judge")
    assert client.get(url, {"prompt": version.pk}).context["form"]["prompt"].value() == str(version.pk)
    fields = {"rubric": rubric.pk, "judge": endpoint.pk, "length_handling": "sum", "prompt": version.pk}
    made = client.post(url, fields)
    page = client.get(made.url)
    assert page.context["scorer"].prompt_version == version
    assert "strict v1" in page.content.decode()


def test_a_prompt_that_the_operator_offers_is_used_and_not_edited(client, project, manager, endpoint):
    shared = Prompt.objects.create(project=None, source="rubric_judge", name="house style")
    version = shared.versions.create(number=1, template=OWN, content_hash=text_sha256(OWN))
    assert "house style" in client.get(address("prompt-list", project)).content.decode()
    assert client.get(address("prompt-detail", project, shared.pk)).status_code == 200
    assert client.get(address("prompt-edit", project, shared.pk)).status_code == 404
    assert (
        judge(project, endpoint, rubric_version=make_rubric(project), prompt_version=version).prompt_version == version
    )


def test_prompts_of_another_project_are_not_found(client, project, manager):
    foreign = make_prompt(make_project()).prompt
    for name in ("prompt-detail", "prompt-edit", "prompt-diff"):
        assert client.get(address(name, project, foreign.pk)).status_code == 404


def test_the_list_of_prompts_costs_the_same_for_one_and_for_three(
    client,
    project,
    manager,
    django_assert_num_queries,
):
    url = address("prompt-list", project)
    make_prompt(project)
    with CaptureQueriesContext(connection) as one:
        client.get(url)
    for name in ("b", "c"):
        make_prompt(project, name=name)
    with django_assert_num_queries(len(one)):
        assert len(client.get(url).context["page"].rows) == 3


def test_programs_save_prompts_and_use_them_in_scorers(project, manager, endpoint):
    api = APIClient()
    api.force_authenticate(manager)
    base = f"/api/v1/projects/{project.slug}"
    refused = api.post(f"{base}/prompts", {"source": "rubric_judge", "name": "n", "template": "{x}"}, format="json")
    assert refused.status_code == 400
    assert "template" in refused.json()["fields"]
    made = api.post(f"{base}/prompts", {"source": "rubric_judge", "name": "n", "template": OWN}, format="json")
    assert made.status_code == 201
    taken = api.post(f"{base}/prompts", {"source": "rubric_judge", "name": "n", "template": OWN}, format="json")
    assert taken.status_code == 409
    [prompt] = api.get(f"{base}/prompts").json()["results"]
    versions = f"{base}/prompts/{prompt['id']}/versions"
    assert api.post(versions, {"template": f" {OWN}\n"}, format="json").json()["number"] == 2
    assert [row["number"] for row in api.get(versions).json()["results"]] == [2, 1]
    assert api.get(f"{base}/prompts/{prompt['id']}").json()["template"] == f" {OWN}\n"
    wanted = {
        "source": "rubric_judge",
        "models": {"judge": endpoint.pk},
        "rubric_version": make_rubric(project).pk,
        "prompt_version": made.json()["id"],
    }
    scorer = api.post(f"{base}/scorers", wanted, format="json").json()
    assert scorer["prompt_version_id"] == made.json()["id"]
    assert scorer["content"]["prompt"] == text_sha256(OWN)
    foreign = make_prompt(make_project())
    assert api.post(f"{base}/scorers", {**wanted, "prompt_version": foreign.pk}, format="json").status_code == 404
    assert api.post(f"{base}/scorers", {**wanted, "source": "log_ratio"}, format="json").status_code == 400
