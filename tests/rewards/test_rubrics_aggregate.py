"""Aggregations against hand-worked scores and against their formulas written out one criterion at a time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rubrics.aggregate import CANNOT_ASSESS, MUST_HAVE_THRESHOLD, Handling, aggregate, aggregate_many
from rewards.rubrics.content import IMPORTANCE_WEIGHTS, Criterion, Level, RubricContent
from rewards.rubrics.rules import AGGREGATIONS, suggested_aggregation

LEVELS = (Level("poor", 0.0), Level("fair", 0.2), Level("good", 1.0))


def rubric(*weights, **fields):
    return RubricContent(tuple(Criterion(f"c{i}", "?", weight=weight, **fields) for i, weight in enumerate(weights)))


def verdicts(*values):
    return {f"c{i}": value for i, value in enumerate(values)}


def test_healthbench_golden_vector():
    # (7 + 10 - 6) / (7 + 5 + 10) = 11/22 = 0.5
    score = aggregate(rubric(7, 5, 10, -6), verdicts(True, False, True, True), "healthbench")
    assert score == (0.5, 4, 4, None, "")


def test_healthbench_may_be_negative():
    assert aggregate(rubric(2, -6), verdicts(0, 1), "healthbench").value == -3


def test_healthbench_without_positive_points_has_no_score():
    score = aggregate(rubric(-6, -2), verdicts(1, 0), "healthbench")
    assert (score.value, score.reason) == (None, "no criterion with a verdict has a positive weight")


def test_rar_uses_the_importance_where_there_is_no_weight():
    content = RubricContent(
        (
            Criterion("a", "?", importance="Essential"),
            Criterion("b", "?", importance="Important"),
            Criterion("c", "?", importance="Optional"),
            Criterion("d", "Avoids jargon", importance="Pitfall"),
            Criterion("e", "?", importance="Essential", weight=2.0),
            Criterion("f", "?"),
        )
    )
    # met a, d, f: (1 + .9 + 1) / (1 + .7 + .3 + .9 + 2 + 1) = 2.9 / 5.9; the met pitfall adds
    score = aggregate(content, {"a": 1, "b": 0, "c": 0, "d": 1, "e": 0, "f": 1})
    assert score.value == pytest.approx(2.9 / 5.9)


def test_rar_takes_probabilities():
    # (1 * .25 + 3 * .5) / 4 = .4375
    assert aggregate(rubric(1, 3), verdicts(0.25, 0.5)).value == pytest.approx(0.4375)


def test_rar_has_no_place_for_a_negative_weight():
    score = aggregate(rubric(1, -1), verdicts(1, 1))
    assert score.value is None
    assert "negative weight" in score.reason


def test_absolute_weights_divide_by_all_of_them():
    # (3 - 1) / 4
    assert aggregate(rubric(3, -1), verdicts(1, 1), "absolute_weights").value == 0.5


def test_normalised_rank_ignores_how_far_apart_the_levels_are():
    content = RubricContent(
        (Criterion("a", "?", kind="ordinal", levels=LEVELS, weight=1), Criterion("b", "?", weight=3))
    )
    # fair is the middle of three levels: rank 1/2. (1 * .5 + 3 * 1) / 4 = .875
    assert aggregate(content, {"a": 0.2, "b": 1}, "normalised_rank").value == pytest.approx(0.875)
    # half way from fair (.2, rank .5) to good (1, rank 1): .75. (.75 + 3) / 4 = .9375
    assert aggregate(content, {"a": 0.6, "b": 1}, "normalised_rank").value == pytest.approx(0.9375)


def test_a_rubric_of_penalties_scores_one_without_faults():
    content = rubric(-3, -1)
    assert aggregate(content, verdicts(0, 0), "penalty_aware").value == 1
    # 1 + (-3) / 4
    assert aggregate(content, verdicts(1, 0), "penalty_aware").value == 0.25


def test_penalty_aware_with_positive_weights_is_clipped():
    assert aggregate(rubric(2, -6), verdicts(1, 1), "penalty_aware").value == 0
    # only the penalty has a verdict: nothing was earned and nothing is known about what could have been
    assert aggregate(rubric(2, -6), verdicts(None, 0), "penalty_aware").value is None


@pytest.mark.parametrize("missing", [None, math.nan])
def test_an_unscored_criterion_is_left_out_and_never_a_zero(missing):
    # 1 * 1 / 1, not 1 / 4
    score = aggregate(rubric(1, 3), verdicts(1, missing))
    assert score == (1.0, 1, 2, None, "")
    # the penalty that could not be judged lowers nothing, and the positive one does not stay in the denominator
    assert aggregate(rubric(4, 4, -4), verdicts(1, missing, missing), "healthbench").value == 1.0


def test_a_missing_key_is_unscored():
    assert aggregate(rubric(1, 3), {"c1": 0}).n_scored == 1


def test_no_verdict_at_all_is_no_score():
    for name in AGGREGATIONS:
        assert aggregate(rubric(1, 2), {}, name) == (None, 0, 2, None, "no criterion has a verdict")


def test_a_must_have_that_is_not_met_gates_to_zero():
    content = RubricContent((Criterion("safe", "?", must_have=True), Criterion("b", "?", weight=9)))
    score = aggregate(content, {"safe": 0.4, "b": 1})
    assert score == (0.0, 2, 2, "safe", "must-have safe is not met")
    assert aggregate(content, {"safe": 0.5, "b": 1}).gated_by is None


def test_a_gate_never_lifts_a_negative_score():
    content = RubricContent((Criterion("a", "?", must_have=True, weight=1), Criterion("b", "?", weight=-3)))
    assert aggregate(content, {"a": 0, "b": 1}, "healthbench").value == -3


def test_a_must_have_without_weight_still_gates():
    content = RubricContent((Criterion("a", "?", must_have=True, weight=0),))
    assert aggregate(content, {"a": 0}).value == 0
    assert aggregate(content, {"a": 1}).value is None


def test_a_must_have_without_a_verdict_does_not_gate_and_says_so():
    content = RubricContent((Criterion("safe", "?", must_have=True), Criterion("b", "?")))
    score = aggregate(content, {"b": 1})
    assert score == (1.0, 1, 2, None, "must-have safe has no verdict, so it did not gate")


def test_rar_by_category_does_not_use_the_numbers_of_the_data_set():
    content = RubricContent(
        (
            Criterion("a", "?", importance="Essential", weight=5),
            Criterion("b", "?", importance="Optional", weight=2),
            Criterion("c", "Avoids jargon", importance="Pitfall", weight=-1),
        )
    )
    met = {"a": 1, "b": 0, "c": 1}
    # (1 + .9) / (1 + .3 + .9); the numbers of the data set would give (5 - 1) / ..., with no place in Eq. 1
    assert aggregate(content, met, "rar_category").value == pytest.approx(1.9 / 2.2)
    assert aggregate(content, met, "rar_explicit").value is None
    tried = aggregate_many(content, [[1, 0, 1]], "rar_category", weights=[9, 9, 9])
    assert tried.values.tolist() == pytest.approx([1.9 / 2.2])


def test_rar_by_category_needs_a_category_on_every_criterion():
    score = aggregate(RubricContent((Criterion("a", "?", importance="Essential"), Criterion("b", "?"))), {"a": 1})
    assert score.value == 1
    score = aggregate(
        RubricContent((Criterion("a", "?", importance="Essential"), Criterion("b", "?"))), {"a": 1}, "rar_category"
    )
    assert (score.value, score.reason[:26]) == (None, "a criterion has no categor")


def test_unweighted_counts_what_comes_out_well_on_either_side():
    # met 9, not met 1, penalty met, penalty avoided: (1 + 0 + 0 + 1) / 4
    assert aggregate(rubric(9, 1, -5, -1), verdicts(1, 0, 1, 0), "unweighted").value == 0.5
    assert aggregate(rubric(-5, -1), verdicts(0, 0), "unweighted").value == 1


def test_a_weighted_sum_needs_every_verdict():
    # Items of weight 3, 2, 1 of which the first and last are met: 3 + 1
    assert aggregate(rubric(3, 2, 1), verdicts(1, 0, 1), "weighted_sum").value == 4
    assert aggregate(rubric(3, 2, 1), verdicts(1, None, 1), "weighted_sum").value is None


# autorubric's own example: weights 10, 5 and -3; the first cannot be assessed, the second is met, the penalty is not.
# skip 5/5; zero 5/15; partial (.5 x 10 + 5)/15 = 10/15; fail as zero for a positive weight.
@pytest.mark.parametrize(
    ("strategy", "expected"), [("skip", 1.0), ("zero", 1 / 3), ("partial", 2 / 3), ("fail", 1 / 3)]
)
def test_what_cannot_be_assessed_counts_by_the_named_strategy(strategy, expected):
    score = aggregate(
        rubric(10, 5, -3),
        verdicts(None, 1, 0),
        "penalty_aware",
        not_applicable=["c0"],
        handling=Handling(cannot_assess=strategy),
    )
    assert score.value == pytest.approx(expected)
    assert (score.n_scored, score.n_total) == (2, 3)
    assert bool(score.reason) == (strategy != "skip")


# The penalty of 5 cannot be assessed beside 10 earned points: only the worst case incurs it, (10 - 5)/10.
@pytest.mark.parametrize(("strategy", "expected"), [("skip", 1), ("zero", 1), ("partial", 1), ("fail", 0.5)])
def test_a_penalty_that_cannot_be_assessed_is_incurred_in_the_worst_case_only(strategy, expected):
    handling = Handling(cannot_assess=strategy)
    score = aggregate(rubric(10, -5), verdicts(1, None), "healthbench", not_applicable=["c1"], handling=handling)
    assert score.value == expected


def test_the_worst_case_of_levels_is_the_lowest_of_them_and_of_a_penalty_the_highest():
    levels = (Level("some", 0.25), Level("much", 0.75))
    content = RubricContent(
        (
            Criterion("a", "?", kind="ordinal", levels=levels, weight=4),
            Criterion("b", "?", kind="ordinal", levels=levels, weight=-2),
        )
    )
    score = aggregate(content, {}, "healthbench", not_applicable=["a", "b"], handling=Handling(cannot_assess="fail"))
    # (4 x .25 - 2 x .75) / 4
    assert score.value == pytest.approx(-0.125)
    assert score.n_scored == 0


def test_partial_credit_is_stated():
    handling = Handling(cannot_assess="partial", partial_credit=0.3)
    assert aggregate(rubric(1), {}, "healthbench", not_applicable=["c0"], handling=handling).value == 0.3


@pytest.mark.parametrize("strategy", CANNOT_ASSESS)
@pytest.mark.parametrize("name", AGGREGATIONS)
def test_a_judge_that_failed_is_left_out_whatever_the_strategy(name, strategy):
    # Counted as a verdict, a failure would move the score by the sign of the criterion (HealthBench, open-instruct).
    handling = Handling(cannot_assess=strategy)
    content = RubricContent(tuple(Criterion(f"c{i}", "?", importance="Essential") for i in range(2)))
    failed = aggregate(content, verdicts(1, None), name, handling=handling)
    assert failed == aggregate(content, verdicts(1, None), name)
    assert failed.value in (1, None)


def test_a_verdict_stands_beside_the_words_that_it_could_not_be_assessed():
    handling = Handling(cannot_assess="zero")
    score = aggregate(rubric(1), verdicts(1), not_applicable=["c0"], handling=handling)
    assert score == (1.0, 1, 1, None, "")


def test_a_must_have_that_could_not_be_assessed_gates_where_it_counts_as_not_met():
    content = RubricContent((Criterion("safe", "?", must_have=True), Criterion("b", "?", weight=9)))
    for strategy, gated in [("skip", None), ("zero", "safe"), ("fail", "safe"), ("partial", None)]:
        handling = Handling(cannot_assess=strategy)
        assert aggregate(content, {"b": 1}, not_applicable=["safe"], handling=handling).gated_by == gated


def test_gates_may_be_off():
    content = RubricContent((Criterion("safe", "?", must_have=True), Criterion("b", "?", weight=3)))
    # (0 + 3) / 4
    assert aggregate(content, {"safe": 0, "b": 1}, handling=Handling(gate="off")) == (0.75, 2, 2, None, "")


@pytest.mark.parametrize("wrong", [{"cannot_assess": "ignore"}, {"gate": "maybe"}, {"partial_credit": 1.5}])
def test_unknown_handling_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Handling(**wrong)


def test_negative_points_count_below_any_condition_on_positive_ones():
    # A penalty that is met lowers the score although nothing positive is met: -6 / 22
    assert aggregate(rubric(7, 5, 10, -6), verdicts(0, 0, 0, 1), "healthbench").value == pytest.approx(-6 / 22)


def test_the_suggested_rule_gives_a_score_where_all_is_judged():
    for weights in [(1, 2), (3, -1), (-2, -1)]:
        content = rubric(*weights)
        assert aggregate(content, verdicts(1, 0), suggested_aggregation(content)).value is not None


@pytest.mark.parametrize("value", [-0.1, 1.1, math.inf])
def test_a_verdict_outside_zero_to_one_is_refused(value):
    with pytest.raises(ValueError, match=r"on c1: expected 0 to 1"):
        aggregate(rubric(1, 1), verdicts(1, value))


def test_unknown_keys_aggregations_and_shapes_are_refused():
    with pytest.raises(ValueError, match=r"verdicts of \['x'\]"):
        aggregate(rubric(1), {"x": 1})
    with pytest.raises(ValueError, match="aggregation 'best': expected one of"):
        aggregate(rubric(1), {}, "best")
    with pytest.raises(ValueError, match=r"expected \(outputs, 2 criteria\)"):
        aggregate_many(rubric(1, 1), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="expected 2 finite numbers"):
        aggregate_many(rubric(1, 1), np.zeros((3, 2)), weights=[1, math.nan])


def test_other_weights_are_tried_out_without_changing_the_rubric():
    scores = aggregate_many(rubric(1, 1), [[1, 0], [0, 1]], weights=[3, 1])
    assert scores.values.tolist() == [0.75, 0.25]


def test_no_outputs_have_no_scores():
    assert len(aggregate_many(rubric(1), np.zeros((0, 1)))) == 0


def test_every_aggregation_states_its_formula():
    for aggregation in AGGREGATIONS.values():
        assert aggregation.description
        assert aggregation.undefined


def by_hand(name, criteria, row):
    """Each formula over Python numbers, one criterion at a time."""
    known = [(c.effective_weight, v, c) for c, v in zip(criteria, row, strict=True) if v is not None]
    positive = sum(w for w, _, _ in known if w > 0)
    earned = sum(w * v for w, v, _ in known)
    if name == "normalised_rank":
        earned = sum(w * (rank_of(v) if c.levels else v) for w, v, c in known)
    everything = sum(abs(w) for w, _, _ in known)
    penalised = any(c.effective_weight < 0 for c in criteria)
    only_penalties = not any(c.effective_weight > 0 for c in criteria)
    if name == "rar_category":
        if all(c.importance for c in criteria):
            by_category = [(IMPORTANCE_WEIGHTS[c.importance], v) for _, v, c in known]
            everything = sum(w for w, _ in by_category)
            value = sum(w * v for w, v in by_category) / everything if everything else None
        else:
            value = None
    elif name == "unweighted":
        well = [v if w > 0 else 1 - v for w, v, _ in known if w]
        value = sum(well) / len(well) if well else None
    elif name == "weighted_sum":
        value = earned if len(known) == len(criteria) else None
    elif name in ("rar_explicit", "normalised_rank"):
        value = earned / everything if everything and not penalised else None
    elif name == "healthbench":
        value = earned / positive if positive else None
    elif name == "absolute_weights":
        value = earned / everything if everything else None
    elif only_penalties:
        value = 1 + earned / everything if everything else None
    else:
        value = min(1, max(0, earned / positive)) if positive else None
    gates = [
        c.key for c, v in zip(criteria, row, strict=True) if c.must_have and v is not None and v < MUST_HAVE_THRESHOLD
    ]
    if gates:
        return min(0, value or 0), gates[0]
    return value, None


def rank_of(value):
    return value / 0.2 / 2 if value <= 0.2 else 0.5 + (value - 0.2) / 0.8 / 2


@st.composite
def rubrics_with_verdicts(draw):
    criteria = []
    for index in range(draw(st.integers(1, 5))):
        weight = draw(st.none() | st.integers(-3, 5).map(float))
        criteria.append(
            Criterion(
                f"c{index}",
                "?",
                kind="ordinal" if draw(st.booleans()) else "binary",
                weight=weight,
                importance=draw(st.sampled_from([None, "Essential", "Important", "Optional", "Pitfall"])),
                must_have=draw(st.booleans()) and (weight is None or weight >= 0),
            )
        )
    criteria = [Criterion(**{**vars(c), "levels": LEVELS}) if c.kind == "ordinal" else c for c in criteria]
    cell = st.none() | st.sampled_from([0.0, 0.2, 0.5, 1.0]) | st.floats(0, 1)
    rows = draw(st.lists(st.lists(cell, min_size=len(criteria), max_size=len(criteria)), min_size=1, max_size=4))
    return RubricContent(tuple(criteria)), rows


@given(rubrics_with_verdicts(), st.sampled_from(sorted(AGGREGATIONS)))
def test_many_outputs_at_once_equal_the_formula_one_by_one(case, name):
    content, rows = case
    matrix = np.array([[math.nan if value is None else value for value in row] for row in rows])
    many = aggregate_many(content, matrix, name)
    for index, row in enumerate(rows):
        one = aggregate(content, dict(zip(content.keys, row, strict=True)), name)
        assert many.row(index) == one
        value, gate = by_hand(name, content.criteria, row)
        assert one.value == (None if value is None else pytest.approx(value, abs=1e-9))
        assert one.gated_by == gate
        assert (one.n_scored, one.n_total) == (sum(v is not None for v in row), len(row))
        assert bool(one.reason) or one.value is not None
