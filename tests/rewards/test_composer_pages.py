"""The pages of recipes: listed, composed over real outputs, saved, compared, brought in and out."""

import json
import re
from html import unescape
from typing import Any

import numpy as np
import pytest

from rewards import signal_store
from rewards.actions.recipes import create_recipe, save_version
from rewards.composer.cache import Shelf, shelf
from rewards.composer.offers import offers_for
from rewards.composer.operators import family_pages
from rewards.composer.sample import MAX_OUTPUTS, sample_of
from rewards.models import Judgment, Rater, Recipe, SpanMark
from rewards.recipe_results import compute
from rewards.recipes.presets import PRESETS
from rewards.recipes.tree import read_recipe
from rewards.segmentation import whole, words
from rewards.shaping.registry import OPERATORS
from rewards.signals import RewardSignal
from rewards.text import sha256_text
from tests.factories import (
    make_comparison,
    make_judgment,
    make_output,
    make_project,
    make_rater,
    make_rating,
    make_task,
    make_user,
)

pytestmark = pytest.mark.django_db

COMPOSE = "/p/quill/recipes/compose/"
HTMX = {"hx-request": "true"}
TEXT = "Paris is big"
HOSTILE = "<img src=x onerror=hostile()>"


@pytest.fixture(autouse=True)
def _empty_shelf():
    shelf.clear()
    yield
    shelf.clear()


@pytest.fixture
def manager():
    return make_user("mia")


@pytest.fixture
def project(manager):
    return make_project("quill", manager=manager, viewer=make_user("vera"), annotator=make_user("ann"))


@pytest.fixture
def outputs(project):
    """Two tasks with two outputs each: token values by a critic, one number by a reward model, people's answers."""
    critic, model = (
        Rater.objects.create(project=project, kind=Rater.Kind.SCORER, name=name, pseudonym=name, scorer_hash=name * 8)
        for name in ("Critic", "Model")
    )
    person = make_rater(project, "Paula")
    # The newest task is tried first.
    tasks = {name: make_task(project, name) for name in ("t1", "t0")}
    made = [make_output(tasks[name], TEXT) for name in ("t0", "t0", "t1", "t1")]
    for number, output in enumerate(made):
        cut, end = words([TEXT]), whole([TEXT])
        values = np.array([0.0, number, -1.0], dtype=np.float32)
        signal_store.save_many(
            [
                signal_store.NewSignal(output, critic, "score", RewardSignal(cut, values), "h"),
                signal_store.NewSignal(output, model, "reward", RewardSignal(end, np.array([number % 2], "f4")), "h"),
            ]
        )
        make_rating(person, output, 1.0 + number)
    make_comparison(person, made[0], made[1], "b")
    return made


def recipe(weight=1.0, **more: Any) -> dict[str, Any]:
    at_end = {"op": "end_of_sequence", "scores": {"input": "rm"}, "onto": "token"}
    terms = [{"of": {"input": "critic"}, "weight": weight}, {"of": at_end, "weight": 0.5}]
    return {
        "recipe": 1,
        "inputs": {
            "critic": {"kind": "signal", "level": "token", "rater": "Critic"},
            "rm": {"kind": "signal", "level": "output", "rater": "Model"},
        },
        "reward": {"op": "weighted_sum", "terms": terms, "unscored": "unscored"},
        **more,
    }


def compose(client, document, **fields):
    return client.post(COMPOSE, {"recipe": json.dumps(document), **fields}, headers=HTMX)


def text_of(response) -> str:
    plain = re.sub(r"<[^>]*>", " ", response.content.decode())
    return " ".join(unescape(plain).split())


def preview_of(response):
    return response.context["page"].preview


@pytest.fixture
def signed_in(client, manager, project):
    client.force_login(manager)
    return client


# Composing


