"""The papers' compositions, each on numbers worked by hand from its paper's formula."""

import math
from typing import Any

import numpy as np
import pytest

from rewards.recipes.document import normal_form
from rewards.recipes.errors import RecipeError
from rewards.recipes.evaluate import Evaluation, Frame, evaluate
from rewards.recipes.presets import PRESETS
from rewards.recipes.tree import read_recipe
from rewards.shaping.rows import Level, Rows


def _given(preset: str, frame: dict[str, Rows], levels: dict[str, Level] | None = None) -> Evaluation:
    """The preset over these numbers, all outputs answering one task."""
    document = PRESETS[preset].document
    document["inputs"] = {name: {"kind": "given", "level": rows.level.name} for name, rows in frame.items()}
    n_outputs = len(next(iter(frame.values())))
    given = levels or {rows.level.name: rows.level for rows in frame.values()}
    return evaluate(read_recipe(document), Frame(np.zeros(n_outputs, dtype=np.int64), frame, given))


def _lists(evaluation: Evaluation) -> list[list[float]]:
    return evaluation.reward.to_lists()


def test_every_paper_that_was_promised_has_its_preset() -> None:
    assert set(PRESETS) == {
        "drlc",
        "alarm",
        "g_ra",
        "rto",
        "pure",
        "fine_grained_rlhf",
        "planner_r1",
        "otc",
        "dler",
        "hybrid_verifier",
        "worst_case_ensemble",
        "uncertainty_weighted_ensemble",
    }


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_reads_and_its_normal_form_reads_again(name: str) -> None:
    normal = normal_form(read_recipe(PRESETS[name].document))
    assert normal_form(read_recipe(normal)) == normal
    assert all(paper.arxiv for paper in PRESETS[name].papers)


def test_binding_puts_the_projects_inputs_in_place_and_refuses_others() -> None:
    bound = PRESETS["g_ra"].bind({"outcome": {"kind": "rating"}})
    assert bound["inputs"]["outcome"] == {"level": "output", "kind": "rating"}
    assert bound["inputs"]["steps"]["kind"] == "given"
    with pytest.raises(RecipeError, match="no such input: expected outcome, steps"):
        PRESETS["g_ra"].bind({"stars": {"kind": "rating"}})


def test_binding_leaves_the_preset_as_it_was() -> None:
    before = PRESETS["drlc"].document
    PRESETS["drlc"].bind({"extrinsic": {"kind": "rating"}})["reward"]["terms"].clear()
    assert PRESETS["drlc"].document == before


def test_drlc_adds_the_critic_only_where_the_outcome_leaves_room() -> None:
    critic = Rows.ragged("token", [[0.5, 0, -0.5], [0.5, 0, 0]])
    # An outcome of 2 is at most 10: the critic counts. One of 11 is not: only the end.
    assert _lists(_given("drlc", {"critic": critic, "extrinsic": Rows.scalars([2, 11])})) == [[0.5, 0, 1.5], [0, 0, 11]]


def test_alarm_drops_the_aspects_of_the_worse_answer() -> None:
    aspect = Rows.ragged("token", [[0, 0.5], [0, 0.5]])
    lists = _lists(_given("alarm", {"aspect": aspect, "holistic": Rows.scalars([1, 3])}))
    # Mean 2 and deviation 1: z is -1 and 1. Below 0.6 only 5 z; above, sigmoid(0.5) where a reward stands, and 5 z.
    assert lists[0] == [0, -5]
    assert lists[1] == pytest.approx([0, 5 + 1 / (1 + math.exp(-0.5))])


def test_gated_steps_count_only_with_a_passed_outcome() -> None:
    steps = Rows.ragged("step", [[0.25, 0.5], [0.25, 0.5]])
    assert _lists(_given("g_ra", {"outcome": Rows.scalars([1, 0]), "steps": steps})) == [[1.75], [0]]


def test_rto_clips_the_token_rewards_and_the_score() -> None:
    frame = {
        "dpo": Rows.ragged("token", [[0.4, 2, -3]]),
        "policy": Rows.ragged("token", [[1, 0, 2]]),
        "score": Rows.scalars([12]),
    }
    # 0.05 x [.4, 2, -3] = [.02, .1, -.15], clipped to [.02, .05, -.05]; less 0.01 x [1, 0, 2]; and 10 at the end.
    assert _lists(_given("rto", frame)) == [pytest.approx([0.01, 0.05, 9.93])]


