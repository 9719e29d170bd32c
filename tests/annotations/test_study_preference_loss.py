"""What preference losses would do: the study's numbers are those of the plain functions, by page, API and command."""

import json
import math

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from annotations.actions.study import run_study
from annotations.studies.preference_loss import CHUNK
from rewards import signal_store
from rewards.models import Rater
from rewards.preferences import LOSSES, PairLogProbs, preview_loss
from rewards.segmentation import Segmentation
from rewards.shaping.rows import Rows
from rewards.signals import RewardSignal
from tests.factories import make_comparison, make_output, make_project, make_rater, make_task, make_user
from workers.models import Scorer

pytestmark = pytest.mark.django_db

NAN = float("nan")
TOKENIZER = "tokenizer:0123456789ab"
LENGTHS = [(5, 3), (2, 6), (4, 4), (7, 1)]
"""Tokens of the chosen and the rejected output of each pair."""


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("losses", owner=owner)


def scorer(project, name="log-ratio"):
    return Rater.objects.create(
        project=project, kind=Rater.Kind.SCORER, name=name, pseudonym=name, scorer_hash=name.ljust(64, "0")
    )


def give(rater, output, values, channel, segmenter=TOKENIZER):
    """One value for each two characters of the text."""
    cut = Segmentation.from_offsets(segmenter, [[(2 * at, 2 * at + 2) for at in range(len(values))]])
    signal = RewardSignal(cut, np.array(values, "f4"))
    signal_store.save_many([signal_store.NewSignal(output, rater, channel, signal, "h")])


class Judged:
    """Pairs that a person decided, with random log-probs of a policy and a reference, kept as they were stored."""

    def __init__(self, project, lengths=LENGTHS, rater=None):
        self.project, self.person = project, make_rater(project, "ann")
        self.rater = rater or scorer(project)
        self.pairs, self.policy, self.reference = [], {}, {}
        rng = np.random.default_rng(7)
        for number, pair in enumerate(lengths):
            task = make_task(project, f"t{number}", f"Question {number}?")
            sides = [make_output(task, "xy" * length) for length in pair]
            make_comparison(self.person, *sides, "a")
            for output, length in zip(sides, pair, strict=True):
                for channel, kept in (("log_prob", self.policy), ("log_prob_baseline", self.reference)):
                    kept[output.pk] = (-3 * rng.random(length)).astype("f4").astype(float).tolist()
                    give(self.rater, output, kept[output.pk], channel)
            self.pairs.append(sides)

    def log_probs(self):
        """The same in plain Python."""
        sides = [
            [kept[pair[side].pk] for pair in self.pairs] for kept in (self.policy, self.reference) for side in (0, 1)
        ]
        return PairLogProbs(*(Rows.ragged("token", side) for side in sides))

    def asked(self, **more):
        return {
            "policy_log_probs": f"{self.rater.pk}:log_prob:{TOKENIZER}",
            "reference_log_probs": f"{self.rater.pk}:log_prob_baseline:{TOKENIZER}",
            **more,
        }


@pytest.fixture
def judged(project):
    return Judged(project)


def result_of(project, parameters):
    study = run_study(project, kind="preference_loss", parameters=parameters)
    assert study.failure == ""
    return study.result


def row_of(result, name):
    [row] = [row for row in result["losses"] if row["name"] == name]
    return row


@pytest.mark.parametrize("name", list(LOSSES))
def test_the_study_says_what_the_plain_function_says(judged, name):
    result = result_of(judged.project, judged.asked())
    plain, row = preview_loss(name, judged.log_probs()), row_of(result, name)
    assert row["loss"]["value"] == pytest.approx(plain.losses.mean(), rel=1e-12)
    assert row["margin"]["value"] == pytest.approx(plain.margins.mean(), rel=1e-12)
    assert row["people_accuracy"]["value"] == (plain.margins > 0).mean()
    assert row["chosen_pull"] == pytest.approx(plain.chosen_weights.total().mean(), rel=1e-12)
    assert row["rejected_pull"] == pytest.approx(plain.rejected_weights.total().mean(), rel=1e-12)
    assert [pair["losses"][name]["loss"] for pair in result["to_read"]] == plain.losses.tolist()
    assert [pair["losses"][name]["margin"] for pair in result["to_read"]] == plain.margins.tolist()
    assert [pair["tokens"] for pair in result["to_read"]] == [list(pair) for pair in LENGTHS]