def test_a_recipe_is_computed_over_the_projects_outputs_and_every_number_is_its_own(signed_in, outputs):
    found = preview_of(compose(signed_in, recipe(weight=2.0)))
    # 2 x (0 + n - 1) and half of n mod 2 at the end, for n = 0, 1, 2, 3.
    assert found.computed.totals.tolist() == [-2.0, 0.5, 2.0, 4.5]
    assert found.computed.advantages.tolist() == [-1.25, 1.25, -1.25, 1.25]
    assert (found.computed.human.preferences.value, found.computed.human.preferences.n) == (1.0, 1)
    assert found.computed.human.ratings.value == pytest.approx(1.0)
    assert found.shown.lanes[0].values.tolist() == [0, 0, -2]
    assert found.shown.is_stacked


def test_the_page_has_the_numbers_of_the_api_and_of_plain_python(signed_in, outputs, project):
    document = recipe(advantage={"estimator": "group_mean_std"})
    page = preview_of(compose(signed_in, document)).computed
    result = compute(project, read_recipe(document), [output.pk for output in outputs])
    assert page.totals.tolist() == [row.total for row in result.rows()]
    assert page.advantages.tolist() == [row.advantage for row in result.rows()]


def test_moving_a_slider_reads_nothing_from_the_database_but_who_asks(
    signed_in, outputs, django_assert_max_num_queries
):
    compose(signed_in, recipe())
    with django_assert_max_num_queries(4):
        response = compose(signed_in, recipe(), **{"v:/reward/terms/0/weight": "3"})
    assert preview_of(response).computed.totals.tolist() == [-3.0, 0.5, 3.0, 6.5]
    # The fields stay as they are, so the slider that is being dragged is not taken away.
    assert 'id="composer-tree"' not in response.content.decode()


def test_an_error_names_its_node_and_leaves_the_picture(signed_in, outputs):
    response = compose(signed_in, recipe(), **{"v:/reward/terms/0/weight": "much"})
    assert "reward.terms[0].weight : expected a number" in text_of(response)
    assert 'id="composer-result"' not in response.content.decode()
    assert json.loads(response.context["page"].json)["reward"]["terms"][0]["weight"] == "much"


def test_a_rater_that_the_project_lacks_is_told_at_its_input(signed_in, outputs):
    document = recipe()
    document["inputs"]["critic"]["rater"] = "Nobody"
    assert "inputs.critic.rater : there is no rater 'Nobody' in this project" in text_of(compose(signed_in, document))


def test_an_edit_that_changes_the_tree_draws_it_anew_and_says_where_to_go_on(signed_in, outputs):
    response = compose(signed_in, recipe(), edit="add-term /reward/terms")
    page = response.context["page"]
    assert len(page.document["reward"]["terms"]) == 3
    written = response.content.decode()
    assert f'data-composer-focus="{page.focus}"' in written
    assert f'id="{page.focus}"' in written


def test_json_that_cannot_be_read_leaves_the_recipe_as_it_was(signed_in, outputs):
    response = compose(signed_in, recipe(), edit="json", json='{"recipe": 1,,}')
    assert "line 1, column 14" in text_of(response)
    assert response.context["page"].document == recipe()


def test_the_page_works_without_a_script(signed_in, outputs):
    response = signed_in.post(COMPOSE, {"recipe": json.dumps(recipe()), "v:/reward/terms/0/weight": "2"})
    written = response.content.decode()
    assert all(f'id="{part}"' in written for part in ("composer-state", "composer-tree", "composer-result"))
    assert preview_of(response).computed.totals.tolist() == [-2.0, 0.5, 2.0, 4.5]


def test_an_empty_project_offers_what_can_be_counted_and_complains_of_nothing(signed_in):
    response = signed_in.get(COMPOSE)
    assert "Nothing to compute yet" in text_of(response)
    assert response.context["page"].problems == {}
    assert [label for label, _ in response.context["page"].offers] == ["Counted from the text"]


