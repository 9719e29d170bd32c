"""The papers' compositions on the public feedback of Fine-Grained RLHF: placement by brute force, and agreement.

Only the first of four answers was marked up. The critic of the DRLC recipe is people's own marks, stored as a critic's
signal; the scalar judge of the ALaRM recipe is the share of the reference's words that an answer has.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import transaction

from projects.models import Project
from rewards import signal_store
from rewards.actions.imports import import_files
from rewards.formats.sources import SourceFile
from rewards.models import Output, Rater, SpanMark
from rewards.recipe_frames import frame_for
from rewards.recipe_results import RecipeResult, compute
from rewards.recipes.evaluate import evaluate
from rewards.recipes.presets import PRESETS
from rewards.recipes.tree import read_recipe
from rewards.segmentation import sentences, subsentences, whole, words
from rewards.shaping.rows import Rows
from rewards.signals import RewardSignal, spans_to_tokens
from rewards.statistics.rank import kendall_tau
from rewards.text import Span, sha256_text
from tests.factories import make_project

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "fine_grained_rlhf"
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not DATA.exists(), reason="the public data folder is not here"),
]
QUESTIONS = 150
RELEVANCE = {"Irrelevant", "Redundant", "Incoherent"}
FACTUALITY = {"Wrong-Grounding", "Unverifiable"}
EACH_MARK = dict.fromkeys(RELEVANCE | FACTUALITY, -0.5)
PREFERENCES = {"kind": "comparison", "raters": "people"}
JUDGE = {"kind": "signal", "rater": "reference overlap", "channel": "score", "level": "output"}


@pytest.fixture(scope="module")
def questions() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DATA / "dev_feedback.json").read_text())
    return found[:QUESTIONS]


@pytest.fixture(scope="module")
def project(questions: list[dict[str, Any]], django_db_setup: None, django_db_blocker: Any) -> Iterator[Project]:
    """Filled once for the whole module, since that takes two seconds; nothing here changes it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield _filled(json.dumps(questions).encode())
        transaction.set_rollback(True)


def _filled(data: bytes) -> Project:
    """The first questions, people's marks stored again as a critic's signal, and a scalar judge of every answer."""
    project = make_project()
    file = SourceFile("dev_feedback.json", io.BytesIO(data))
    import_files(project, by=None, format_name="fine_grained_rlhf", files=[file])
    marks: dict[int, list[SpanMark]] = {}
    for mark in SpanMark.objects.order_by("pk"):
        marks.setdefault(mark.output_id, []).append(mark)
    critic, judge = _scorer(project, "critic of marks"), _scorer(project, "reference overlap")
    stored = []
    for output in Output.objects.select_related("task").order_by("pk"):
        texts = [message["text"] for message in output.messages]
        score = RewardSignal(whole(texts), np.array([_overlap(texts[0], output.task.reference)], dtype=np.float32))
        stored.append(signal_store.NewSignal(output, judge, "score", score, "0" * 64))
        if output.external_id.endswith("-1"):
            spans = [Span(mark.message, mark.start, mark.end) for mark in marks.get(output.pk, ())]
            dense = spans_to_tokens(spans, [EACH_MARK[mark.type] for mark in marks.get(output.pk, ())], words(texts))
            stored.append(signal_store.NewSignal(output, critic, "reward", dense, "0" * 64))
    signal_store.save_many(stored)
    return project


def _scorer(project: Project, name: str) -> Rater:
    digest = sha256_text(name)
    return Rater.objects.create(
        project=project, kind="scorer", name=name, pseudonym=f"scorer-{digest[:12]}", scorer_hash=digest
    )


def _overlap(text: str, reference: str | None) -> float:
    """Share of the reference's words that the answer has."""
    wanted = set((reference or "").lower().split())
    return len(wanted & set(text.lower().split())) / max(len(wanted), 1)


def _first_answers(project: Project) -> list[int]:
    outputs = Output.objects.filter(project=project, external_id__endswith="-1")
    return list(outputs.order_by("pk").values_list("pk", flat=True))


def _computed(project: Project, preset: str, **inputs: Any) -> RecipeResult:
    return compute(project, read_recipe(PRESETS[preset].bind(inputs)), _first_answers(project))


def _preferred(project: Project, ids: list[int]) -> Any:
    recipe = read_recipe({"recipe": 1, "inputs": {"x": PREFERENCES}, "reward": {"input": "x"}})
    return frame_for(project, recipe, ids).frame.inputs["x"].values


