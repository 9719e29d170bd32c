"""Sources that read fitted weights: vectors by hand, and the file that the weights are."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.fitting import detector, head
from tests.workers.scripted_engine import ScriptedEngine
from workers.engines.contract import ChatMessage
from workers.sources.contract import ARTEFACT, OutputMessage, SourceItem
from workers.sources.fitted.novelty import RndNovelty, conformal_p, network
from workers.sources.fitted.token_credit import TokenCredit, credit
from workers.sources.fitted.weights import FittedWeights, WeightsError, other_base, weights_from_bytes
from workers.sources.results import Scored, Unscored

NOVELTY = {"beta": 2.0, "alpha": 0.05}


def item(*texts: str) -> SourceItem:
    messages = tuple(OutputMessage("assistant", text) for text in texts)
    return SourceItem("key", (ChatMessage("user", "what is right?"),), messages)


def signals(source, weights, *texts: str, **parameters):
    [result] = source.score(
        [item(*texts)],
        {role.name: ScriptedEngine() for role in source.declaration.models},
        {**parameters, ARTEFACT: weights},
    )
    assert isinstance(result, Scored), result
    return {found.channel: found.signal.values.tolist() for found in result.signals}


def letters(scores: dict[str, float], bias: float = 0.0, pooling: str = "mean") -> FittedWeights:
    """A head that gives each letter its score."""
    weight = np.zeros(32, dtype=np.float32)
    for letter, score in scores.items():
        weight[ord(letter) % 32] = score
    arrays = {"weight": weight, "bias": np.array([bias], dtype=np.float32)}
    return FittedWeights("token_credit", arrays, {"pooling": pooling, "layer": -1, "layout": "chat"})


def test_token_credit_worked_by_hand():
    # s = (2 + 1/2, -4 + 1/2) = (5/2, -7/2); means up to each token: 5/2 and -1/2.
    # w+ = (2 sigmoid(5/2) - 1, 0), w- = (0, 1 - 2 sigmoid(-1/2)), p = sigmoid(-1/2).
    def sigmoid(x):
        return 1 / (1 + math.exp(-x))

    found = signals(TokenCredit(), letters({"a": 2.0, "b": -4.0}, 0.5), "ab")
    assert found["token_score"] == pytest.approx([2.5, -3.5])
    assert found["credit_right"] == pytest.approx([2 * sigmoid(2.5) - 1, 0.0])
    assert found["credit_wrong"] == pytest.approx([0.0, 1 - 2 * sigmoid(-0.5)])
    assert found["outcome_probability"] == pytest.approx([sigmoid(-0.5)])


def test_with_the_sum_an_outputs_length_counts():
    # Three tokens of score 1: the mean is 1, the sum 3.
    by_mean = signals(TokenCredit(), letters({"a": 1.0}), "aaa")["outcome_probability"]
    by_sum = signals(TokenCredit(), letters({"a": 1.0}, pooling="sum"), "aaa")["outcome_probability"]
    assert by_mean == pytest.approx([1 / (1 + math.exp(-1))])
    assert by_sum == pytest.approx([1 / (1 + math.exp(-3))])


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=30), st.sampled_from(["mean", "sum"]))
def test_tokens_bring_the_outcome_about_and_are_credited_for_right_or_wrong_never_both(scores, pooling):
    found = credit(np.array(scores)[:, None], np.ones(1), 0.0, pooling)
    assert found.logit == pytest.approx(np.mean(scores) if pooling == "mean" else np.sum(scores), abs=1e-9)
    assert ((found.right >= 0) & (found.right <= 1) & (found.wrong >= 0) & (found.wrong <= 1)).all()
    assert (found.right * found.wrong == 0).all()
    # 2p - 1 of either kind: together they are |2 p_t - 1|.
    grown = np.cumsum(scores) / (np.arange(1, len(scores) + 1) if pooling == "mean" else 1)
    np.testing.assert_allclose(found.right + found.wrong, np.abs(2 / (1 + np.exp(-grown)) - 1), atol=1e-12)


def test_messages_of_one_output_are_credited_in_one_row():
    found = signals(TokenCredit(), letters({"a": 1.0, "b": 3.0}), "a", "b")
    assert found["token_score"] == pytest.approx([1.0, 3.0])
    assert found["outcome_probability"] == pytest.approx([1 / (1 + math.exp(-2))])


@pytest.mark.parametrize(("source", "weights"), [(TokenCredit(), head(31)), (RndNovelty(), detector(26))])
def test_weights_for_vectors_of_another_size_leave_an_item_unscored(source, weights):
    engines = {role.name: ScriptedEngine() for role in source.declaration.models}
    [result] = source.score([item("ab")], engines, {**NOVELTY, ARTEFACT: weights})
    assert isinstance(result, Unscored)
    assert result.reason == "artefact_unfit"
    assert "fitted on" in result.detail


def test_a_source_that_reads_weights_is_not_called_without():
    with pytest.raises(TypeError):
        TokenCredit().score([item("ab")], {"base": ScriptedEngine()}, {})


def test_novelty_worked_by_hand():
    # "aab" embeds as (2, 1)/sqrt(5): the predictor gives 3/sqrt(5), the prior 0, so b = 9/5.
    # Of 0, 1 ... 19 eighteen are at least 9/5: p = 19/21.
    found = signals(RndNovelty(), detector(), "aab", **NOVELTY)
    assert found["novelty"] == pytest.approx([1.8])
    assert found["penalty"] == pytest.approx([-3.6])
    assert found["in_domain_p"] == pytest.approx([19 / 21])
    assert found["out_of_domain"] == [0.0]


def test_an_output_more_novel_than_nearly_all_held_out_gets_the_badge():
    # b = 9/5 lies above all of 0, 0.01 ... 0.19: p = 1/21 < 0.05.
    found = signals(RndNovelty(), detector(calibration=[n / 100 for n in range(20)]), "aab", **NOVELTY)
    assert found["in_domain_p"] == pytest.approx([1 / 21])
    assert found["out_of_domain"] == [1.0]


def test_no_badge_where_too_few_were_held_out_to_tell():
    # The least p over 18 outputs is 1/19 > 0.05.
    assert "out_of_domain" not in signals(RndNovelty(), detector(calibration=range(18)), "aab", **NOVELTY)


def test_one_hidden_layer_is_modulated_by_the_context():
    # scale = c = 3, shift = 1; first layer 2 x = 2, modulated 3 * 2 + 1 = 7; the others pass it on.
    arrays = {name: array[..., :1] for name, array in detector().arrays.items() if name.startswith("predictor")}
    arrays["predictor.1.weight"] = np.array([[2.0]], dtype=np.float32)
    arrays["predictor.film.weight"] = np.array([[1.0], [0.0]], dtype=np.float32)
    arrays["predictor.film.bias"] = np.array([0.0, 1.0], dtype=np.float32)
    c, x = np.array([[3.0]]), np.array([[1.0]])
    assert network(arrays, "predictor", c, x, film_layer=1).tolist() == [[7.0]]
    # In the last: 2, 2, then 3 * 2 + 1; a context of -3 makes it -5, which is cut to 0.
    assert network(arrays, "predictor", c, x, film_layer=3).tolist() == [[7.0]]
    assert network(arrays, "predictor", -c, x, film_layer=3).tolist() == [[0.0]]


def test_conformal_p_counts_itself():
    assert conformal_p(2.0, np.array([1.0, 2.0, 3.0])) == 3 / 4
    assert conformal_p(9.0, np.array([1.0, 2.0, 3.0])) == 1 / 4


def test_weights_come_back_as_they_were_and_equal_weights_are_equal_bytes():
    weights = FittedWeights("token_credit", head().arrays, head().settings, {"weights": "w", "tokenizer": "t"})
    again = FittedWeights(
        "token_credit",
        dict(reversed(list(head().arrays.items()))),
        dict(reversed(list(head().settings.items()))),
        dict(weights.base),
    )
    assert weights.to_bytes() == again.to_bytes()
    found = weights_from_bytes(weights.to_bytes(), kind="token_credit")
    assert (found.kind, found.settings, found.base) == (weights.kind, dict(weights.settings), dict(weights.base))
    np.testing.assert_array_equal(found.arrays["weight"], weights.arrays["weight"])
    assert found.sha256 == weights.sha256


@pytest.mark.parametrize("setting", ["pooling", "layer", "layout"])
def test_how_weights_are_read_is_in_their_hash(setting):
    assert head(**{setting: 1}).sha256 != head().sha256


@pytest.mark.parametrize("data", [b"", b"not a file", b"\x02\x00\x00\x00\x00\x00\x00\x00{}", head().to_bytes()[:-4]])
def test_what_is_no_file_of_weights_is_said_to_be_none(data):
    with pytest.raises(WeightsError, match="no file of fitted weights"):
        weights_from_bytes(data)


def test_weights_of_another_kind_or_with_numbers_that_are_not_finite_are_refused():
    with pytest.raises(WeightsError, match="token_credit, expected novelty"):
        weights_from_bytes(head().to_bytes(), kind="novelty")
    broken = FittedWeights("token_credit", {"weight": np.array([np.nan], dtype=np.float32)})
    with pytest.raises(WeightsError, match="weight holds numbers that are not finite"):
        weights_from_bytes(broken.to_bytes())


def test_another_base_is_named_and_another_dtype_is_none():
    base = {"weights": "sha256:1", "tokenizer": "t", "chat_template": "c", "dtype": "float32"}
    assert other_base(base, {**base, "dtype": "bfloat16"}) == ""
    assert "weights, chat template differ" in other_base(base, {**base, "weights": "2", "chat_template": ""})
    assert json.loads(json.dumps(base)) == base