def test_the_chosen_output_node_and_outcome_are_shown(signed_in, outputs):
    document = recipe()
    found = preview_of(
        compose(
            signed_in,
            document,
            show=str(outputs[3].pk),
            at="reward.terms[1].of",
            outcome="people",
            passes_from="5",
        )
    )
    assert found.shown.pk == outputs[3].pk
    assert found.terms.path == "reward.terms[1].of"
    assert (found.outcome, found.suspicion.n_failed) == ("people", 4)
    # The highest dense sum, 0 + 3 - 1, and a rating of 4: below 5.
    assert [one.pk for one in found.named_suspects] == [outputs[3].pk]


@pytest.mark.parametrize("fields", [{"show": "x"}, {"show": "99999999"}, {"at": "nowhere"}, {"passes_from": "nan"}])
def test_a_choice_that_is_not_there_is_left_out(signed_in, outputs, fields):
    assert preview_of(compose(signed_in, recipe(), **fields)).shown.pk == outputs[0].pk


def test_segments_in_numbers_come_when_they_are_asked_for(signed_in, outputs):
    assert preview_of(compose(signed_in, recipe())).shown.rows == []
    rows = preview_of(compose(signed_in, recipe(), edit="numbers")).shown.rows
    assert [(row.text, row.terms) for row in rows] == [
        ("Paris ", [0.0, 0.0]),
        ("is ", [0.0, 0.0]),
        ("big", [-1.0, 0.0]),
    ]


def test_the_reward_is_held_against_what_it_is_made_of_and_against_the_outcome(signed_in, outputs):
    response = compose(signed_in, recipe())
    found = preview_of(response)
    # Of each task's two outputs the second has the higher critic, reward and model's score.
    assert found.consistency.names[:3] == ["the reward", "critic", "rm"]
    assert [row[1][:3] for row in found.consistency.rows[:3]] == [[(1.0, 2)] * 3] * 3
    # What decides stands on the last third, so that nothing is said before and all is said at the end.
    assert [percent for percent, _ in found.horizons] == [25, 50, 75, 100]
    assert found.informativeness.shares[-1] == pytest.approx(1.0)
    assert "what the reward has said of the outcome" in text_of(response)


def test_a_paper_says_what_it_expects_of_each_input_that_is_open(signed_in, outputs):
    assert "not bound yet: choose where in this project it comes from (The aspect's reward)" in text_of(
        signed_in.get(f"{COMPOSE}?preset=alarm")
    )


def test_two_recipes_stand_side_by_side(signed_in, outputs, project, manager):
    other = create_recipe(project=project, actor=manager, name="Turned round", document=recipe(weight=-1.0))
    found = preview_of(compose(signed_in, recipe(), against=str(other.pk)))
    assert found.against.computed.totals.tolist() == [1.0, 0.5, -1.0, -1.5]
    # Each task's two outputs change places.
    assert (found.against.changes.n_flipped, found.against.changes.n_pairs) == (2, 2)


def test_a_papers_composition_stands_beside_over_this_recipes_inputs(signed_in, outputs):
    found = preview_of(compose(signed_in, recipe(), against="preset:alarm"))
    # The one input by tokens and the one of whole outputs are what the paper leaves open.
    assert [(one.name, one.chosen) for one in found.against.bindings] == [("aspect", "critic"), ("holistic", "rm")]
    # rm is 0, 1, 0, 1: z is -1 and 1. Of the second and fourth 5 z, and sigmoid(0) nowhere: only what stands counts.
    critic = found.computed.read.built.frame.inputs["critic"]
    shaped = critic.with_values(np.where(critic.values == 0, 0.0, 1 / (1 + np.exp(-critic.values)))).total()
    z = np.array([-1.0, 1.0, -1.0, 1.0])
    np.testing.assert_allclose(found.against.computed.totals, 5 * z + np.where(z > 0, shaped, 0.0))


def test_a_paper_whose_inputs_are_not_chosen_says_which(signed_in, outputs):
    response = compose(signed_in, recipe(), against="preset:worst_case_ensemble")
    assert {one.chosen for one in preview_of(response).against.bindings} == {""}
    assert "Ensemble: the worst case cannot be computed here" in text_of(response)
    chosen = {f"beside:rm_{number}": "rm" for number in (1, 2, 3)}
    found = preview_of(compose(signed_in, recipe(), against="preset:worst_case_ensemble", **chosen))
    assert found.against.computed.totals.tolist() == [0.0, 1.0, 0.0, 1.0]