def test_pure_sums_to_nearly_the_worst_step_at_the_ends_of_steps() -> None:
    spans = [(0, 0, 4), (0, 4, 8)]
    steps = Level("step", np.array([0, 2]), np.array(spans, dtype=np.int32))
    tokens = Level("token", np.array([0, 4]), np.array([(0, s, s + 2) for s in (0, 2, 4, 6)], dtype=np.int32))
    frame = {"process": Rows(steps, np.array([0.9, -0.4]))}
    [row] = _lists(_given("pure", frame, {"token": tokens}))
    # Weights e^-9 and e^4 of softmax(-p / 0.1): the second is 1 / (1 + e^-13).
    worst = 1 / (1 + math.exp(-13))
    assert row == pytest.approx([0, 0.9 * (1 - worst), 0, -0.4 * worst], abs=1e-12)
    assert sum(row) == pytest.approx(-0.4, abs=1e-5)


def test_planner_counts_shares_categories_and_everything() -> None:
    frame = {
        name: Rows.scalars(values) for name, values in (("schema", [1, 1]), ("commonsense", [1, 1]), ("hard", [1, 0]))
    }
    # All hold: 1 + (1 + 1) + (1 + 1) + 1 = 6. Without the hard one: 1 + (1 + 0) + (1 + 0) + 0 = 3.
    assert _lists(_given("planner_r1", frame)) == [[6], [3]]


def test_tool_calls_are_measured_against_the_tasks_fewest() -> None:
    frame = {"correct": Rows.scalars([1, 1, 0]), "calls": Rows.scalars([1, 3, 0])}
    # n = 1. m = 1: f = 1, sin(pi / 2) = 1. m = 3: f = 2 x 3 / 4 = 1.5, sin(0.75 pi) = 0.70711. A wrong answer: 0.
    assert _lists(_given("otc", frame)) == [[1], [pytest.approx(math.sqrt(0.5))], [0]]


def test_an_answer_beyond_the_budget_is_worth_nothing_and_the_batch_scales() -> None:
    result = _given("dler", {"correct": Rows.scalars([1, 1, 0]), "length": Rows.scalars([4000, 4001, 10])})
    assert _lists(result) == [[1], [0], [0]]
    assert result.advantages is not None
    # Mean 1/3; sample deviation of the batch sqrt((4/9 + 1/9 + 1/9) / 2) = 0.57735: 2/3 over it is 1.1547.
    assert result.advantages.values == pytest.approx([1.1547, -0.57735, -0.57735], abs=1e-4)


def test_any_right_answer_is_above_any_wrong_one() -> None:
    result = _given("hybrid_verifier", {"verifier": Rows.scalars([1, 0]), "score": Rows.scalars([-9, 9])})
    # sigmoid(-4.5) = 0.01099; sigmoid(4.5) - 1 = -0.01099.
    assert result.reward.values == pytest.approx([0.01099, -0.01099], abs=1e-5)


def test_ensembles_are_pessimistic() -> None:
    frame: dict[str, Any] = {f"rm_{k}": Rows.scalars([value]) for k, value in ((1, 1.0), (2, 2.0), (3, 6.0))}
    assert _lists(_given("worst_case_ensemble", frame)) == [[1]]
    # Mean 3, variance over three (4 + 1 + 9) / 3 = 14/3: 3 - 7/3.
    assert _lists(_given("uncertainty_weighted_ensemble", frame)) == [[pytest.approx(2 / 3)]]


def test_fine_grained_rewards_stand_at_the_ends_of_parts_and_sentences() -> None:
    # The first output is one sentence of two parts; the second is one sentence of one.
    sentences = Level("sentence", np.array([0, 1, 2]), np.array([(0, 0, 8), (1, 0, 4)], dtype=np.int32))
    parts = Level("subsentence", np.array([0, 2, 3]), np.array([(0, 0, 4), (0, 4, 8), (1, 0, 4)], dtype=np.int32))
    tokens = Level(
        "token",
        np.array([0, 4, 6]),
        np.array([(0, 0, 2), (0, 2, 4), (0, 4, 6), (0, 6, 8), (1, 0, 2), (1, 2, 4)], dtype=np.int32),
    )
    frame = {
        "relevance": Rows(parts, np.array([0.3, -0.3, 0.3])),
        "factuality": Rows(sentences, np.array([0.5, -0.5])),
        "missing": Rows.scalars([0, 2]),
    }
    # Missing 0 and 2: mean 1, deviation 1, so completeness is 0.3 and -0.3 at the end.
    assert _lists(_given("fine_grained_rlhf", frame, {"token": tokens})) == [
        pytest.approx([0, 0.3, 0, -0.3 + 0.5 + 0.3]),
        pytest.approx([0, 0.3 - 0.5 - 0.3]),
    ]
