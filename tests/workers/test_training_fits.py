"""Fits from the request to the artefact: the worker's part, what cannot be fitted, pages, API and command."""

import json
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from projects.errors import AppError
from rewards.actions.exports import delete_export
from rewards.models import Export, RewardSignal
from tests.factories import make_output, make_project, make_task, make_user
from tests.workers.counting_source import start
from tests.workers.fitting import detector, head, make_export, row, rows
from tests.workers.scripted_engine import ScriptedEngine
from workers import artefact_files, model_loading
from workers.actions import artefacts
from workers.actions.artefacts import (
    cancel_fit,
    compute_fit,
    keep_artefact,
    offer_adapter,
    redispatch_fits,
    request_fit,
    retry_fit,
    thinned,
)
from workers.actions.scorers import create_scorer
from workers.engines.contract import Capability, EngineError, ErrorCode
from workers.fit_pictures import loss_curve, measures
from workers.models import Artefact, Fit, ModelEndpoint
from workers.scoring import work_once
from workers.training.registry import TRAINERS

pytestmark = pytest.mark.django_db

ROLES = ("owner", "manager", "viewer", "annotator")
HOSTILE = "</pre><script>alert(1)</script>"


@pytest.fixture
def people():
    return {role: make_user(role) for role in (*ROLES, "stranger")}


@pytest.fixture
def project(people):
    return make_project("quill", **{role: people[role] for role in ROLES})


@pytest.fixture
def engine(monkeypatch):
    """What every endpoint loads."""
    found = ScriptedEngine()
    monkeypatch.setattr(model_loading, "engine_for", lambda endpoint: found)
    return found


@pytest.fixture
def endpoint(project, engine):
    return ModelEndpoint.objects.create(
        project=project,
        name="base",
        engine="transformers",
        reference="owner/m",
        resolved=engine.identity,
        capabilities=[capability.value for capability in Capability],
        probed_at=timezone.now(),
    )


@pytest.fixture
def export(project):
    return make_export(project)


@pytest.fixture
def asked(project, export, endpoint, people):
    """`asked(kind, ...)` queues a fit."""

    def ask(kind="token_credit", **given):
        given = {"project": project, "export": export, "endpoint": endpoint, "actor": people["manager"]} | given
        return request_fit(kind=kind, **given)

    return ask


def computed(fit):
    compute_fit(fit.pk)
    fit.refresh_from_db()
    return fit


def test_a_fit_leaves_an_artefact_with_its_hash_its_data_and_its_metrics(asked, export):
    fit = computed(asked())
    artefact = fit.artefact
    assert (fit.status, fit.failure, fit.facts) == ("finished", "", {})
    with default_storage.open(artefact.stored_as, "rb") as file:
        import hashlib

        assert hashlib.sha256(file.read()).hexdigest() == artefact.sha256
    assert artefact.export == export
    assert artefact.parameters["data"] == {"data/train.jsonl": export.files.get().sha256}
    assert artefact.parameters["base"]["weights"] == "scripted"
    assert artefact.parameters["fit"]["pooling"] == "mean"
    assert artefact.metrics["held_out"]["auroc"]["value"] == 1.0
    assert artefact_files.load_weights(artefact).sha256 == artefact.sha256


def test_the_same_fit_again_is_the_same_artefact(asked):
    one, other = computed(asked()), computed(asked())
    assert one.artefact == other.artefact
    assert Artefact.objects.count() == 1
    assert computed(asked(parameters={"l2": 3.0})).artefact != one.artefact


def test_a_scorer_reads_the_weights_and_its_hash_names_them(asked, project, endpoint):
    fit = computed(asked())
    task = make_task(project, "t")
    outputs = [make_output(task, text) for text in ("the cat sat on the mat", "zq zq zq zq")]
    scorer = create_scorer(
        project=project, source="token_credit", endpoints={"base": endpoint}, artefact=fit.artefact, actor=None
    )
    assert scorer.content["artefact"] == fit.artefact.sha256
    run = start(project, scorer)
    while work_once(scorer.queue, run=run):
        pass
    run.refresh_from_db()
    assert (run.scored_count, run.failed_count) == (2, 0)
    totals = dict(RewardSignal.objects.filter(channel="outcome_probability").values_list("output_id", "total"))
    assert totals[outputs[0].pk] > 0.5 > totals[outputs[1].pk]