def test_another_recipe_that_cannot_be_computed_is_told_beside_the_picture(signed_in, outputs, project, manager):
    other = create_recipe(project=project, actor=manager, name="Old", document=recipe())
    Rater.objects.filter(name="Critic").update(name="Renamed", pseudonym="renamed")
    document = recipe()
    document["inputs"]["critic"]["rater"] = "renamed"
    response = compose(signed_in, document, against=str(other.pk))
    assert preview_of(response).against.problems.keys() == {"inputs.critic.rater"}
    assert "Old v1 cannot be computed here" in text_of(response)


def test_a_recipe_of_another_project_is_not_put_beside(signed_in, outputs, project):
    elsewhere = make_project("elsewhere")
    make_rating(make_rater(elsewhere), make_output(make_task(elsewhere)), 1.0)
    stars = {"recipe": 1, "inputs": {"stars": {"kind": "rating"}}, "reward": {"input": "stars"}}
    other = create_recipe(project=elsewhere, actor=None, name="Theirs", document=stars)
    assert preview_of(compose(signed_in, recipe(), against=str(other.pk))).against is None


def test_hostile_text_and_names_reach_the_page_as_text(signed_in, project):
    rater = Rater.objects.create(
        project=project, kind=Rater.Kind.SCORER, name=HOSTILE, pseudonym="hostile", scorer_hash="h" * 64
    )
    output = make_output(make_task(project, HOSTILE), HOSTILE, policy=HOSTILE)
    cut = words([HOSTILE])
    values = np.ones(len(cut), dtype=np.float32)
    signal_store.save_many([signal_store.NewSignal(output, rater, HOSTILE, RewardSignal(cut, values), "h")])
    document = {
        "recipe": 1,
        "inputs": {HOSTILE: {"kind": "signal", "level": "token", "rater": "hostile"}},
        "reward": {"input": HOSTILE},
    }
    for response in (
        compose(signed_in, document, edit="numbers"),
        compose(signed_in, {**document, "reward": {"input": "x" + HOSTILE}}),
        signed_in.post(COMPOSE, {"recipe": json.dumps(document)}),
    ):
        assert b"hostile()" in response.content
        assert b"<img src=x" not in response.content


# Saving


def test_a_composed_recipe_is_saved_as_new_and_then_as_a_version(signed_in, outputs):
    response = compose(signed_in, recipe(), edit="save-new", name="Mine")
    made = Recipe.objects.get(name="Mine")
    assert response["HX-Redirect"] == f"/p/quill/recipes/{made.pk}/"
    fields = {"edit": "save", "recipe_pk": str(made.pk), "v:/reward/terms/0/weight": "7"}
    compose(signed_in, recipe(), **fields)
    assert [version.tree["reward"]["terms"][0]["weight"] for version in made.versions.order_by("number")] == [1.0, 7.0]


@pytest.mark.parametrize("name", ["", "Taken"])
def test_a_name_that_cannot_be_had_is_an_error_on_the_page(signed_in, outputs, project, manager, name):
    create_recipe(project=project, actor=manager, name="Taken", document=recipe())
    response = compose(signed_in, recipe(), edit="save-new", name=name)
    assert response.status_code == 200
    assert "name" in text_of(response)
    assert Recipe.objects.count() == 1


def test_a_broken_recipe_is_not_saved_and_the_page_says_why(signed_in, outputs):
    response = compose(signed_in, recipe(reward={"input": "nothing"}), edit="save-new", name="Broken")
    assert "there is no input 'nothing'" in text_of(response)
    assert not Recipe.objects.exists()