def test_parameters_reach_the_loss(judged):
    result = result_of(judged.project, judged.asked(**{"dpo.beta": 0.5, "kto.reference_kl": 1.0}))
    plain = preview_loss("dpo", judged.log_probs(), {"beta": 0.5})
    assert row_of(result, "dpo")["loss"]["value"] == pytest.approx(plain.losses.mean(), rel=1e-12)
    assert row_of(result, "dpo")["parameters"] == {"beta": 0.5, "label_smoothing": 0.0}
    plain = preview_loss("kto", judged.log_probs(), {"reference_kl": 1.0})
    assert row_of(result, "kto")["loss"]["value"] == pytest.approx(plain.losses.mean(), rel=1e-12)


def test_a_policy_that_has_not_moved_loses_log_two_and_agrees_with_people_by_half(judged):
    same = judged.asked()["policy_log_probs"]
    row = row_of(result_of(judged.project, judged.asked(reference_log_probs=same)), "dpo")
    assert row["loss"]["value"] == pytest.approx(math.log(2))
    assert (row["people_accuracy"]["value"], row["people_accuracy"]["equal"]) == (0.5, 4)


def test_a_margin_that_is_length_correlates_with_it_wholly(project):
    # One nat a token over the reference: DPO's margin is beta times the difference in tokens.
    judged = Judged(project)
    for channel, value in (("log_prob", -1.0), ("log_prob_baseline", -2.0)):
        for pair in judged.pairs:
            for output in pair:
                signal = RewardSignal(
                    Segmentation.from_offsets(
                        TOKENIZER, [[(at, at + 2) for at in range(0, len(output.messages[0]["text"]), 2)]]
                    ),
                    np.full(len(output.messages[0]["text"]) // 2, value, "f4"),
                )
                signal_store.save_many([signal_store.NewSignal(output, judged.rater, channel, signal, "newer")])
    row = row_of(result_of(project, judged.asked()), "dpo")
    assert row["length_correlation"]["value"] == pytest.approx(1)
    # Differences 2, -4, 0 and 6 tokens: margins 0.2, -0.4, 0, 0.6; two right, one wrong, one equal.
    assert row["margin"]["value"] == pytest.approx(0.1)
    assert (row["people_accuracy"]["right"], row["people_accuracy"]["wrong"]) == (2, 1)


def test_pairs_without_log_probs_are_unscored_and_counted(project):
    judged = Judged(project)
    task = make_task(project)
    half, bare = make_output(task, "xyxy"), make_output(task, "xyxy")
    make_comparison(judged.person, half, bare, "b")
    give(judged.rater, half, [-1, -1], "log_prob")
    result = result_of(project, judged.asked())
    assert (result["pairs"], result["with_policy"]) == (5, 4)
    assert {(row["n"], row["n_total"]) for row in result["losses"]} == {(4, 5)}
    # With the policy's alone, only the loss without a reference has a number for the pair.
    give(judged.rater, bare, [-1, NAN], "log_prob", TOKENIZER)
    assert row_of(result_of(project, judged.asked()), "simpo")["n"] == 4
    other = make_output(task, "xyxy")
    give(judged.rater, other, [-1, -1], "log_prob")
    make_comparison(judged.person, half, other, "a")
    result = result_of(project, judged.asked())
    assert (row_of(result, "simpo")["n"], row_of(result, "dpo")["n"]) == (5, 4)
    assert row_of(result, "dpo")["loss"]["value"] == pytest.approx(
        preview_loss("dpo", judged.log_probs()).losses.mean(), rel=1e-12
    )
    unread = [pair for pair in result["to_read"] if pair["losses"]["dpo"]["loss"] is None]
    assert [pair["chosen"] for pair in unread] == [half.pk]


def test_pairs_beyond_one_chunk_are_the_same_pairs(project, monkeypatch):
    judged = Judged(project)
    whole = result_of(project, judged.asked())
    assert len(LENGTHS) < CHUNK
    monkeypatch.setattr("annotations.studies.preference_loss.CHUNK", 3)
    assert result_of(project, judged.asked()) == whole


def test_only_the_ends_are_kept_where_there_are_many_pairs(project, monkeypatch):
    judged = Judged(project, [(2, 2)] * 8)
    monkeypatch.setattr("annotations.studies.preference_loss.ALL_TO_READ", 5)
    monkeypatch.setattr("annotations.studies.preference_loss.TO_READ", 1)
    result = result_of(project, judged.asked(reference_log_probs="none"))
    # Only SimPO is worked out: its smallest and its largest margin.
    margins = preview_loss("simpo", judged.log_probs()).margins
    kept = sorted(pair["losses"]["simpo"]["margin"] for pair in result["to_read"])
    assert kept == [margins.min(), margins.max()]
    assert row_of(result, "simpo")["n"] == 8


def test_without_a_reference_only_losses_without_one_are_worked_out(judged):
    result = result_of(judged.project, judged.asked(reference_log_probs="none"))
    assert [row["name"] for row in result["losses"]] == ["simpo"]
    assert result["left_out"] == ["dpo", "length_desensitised_dpo", "ipo", "kto"]


def test_pairs_of_a_judge_are_measured_against_people_too(judged):
    judge = scorer(judged.project, "pairwise")
    chosen, rejected = judged.pairs[0]
    make_comparison(judge, chosen, rejected, "b")
    result = result_of(judged.project, judged.asked(comparison_raters=[judge.pk]))
    plain = preview_loss("dpo", judged.log_probs())
    row = row_of(result, "dpo")
    # The judge's one pair is the first of people's, turned.
    assert (result["pairs"], result["people_pairs"], result["is_of_people"]) == (1, 4, False)
    assert row["margin"]["value"] == pytest.approx(-plain.margins[0])
    assert row["people_accuracy"]["value"] == (plain.margins > 0).mean()
    assert row["accuracy"]["n_total"] == 1
    # Of one task there is nothing to draw.
    assert row["loss"]["low"] is None


def test_the_reference_stands_on_the_tokens_of_the_same_tokenizer(judged):
    other = judged.asked(reference_log_probs=f"{judged.rater.pk}:log_prob_baseline:tokenizer:ffff")
    study = run_study(judged.project, kind="preference_loss", parameters=other)
    assert study.status == "failed"
    assert "expected the same tokenizer" in study.failure


def test_a_parameter_that_no_loss_takes_is_named(judged):
    study = run_study(judged.project, kind="preference_loss", parameters=judged.asked(**{"dpo.betta": 1}))
    assert "betta: there is no such parameter" in study.failure


def ask(client, project, django_capture_on_commit_callbacks, **fields):
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(f"/p/{project.slug}/compare/new/preference_loss/", fields)
    assert answer.status_code == 302, answer.content.decode()
    return answer.url


def test_the_page_shows_every_loss_and_the_pull_on_the_tokens_of_a_pair(
    client, owner, judged, django_capture_on_commit_callbacks
):
    client.force_login(owner)
    form = client.get("/p/losses/compare/new/preference_loss/").content.decode()
    assert "log-ratio: the model" in form
    address = ask(client, judged.project, django_capture_on_commit_callbacks, **{"dpo.beta": "0.2"})
    plain = preview_loss("dpo", judged.log_probs(), {"beta": 0.2})
    page = client.get(address).content.decode()
    for loss in LOSSES.values():
        assert loss.label in page
    assert "Beta 0.2, Label smoothing 0" in page
    assert "log-ratio: log_prob_baseline" in page
    for place in range(len(LENGTHS)):
        response = client.get(f"{address}?loss=dpo&pair={place}")
        shown = response.context["shown"]
        assert [token.pull for token in shown.sides[0].rows] == plain.chosen_weights.of(place).tolist()
        assert [token.pull for token in shown.sides[1].rows] == plain.rejected_weights.of(place).tolist()
        assert [token.policy for token in shown.sides[0].rows] == judged.policy[judged.pairs[place][0].pk]
        assert shown.row.margin == plain.margins[place]
        assert "data-paint" in response.content.decode()


def test_pairs_are_ordered_by_the_margin_of_the_chosen_loss(client, owner, judged):
    study = run_study(judged.project, kind="preference_loss", parameters=judged.asked())
    client.force_login(owner)
    margins = sorted(preview_loss("ipo", judged.log_probs()).margins.tolist())
    for order, expected in (("wrong", margins), ("right", margins[::-1])):
        response = client.get(f"/p/losses/compare/{study.pk}/?loss=ipo&order={order}")
        assert [pair.margin for pair in response.context["pairs"]] == expected
        assert response.context["shown"].row.margin == expected[0]


@pytest.mark.parametrize("query", ["loss=none", "pair=999", "pair=-1", "start=99999", "order=up", "start=x&pair=x"])
def test_a_query_that_does_not_fit_shows_the_first_page(client, owner, judged, query):
    study = run_study(judged.project, kind="preference_loss", parameters=judged.asked())
    client.force_login(owner)
    response = client.get(f"/p/losses/compare/{study.pk}/?{query}")
    assert response.status_code == 200
    assert response.context["choice"] == ("dpo", "wrong", 0, None)


def test_a_text_with_markup_is_shown_as_text(client, owner, project):
    person, rater, task = make_rater(project, "ann"), scorer(project, "<i>"), make_task(project, "t", "<b>why</b>")
    texts = ("<script>alert(1)</script>", "plain")
    outputs = [make_output(task, text, policy="<u>policy</u>") for text in texts]
    for output, text in zip(outputs, texts, strict=True):
        give(rater, output, [-1.0] * (len(text) // 2), "log_prob")
    make_comparison(person, *outputs, "a")
    asked = {"policy_log_probs": f"{rater.pk}:log_prob:{TOKENIZER}", "reference_log_probs": "none"}
    study = run_study(project, kind="preference_loss", parameters=asked)
    client.force_login(owner)
    page = client.get(f"/p/losses/compare/{study.pk}/").content.decode()
    for hostile in ("<script>alert(1)", "<b>why", "<u>policy"):
        assert hostile not in page
        assert hostile.replace("<", "&lt;").replace(">", "&gt;") in page


def test_a_study_whose_log_probs_were_undone_says_so(client, owner, judged):
    study = run_study(judged.project, kind="preference_loss", parameters=judged.asked())
    judged.project.signals.all().delete()
    client.force_login(owner)
    response = client.get(f"/p/losses/compare/{study.pk}/")
    assert response.context["shown"] is None
    assert "are no longer stored" in response.content.decode()


def test_the_page_asks_as_many_queries_for_many_pairs_as_for_few(client, owner, project, django_assert_max_num_queries):
    client.force_login(owner)
    for lengths, name in (([(2, 2)], "few"), ([(2, 2)] * 12, "many")):
        other = make_project(name, owner=owner)
        judged = Judged(other, lengths)
        study = run_study(other, kind="preference_loss", parameters=judged.asked())
        # Session, user, project, study; tasks of the list and of the pair, signals, their raters and cuts, outputs.
        with django_assert_max_num_queries(10):
            assert client.get(f"/p/{name}/compare/{study.pk}/").status_code == 200


def test_pages_without_anything_to_work_on_say_what_is_missing(client, owner, project):
    client.force_login(owner)
    refused = client.post("/p/losses/compare/new/preference_loss/", {})
    assert "No log-probs of tokens are stored" in refused.content.decode()
    rater = scorer(project)
    output = make_output(make_task(project), "xyxy")
    give(rater, output, [-1, -1], "log_prob")
    asked = {"policy_log_probs": f"{rater.pk}:log_prob:{TOKENIZER}", "reference_log_probs": "none"}
    study = run_study(project, kind="preference_loss", parameters=asked)
    assert "No decided comparison" in client.get(f"/p/losses/compare/{study.pk}/").content.decode()
    make_comparison(make_rater(project), output, make_output(output.task, "b"), "a")
    study = run_study(project, kind="preference_loss", parameters=asked)
    assert "No pair has log-probs" in client.get(f"/p/losses/compare/{study.pk}/").content.decode()


def test_two_checkpoints_of_one_scorer_are_offered_first(client, owner, judged):
    for name, baseline in (("without-prompt", "no_prompt"), ("two-checkpoints", "reference_model")):
        rater = scorer(judged.project, name)
        Scorer.objects.create(
            project=judged.project,
            rater=rater,
            name=name,
            source="log_ratio",
            source_version=1,
            parameters={"baseline": baseline},
            content={"models": {}},
            hash=rater.scorer_hash,
        )
        for channel in ("log_prob", "log_prob_baseline"):
            give(rater, judged.pairs[0][0], [-1.0] * LENGTHS[0][0], channel)
    client.force_login(owner)
    form = client.get("/p/losses/compare/new/preference_loss/").context["form"]
    labels = dict(form.fields["reference_log_probs"].choices)
    chosen = [labels[form[f"{side}_log_probs"].initial] for side in ("policy", "reference")]
    assert chosen == ["two-checkpoints: the model", "two-checkpoints: its reference model"]
    assert "without-prompt: the model without the prompt" in labels.values()


def test_the_form_names_the_field_that_is_out_of_range(client, owner, judged):
    client.force_login(owner)
    answer = client.post("/p/losses/compare/new/preference_loss/", {"dpo.beta": "-1"})
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == ["dpo.beta"]


def test_api_and_command_say_the_same_as_the_page(client, owner, judged, capsys, django_capture_on_commit_callbacks):
    client.force_login(owner)
    parameters = judged.asked(**{"dpo.beta": 0.3, "ipo.per_token": True})
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(
            "/api/v1/projects/losses/studies",
            {"kind": "preference_loss", "parameters": parameters},
            content_type="application/json",
        )
    assert answer.status_code == 201
    by_api = client.get(f"/api/v1/projects/losses/studies/{answer.json()['id']}").json()
    assert by_api["result"] == result_of(judged.project, parameters)
    # What it was asked can be asked again as it is stored.
    assert by_api["parameters"].items() >= parameters.items()
    call_command(
        "study", "preference_loss", "--project", "losses", "--json", "--param", "dpo.beta=0.3", "--param",
        "ipo.per_token=true",
    )  # fmt: skip
    assert json.loads(capsys.readouterr().out) == by_api["result"]
    call_command("study", "preference_loss", "--project", "losses", "--reference", "none")
    assert "left out without a reference: dpo" in capsys.readouterr().out


def test_the_api_refuses_a_parameter_that_there_is_not(client, owner, judged):
    client.force_login(owner)
    answer = client.post(
        "/api/v1/projects/losses/studies",
        {"kind": "preference_loss", "parameters": judged.asked(**{"dpo.betta": 1})},
        content_type="application/json",
    )
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["parameters.dpo.betta"]


def test_log_probs_of_another_project_cannot_be_chosen(client, owner, judged):
    other = make_project("other", owner=owner)
    give(scorer(other), make_output(make_task(other), "xyxy"), [-1, -1], "log_prob")
    client.force_login(owner)
    answer = client.post(
        "/api/v1/projects/other/studies",
        {"kind": "preference_loss", "parameters": judged.asked()},
        content_type="application/json",
    )
    assert answer.status_code == 400
    assert "parameters.policy_log_probs" in answer.json()["fields"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--param", "dpo.betta=1"], "There is no parameter dpo.betta"),
        (["--param", "dpo.beta=x"], "dpo.beta: Enter a number"),
        (["--rater", "nobody"], "There is no rater nobody"),
        (["--policy", "1:log_prob:tokenizer:none"], "policy_log_probs: Select a valid choice"),
    ],
)
def test_the_command_names_what_is_wrong(judged, options, message):
    with pytest.raises(CommandError, match=message):
        call_command("study", "preference_loss", "--project", "losses", *options)