def test_the_papers_placement_equals_a_walk_over_characters(project: Project) -> None:
    result = _computed(project, "fine_grained_rlhf")
    reward = result.evaluation.reward
    missing = np.array([result.built.frame.inputs["missing"].values])[0]
    completeness = -0.3 * (missing - missing.mean()) / missing.std()
    marks: dict[int, list[Any]] = {pk: [] for pk in result.built.output_ids}
    for mark in SpanMark.objects.all():
        marks[mark.output_id].append(mark)
    texts = dict(Output.objects.values_list("pk", "messages"))
    for index, pk in enumerate(result.built.output_ids):
        text = texts[pk][0]["text"]
        tokens = words([text]).spans
        expected = np.zeros(len(tokens))
        for cut, wrong, worth in ((subsentences, RELEVANCE, 0.3), (sentences, FACTUALITY, 0.5)):
            for _, start, end in cut([text]).spans:
                touched = {m.type for m in marks[pk] if any(m.start <= at < m.end for at in range(start, end))}
                last = max(at for at, token in enumerate(tokens) if token[1] < end and token[2] > start)
                expected[last] += -worth if touched & wrong else worth
        expected[-1] += completeness[index]
        np.testing.assert_allclose(reward.of(index), expected, atol=1e-9)


def test_a_critics_signal_and_the_marks_it_was_made_of_give_the_same_reward(project: Project) -> None:
    marks = {"kind": "marks", "level": "token", "place": "each", "raters": "people", "values": EACH_MARK}
    signal = {"kind": "signal", "rater": "critic of marks", "level": "token"}
    from_marks = _computed(project, "drlc", critic=marks, extrinsic=JUDGE)
    from_signal = _computed(project, "drlc", critic=signal, extrinsic=JUDGE)
    np.testing.assert_allclose(from_marks.evaluation.reward.values, from_signal.evaluation.reward.values, atol=1e-6)
    # The whole of it is the judge's score and half a point less for each word in a marked span.
    judged = from_marks.built.frame.inputs["extrinsic"].values
    n_words = np.array([np.count_nonzero(row) for row in from_marks.built.frame.inputs["critic"].to_lists()])
    assert n_words.sum() > 1000
    overlapping = from_marks.built.frame.inputs["critic"].total()
    np.testing.assert_allclose(from_marks.totals, judged + overlapping, atol=1e-6)


def test_aspects_count_only_for_answers_that_the_judge_rates_highly(project: Project) -> None:
    aspect = {"kind": "marks", "level": "token", "place": "last", "raters": "people", "values": EACH_MARK}
    result = _computed(project, "alarm", aspect=aspect, holistic=JUDGE)
    judged = result.built.frame.inputs["holistic"].values
    z = (judged - judged.mean()) / judged.std()
    aspects = result.built.frame.inputs["aspect"]
    # sigmoid(-0.5) = 1 / (1 + e^0.5) = 0.37754 for each marked span's last word; none below the threshold.
    shaped = aspects.with_values(np.where(aspects.values == 0, 0.0, 1 / (1 + np.exp(-aspects.values))))
    np.testing.assert_allclose(result.totals, 5 * z + np.where(z >= 0.6, shaped.total(), 0.0), atol=1e-6)
    assert 10 < (z >= 0.6).sum() < QUESTIONS / 2


def test_the_share_that_people_prefer_is_counted_as_the_file_has_it(project: Project, questions: list[Any]) -> None:
    # The first three of a question's six preferences are the first answer against the others: 1 it, 2 the other, 0 tie.
    worth = {1: 1.0, 2: 0.0, 0: 0.5}
    expected = [sum(worth[choice] for choice in question["preference"][:3]) / 3 for question in questions]
    np.testing.assert_allclose(_preferred(project, _first_answers(project)), expected)


def test_each_compositions_agreement_with_people_is_measured_over_all_first_answers(project: Project) -> None:
    preferred = _preferred(project, _first_answers(project))
    marks = {"kind": "marks", "raters": "people", "values": EACH_MARK}
    results = {
        "fine_grained_rlhf": _computed(project, "fine_grained_rlhf"),
        "drlc": _computed(project, "drlc", critic=marks, extrinsic=JUDGE),
        "alarm": _computed(project, "alarm", aspect=marks | {"place": "last"}, holistic=JUDGE),
    }
    for result in results.values():
        agreement = kendall_tau(result.totals, preferred)
        assert agreement.n == QUESTIONS
        assert agreement.value == -kendall_tau(-result.totals, preferred).value
    # Fewer marked sentences and less missing: the one composition that reads all that people said of the answer.
    assert kendall_tau(results["fine_grained_rlhf"].totals, preferred).value > 0


def test_the_same_numbers_without_the_project(project: Project) -> None:
    """Plain Python over the frame's numbers alone, as a notebook has them."""
    result = _computed(project, "fine_grained_rlhf")
    document = PRESETS["fine_grained_rlhf"].document
    document["inputs"] = {
        name: {"kind": "given", "level": rows.level.name} for name, rows in result.built.frame.inputs.items()
    }
    plain = evaluate(read_recipe(document), result.built.frame)
    assert isinstance(plain.reward, Rows)
    np.testing.assert_array_equal(plain.reward.values, result.evaluation.reward.values)