def test_a_viewer_composes_and_does_not_save(client, project, outputs):
    client.force_login(project.memberships.get(role="viewer").user)
    assert preview_of(compose(client, recipe())) is not None
    refused = client.post(COMPOSE, {"recipe": json.dumps(recipe()), "edit": "save-new", "name": "Mine"})
    assert refused.status_code == 403
    assert not Recipe.objects.exists()


def test_a_stranger_and_an_annotator_compose_nothing(client, project, outputs):
    client.force_login(make_user("stranger"))
    assert client.post(COMPOSE, {"recipe": json.dumps(recipe())}).status_code == 404
    client.force_login(project.memberships.get(role="annotator").user)
    assert client.post(COMPOSE, {"recipe": json.dumps(recipe())}).status_code == 403


# Pages


def test_the_list_takes_the_same_queries_for_any_number_of_recipes(
    signed_in, outputs, project, manager, django_assert_num_queries
):
    create_recipe(project=project, actor=manager, name="First", document=recipe())
    with django_assert_num_queries(4) as one:
        signed_in.get("/p/quill/recipes/")
    for number in range(5):
        create_recipe(project=project, actor=manager, name=f"More {number}", document=recipe(weight=number))
    with django_assert_num_queries(len(one.captured_queries)):
        response = signed_in.get("/p/quill/recipes/")
    assert "More 4" in text_of(response)


def test_the_list_is_searched_and_hides_what_is_archived(signed_in, outputs, project, manager):
    first = create_recipe(project=project, actor=manager, name="First", document=recipe())
    create_recipe(project=project, actor=manager, name="Second", document=recipe(weight=2.0))
    signed_in.post(f"/p/quill/recipes/{first.recipe_id}/archive/")
    names = lambda query: [row.name for row in signed_in.get(f"/p/quill/recipes/{query}").context["page"].rows]  # noqa: E731
    assert names("") == ["Second"]
    assert names("?archived=1") == ["First", "Second"]
    assert names("?archived=1&q=fir") == ["First"]


def test_a_version_is_read_with_its_tree_and_hash(signed_in, outputs, project, manager):
    version = create_recipe(project=project, actor=manager, name="Mine", document=recipe())
    written = text_of(signed_in.get(f"/p/quill/recipes/{version.recipe_id}/"))
    assert "Weighted sum" in written
    assert version.content_hash[:12] in written


def test_two_versions_are_compared_by_place(signed_in, outputs, project, manager):
    version = create_recipe(project=project, actor=manager, name="Mine", document=recipe())
    save_version(recipe=version.recipe, actor=manager, document=recipe(weight=3.0))
    written = text_of(signed_in.get(f"/p/quill/recipes/{version.recipe_id}/diff/"))
    assert "reward.terms[0].weight 1.0 3.0" in written


def test_an_exported_recipe_is_imported_as_it_was(signed_in, outputs, project, manager):
    version = create_recipe(project=project, actor=manager, name="Mine", document=recipe())
    exported = signed_in.get(f"/p/quill/recipes/{version.recipe_id}/versions/1/export/")
    response = signed_in.post("/p/quill/recipes/import/", {"text": exported.content.decode()})
    assert response.context["page"].document == version.tree
    assert Recipe.objects.count() == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"recipe": Infinity}'])
def test_what_is_no_recipe_is_not_imported_and_says_why(signed_in, text):
    response = signed_in.post("/p/quill/recipes/import/", {"text": text})
    assert response.context["form"].errors


def test_a_recipe_is_renamed(signed_in, outputs, project, manager):
    version = create_recipe(project=project, actor=manager, name="Mine", document=recipe())
    signed_in.post(f"/p/quill/recipes/{version.recipe_id}/name/", {"name": "Ours", "description": "why"})
    assert Recipe.objects.get().name == "Ours"


