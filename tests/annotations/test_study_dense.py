"""Dense rewards against human spans: worked by hand, and a perfect and a blind detector on public data."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from annotations.actions.study import run_study
from rewards import signal_store
from rewards.actions.imports import import_files
from rewards.actions.reviews import review_mark
from rewards.formats.sources import SourceFile
from rewards.models import Judgment, Output, Rater, SpanMark
from rewards.reviews import Decision
from rewards.segmentation import Segmentation, sentences
from rewards.signals import RewardSignal, spans_to_tokens
from rewards.text import Span
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
from workers.models import Attempt, Run, RunItem, Scorer

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "fine_grained_rlhf"
pytestmark = pytest.mark.django_db

TEXT = "Good one. Bad one. Worse."


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("dense", owner=owner)


@pytest.fixture
def outputs(project):
    """Two outputs of three sentences; in each the second is marked, in the second one the third as well."""
    person = make_rater(project, "ann")
    made = []
    for number in range(2):
        output = make_output(make_task(project, f"t{number}"), TEXT)
        judgment = make_judgment(person, Judgment.Kind.SPANS, output.task, output)
        mark(judgment, output, 10, 18, "wrong")
        if number:
            mark(judgment, output, 19, 24, "rude")
        made.append(output)
    return made


def mark(judgment, output, start, end, kind, **fields):
    SpanMark.objects.create(
        judgment=judgment,
        output=output,
        message=0,
        start=start,
        end=end,
        text_sha256="h",
        quote=TEXT[start:end],
        type=kind,
        **fields,
    )


def scorer(project, name="dense"):
    return Rater.objects.create(
        project=project, kind=Rater.Kind.SCORER, name=name, pseudonym=name, scorer_hash=name.ljust(64, "0")
    )


def give(rater, output, values, channel="reward"):
    signal = RewardSignal(sentences([TEXT]), np.array(values, "f4"))
    signal_store.save_many([signal_store.NewSignal(output, rater, channel, signal, "h")])


def result_of(project, **parameters):
    study = run_study(project, kind="dense", parameters=parameters)
    assert study.failure == ""
    return study.result


def test_a_signal_is_measured_as_a_detector_of_what_people_marked(project, outputs):
    rater = scorer(project)
    give(rater, outputs[0], [0, -2, -1])
    give(rater, outputs[1], [0, -1, -3])
    result = result_of(project)
    [row] = result["rows"]
    assert (result["outputs"], result["spans"], result["types"]) == (2, 3, ["rude", "wrong"])
    # Suspicion 0 2 1 | 0 1 3, marked second | second and third. Marked 2, 1, 3 against 0, 1, 0 of the others:
    # 9 pairs, of which one is level: (8 + 1/2) / 9.
    assert row["auroc"]["value"] == pytest.approx(8.5 / 9)
    # As many are flagged as marked: threshold 1 flags the level one too, 4 in all: F1 = 2 * 3 / (4 + 3).
    assert row["token_f1"] == pytest.approx(6 / 7)
    # First flagged sentence: the second in both, as marked.
    assert row["first_error"]["value"] == 1
    # wrong: 2 and 1 against 0, 1, 0 would need ten marked segments to be said.
    assert row["by_type"]["wrong"] == {"marked": 2, "value": None, "low": None, "high": None, "n": 0}


def test_times_compare_by_tokens_whatever_a_source_cuts_the_text_into(project, outputs):
    # 25 characters an output: one was cut into 4 tokens by one tokenizer and 6 by another, the other by none: 7 of 4.
    for count, name in ((4, "coarse"), (6, "fine")):
        edges = np.linspace(0, 24, count + 1).astype("i4")
        cut = Segmentation(f"tokenizer:{name}", np.stack([0 * edges[1:], edges[:-1], edges[1:]], axis=1))
        given = RewardSignal(cut, np.zeros(count, "f4"))
        signal_store.save_many([signal_store.NewSignal(outputs[0], scorer(project, name), "reward", given, "h")])
    timed = Scorer.objects.create(
        project=project, rater=scorer(project, "timed"), source="step_model", source_version=1, content={}, hash="t"
    )
    run = Run.objects.create(project=project, scorer=timed)
    for output in outputs:
        give(timed.rater, output, [0, -2, -1])
        item = RunItem.objects.create(project=project, run=run, output=output)
        Attempt.objects.create(
            project=project,
            item=item,
            rater=timed.rater,
            output=output,
            input_hash=str(output.pk),
            number=1,
            status=Attempt.Status.SCORED,
            seconds=0.3,
        )
    by_name = {row["name"]: row["seconds_per_1000_tokens"] for row in result_of(project)["rows"]}
    assert by_name == {"timed": pytest.approx(1000 * 0.6 / 13), "coarse": None, "fine": None}


def test_what_people_said_of_a_models_marks_is_no_mark_of_theirs(project, outputs, owner):
    model = scorer(project)
    for output in outputs:
        give(model, output, [0, -2, -1])
    unasked = make_output(make_task(project, "unasked"), TEXT)
    give(model, unasked, [0, -2, -1])
    before = result_of(project)
    for output, decision in (
        (outputs[0], Decision.ACCEPTED),
        (unasked, Decision.ACCEPTED),
        (unasked, Decision.REJECTED),
    ):
        judgment = make_judgment(model, Judgment.Kind.SPANS, output.task, output)
        mark(judgment, output, 0, 9, "proposed")
        review_mark(mark=judgment.spans.get(), user=owner, decision=decision)

    # Neither a fault more nor an output more that people were asked about.
    assert result_of(project) == before


def test_praise_and_model_marks_are_no_errors(project, outputs):
    person = make_rater(project, "ben")
    judgment = make_judgment(person, Judgment.Kind.SPANS, outputs[0].task, outputs[0])
    mark(judgment, outputs[0], 0, 9, "good", value=1.0)
    by_model = make_judgment(scorer(project, "critic"), Judgment.Kind.SPANS, outputs[0].task, outputs[0])
    mark(by_model, outputs[0], 0, 9, "bad")
    assert result_of(project)["spans"] == 3


def test_an_output_that_was_read_and_not_marked_counts_as_clean(project, outputs):
    clean = make_output(make_task(project, "clean"), TEXT)
    make_judgment(make_rater(project, "cat"), Judgment.Kind.SPANS, clean.task, clean)
    rater = scorer(project)
    for output in (*outputs, clean):
        give(rater, output, [1, 1, 1])
    [row] = result_of(project)["rows"]
    assert (row["outputs"], row["tokens"], row["auroc"]["value"]) == (3, 9, 0.5)
    assert row["base_rate"] == pytest.approx(3 / 9)


def test_sums_are_set_against_ratings_and_preferences(project, outputs):
    rater, person = scorer(project), make_rater(project, "ann2")
    other = make_output(outputs[0].task, TEXT)
    judgment = make_judgment(person, Judgment.Kind.SPANS, other.task, other)
    assert judgment
    for output, values, rating in zip((*outputs, other), ([1, 1, 1], [2, 2, 2], [3, 3, 3]), (7, 4, 1), strict=True):
        give(rater, output, values)
        make_rating(person, output, rating)
    make_comparison(person, outputs[0], other, "b")
    [row] = result_of(project)["rows"]
    assert row["rating_correlation"] == pytest.approx(-1)
    assert (row["preference"]["value"], row["preference"]["n"]) == (1, 1)


def test_unscored_segments_are_left_out_and_counted(project, outputs):
    rater = scorer(project)
    give(rater, outputs[0], [float("nan"), -2, -1])
    [row] = result_of(project)["rows"]
    assert (row["unscored"], row["auroc"]["n"]) == (1, 2)


def test_pages_of_every_state_can_be_read(client, owner, project, django_capture_on_commit_callbacks):
    client.force_login(owner)

    def page():
        with django_capture_on_commit_callbacks(execute=True):
            address = client.post(f"/p/{project.slug}/compare/new/dense/", {"seed": "0"}).url
        return client.get(address).content.decode()

    assert "Nobody has marked spans yet" in page()
    output = make_output(make_task(project), TEXT)
    judgment = make_judgment(make_rater(project), Judgment.Kind.SPANS, output.task, output)
    mark(judgment, output, 10, 18, "wrong <b>")
    mark(judgment, output, 0, 4, "rude")
    assert "No dense reward on these outputs yet" in page()
    give(scorer(project, "critic <i>"), output, [0, -1, 0])
    shown = page()
    assert "wrong &lt;b&gt;" in shown
    assert "critic &lt;i&gt;" in shown
    assert "too few tasks" in shown


@pytest.mark.skipif(not DATA.exists(), reason="the public data folder is not here")
def test_on_public_data_a_perfect_detector_finds_all_and_a_blind_one_nothing(owner):
    project = make_project("public", owner=owner)
    file = next(DATA.glob("*.json"))
    with file.open("rb") as opened:
        import_files(project, by=owner, format_name="fine_grained_rlhf", files=[SourceFile(file.name, opened)])
    marks: dict[int, list[Span]] = {}
    for marked, message, start, end in SpanMark.objects.filter(judgment__project=project).values_list(
        "output_id", "message", "start", "end"
    ):
        marks.setdefault(marked, []).append(Span(message, start, end))
    perfect, blind = scorer(project, "perfect"), scorer(project, "blind")
    new = []
    for output in Output.objects.filter(pk__in=marks):
        # Words as segments: what is marked lies on them.
        text = output.messages[0]["text"]
        ends = [place for place, character in enumerate(text, 1) if character.isspace()] or [len(text)]
        edges = sorted({0, *ends, len(text)})
        cut = Segmentation.from_offsets("words/1", [list(itertools.pairwise(edges))])
        found = spans_to_tokens(marks[output.pk], [1.0] * len(marks[output.pk]), cut).values > 0
        new.append(signal_store.NewSignal(output, perfect, "reward", RewardSignal(cut, -found.astype("f4")), "h"))
        new.append(signal_store.NewSignal(output, blind, "reward", RewardSignal(cut, np.zeros(len(cut), "f4")), "h"))
    signal_store.save_many(new)
    result = result_of(project)
    rows = {row["name"]: row for row in result["rows"]}
    assert result["spans"] == 1373
    assert (rows["perfect"]["auroc"]["value"], rows["perfect"]["token_f1"], rows["perfect"]["span_f1"]) == (1, 1, 1)
    assert rows["perfect"]["first_error"]["value"] == 1
    assert rows["blind"]["auroc"]["value"] == 0.5
    assert rows["blind"]["average_precision"]["value"] == pytest.approx(rows["blind"]["base_rate"])
    assert set(rows["perfect"]["by_type"]) == {
        "Irrelevant",
        "Wrong-Grounding",
        "Unverifiable",
        "Redundant",
        "Incoherent",
    }