def test_scorers_of_other_weights_are_other_scorers_and_of_none_keep_their_hash(project, endpoint, asked):
    one, other = computed(asked()).artefact, computed(asked(parameters={"l2": 3.0})).artefact
    made = [
        create_scorer(project=project, source="token_credit", endpoints={"base": endpoint}, artefact=a, actor=None)
        for a in (one, other, one)
    ]
    assert made[0].hash == made[2].hash != made[1].hash
    plain = create_scorer(project=project, source="exact_match", actor=None)
    assert "artefact" not in plain.content


def test_a_file_that_changed_or_is_gone_scores_nothing(project, endpoint, asked):
    artefact = computed(asked()).artefact
    default_storage.delete(artefact.stored_as)
    artefact_files._load.cache_clear()
    with pytest.raises(EngineError, match="is gone"):
        artefact_files.load_weights(artefact)
    default_storage.save(artefact.stored_as, ContentFile(head().to_bytes()))
    with pytest.raises(EngineError, match="has changed") as caught:
        artefact_files.load_weights(artefact)
    assert caught.value.code == ErrorCode.MODEL_CHECKSUM


def artefact_of(project, weights, base=None):
    return keep_artefact(
        project=project,
        name="weights",
        kind=weights.kind,
        stored=artefact_files.store_weights(project.pk, weights.to_bytes()),
        parameters={"base": base or {}},
        metrics={},
        export=None,
        actor=None,
    )


def test_an_artefact_of_another_base_of_another_kind_or_project_makes_no_scorer(project, endpoint, engine):
    def refused(artefact, source="token_credit"):
        roles = {"token_credit": {"base": endpoint}, "exact_match": {}}[source]
        with pytest.raises(AppError) as caught:
            create_scorer(project=project, source=source, endpoints=roles, artefact=artefact, actor=None)
        return caught.value.fields["artefact"][0]

    base = dict(engine.identity)
    assert "weights differ" in refused(artefact_of(project, head(), {**base, "weights": "another"}))
    assert "is a novelty, expected a token_credit" in refused(artefact_of(project, detector(), base))
    assert "another project" in refused(artefact_of(make_project("other"), head(), base))
    assert "choose an artefact" in refused(None)
    assert "reads no artefact" in refused(artefact_of(project, head(layout="plain"), base), "exact_match")


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"parameters": {"l2": -1}}, "l2", "at least 0"),
        ({"parameters": {"nonsense": 1}}, "nonsense", "no such parameter"),
        ({"parameters": {"held_out_share": 1}}, "held_out_share", "at most"),
    ],
)
def test_a_wrong_parameter_is_named_before_anything_is_queued(asked, given, field, said):
    with pytest.raises(AppError) as caught:
        asked(**given)
    assert said in caught.value.fields[field][0]
    assert not Fit.objects.exists()


@pytest.mark.parametrize(
    ("content", "fields", "said"),
    [
        ([row(True, number) for number in range(30)], {}, "all labels are the same"),
        (rows(10), {}, "at least 8 of each"),
        (rows(), {"format": "trl_preference"}, "unpaired preference"),
        (rows(), {"format": "gone_by_now"}, "unpaired preference"),
        (rows(), {"status": "running"}, "must be ready"),
        ([{**row(True, 0), "label": "yes"}], {}, "row 1, label"),
    ],
)
def test_an_export_that_teaches_nothing_is_refused_before_the_run(asked, project, content, fields, said):
    with pytest.raises(AppError) as caught:
        asked(export=make_export(project, content, **fields))
    assert said in caught.value.fields["export"][0]
    assert not Fit.objects.exists()