def test_a_reward_is_stored_by_a_worker_and_the_page_says_how_far_it_is(
    signed_in, outputs, project, manager, django_capture_on_commit_callbacks
):
    version = create_recipe(project=project, actor=manager, name="Mine", document=recipe())
    address = f"/p/quill/recipes/{version.recipe_id}/versions/1/"
    assert "Store as reward" in text_of(signed_in.get(address))
    with django_capture_on_commit_callbacks(execute=True):
        signed_in.post(f"{address}store/", {"tag": "", "split": ""})
    assert "4 of 4 outputs have this reward" in text_of(signed_in.get(address))
    stored = Rater.objects.get(name__startswith="Mine")
    assert sorted(stored.signals.filter(channel="reward").values_list("total", flat=True)) == [-1.0, 0.5, 1.0, 2.5]


def test_storing_waits_is_cancelled_and_tried_again_on_the_page(signed_in, outputs, project, manager):
    version = create_recipe(project=project, actor=manager, name="Mine", document=recipe())
    address = f"/p/quill/recipes/{version.recipe_id}/versions/1/"
    signed_in.post(f"{address}store/", {"tag": "", "split": ""})
    assert "4 outputs wait for a worker" in text_of(signed_in.get(address))
    signed_in.post(f"{address}store/", {"cancel": "1"})
    page = text_of(signed_in.get(address))
    assert "Stopped after 0 of 4 outputs" in page
    assert "Try again" in page


def test_a_name_is_given_and_taken_on_the_page(signed_in, outputs, project, manager):
    version = create_recipe(project=project, actor=manager, name="Mine", document=recipe())
    address = f"/p/quill/recipes/{version.recipe_id}/versions/1/"
    assert "stars.v1 stands for version 1 now" in text_of(
        signed_in.post(f"{address}names/", {"name": "stars.v1"}, follow=True)
    )
    assert "Expected up to 80" in text_of(signed_in.post(f"{address}names/", {"name": "No!"}, follow=True))
    signed_in.post(f"{address}names/", {"take": "stars.v1", "name": ""})
    assert not version.reward_names.exists()


def test_an_export_begins_with_the_recipe_that_it_was_asked_for_from(signed_in, outputs, project, manager):
    version = create_recipe(project=project, actor=manager, name="Mine", document=recipe())
    page = signed_in.get(f"/p/quill/recipes/{version.recipe_id}/").content.decode()
    assert f'href="/p/quill/exports/new/?recipe={version.pk}"' in page
    initial = signed_in.get(f"/p/quill/exports/new/?recipe={version.pk}").context["form"].initial
    assert (initial["source"], initial["recipe"]) == ("recipe", str(version.pk))
    # A key that is none of the project's recipes changes nothing.
    assert "recipe" not in signed_in.get("/p/quill/exports/new/?recipe=0").context["form"].initial


def test_a_selection_without_outputs_is_refused_with_a_message(signed_in, outputs, project, manager):
    version = create_recipe(project=project, actor=manager, name="Mine", document=recipe())
    response = signed_in.post(
        f"/p/quill/recipes/{version.recipe_id}/versions/1/store/", {"tag": "rare", "split": ""}, follow=True
    )
    assert "There is no current output of such tasks" in text_of(response)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_paper_opens_with_its_inputs_to_bind(signed_in, outputs, name):
    response = signed_in.get(f"{COMPOSE}?preset={name}")
    page = response.context["page"]
    assert page.document == PRESETS[name].document
    assert {problem.path.split(".")[1] for problem in page.located if problem.path.startswith("inputs.")} <= set(
        PRESETS[name].inputs
    )


def test_a_paper_is_bound_to_what_is_there_and_computed(signed_in, outputs):
    document = PRESETS["worst_case_ensemble"].document
    offer = json.dumps({"name": "x", "input": {"kind": "rating"}})
    for name in document["inputs"]:
        page = compose(signed_in, document, preset="worst_case_ensemble", **{f"bind:/inputs/{name}": offer})
        document = page.context["page"].document
    assert preview_of(page).computed.totals.tolist() == [1, 2, 3, 4]


# What is offered, and which outputs are taken


