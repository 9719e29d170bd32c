"""Building exports: what is in them, what is left out and counted, and that `datasets` opens them."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone

from projects.errors import AppError
from rewards.actions.exports import (
    build_export,
    cancel_export,
    copy_export,
    create_export,
    delete_export,
    export_now,
    requeue_stalled_exports,
)
from rewards.actions.imports import import_files
from rewards.exporting import build
from rewards.exporting.choices import ExportChoices, choices_from_json
from rewards.formats.sources import SourceFile
from rewards.models import (
    Export,
    ExportFile,
    Judgment,
    Output,
    Policy,
    RankedOutput,
    Ranking,
    Rater,
    RewardSignal,
    Verdict,
)
from rewards.segmentation import Segmentation
from rewards.signal_store import NewSignal, save_many
from rewards.signals import RewardSignal as PureSignal
from tests.factories import (
    make_comparison,
    make_judgment,
    make_output,
    make_project,
    make_rater,
    make_rating,
    make_rubric,
    make_task,
    make_user,
)

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
HOSTILE = 'line\r\nbreak \u2028\u2029\x85 👩‍👩‍👧 שלום\u200f \x07 </script><b>{{ x }}</b> \\u0000 "q"'
pytestmark = pytest.mark.django_db


def made(project, **choices):
    choices.setdefault("fractions", {"train": 1.0})
    export = export_now(project, choices=choices_from_json(choices))
    assert export.status == Export.Status.READY, export.failure
    return export


def content(export, path):
    with default_storage.open(export.files.get(path=path).stored_as, "rb") as file:
        return file.read()


def rows_of(export, split="train"):
    return [json.loads(line) for line in content(export, f"data/{split}.jsonl").split(b"\n") if line]


def left_out(export):
    return export.manifest["left_out"]


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def task(project):
    return make_task(project, "t1", "Say hello.", licence="MIT")


@pytest.fixture
def outputs(task):
    return [
        make_output(task, text, policy, f"t1/{n}")
        for n, (text, policy) in enumerate([("Hello!", "large"), ("Hi.", "small"), ("Go away.", "small")])
    ]


def test_a_comparison_becomes_a_row_and_a_tie_is_counted(project, outputs):
    rater = make_rater(project)
    make_comparison(rater, outputs[1], outputs[0], "b")
    make_comparison(rater, outputs[0], outputs[2], "tie", "both_good")
    export = made(project)
    assert rows_of(export) == [{"prompt": "Say hello.", "chosen": "Hello!", "rejected": "Hi.", "margin": 1.0}]
    assert left_out(export) == {"tie_both_good": 1}
    assert export.manifest["counts"] == {"rows": 1, "tasks": 1, "outputs": 2, "comparisons_read": 2}
    assert export.manifest["licences"] == {"MIT": 1}


def test_withdrawn_judgments_are_left_out_and_counted(project, outputs):
    rater = make_rater(project)
    comparison = make_comparison(rater, outputs[0], outputs[1], "a")
    Judgment.objects.filter(pk=comparison.judgment_id).update(withdrawn_at=timezone.now())
    export = made(project)
    assert rows_of(export) == []
    assert left_out(export) == {"withdrawn": 1}


def test_judgments_of_replaced_versions_are_left_out_unless_asked_for(project, outputs):
    make_comparison(make_rater(project), outputs[0], outputs[1], "a")
    outputs[1].is_current = False
    outputs[1].save(update_fields=["is_current"])
    assert left_out(made(project)) == {"outdated": 1}
    assert len(rows_of(made(project, current_only=False))) == 1


def test_ratings_become_pairs_with_their_gap_as_margin(project, outputs):
    # Means: 6, (5 + 4) / 2 = 4.5 and none: one pair with gap 1.5, one output without a value.
    first, second = make_rater(project), make_rater(project)
    make_rating(first, outputs[0], 6)
    make_rating(first, outputs[1], 5)
    make_rating(second, outputs[1], 4)
    export = made(project, source="ratings")
    assert [(row["chosen"], row["rejected"], row["margin"]) for row in rows_of(export)] == [("Hello!", "Hi.", 1.5)]
    assert left_out(export) == {"unscored": 1}
    assert left_out(made(project, source="ratings", min_gap=2)) == {"gap_too_small": 1, "unscored": 1}


def test_each_raters_own_ratings_make_that_raters_pairs(project, outputs):
    first, second = make_rater(project), make_rater(project)
    for rater, values in ((first, (6, 2)), (second, (1, 4))):
        for output, value in zip(outputs, values, strict=False):
            make_rating(rater, output, value)
    rows = rows_of(made(project, source="ratings", combine="each"))
    assert [(row["chosen"], row["margin"]) for row in rows] == [("Hello!", 4.0), ("Hi.", 3.0)]


def test_ratings_without_a_value_or_on_another_scale_are_no_numbers(project, outputs):
    rater = make_rater(project)
    make_rating(rater, outputs[0], 6)
    make_rating(rater, outputs[1], None)
    judgment = make_judgment(rater, Judgment.Kind.RATING, outputs[2].task, outputs[2])
    judgment.ratings.create(question="overall", value=90, scale_low=0, scale_high=100)
    make_rating(make_rater(project), outputs[0], 6)
    export = made(project, source="ratings")
    assert rows_of(export) == []
    assert left_out(export) == {"single_output": 1, "unscored": 2, "not_applicable": 1, "other_scale": 1}


def test_unpaired_rows_have_labels_from_two_thresholds(project, outputs):
    rater = make_rater(project)
    for output, value in zip(outputs, (6, 4, 1), strict=True):
        make_rating(rater, output, value)
    export = made(project, format="trl_unpaired", source="ratings", desirable_from=5, undesirable_to=2)
    assert rows_of(export) == [
        {"prompt": "Say hello.", "completion": "Hello!", "label": True},
        {"prompt": "Say hello.", "completion": "Go away.", "label": False},
    ]
    assert left_out(export) == {"between_thresholds": 1}


def test_unpaired_rows_of_comparisons_take_the_chosen_as_true(project, outputs):
    make_comparison(make_rater(project), outputs[0], outputs[1], "a")
    rows = rows_of(made(project, format="trl_unpaired"))
    assert [(row["completion"], row["label"]) for row in rows] == [("Hello!", True), ("Hi.", False)]


def test_scores_under_a_rubric_become_pairs_and_the_unscored_is_never_zero(project, task, outputs):
    # Explicit aggregation of criteria with weights 3 and 1: (3*1 + 1*0) / 4 = 0.75 and (3*0 + 1*1) / 4 = 0.25.
    criteria = [{"key": "a", "text": "A", "weight": 3.0}, {"key": "b", "text": "B", "weight": 1.0}]
    version = make_rubric(project, criteria=criteria)
    rater = make_rater(project)
    verdicts = {outputs[0]: (1.0, 0.0), outputs[1]: (0.0, 1.0), outputs[2]: (None, None)}
    for output, values in verdicts.items():
        judgment = make_judgment(rater, Judgment.Kind.VERDICTS, task, output)
        for criterion, value in zip(version.criteria.all(), values, strict=True):
            state = Verdict.State.UNSCORED if value is None else Verdict.State.SCORED
            Verdict.objects.create(judgment=judgment, criterion=criterion, value=value, state=state)
    export = made(project, source="scores", rubric_version=version.pk)
    assert [(row["chosen"], row["margin"]) for row in rows_of(export)] == [("Hello!", 0.5)]
    assert left_out(export) == {"unscored": 1}
    assert export.manifest["filters"]["rubric"]["version"] == 1
    labels = made(
        project,
        source="scores",
        rubric_version=version.pk,
        format="trl_unpaired",
        desirable_from=0.7,
        undesirable_to=0.3,
    )
    assert [row["label"] for row in rows_of(labels)] == [True, False]


def test_totals_of_a_signal_become_pairs_and_a_partly_scored_one_has_no_total(project, outputs):
    rater = make_rater(project)
    nan = float("nan")
    for output, values in zip(outputs, ([0.5, 1.0], [0.25, 0.25], [nan, 9.0]), strict=True):
        cut = Segmentation("halves", np.array([(0, 0, 2), (0, 2, 3)]))
        save_many([NewSignal(output, rater, "log_ratio", PureSignal(cut, values), "h")])
    assert RewardSignal.objects.count() == 3
    export = made(project, source="signals", signal_rater=rater.pk, channel="log_ratio")
    assert [(row["chosen"], row["margin"]) for row in rows_of(export)] == [("Hello!", 1.0)]
    assert left_out(export) == {"partly_scored": 1}


def test_filters_narrow_by_rater_tag_split_and_policy(project, outputs):
    other = make_task(project, "t2", "Other", tags=["x"], split="test")
    pair = [make_output(other, "A", "large"), make_output(other, "B", "small")]
    first, second = make_rater(project), make_rater(project)
    make_comparison(first, outputs[0], outputs[1], "a")
    make_comparison(second, pair[0], pair[1], "a")
    make_comparison(second, outputs[1], outputs[2], "a")

    def prompts(**choices):
        return sorted(row["prompt"] for row in rows_of(made(project, **choices)))

    assert prompts() == ["Other", "Say hello.", "Say hello."]
    assert prompts(raters=[first.pk]) == ["Say hello."]
    assert prompts(tag="x") == prompts(split="test") == ["Other"]
    assert prompts(policies=[Policy.objects.get(name="small").pk]) == ["Say hello."]


def test_another_projects_judgments_never_come_in(project, outputs):
    make_comparison(make_rater(project), outputs[0], outputs[1], "a")
    assert rows_of(made(make_project())) == []


def test_an_output_without_an_answer_is_left_out(project, task, outputs):
    silent = Output.objects.create(
        project=project,
        task=task,
        external_id="t1/8",
        content_hash="0",
        messages=[{"role": "assistant", "channel": "thinking", "text": "hm"}],
    )
    make_comparison(make_rater(project), outputs[0], silent, "a")
    make_comparison(make_rater(project), outputs[0], outputs[1], "a")
    export = made(project)
    assert len(rows_of(export)) == 1
    assert left_out(export) == {"no_answer": 1}


@pytest.mark.parametrize("format_name", ["trl_preference", "trl_preference_conversational"])
@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_datasets_opens_the_folder_and_hostile_text_is_exact(project, tmp_path, file_type, format_name):
    datasets = pytest.importorskip("datasets")
    rater = make_rater(project, "<b>rater</b>")
    for n in range(20):
        task = make_task(project, f"t{n}", f"{n} {HOSTILE}", licence="MIT")
        pair = [make_output(task, f"{n} good {HOSTILE}"), make_output(task, f"{n} bad")]
        make_comparison(rater, pair[0], pair[1], "a")
    fractions = {"train": 0.5, "test": 0.5}
    export = made(project, format=format_name, file_type=file_type, fractions=fractions, ids=True)
    copy_export(export, tmp_path / "dataset")
    loaded = datasets.load_dataset(str(tmp_path / "dataset"), cache_dir=str(tmp_path / "cache"))
    rows = {row["task_id"]: row for split in loaded.values() for row in split}
    assert len(rows) == 20
    for n in range(20):
        prompt, chosen = rows[f"t{n}"]["prompt"], rows[f"t{n}"]["chosen"]
        if format_name.endswith("conversational"):
            assert prompt == [{"role": "user", "content": f"{n} {HOSTILE}"}]
            assert chosen == [{"role": "assistant", "content": f"{n} good {HOSTILE}"}]
        else:
            assert (prompt, chosen) == (f"{n} {HOSTILE}", f"{n} good {HOSTILE}")


def test_a_task_never_crosses_splits_and_the_seed_decides(project):
    rater = make_rater(project)
    for n in range(30):
        task = make_task(project, f"t{n}")
        a, b, c = (make_output(task, text) for text in "abc")
        make_comparison(rater, a, b, "a")
        make_comparison(rater, b, c, "a")
    fractions = {"train": 0.6, "validation": 0.2, "test": 0.2}

    def tasks_by_split(seed):
        export = made(project, ids=True, fractions=fractions, seed=seed)
        return {split: {row["task_id"] for row in rows_of(export, split)} for split in fractions}

    splits = tasks_by_split(seed=1)
    assert sum(len(tasks) for tasks in splits.values()) == len(set().union(*splits.values())) == 30
    assert splits == tasks_by_split(seed=1) != tasks_by_split(seed=2)


def test_splits_do_not_depend_on_the_order_in_which_they_are_named(project):
    given = [{"test": 0.3, "train": 0.7}, {"train": 0.7, "test": 0.3}]
    exports = [made(project, fractions=fractions) for fractions in given]
    assert [file.split for file in exports[0].files.in_order()] == ["", "", "train", "test"]
    assert choices_from_json(exports[0].options) == choices_from_json(exports[1].options)


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_the_same_export_twice_has_the_same_bytes(project, outputs, file_type):
    rater = make_rater(project)
    make_comparison(rater, outputs[0], outputs[1], "a")
    make_comparison(rater, outputs[2], outputs[1], "b")
    hashes = [
        list(made(project, file_type=file_type).files.filter(path__startswith="data/").values_list("sha256", flat=True))
        for _ in range(2)
    ]
    assert hashes[0] == hashes[1]


def test_the_files_are_what_the_manifest_says(project, outputs):
    make_comparison(make_rater(project), outputs[0], outputs[1], "a")
    export = made(project)
    manifest = json.loads(content(export, "manifest.json"))
    assert manifest == export.manifest
    assert "# Comparisons of two outputs as TRL preference" in content(export, "README.md").decode()
    for file in export.files.all():
        data = content(export, file.path)
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.bytes, file.sha256)


def test_people_stand_behind_their_pseudonym_in_the_manifest(project, outputs):
    rater = make_rater(project, "rater-7", user=make_user("ada"))
    type(rater).objects.filter(pk=rater.pk).update(name="Ada Lovelace")
    make_comparison(rater, outputs[0], outputs[1], "a")
    export = made(project, raters=[rater.pk])
    assert export.manifest["filters"]["raters"] == ["rater-7"]
    assert "Lovelace" not in json.dumps(export.manifest)


def test_a_worker_builds_what_was_asked_for(project, outputs, django_capture_on_commit_callbacks):
    make_comparison(make_rater(project), outputs[0], outputs[1], "a")
    with django_capture_on_commit_callbacks(execute=True):
        export = create_export(project, by=make_user(), choices=ExportChoices(), name="First")
    export.refresh_from_db()
    assert (export.status, export.rows_written, export.percent) == (Export.Status.READY, 1, 100)


def test_choices_that_name_nothing_of_the_project_are_refused(project):
    stranger = make_rater(make_project())
    for choices in (
        {"raters": [stranger.pk]},
        {"policies": [10**9]},
        {"source": "scores", "rubric_version": 10**9},
        {"source": "signals", "signal_rater": stranger.pk, "channel": "x"},
    ):
        with pytest.raises(AppError) as caught:
            create_export(project, by=None, choices=choices_from_json(choices))
        assert caught.value.code == "export_invalid"
        assert caught.value.fields.keys() <= {*choices, "channel"}


@pytest.mark.parametrize(
    ("choices", "field"),
    [
        ({"format": "excel"}, "format"),
        ({"fractions": {"train": 0.5}}, "fractions"),
        ({"fractions": {"../x": 1.0}}, "fractions"),
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"min_gap": float("nan")}, "min_gap"),
        ({"raters": ["1"]}, "raters"),
        ({"tag": "\x00"}, "tag"),
        ({"surprise": 1}, "surprise"),
        ({"source": "signals"}, "channel"),
        ({"source": "ratings", "format": "trl_unpaired"}, "desirable_from"),
        (
            {"source": "ratings", "format": "trl_unpaired", "desirable_from": 3, "undesirable_to": 3},
            "desirable_from",
        ),
    ],
)
def test_a_choice_that_makes_no_sense_is_named(choices, field):
    with pytest.raises(AppError) as caught:
        choices_from_json(choices)
    assert field in caught.value.fields


def test_a_cancelled_export_leaves_no_file(project, outputs, monkeypatch):
    make_comparison(make_rater(project), outputs[0], outputs[1], "a")
    export = create_export(project, by=None, choices=ExportChoices())
    stored: list[str] = []

    def cancel_meanwhile(manifest, prefix):
        cancel_export(export, by=make_user())
        stored.extend(default_storage.listdir(f"{prefix}/data")[1])
        return []

    monkeypatch.setattr(build, "_store_texts", cancel_meanwhile)
    built = build_export(export.pk)
    assert stored
    assert built.status == Export.Status.CANCELLED
    assert not ExportFile.objects.exists()
    assert stored_for(project) == []


def stored_for(project, folder=""):
    folder = folder or f"exports/{project.pk}"
    folders, files = default_storage.listdir(folder) if default_storage.exists(folder) else ([], [])
    return files + [name for inner in folders for name in stored_for(project, f"{folder}/{inner}")]


def test_a_failed_export_says_why_and_leaves_no_file(project, outputs, monkeypatch):
    make_comparison(make_rater(project), outputs[0], outputs[1], "a")

    def fail(*arguments):
        raise OSError("No space left on device")

    monkeypatch.setattr(build, "_store_texts", fail)
    export = create_export(project, by=None, choices=ExportChoices())
    with pytest.raises(OSError, match="space"):
        build_export(export.pk)
    export.refresh_from_db()
    assert (export.status, export.failure) == (Export.Status.FAILED, "OSError: No space left on device")
    assert stored_for(project) == []


def test_an_export_whose_worker_died_is_built_by_the_next_one(project, outputs, monkeypatch):
    make_comparison(make_rater(project), outputs[0], outputs[1], "a")
    export = create_export(project, by=None, choices=ExportChoices())
    sent: list[int] = []
    monkeypatch.setattr("rewards.tasks.build_export_files.delay", sent.append)
    assert requeue_stalled_exports() == 0
    Export.objects.update(status="running", heartbeat_at="2020-01-01T00:00Z")
    assert (requeue_stalled_exports(), sent) == (1, [export.pk])
    assert build_export(export.pk).status == Export.Status.READY


def test_an_attempt_that_was_taken_for_dead_stops_when_another_has_the_export(project, outputs, monkeypatch):
    make_comparison(make_rater(project), outputs[0], outputs[1], "a")
    export = create_export(project, by=None, choices=ExportChoices())
    original = build._store_texts

    def take_over_meanwhile(manifest, prefix):
        Export.objects.update(attempt="00000000-0000-0000-0000-000000000001")
        return original(manifest, prefix)

    monkeypatch.setattr(build, "_store_texts", take_over_meanwhile)
    assert build_export(export.pk).status == Export.Status.RUNNING
    assert stored_for(project) == []


def test_a_ready_export_is_deleted_with_its_files(project, outputs, django_capture_on_commit_callbacks):
    make_comparison(make_rater(project), outputs[0], outputs[1], "a")
    export = made(project)
    names = list(export.files.values_list("stored_as", flat=True))
    with django_capture_on_commit_callbacks(execute=True):
        delete_export(export, by=make_user())
    assert not Export.objects.exists()
    assert not any(default_storage.exists(name) for name in names)


def test_an_open_export_is_cancelled_before_it_is_deleted(project):
    export = create_export(project, by=None, choices=ExportChoices())
    with pytest.raises(AppError) as caught:
        delete_export(export, by=make_user())
    assert caught.value.code == "export_open"
    cancel_export(export, by=make_user())
    with pytest.raises(AppError) as caught:
        cancel_export(export, by=make_user())
    assert caught.value.code == "export_ended"
    export.refresh_from_db()
    delete_export(export, by=make_user())


def imported(name, *files):
    project = make_project()
    sources = [SourceFile(path.name, io.BytesIO(path.read_bytes())) for path in files]
    batch = import_files(project, by=None, format_name=name, files=sources)
    assert batch.error_count == 0
    return project


@pytest.mark.skipif(not DATA.exists(), reason="the public data folder is not here")
def test_sparse_feedback_gives_eighty_pairs():
    # 118 rankings, of which 38 are "equal" (two of them of a text with itself): 80 rows.
    folder = DATA / "sparse_feedback"
    names = ["feedback_ratings_sample_generation.csv", "feedback_rankings_sample_generation.csv"]
    project = imported("sparse_feedback", *(folder / name for name in names))
    for combine in ("each", "together"):
        export = made(project, combine=combine)
        assert export.rows_written == 80
        assert left_out(export) == {"tie_equal": 38}
        assert export.manifest["counts"]["comparisons_read"] == 118


@pytest.mark.skipif(not DATA.exists(), reason="the public data folder is not here")
def test_fine_grained_rlhf_gives_a_row_for_every_preference_that_is_no_tie():
    # data/README.md: 1,577 for the first, 1,039 for the second, 384 for none.
    project = imported("fine_grained_rlhf", DATA / "fine_grained_rlhf" / "dev_feedback.json")
    export = made(project, combine="each", fractions={"train": 0.9, "test": 0.1})
    assert export.rows_written == 1577 + 1039 == 2616
    assert sum(file.rows for file in export.files.all()) == 2616
    assert left_out(export) == {"tie_equal": 384}


def test_the_command_writes_the_folder_and_says_what_was_left_out(project, outputs, tmp_path, capsys):
    rater = make_rater(project)
    make_comparison(rater, outputs[0], outputs[1], "a")
    make_comparison(rater, outputs[0], outputs[2], "tie", "equal")
    folder = tmp_path / "out"
    arguments = ["--project", project.slug, "--format", "trl_preference", "--out", str(folder)]
    call_command("export_data", *arguments, "--split", "train=1")
    printed = capsys.readouterr().out
    assert "1 row" in printed
    assert "comparisons that found both equal" in printed
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [
        "README.md", "manifest.json", "train.jsonl"
    ]  # fmt: skip
    with pytest.raises(CommandError, match="not an empty folder"):
        call_command("export_data", *arguments)


def test_rankings_become_weighted_pairs_that_trl_takes(project, task, outputs):
    judgment = make_judgment(make_rater(project), Judgment.Kind.RANKING, task, presentation={"asked": "ranking"})
    ranking = Ranking.objects.create(judgment=judgment)
    for output, tier in zip(outputs, (2, 1, 1), strict=True):
        RankedOutput.objects.create(ranking=ranking, output=output, tier=tier)
    export = made(project, source="rankings", combine="each", weight=True, ids=True)
    rows = [(row["chosen_id"], row["rejected_id"], row["margin"], row["weight"]) for row in rows_of(export)]
    assert rows == [("t1/1", "t1/0", 1.0, pytest.approx(1 / 3)), ("t1/2", "t1/0", 1.0, pytest.approx(1 / 3))]
    assert left_out(export) == {"tie_equal": 1}
    assert export.manifest["filters"]["margin"] == "places between the two in the order"


def test_a_settled_answer_is_left_out_alone_or_put_before_the_others_as_asked(project, outputs):
    for name, choice in (("ann", "a"), ("ben", "a")):
        make_comparison(make_rater(project, name), outputs[0], outputs[1], choice)
    make_comparison(Rater.objects.get(name="ann"), outputs[0], outputs[2], "b")
    settled = Rater.objects.create(project=project, kind="person", name="Adjudicated: it", pseudonym="adjudicated-1")
    make_comparison(settled, outputs[0], outputs[1], "b")

    def pairs(answers):
        export = made(project, answers=answers, ids=True)
        return [(row["chosen_id"], row["rejected_id"]) for row in rows_of(export)], left_out(export)

    assert pairs("raw") == ([("t1/0", "t1/1"), ("t1/2", "t1/0")], {})
    assert pairs("adjudicated") == ([("t1/1", "t1/0")], {})
    assert pairs("adjudicated_first") == ([("t1/1", "t1/0"), ("t1/2", "t1/0")], {"settled": 2})
    with pytest.raises(AppError, match="comparisons, rankings and ratings only"):
        choices_from_json({"source": "scores", "answers": "adjudicated_first"})
