"""Where a dense reward is low against where people marked: by hand, and against scipy."""

import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from rewards.statistics.localisation import (
    MarkedTokens,
    auroc,
    average_precision,
    first_error,
    matched_rate_threshold,
    span_score,
)


def tokens(suspicion, marked, output=None, task=None, width=1):
    n = len(suspicion)
    output = np.zeros(n, dtype=np.int64) if output is None else np.array(output)
    start = np.concatenate([np.arange((output == one).sum()) for one in dict.fromkeys(output.tolist())]) * width
    return MarkedTokens(
        suspicion=np.array(suspicion, dtype=np.float64),
        marked=np.array(marked, dtype=bool),
        output=output,
        start=start,
        end=start + width,
        task=output if task is None else np.array(task),
    )


def test_auroc_is_the_mann_whitney_statistic_with_ties_as_half():
    generator = np.random.default_rng(0)
    suspicion = generator.integers(8, size=400).astype(float)
    marked = generator.random(400) < 0.2 + 0.05 * suspicion
    expected = mannwhitneyu(suspicion[marked], suspicion[~marked]).statistic / (marked.sum() * (~marked).sum())
    assert auroc(tokens(suspicion, marked)).value == pytest.approx(expected)


def test_average_precision_by_hand():
    # From the top: marked, not, marked, not -> (1/2) * 1 + (1/2) * 2/3 = 5/6; base rate 2/4.
    found = average_precision(tokens([4, 3, 2, 1], [True, False, True, False]))
    assert found.area.value == pytest.approx(5 / 6)
    assert found.base_rate == 0.5
    # Equal values are one step: precision 2/4 at recall 1.
    assert average_precision(tokens([1, 1, 1, 1], [True, False, True, False])).area.value == pytest.approx(0.5)


def test_a_turned_sign_turns_auroc_and_a_constant_says_nothing():
    suspicion, marked = [3.0, 1, 2, 5, 4], [True, False, False, True, False]
    straight = auroc(tokens(suspicion, marked)).value
    assert auroc(tokens([-one for one in suspicion], marked)).value == pytest.approx(1 - straight)
    assert auroc(tokens([1] * 5, marked)).value == 0.5


def test_unscored_tokens_are_left_out_and_not_taken_for_clean():
    found = auroc(tokens([9, math.nan, 1], [True, True, False]))
    assert (found.value, found.n) == (1, 2)
    assert math.isnan(auroc(tokens([math.nan, 1], [True, False])).value)


def test_the_interval_draws_whole_tasks():
    # Two tasks, each wholly right or wholly wrong: replicates with the one alone give 1, with the other alone 0.
    found = auroc(tokens([2, 1, 1, 2], [True, False, True, False], output=[0, 0, 1, 1]))
    assert (found.low, found.high) == (0, 1)


def test_the_threshold_flags_as_many_tokens_as_people_marked():
    data = tokens([5, 4, 3, 2, 1], [False, True, False, True, False])
    assert matched_rate_threshold(data) == 4
    assert math.isnan(matched_rate_threshold(tokens([1, 2], [False, False])))


def test_span_scores_by_hand():
    # Marked: 1-3 and 6; flagged: 2-4 and 8. Tokens: 2 of 4 flagged are right, 2 of 4 marked are found: F1 = 1/2.
    # Spans: (1, 4) and (2, 5) share 2 of 4 characters: a match; (6, 7) and (8, 9) do not meet: 1 of 2, 1 of 2.
    marked = [False, True, True, True, False, False, True, False, False]
    suspicion = [0, 0, 1, 1, 1, 0, 0, 0, 1]
    found = span_score(tokens(suspicion, marked), 0.5)
    assert found[1:] == (0.5, 0.5, 0.5, 0.5, 0.5, 0.5)


def test_a_run_ends_with_its_output():
    found = span_score(tokens([1, 1, 1, 1], [True] * 4, output=[0, 0, 1, 1]), 0.5)
    assert (found.span_precision, found.span_recall) == (1, 1)


def test_the_first_error_by_sentence():
    # Output 0: marked in sentence 1; first flagged in sentence 1: exact. Output 1: marked in sentence 0, flagged only
    # in sentence 1, which is also the most suspected and clean: neither. Output 2 has no error and does not count.
    data = tokens(
        [0, 0, 5, 0, 0, 0, 6, 6, 9, 9],
        [False, False, True, False, True, False, False, False, False, False],
        output=[0, 0, 0, 0, 1, 1, 1, 1, 2, 2],
    )
    sentence = np.array([0, 0, 1, 1, 0, 0, 1, 1, 0, 1])
    found = first_error(data, sentence, threshold=4)
    assert (found.exact.value, found.exact.n) == (0.5, 2)
    assert found.worst.value == 0.5


def test_nothing_flagged_is_not_the_first_error():
    found = first_error(tokens([0, 0], [True, False]), np.array([0, 1]), threshold=4)
    assert found.exact.value == 0


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="one length"):
        MarkedTokens(*(np.zeros(n) for n in (2, 2, 2, 2, 2, 3)))
