"""Drawing one token, against distributions worked out by hand."""

from collections import Counter

import numpy as np
import pytest

from workers.engines.contract import Sampling
from workers.engines.drawing import draw_token

# Probabilities 0.5, 0.3, 0.15, 0.05 in the order 2, 0, 3, 1.
LOGITS = np.log(np.array([0.3, 0.05, 0.5, 0.15], dtype=np.float32))


def frequencies(sampling: Sampling, draws: int = 4000) -> dict[int, float]:
    generator = np.random.default_rng(0)
    counts = Counter(draw_token(LOGITS, sampling, generator) for _ in range(draws))
    return {token: count / draws for token, count in counts.items()}


def test_temperature_zero_takes_the_likeliest():
    assert frequencies(Sampling(1)) == {2: 1.0}


def test_temperature_one_draws_by_probability():
    found = frequencies(Sampling(1, temperature=1.0))
    # Standard error of 4,000 draws is below 0.008.
    assert found == pytest.approx({0: 0.3, 1: 0.05, 2: 0.5, 3: 0.15}, abs=0.03)


def test_top_p_keeps_the_smallest_set_that_reaches_it():
    # 0.5 < 0.7 <= 0.5 + 0.3: tokens 2 and 0 stay, as 5/8 and 3/8.
    assert frequencies(Sampling(1, temperature=1.0, top_p=0.7)) == pytest.approx({2: 0.625, 0: 0.375}, abs=0.03)
    assert frequencies(Sampling(1, temperature=1.0, top_p=0.1)) == {2: 1.0}


def test_temperature_is_applied_before_top_p():
    # T = 2 takes square roots: .707, .548, .387, .224 of 1.866 = .379, .294, .208, .120; three reach 0.8.
    assert set(frequencies(Sampling(1, temperature=2.0, top_p=0.8))) == {2, 0, 3}


@pytest.mark.parametrize("wrong", [{"max_new_tokens": 0}, {"temperature": -1}, {"top_p": 0}, {"top_p": 1.1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="out of range"):
        Sampling(**{"max_new_tokens": 1, **wrong})
