"""Layer-wise relevance: a layer worked by hand, and what sums to what on tiny models."""

import dataclasses
import math

import numpy as np
import pytest

from tests.workers.letters import item, score, signals
from tests.workers.test_attribution_gradients import chat, whole
from tests.workers.test_engine_encoders import load
from tests.workers.tiny_model import build_tiny_reward_model
from workers.engines.contract import Capability, ChoiceQuestion, Continuation, EngineError, Prompt
from workers.engines.explained import Explained, Stretch
from workers.engines.gradients import Credited
from workers.engines.loading import capabilities_of
from workers.engines.relevance import input_relevances
from workers.sources.attribution.layer_relevance import LayerRelevance

A, B = 0, 1


@pytest.fixture(scope="module")
def reward_engine(tmp_path_factory):
    return load(build_tiny_reward_model(tmp_path_factory.mktemp("models") / "reward"))


@pytest.fixture(scope="module")
def layer():
    """One layer over embeddings a = (1, 1) and b = (1, -1), whose norms divide by what their weights multiply by."""
    import torch
    from transformers import LlamaConfig, LlamaModel

    sizes = {"hidden_size": 2, "intermediate_size": 1, "num_hidden_layers": 1, "num_attention_heads": 1}
    still = {"rope_type": "linear", "factor": 1e9, "rope_theta": 10_000.0}
    model = LlamaModel(LlamaConfig(vocab_size=2, hidden_act="relu", rms_norm_eps=0.0, rope_parameters=still, **sizes))
    # Scores of b's query: (ln 3) / 2 for a and less that for b, so that the weights are 3/4 and 1/4.
    weights = {
        "embed_tokens": [[1, 1], [1, -1]],
        "layers.0.self_attn.q_proj": [[math.log(3) / math.sqrt(2), 0], [0, 0]],
        "layers.0.self_attn.k_proj": [[0, 1], [0, 0]],
        "layers.0.self_attn.v_proj": [[1, 0], [0, 1]],
        "layers.0.self_attn.o_proj": [[1, 0], [0, 1]],
        "layers.0.mlp.gate_proj": [[1, 0]],
        "layers.0.mlp.up_proj": [[0, 1]],
        "layers.0.mlp.down_proj": [[1], [0]],
        "layers.0.input_layernorm": [1, 1],
        "layers.0.post_attention_layernorm": [math.sqrt(2.125)] * 2,
        "norm": [math.sqrt(0.625)] * 2,
    }
    named = {f"{name}.weight": torch.tensor(values, dtype=torch.float32) for name, values in weights.items()}
    model.load_state_dict(named, strict=True)
    return model.eval()


def handed_back(layer, attention):
    """Relevances of a and b for the score 3 n_1 + 2 n_2 of the last state n, read after the text "a b"."""
    import torch

    def numbers(rows):
        return layer(inputs_embeds=rows, use_cache=False).last_hidden_state[:, -1] @ torch.tensor([3.0, 2.0])

    credited = Credited(np.array([A, B]), np.zeros((2, 3), dtype=np.int32))
    return input_relevances(layer, [A, B], credited, numbers, attention=attention)


def test_a_layer_by_hand_with_attention_as_a_constant(layer):
    # b attends 3/4 to a and 1/4 to itself: (1, 1/2), so h = (2, -1/2). Feed-forward: relu(2) * -1/2 = -1 into the
    # first place: n = (1, -1/2) and s = 3 - 1 = 2, of which the places hold 3 and -1.
    # Back: 3 is shared 2 : -1 by h and feed-forward, 6 and -3; that -3 goes half to each factor, so h holds
    # (6 - 1.5, -1 - 1.5) = (4.5, -2.5). Of it b itself gets (1/2, 2), attention (1/2, -1) parts: (2.25, -5) and
    # (2.25, 2.5). Values: 3/4 : 1/4 of 2.25 and 3/4 : -1/4 (of 1/2) of 2.5.
    found = handed_back(layer, "values")
    assert found.number == pytest.approx(2)
    assert found.values == pytest.approx([1.6875 + 3.75, 2.25 - 5 + 0.5625 - 1.25], abs=1e-5)
    assert found.values.sum() + found.others == pytest.approx(2, abs=1e-5)


def test_a_layer_by_hand_with_attention_weights(layer):
    # As above, but values get half of what attention holds: 2.71875 and -0.34375; the weights the same numbers again.
    # Softmax: z_i (R_i - s_i sum R) = (ln 3)/2 (2.71875 - 3/4 * 2.375) for a and -(ln 3)/2 (-0.34375 - 1/4 * 2.375)
    # for b, 15/32 ln 3 each; of either score half goes to the query, which is b's, half to its key.
    found = handed_back(layer, "weights")
    score_of_each = 15 / 32 * math.log(3)
    a = 2.71875 + score_of_each / 2
    b = 2.25 - 5 - 0.34375 + score_of_each + score_of_each / 2
    assert found.values == pytest.approx([a, b], abs=1e-5)