def test_an_export_of_another_project_or_without_its_file_is_refused(asked, project):
    with pytest.raises(AppError, match="another project"):
        asked(export=make_export(make_project("other")))
    lost = make_export(project)
    default_storage.delete(lost.files.get().stored_as)
    with pytest.raises(AppError, match="gone from the storage"):
        asked(export=lost)


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("token_credit", {"engine": "openai"}, "in process"),
        ("token_credit", {"capabilities": ["embed"]}, "cannot give hidden_states"),
        ("token_credit", {"probed_at": None}, "not been looked at"),
        ("implicit_prm", {"adapter": "/somewhere"}, "has an adapter already"),
        ("novelty", {"capabilities": ["logprobs"]}, "cannot give embed"),
    ],
)
def test_a_model_that_cannot_be_fitted_on_is_refused_before_the_run(asked, endpoint, kind, fields, said):
    ModelEndpoint.objects.filter(pk=endpoint.pk).update(**fields)
    endpoint.refresh_from_db()
    with pytest.raises(AppError) as caught:
        asked(kind)
    assert said in caught.value.fields["endpoint"][0]


def test_what_cannot_be_fitted_at_all_is_named(asked):
    with pytest.raises(AppError, match="token_credit, novelty, implicit_prm"):
        asked("a_dream")


def test_a_failure_of_the_model_is_a_reason_and_the_fit_can_be_tried_again(asked, monkeypatch, engine):
    def broken(endpoint):
        raise EngineError(ErrorCode.OUT_OF_MEMORY, "no room")

    fit = asked()
    monkeypatch.setattr(model_loading, "engine_for", broken)
    assert (computed(fit).status, fit.failure) == ("failed", "out_of_memory: no room")
    monkeypatch.setattr(model_loading, "engine_for", lambda endpoint: engine)
    retry_fit(fit=fit, actor=None)
    assert (fit.status, fit.failure) == ("pending", "")
    assert computed(fit).status == "finished"
    with pytest.raises(AppError) as caught:
        retry_fit(fit=fit, actor=None)
    assert caught.value.code == "fit_not_ended"


def test_an_unexpected_error_fails_the_fit_and_reaches_the_log(asked, monkeypatch):
    fit = asked()
    monkeypatch.setattr(TRAINERS["token_credit"], "fit", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        compute_fit(fit.pk)
    fit.refresh_from_db()
    assert (fit.status, fit.failure) == ("failed", "ZeroDivisionError: division by zero")


def in_the_middle(monkeypatch, happens):
    """Do something when the first sign of progress is saved."""
    monkeypatch.setattr(artefacts, "_SECONDS_BETWEEN_SAVES", -1)
    report, done = artefacts._Reporter.__call__, []

    def spied(self, words, *, curve=None):
        if not done:
            done.append(happens())
        report(self, words, curve=curve)

    monkeypatch.setattr(artefacts._Reporter, "__call__", spied)


def test_a_cancelled_fit_stops_at_its_next_step_and_leaves_nothing(asked, monkeypatch):
    fit = asked()
    in_the_middle(monkeypatch, lambda: cancel_fit(fit=Fit.objects.get(pk=fit.pk), actor=None))
    assert computed(fit).status == "cancelled"
    assert not Artefact.objects.exists()
    with pytest.raises(AppError) as caught:
        cancel_fit(fit=fit, actor=None)
    assert caught.value.code == "fit_ended"
    retry_fit(fit=fit, actor=None)
    monkeypatch.undo()


def test_progress_is_shown_while_it_is_computed(asked, monkeypatch):
    fit = asked()
    monkeypatch.setattr(artefacts, "_SECONDS_BETWEEN_SAVES", -1)
    seen = []
    update = artefacts._update_mine

    def spied(one, **values):
        update(one, **values)
        seen.append(Fit.objects.get(pk=fit.pk).progress)

    monkeypatch.setattr(artefacts, "_update_mine", spied)
    computed(fit)
    assert seen[0] == "loading the model"
    assert "read 40 of 40 outputs" in seen
    assert seen[-1] == ""


def silenced(fit):
    Fit.objects.filter(pk=fit.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=3))


