"""Recipes over the API: the same numbers as by command and plain Python, and nothing for strangers."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from projects.errors import AppError
from rewards.actions.recipe_rewards import start_storing
from rewards.actions.recipes import create_recipe, save_version
from rewards.actions.reward_names import give_name
from rewards.models import Output, Rater, RecipeVersion
from rewards.recipe_results import compute
from rewards.recipes.presets import PRESETS
from rewards.recipes.tree import read_recipe
from tests.factories import make_output, make_rater, make_rating, make_task

pytestmark = pytest.mark.django_db

ROOT = "/api/v1/projects/quill/recipes"


def _document(weight: float = 2.0) -> dict[str, Any]:
    end = {"op": "end_of_sequence", "scores": {"input": "stars"}, "onto": "token"}
    return {
        "recipe": 1,
        "inputs": {"stars": {"kind": "rating"}},
        "reward": {"op": "weighted_sum", "terms": [{"of": end, "weight": weight}]},
        "advantage": {"estimator": "group_mean"},
    }


@pytest.fixture
def outputs(cast) -> list[Output]:
    """Three outputs of one task, rated 1, 3 and not at all."""
    task, rater = make_task(cast.project), make_rater(cast.project)
    outputs = [make_output(task, text, external_id=f"o-{text.lower()[:-1]}") for text in ("Yes.", "No.", "Hm.")]
    make_rating(rater, outputs[0], 1)
    make_rating(rater, outputs[1], 3)
    return outputs


def _post(client: Client, path: str, body: Any) -> Any:
    return client.post(f"{ROOT}{path}", json.dumps(body), content_type="application/json")


def test_a_recipe_is_made_given_a_version_listed_and_compared(cast, browse, outputs) -> None:
    client = browse(cast.owner)
    made = _post(client, "", {"name": "Stars", "document": _document()})
    assert made.status_code == 201, made.json()
    pk = made.json()["recipe"]
    assert _post(client, f"/{pk}/versions", {"document": _document()}).status_code == 200
    assert _post(client, f"/{pk}/versions", {"document": _document(0.5)}).status_code == 201
    [row] = client.get(ROOT).json()["results"]
    assert (row["name"], row["version_number"]) == ("Stars", 2)
    assert [version["number"] for version in client.get(f"{ROOT}/{pk}/versions").json()["results"]] == [2, 1]
    assert client.get(f"{ROOT}/{pk}").json()["document"]["reward"]["terms"][0]["weight"] == 0.5
    [change] = client.get(f"{ROOT}/{pk}/diff?old=1&new=2").json()["changes"]
    assert change == {"path": "reward.terms[0].weight", "kind": "changed", "old": 2.0, "new": 0.5}


def test_an_evaluation_gives_rewards_and_advantages_of_each_output(cast, browse, outputs) -> None:
    ids = [output.pk for output in outputs]
    found = _post(browse(cast.viewer), "/evaluation", {"document": _document(), "outputs": ids})
    assert found.status_code == 200, found.json()
    data = found.json()
    # Twice the ratings 1 and 3; their mean is 4.
    assert [row["total"] for row in data["rows"]] == [2.0, 6.0, None]
    assert [row["advantage"] for row in data["rows"]] == [-2.0, 2.0, None]
    assert (data["level"], data["n_scored"], data["notes"]) == ("token", 2, ["stars: 2 of 3 outputs have it"])


def test_api_command_and_plain_python_give_the_same_numbers(cast, browse, outputs) -> None:
    create_recipe(project=cast.project, actor=None, name="Stars", document=_document())
    ids = [output.pk for output in outputs]
    by_python = compute(cast.project, read_recipe(_document()), ids).to_json()
    by_api = _post(browse(cast.viewer), "/evaluation", {"document": _document(), "outputs": ids}).json()
    written = StringIO()
    call_command("recipe", "evaluate", "--project", "quill", "--recipe", "Stars@1", "--json", stdout=written)
    assert by_api == by_python
    assert json.loads(written.getvalue()) == by_python


def test_a_broken_recipe_is_refused_with_its_path(cast, browse, outputs) -> None:
    document = _document() | {"reward": {"op": "magic"}}
    for path, body in (
        ("", {"name": "Stars", "document": document}),
        ("/evaluation", {"document": document, "outputs": [outputs[0].pk]}),
    ):
        refused = _post(browse(cast.owner), path, body)
        assert refused.status_code == 400
        assert refused.json()["code"] == "recipe_invalid"
        assert refused.json()["fields"]["reward"] == ["there is no operator 'magic'"]


def test_a_recipe_that_is_no_object_or_holds_odd_names_is_refused_and_not_a_crash(cast, browse, outputs) -> None:
    for document in (7, [], {"recipe": 1, "reward": {"input": ["a"]}}, {"recipe": 1, "reward": {"op": {}}}):
        refused = _post(browse(cast.owner), "", {"name": "Stars", "document": document})
        assert refused.status_code == 400


def test_a_stranger_and_an_annotator_find_nothing(cast, browse, outputs) -> None:
    version = create_recipe(project=cast.project, actor=None, name="Stars", document=_document())
    pk = version.recipe_id
    for person in (cast.stranger, cast.annotator):
        client = browse(person)
        expected = 404 if person == cast.stranger else 403
        for path in (
            "",
            "/parts",
            "/presets",
            f"/{pk}",
            f"/{pk}/versions",
            f"/{pk}/versions/1",
            f"/{pk}/stored-reward",
        ):
            assert client.get(f"{ROOT}{path}").status_code == expected, path
        assert client.get(f"{ROOT}/{pk}/diff?old=1&new=1").status_code == expected
        body = {"document": _document(), "outputs": [outputs[0].pk]}
        assert _post(client, "/evaluation", body).status_code == expected


def test_a_recipe_of_another_project_is_not_found(cast, browse, outputs) -> None:
    other = make_rating(make_rater(cast.other), make_output(make_task(cast.other)), 3)
    assert other.value == 3
    version = create_recipe(project=cast.other, actor=None, name="Stars", document=_document())
    client = browse(cast.owner)
    assert client.get(f"{ROOT}/{version.recipe_id}").status_code == 404
    body = {"recipe": version.recipe_id, "outputs": [outputs[0].pk]}
    assert _post(client, "/evaluation", body).status_code == 404


def test_who_may_only_read_makes_no_recipe_and_stores_none(cast, browse, outputs) -> None:
    version = create_recipe(project=cast.project, actor=None, name="Stars", document=_document())
    client = browse(cast.viewer)
    assert _post(client, "", {"name": "Moons", "document": _document()}).status_code == 403
    assert _post(client, f"/{version.recipe_id}/versions", {"document": _document(3)}).status_code == 403
    assert _post(client, f"/{version.recipe_id}/stored-reward", {}).status_code == 403
    assert RecipeVersion.objects.count() == 1


def test_a_list_of_recipes_costs_the_same_however_many(cast, browse, outputs, django_assert_max_num_queries) -> None:
    client = browse(cast.viewer)
    for number in range(5):
        create_recipe(project=cast.project, actor=None, name=f"Stars {number}", document=_document(number))
    # Session, user, project with the membership, rows; the session's activity may be written beside them.
    with django_assert_max_num_queries(6):
        assert len(client.get(ROOT).json()["results"]) == 5


def test_parts_and_presets_are_told_with_the_schema_of_their_parameters(cast, browse) -> None:
    client = browse(cast.viewer)
    parts = client.get(f"{ROOT}/parts").json()
    by_name = {operator["name"]: operator for operator in parts["operators"]}
    assert by_name["weighted_sum"]["slots"][0]["per_term"]["properties"]["weight"]["type"] == "number"
    assert {"signal", "marks"} <= {kind["name"] for kind in parts["inputs"]}
    assert "group_mean" in {estimator["name"] for estimator in parts["estimators"]}
    assert {preset["name"] for preset in client.get(f"{ROOT}/presets").json()["presets"]} == set(PRESETS)


def test_a_recipe_travels_between_projects_as_a_file(cast, outputs, tmp_path) -> None:
    make_rating(make_rater(cast.other), make_output(make_task(cast.other)), 3)
    create_recipe(project=cast.project, actor=None, name="Stars", document=_document())
    path = tmp_path / "stars.json"
    call_command("recipe", "export", "--project", "quill", "--recipe", "Stars", "--out", str(path))
    for _ in range(2):
        call_command(
            "recipe", "import", "--project", "vellum", "--name", "Suns", "--file", str(path), stdout=StringIO()
        )
    here, there = RecipeVersion.objects.order_by("pk")
    assert (here.content_hash, here.tree, there.recipe.name) == (there.content_hash, there.tree, "Suns")


def test_the_command_tells_what_is_wrong_by_path(cast, outputs, tmp_path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(_document() | {"seed": -1}))
    with pytest.raises(CommandError, match="seed: expected a whole number"):
        call_command("recipe", "evaluate", "--project", "quill", "--file", str(path))
    path.write_text("{")
    with pytest.raises(CommandError, match="is no JSON"):
        call_command("recipe", "evaluate", "--project", "quill", "--file", str(path))
    with pytest.raises(CommandError, match="no recipe 'Moons'"):
        call_command("recipe", "export", "--project", "quill", "--recipe", "Moons")


def test_a_stored_reward_is_started_and_its_progress_read(
    cast, browse, outputs, django_capture_on_commit_callbacks
) -> None:
    version = create_recipe(project=cast.project, actor=None, name="Stars", document=_document())
    client = browse(cast.owner)
    path = f"/{version.recipe_id}/stored-reward"
    assert client.get(f"{ROOT}{path}").json()["status"] == "never"
    with django_capture_on_commit_callbacks(execute=True):
        started = _post(client, path, {})
    assert (started.status_code, started.json()["status"]) == (202, "queued")
    done = client.get(f"{ROOT}{path}").json()
    assert (done["status"], done["n_outputs"], done["n_scored"]) == ("done", 3, 2)
    assert Rater.objects.get(pk=done["rater"]).name == "Stars, version 1"


def test_storing_is_cancelled_once(cast, browse, outputs) -> None:
    version = create_recipe(project=cast.project, actor=None, name="Stars", document=_document())
    path = f"{ROOT}/{version.recipe_id}/stored-reward"
    start_storing(version=version, actor=None)
    assert browse(cast.viewer).delete(path).status_code == 403
    client = browse(cast.owner)
    assert client.delete(path).json()["status"] == "cancelled"
    assert client.delete(path).json()["code"] == "storing_ended"


def test_a_name_stands_for_a_version_until_another_takes_its_place(cast, browse, outputs) -> None:
    made = create_recipe(project=cast.project, actor=None, name="Stars", document=_document())
    save_version(recipe=made.recipe, actor=None, document=_document(0.5))
    client, names = browse(cast.owner), "/api/v1/projects/quill/reward-names"
    asked = {"outputs": [output.pk for output in outputs], "reward": "stars"}
    for number, total in ((1, 6.0), (None, 1.5)):
        body = {"name": "stars", "recipe": made.recipe_id, "version": number}
        given = client.post(names, json.dumps(body), content_type="application/json")
        assert (given.status_code, given.json()["version"]) == (200, number or 2)
        # The second output has 3 stars: twice, then half of them.
        assert _post(client, "/evaluation", asked).json()["rows"][1]["total"] == total
    [row] = client.get(names).json()["results"]
    assert client.delete(f"{names}/{row['id']}").status_code == 204
    assert _post(client, "/evaluation", asked).json()["code"] == "reward_name_unknown"


def test_a_name_that_fits_no_address_is_refused(cast, outputs) -> None:
    version = create_recipe(project=cast.project, actor=None, name="Stars", document=_document())
    for name in ("", "Stars", "two words", "-stars", "stars.", "s\n", "\u00e9", "s" * 81):
        with pytest.raises(AppError) as caught:
            give_name(version=version, actor=None, name=name)
        assert caught.value.code == "reward_name_invalid"