def test_offers_are_what_the_outputs_have_and_each_makes_a_recipe_that_computes(signed_in, outputs, project):
    person = make_rater(project, "Pia")
    SpanMark.objects.create(
        judgment=make_judgment(person, Judgment.Kind.SPANS, outputs[0].task, outputs[0]),
        output=outputs[0],
        message=0,
        start=0,
        end=5,
        quote=TEXT[:5],
        text_sha256=sha256_text(TEXT),
        type="Wrong",
    )
    outputs[0].generation = {"checks": {"passed": 3}, "model": "m"}
    outputs[0].save()
    offers = dict(offers_for(project, sample_of(project)))
    assert [offer.label for offer in offers["Stored signal"]] == ["Critic: score (word)", "Model: reward (whole)"]
    assert [offer.name for offer in offers["Field of output or task"]] == ["checks.passed"]
    assert offers["Marked spans"][0].declared["values"] == {"Wrong": -1.0}
    for rows in offers.values():
        for offer in rows:
            empty = {"recipe": 1, "inputs": {}, "reward": {"input": ""}}
            page = compose(signed_in, empty, edit="add-input", offer=offer.json).context["page"]
            assert page.problems == {}, offer
            assert page.preview is not None


def test_offers_take_the_same_queries_for_any_number_of_outputs(outputs, project, django_assert_num_queries):
    one, all_of_them = sample_of(project, task="t0"), sample_of(project)
    with django_assert_num_queries(10):
        offers_for(project, one)
    with django_assert_num_queries(10):
        offers_for(project, all_of_them)


def test_scored_tasks_are_tried_first_and_tasks_are_taken_whole(outputs, project):
    late = make_task(project, "late")
    make_output(late, "newer, and nobody has scored it")
    sample = sample_of(project)
    assert sample.tasks == ("t0", "t1", "late")
    assert sample.groups.tolist() == [0, 0, 1, 1, 2]
    assert np.isnan(sample.ratings[4])
    assert not sample.is_capped


def test_one_task_alone_is_sampled_by_its_id(outputs, project):
    assert sample_of(project, task="t1").output_ids == (outputs[2].pk, outputs[3].pk)
    assert len(sample_of(project, task="nowhere")) == 0


def test_a_task_of_more_outputs_than_are_tried_is_cut_and_says_so(project):
    task = make_task(project)
    make_output(task, external_id="first")
    policy = task.outputs.get().policy
    task.outputs.model.objects.bulk_create(
        task.outputs.model(
            project=project,
            task=task,
            policy=policy,
            external_id=f"o{number}",
            messages=[{"role": "assistant", "text": "x"}],
            content_hash="h",
        )
        for number in range(MAX_OUTPUTS)
    )
    sample = sample_of(project)
    assert (len(sample), sample.is_capped) == (MAX_OUTPUTS, True)


def test_the_shelf_keeps_what_was_read_until_it_is_old_or_asked_for_anew():
    made = iter(range(9))
    kept, old = Shelf(max_kept=2), Shelf(seconds=0)
    make = lambda: next(made)  # noqa: E731
    assert [kept.get("a", make), kept.get("a", make), kept.get("a", make, is_fresh=True)] == [0, 0, 1]
    assert [old.get("a", make), old.get("a", make)] == [2, 3]
    kept.get("b", make)
    kept.get("a", make)
    kept.get("c", make)
    # b was the least recently used.
    assert (kept.get("a", make), kept.get("b", make)) == (1, 6)


# Operators


def test_every_operator_stands_on_its_page_with_formula_paper_and_picture(signed_in):
    written = signed_in.get("/p/quill/recipes/operators/").content.decode()
    for operator in OPERATORS.values():
        assert f'id="op-{operator.name}"' in written
    assert written.count('<svg class="chart"') == len(OPERATORS)


def test_every_operator_has_an_example_that_its_defaults_can_work_with():
    pages = [page for family in family_pages() for page in family.operators]
    assert [page.operator.name for page in pages if page.example is None] == []
    assert len(pages) == len(OPERATORS)


def test_an_example_recipe_of_the_tests_is_one():
    assert read_recipe(recipe()).reward.level == "token"