def test_a_killed_workers_fit_is_begun_anew_and_the_first_worker_can_write_nothing(asked, monkeypatch):
    fit = asked()

    def another_worker_takes_it():
        silenced(fit)
        monkeypatch.undo()
        monkeypatch.setattr(model_loading, "engine_for", lambda endpoint: ScriptedEngine())
        assert redispatch_fits() == 1
        compute_fit(fit.pk)

    in_the_middle(monkeypatch, another_worker_takes_it)
    compute_fit(fit.pk)
    fit.refresh_from_db()
    assert fit.status == "finished"
    assert Artefact.objects.count() == 1


def test_one_that_is_alive_is_not_taken_over(asked):
    fit = asked()
    first = artefacts._claim(fit.pk)
    assert first is not None
    assert compute_fit(fit.pk) is False
    assert redispatch_fits() == 0


def test_a_fit_that_ends_its_workers_is_given_up(asked):
    fit = asked()
    for _ in range(3):
        assert artefacts._claim(fit.pk) is not None
        silenced(fit)
    assert compute_fit(fit.pk) is False
    fit.refresh_from_db()
    assert fit.status == "failed"
    assert "worker_lost: 3 workers" in fit.failure


def test_an_export_that_something_was_fitted_on_is_not_deleted(asked, export, people):
    computed(asked())
    with pytest.raises(AppError) as caught:
        delete_export(export, by=people["manager"])
    assert caught.value.code == "export_in_use"
    assert Export.objects.filter(pk=export.pk).exists()
    assert default_storage.exists(export.files.get().stored_as)


def test_an_adapter_becomes_a_model_of_its_project_once(project, endpoint):
    artefact = artefact_of(project, head())
    made = offer_adapter(artefact=artefact, base=endpoint, actor=None)
    assert (made.reference, made.dtype, made.project) == (endpoint.reference, endpoint.dtype, project)
    assert made.adapter == f"artefact:{artefact.sha256}"
    assert offer_adapter(artefact=artefact, base=endpoint, actor=None) == made
    twin = artefact_of(project, head(layout="plain"))
    assert offer_adapter(artefact=twin, base=endpoint, actor=None).name == f"weights {twin.sha256[:8]}"


def test_weights_of_another_project_cannot_be_put_on_a_model_by_their_hash(project, endpoint):
    artefact = artefact_of(make_project("other"), head())
    endpoint.adapter = f"artefact:{artefact.sha256}"
    with pytest.raises(EngineError, match="no artefact"):
        artefact_files.adapter_weights(endpoint)
    endpoint.adapter = f"artefact:{artefact_of(project, head()).sha256}"
    with pytest.raises(EngineError, match="is no adapter but a token_credit"):
        artefact_files.adapter_weights(endpoint)
    endpoint.adapter = ""
    assert artefact_files.adapter_weights(endpoint) is None


def test_parquet_exports_are_read_as_well(asked, project):
    import io

    from rewards.formats.row_files import open_writer
    from rewards.formats.trl import columns_of

    export = make_export(project)
    file, stored = io.BytesIO(), export.files.get()
    writer = open_writer("parquet", file, columns_of("unpaired", conversational=True, ids=True))
    writer.write_rows(rows())
    writer.close()
    stored.stored_as = default_storage.save("train.parquet", ContentFile(file.getvalue()))
    stored.path = "data/train.parquet"
    stored.save()
    assert computed(asked(export=export)).artefact.sha256 == computed(asked()).artefact.sha256


def test_a_long_curve_keeps_its_ends_and_all_that_was_held_out():
    curve = [{"step": float(n), "train": 1.0} for n in range(5_000)]
    curve[1_234]["held_out"] = 2.0
    kept = [int(point["step"]) for point in thinned(curve)]
    assert len(kept) < 500
    assert {0, 1_234, 4_999} <= set(kept)
    assert thinned(curve[:3]) == curve[:3]


def test_the_picture_of_a_loss_is_drawn_to_scale():
    curve = loss_curve([{"step": 0.0, "train": 2.0}, {"step": 10.0, "train": 1.0, "held_out": 1.5}])
    train, held_out = curve.lines
    (x0, y0), (x1, y1) = (tuple(map(float, point.split(","))) for point in train.points.split())
    assert (x0, x1) == (curve.left, curve.right)
    assert y1 == curve.bottom
    assert held_out.dots == [(x1, (y0 + y1) / 2)]
    assert "from 2 to 1 in 10 steps; held out 1.5" in curve.in_words
    assert loss_curve([{"step": 0.0, "train": 2.0}]) is None


