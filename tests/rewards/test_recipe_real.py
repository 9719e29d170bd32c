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
import scipy.stats
from django.db import transaction

from projects.models import Membership, Project
from rewards import signal_store
from rewards.actions.imports import import_files
from rewards.composer.cache import shelf
from rewards.formats.sources import SourceFile
from rewards.models import Output, Rater, SpanMark
from rewards.recipe_frames import frame_for
from rewards.recipe_results import RecipeResult, compute
from rewards.recipes.evaluate import Frame, evaluate
from rewards.recipes.presets import PRESETS
from rewards.recipes.tree import read_recipe
from rewards.segmentation import sentences, subsentences, whole, words
from rewards.shaping.rows import Level, Rows
from rewards.signals import RewardSignal, place_spans, spans_to_tokens
from rewards.text import Span, sha256_text
from tests.factories import make_project, make_user

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
    narrow = _scorer(project, "overlap of first answers")
    stored = []
    for output in Output.objects.select_related("task").order_by("pk"):
        texts = [message["text"] for message in output.messages]
        score = RewardSignal(whole(texts), np.array([_overlap(texts[0], output.task.reference)], dtype=np.float32))
        stored.append(signal_store.NewSignal(output, judge, "score", score, "0" * 64))
        if output.external_id.endswith("-1"):
            stored.append(signal_store.NewSignal(output, narrow, "score", score, "0" * 64))
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


MARKS = {"kind": "marks", "raters": "people", "values": EACH_MARK}
BOUND: dict[str, dict[str, Any]] = {
    "fine_grained_rlhf": {},
    "drlc": {"critic": {"kind": "signal", "rater": "critic of marks", "level": "token"}, "extrinsic": JUDGE},
    # Its moments are to be those of the answers that were marked, as the other compositions have them.
    "alarm": {
        "aspect": MARKS | {"level": "token", "place": "last"},
        "holistic": JUDGE | {"rater": "overlap of first answers"},
    },
}


def _in_plain_python(questions: list[dict[str, Any]], first: int, name: str) -> Any:
    """The reward of each first answer by the file alone: its spans, its gold answer, no project and no Django."""
    texts = [question["prediction 1"] for question in questions[first:]]
    levels = {
        level: Level.of_segmentations(level, [cut([text]) for text in texts], [1] * len(texts))
        for level, cut in (("token", words), ("sentence", sentences), ("subsentence", subsentences))
    }
    errors = [
        (row, error) for row, question in enumerate(questions[first:]) for error in question["feedback"]["errors"]
    ]

    def touched(level: str, kinds: set[str], place: str = "each", worth: float = 1.0) -> Any:
        chosen = [(row, error["start"], error["end"]) for row, error in errors if error["error type"] in kinds]
        return place_spans(np.array(chosen, dtype=np.int32), np.full(len(chosen), worth), levels[level].spans, place)

    judge = Rows.scalars([_overlap(question["prediction 1"], question["gold"]) for question in questions[first:]])
    missing = [len(question["feedback"]["missing-info"]) for question in questions[first:]]
    everything = RELEVANCE | FACTUALITY
    inputs = {
        "fine_grained_rlhf": {
            "relevance": Rows(levels["subsentence"], np.where(touched("subsentence", RELEVANCE) > 0, -0.3, 0.3)),
            "factuality": Rows(levels["sentence"], np.where(touched("sentence", FACTUALITY) > 0, -0.5, 0.5)),
            "missing": Rows.scalars(missing),
        },
        "drlc": {"critic": Rows(levels["token"], touched("token", everything, worth=-0.5)), "extrinsic": judge},
        "alarm": {"aspect": Rows(levels["token"], touched("token", everything, "last", -0.5)), "holistic": judge},
    }[name]
    document = PRESETS[name].document
    document["inputs"] = {key: {"kind": "given", "level": rows.level.name} for key, rows in inputs.items()}
    frame = Frame(np.arange(len(texts)), inputs, levels)
    return evaluate(read_recipe(document), frame).reward.total()


def test_page_api_and_plain_python_give_the_same_numbers_and_the_same_agreement(
    project: Project, questions: list[dict[str, Any]], client: Any
) -> None:
    shelf.clear()
    manager = make_user("page-and-api")
    Membership.objects.create(project=project, user=manager, role="manager")
    client.force_login(manager)
    agreement: dict[str, Any] = {}
    for name, inputs in BOUND.items():
        document = PRESETS[name].bind(inputs)
        address = f"/p/{project.slug}/recipes/compose/"
        asked = {"recipe": json.dumps(document), "against": "preset:fine_grained_rlhf"}
        page = client.post(address, asked, headers={"hx-request": "true"}).context["page"]
        assert not page.problems
        sample, computed = page.preview.sample, page.preview.computed
        evaluated = client.post(
            f"/api/v1/projects/{project.slug}/recipes/evaluation",
            json.dumps({"document": document, "outputs": list(sample.output_ids)}),
            content_type="application/json",
        ).json()
        totals = {row["output"]: row["total"] for row in evaluated["rows"]}
        by_api = np.array([np.nan if totals[pk] is None else totals[pk] for pk in sample.output_ids])
        np.testing.assert_array_equal(computed.totals, by_api)
        # The newest tasks come first, which are the last questions of the file; of each the first answer was marked.
        first = np.array([external.endswith("-1") for external in _names(sample.output_ids)])
        since = QUESTIONS - int(first.sum())
        np.testing.assert_allclose(computed.totals[first], _in_plain_python(questions, since, name)[::-1], atol=1e-6)
        assert np.isnan(computed.totals[~first]).all()
        # Beside it stands the paper's own placement, with the numbers that it has alone.
        own = _in_plain_python(questions, since, "fine_grained_rlhf")[::-1]
        np.testing.assert_allclose(page.preview.against.computed.totals[first], own, atol=1e-6)
        worth = {1: 1.0, 2: 0.0, 0: 0.5}
        shares = [sum(worth[choice] for choice in question["preference"][:3]) / 3 for question in questions[since:]]
        agreement[name] = computed.human.won
        expected = scipy.stats.spearmanr(computed.totals[first], shares[::-1]).statistic
        assert agreement[name].value == pytest.approx(expected)
        assert (agreement[name].n, agreement[name].low < expected < agreement[name].high) == (first.sum(), True)
    # Fewer marked parts and less missing: the one composition that reads all that people said of the answer.
    assert agreement["fine_grained_rlhf"].value > 0


def _names(ids: Any) -> list[str]:
    names = dict(Output.objects.filter(pk__in=ids).values_list("pk", "external_id"))
    return [names[pk] for pk in ids]


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