def test_hooks_are_gone_and_values_unchanged_afterwards(layer):
    import torch

    before = layer(torch.tensor([[A, B]])).last_hidden_state
    handed_back(layer, "weights")
    assert torch.equal(layer(torch.tensor([[A, B]])).last_hidden_state, before)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in layer.modules())


def test_relevances_sum_to_a_reward_models_score(reward_engine):
    prompt = chat("what is right?", "the cat sat on the mat")
    [score_] = reward_engine.reward([prompt.messages])
    [found] = reward_engine.relevances([Explained(prompt, (whole(prompt, 1),))], attention="values")
    assert found.number == pytest.approx(score_, abs=1e-5)
    assert found.values.sum() + found.others == pytest.approx(score_, abs=1e-4)
    assert abs(found.values.sum()) > 1e-3


def test_relevances_sum_to_the_log_odds_of_an_answer(tiny_engine):
    prompt = chat("what is right?", "the cat sat", "and?")
    for request in (prompt, chat("a", "b 😀", prefill="the")):
        [choice] = tiny_engine.choose([ChoiceQuestion(request, ("Yes", "No"))])
        odds = choice.logprobs[0] - choice.logprobs[1]
        [found] = tiny_engine.relevances([Explained(request, (whole(request, 1),), labels=("Yes", "No"))])
        assert found.number == pytest.approx(odds, abs=1e-4)
    # Several labels of several tokens: the sum is that of the log-probabilities, less what stays with their entropies.
    [found] = tiny_engine.relevances([Explained(prompt, (whole(prompt, 1),), labels=("s", "t"))], attention="values")
    assert found.values.sum() + found.others == pytest.approx(found.number, abs=1e-4)


@pytest.mark.parametrize("length_handling", ["sum", "mean"])
def test_a_replys_relevances_exceed_its_log_probability_by_the_entropy_of_its_places(tiny_engine, length_handling):
    # log p = z_y - log sum e^z has the gradient 1[v = y] - p_v, which times z sums to log p + entropy.
    prompt, reply = chat("what is right?", prefill="the cat sat"), " on the mat"
    [read] = tiny_engine.distributions([Continuation(prompt, reply)])
    reduce = np.sum if length_handling == "sum" else np.mean
    request = Explained(prompt, (Stretch(1, 0, 11),), reply=reply, length_handling=length_handling)
    [found] = tiny_engine.relevances([request], attention="values")
    assert found.number == pytest.approx(float(reduce(read.logprobs)), abs=1e-4)
    gap = found.values.sum() + found.others - found.number
    assert gap == pytest.approx(float(reduce(read.entropies)), abs=1e-3)


def test_an_architecture_without_rules_is_refused_by_name_and_never_offered(tiny_engine, monkeypatch):
    resolved = dataclasses.replace(tiny_engine.resolved, architecture="gpt2")
    assert Capability.RELEVANCES in capabilities_of(tiny_engine.resolved)
    assert Capability.RELEVANCES not in capabilities_of(resolved)
    monkeypatch.setattr(tiny_engine, "resolved", resolved)
    prompt = chat("a")
    with pytest.raises(EngineError, match=r"built as gpt2; relevance is propagated through llama, mistral"):
        tiny_engine.relevances([Explained(prompt, (whole(prompt, 0),), labels=("Yes", "No"))])


@pytest.mark.parametrize("attention", ["weights", "values"])
def test_what_the_output_and_the_prompt_hold_and_the_gap_add_up_to_the_number(tiny_engine, reward_engine, attention):
    asked = item("the cat sat on", "the mat is right", reference="because")
    for engine, answer_by in ((tiny_engine, "outcome"), (reward_engine, "reward")):
        [result] = score(LayerRelevance(), engine, asked, attention=attention, answer_by=answer_by)
        found = signals(result)
        [tokens] = [signal for (channel, _), signal in found.items() if channel == "relevance"]
        tokens.segmentation.check_within(asked.texts)
        number, elsewhere, gap = (
            found[name, "whole"].total for name in ("explained_number", "relevance_elsewhere", "completeness_gap")
        )
        assert tokens.total + elsewhere == pytest.approx(number + gap, abs=1e-4)
    # The last one is a head's score.
    assert (abs(gap) < 1e-4) == (attention == "values")


def test_a_prompt_without_the_text_is_refused(tiny_engine):
    nothing = Explained(Prompt(chat("abc").messages), (Stretch(0, 3, 9),), labels=("Yes", "No"))
    [refused] = tiny_engine.relevances([nothing])
    assert "no token of the text" in refused.detail