def test_metrics_that_are_not_defined_are_said_to_be_so():
    [auroc] = [one for one in measures({"held_out": {"auroc": None}}) if one.name == "AUROC"]
    assert auroc.held_out == "not defined: one label only"
    assert measures({}) == []


def test_who_manages_asks_for_a_fit_on_its_page_and_follows_it(client, people, project, export, endpoint):
    client.force_login(people["manager"])
    page = client.get(reverse("workers:fit-create", args=["quill", "token_credit"]))
    assert export.name in page.content.decode()
    sent = {"export": export.pk, "endpoint": endpoint.pk, "seed": 0, "pooling": "mean", "layer": -1, "l2": 0.1}
    sent |= {"layout": "chat", "held_out_share": 0.2, "most_examples": 2000, "name": HOSTILE}
    answer = client.post(reverse("workers:fit-create", args=["quill", "token_credit"]), sent)
    fit = Fit.objects.get()
    assert answer.url == reverse("workers:fit-detail", args=["quill", fit.pk])
    computed(fit)
    for url in (answer.url, reverse("workers:artefact-detail", args=["quill", fit.artefact_id])):
        text = client.get(url).content.decode()
        assert HOSTILE not in text
        assert "polyline" in text
    listed = client.get(reverse("workers:artefact-list", args=["quill"])).content.decode()
    assert "AUROC" in listed
    assert HOSTILE not in listed
    partial = client.get(answer.url, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in partial
    made = client.get(reverse("workers:scorer-create", args=["quill", "token_credit"]), {"artefact": fit.artefact_id})
    assert f'<option value="{fit.artefact_id}" selected>' in made.content.decode()


def test_the_form_says_what_is_wrong_where_it_is(client, people, project, endpoint):
    export = make_export(project, [row(True, number) for number in range(30)])
    client.force_login(people["manager"])
    sent = {"export": export.pk, "endpoint": endpoint.pk, "seed": 0, "pooling": "mean", "layer": -1, "l2": 0.1}
    sent |= {"layout": "chat", "held_out_share": 0.2, "most_examples": 2000}
    page = client.post(reverse("workers:fit-create", args=["quill", "token_credit"]), sent)
    assert "all labels are the same" in page.content.decode()
    assert not Fit.objects.exists()


def test_a_project_without_labels_is_told_how_to_get_some(client, people, project):
    client.force_login(people["manager"])
    page = client.get(reverse("workers:fit-create", args=["quill", "novelty"])).content.decode()
    assert "No export of unpaired preference is ready" in page
    assert "No model here can be fitted on" in page
    page = client.get(reverse("workers:scorer-create", args=["quill", "novelty"])).content.decode()
    assert "this project has none of the kind" in page
    assert client.get(reverse("workers:fit-create", args=["quill", "a-dream"])).status_code == 404


def test_stop_and_try_again_on_the_page(client, people, asked):
    fit = asked()
    client.force_login(people["manager"])
    url = reverse("workers:fit-change", args=["quill", fit.pk])
    client.post(url, {"cancel": "1"})
    fit.refresh_from_db()
    assert fit.status == "cancelled"
    client.post(url, {"retry": "1"})
    fit.refresh_from_db()
    assert fit.status == "pending"


@pytest.mark.parametrize("noun", ["artefact", "fit"])
def test_a_stranger_gets_404_and_an_annotator_nothing(client, people, asked, noun):
    fit = computed(asked())
    pk = fit.pk if noun == "fit" else fit.artefact_id
    urls = [reverse(f"workers:{noun}-detail", args=["quill", pk]), reverse("workers:artefact-list", args=["quill"])]
    urls += [
        reverse(f"workers-api:{noun}-{what}", args=["quill", *([pk] if what == "detail" else [])])
        for what in ("list", "detail")
    ]
    for role, expected in (("stranger", 404), ("annotator", 403), ("viewer", 200)):
        client.force_login(people[role])
        assert [client.get(url).status_code for url in urls] == [expected] * 4, role
    other = make_project("other", owner=people["owner"])
    client.force_login(people["owner"])
    assert client.get(reverse(f"workers:{noun}-detail", args=[other.slug, pk])).status_code == 404


def test_a_viewer_fits_nothing(client, people, asked):
    fit = asked()
    client.force_login(people["viewer"])
    assert client.get(reverse("workers:fit-create", args=["quill", "novelty"])).status_code == 403
    assert client.post(reverse("workers:fit-change", args=["quill", fit.pk]), {"cancel": "1"}).status_code == 403
    for what in ("cancel", "retry"):
        assert client.post(reverse(f"workers-api:fit-{what}", args=["quill", fit.pk])).status_code == 403


def test_the_api_fits_and_says_what_is_wrong(client, people, export, endpoint):
    client.force_login(people["manager"])
    url = reverse("workers-api:fit-list", args=["quill"])
    body = {"kind": "token_credit", "export": export.pk, "endpoint": endpoint.pk, "parameters": {"l2": 0.5}}
    answer = client.post(url, json.dumps(body), content_type="application/json")
    assert answer.status_code == 201, answer.json()
    computed(Fit.objects.get(pk=answer.json()["id"]))
    detail = client.get(reverse("workers-api:fit-detail", args=["quill", answer.json()["id"]])).json()
    assert detail["status"] == "finished"
    artefact = client.get(reverse("workers-api:artefact-detail", args=["quill", detail["artefact_id"]])).json()
    assert artefact["metrics"]["held_out"]["auroc"]["value"] == 1.0
    wrong = client.post(url, json.dumps({**body, "parameters": {"l2": -1}}), content_type="application/json")
    assert wrong.status_code == 400
    assert wrong.json()["code"] == "fit_invalid"
    assert "l2" in wrong.json()["fields"]
    assert client.post(url, json.dumps({**body, "export": 10**9}), content_type="application/json").status_code == 404
    trainers = client.get(reverse("workers-api:trainer-list", args=["quill"])).json()
    assert [trainer["name"] for trainer in trainers] == list(TRAINERS)
    assert trainers[0]["parameters"]["properties"]["l2"]["minimum"] == 0
    scorer = {"source": "token_credit", "artefact": artefact["id"], "models": {"base": endpoint.pk}}
    made = client.post(
        reverse("workers-api:scorer-list", args=["quill"]), json.dumps(scorer), content_type="application/json"
    )
    assert made.status_code == 201, made.json()
    assert made.json()["content"]["artefact"] == artefact["sha256"]


@pytest.mark.parametrize("name", ["workers:artefact-list", "workers-api:artefact-list", "workers-api:fit-list"])
def test_lists_cost_the_same_queries_however_long_they_are(
    client, people, asked, django_assert_num_queries, django_assert_max_num_queries, name
):
    client.force_login(people["manager"])
    url = reverse(name, args=["quill"])
    computed(asked())
    asked()
    client.get(url)
    with django_assert_max_num_queries(8) as few:
        client.get(url)
    for number in range(3):
        computed(asked(parameters={"l2": 1.0 + number}))
        asked()
    with django_assert_num_queries(len(few)):
        client.get(url)


def test_the_command_fits_and_reports(project, export, endpoint, capsys):
    call_command(
        "fit", "token_credit", project="quill", export=export.pk, model="base", param=["l2=0.5", "pooling=sum"]
    )
    said = capsys.readouterr().out
    artefact = Artefact.objects.get()
    assert artefact.parameters["fit"]["l2"] == 0.5
    assert artefact.parameters["fit"]["pooling"] == "sum"
    assert f"sha256 {artefact.sha256}" in said
    assert "AUROC: 1.000" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"project": "gone"}, "no project 'gone'"),
        ({"export": 10**9}, "no export"),
        ({"model": "gone"}, "no model called 'gone'"),
        ({"param": ["l2=much"]}, "l2: expected a number"),
    ],
)
def test_the_command_says_what_is_wrong(project, export, endpoint, given, said):
    with pytest.raises(CommandError, match=said):
        call_command("fit", "token_credit", **{"project": "quill", "export": export.pk, "model": "base", **given})
