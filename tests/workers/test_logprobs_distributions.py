"""Scores and entropy of the whole vocabulary at each token, in float32 against plain calls of the library."""

import math

import numpy as np
import pytest

from workers.engines.contract import Capability, ChatMessage, Continuation, EngineError, ErrorCode, Prompt, Refusal
from workers.engines.openai_engine import OpenAIEngine

TEXTS = ["Yes", "the cat sat on the mat", "😀👩‍👩‍👧 emoji", "x" * 150]


def user(text: str) -> Prompt:
    return Prompt((ChatMessage("user", text),))


def plain_distributions(engine, prompt, text):
    """Of the library's whole logits in double precision, one row by itself: logits, logsumexps, entropies."""
    import torch

    ids = engine._encoder.encode_continuation(text).ids
    before = engine._encoder.encode_prompt(prompt)
    with torch.inference_mode():
        logits = engine._model(torch.tensor([before + ids])).logits[0, len(before) - 1 : -1].double().numpy()
    shifted = logits - logits.max(axis=1, keepdims=True)
    weights = np.exp(shifted)
    logsumexps = np.log(weights.sum(axis=1)) + logits.max(axis=1)
    shares = weights / weights.sum(axis=1, keepdims=True)
    return logits[np.arange(len(ids)), ids], logsumexps, -(shares * np.log(shares)).sum(axis=1)


def test_distributions_equal_those_of_a_plain_call_of_the_library(tiny_engine):
    requests = [Continuation(user(text[::-1]), text) for text in TEXTS]
    for request, found in zip(requests, tiny_engine.distributions(requests), strict=True):
        logits, logsumexps, entropies = plain_distributions(tiny_engine, request.prompt, request.text)
        np.testing.assert_allclose(found.logits, logits, atol=1e-4)
        np.testing.assert_allclose(found.logsumexps, logsumexps, atol=1e-4)
        np.testing.assert_allclose(found.entropies, entropies, atol=1e-4)
        np.testing.assert_allclose(found.logprobs, logits - logsumexps, atol=1e-4)
        assert {array.dtype for array in (found.logits, found.logsumexps, found.entropies)} == {np.dtype("float32")}


def test_distributions_hold_the_log_probabilities_that_are_asked_for_alone(tiny_engine):
    request = Continuation(user("q"), "the cat")
    [whole], [alone] = tiny_engine.distributions([request]), tiny_engine.logprobs([request])
    np.testing.assert_array_equal(whole.token_ids, alone.token_ids)
    np.testing.assert_array_equal(whole.spans, alone.spans)
    np.testing.assert_allclose(whole.logprobs, alone.logprobs, atol=1e-6)


def test_distributions_do_not_depend_on_the_chunk_nor_on_a_head_of_its_own(tiny_engine, monkeypatch):
    request = Continuation(user("q"), "the answer is right because the cat sat")
    [once] = tiny_engine.distributions([request])
    monkeypatch.setattr(tiny_engine._scorer, "_logit_rows", 3)
    [in_chunks] = tiny_engine.distributions([request])
    monkeypatch.setattr(tiny_engine._scorer, "head", None)
    [without_head] = tiny_engine.distributions([request])
    for name in ("logprobs", "logits", "logsumexps", "entropies"):
        np.testing.assert_allclose(getattr(in_chunks, name), getattr(once, name), atol=1e-5)
        np.testing.assert_allclose(getattr(without_head, name), getattr(once, name), atol=1e-5)


def test_entropy_lies_between_none_and_that_of_an_even_draw(tiny_engine):
    [found] = tiny_engine.distributions([Continuation(user("q"), "Step 1: add. " * 5)])
    most = math.log(tiny_engine._model.config.vocab_size)
    assert (found.entropies >= 0).all()
    assert (found.entropies <= most + 1e-4).all()


def test_a_token_that_the_model_rules_out_altogether_leaves_the_entropy_finite():
    import torch

    from workers.engines.scoring import _columns

    # Two tokens of logit 0 share all there is, the third has none: entropy ln 2, logsumexp ln 2.
    logits = torch.tensor([[0.0, 0.0, -math.inf]])
    normalised = logits.log_softmax(-1)
    found = _columns(logits, normalised, normalised[:, 0], torch.tensor([0]))
    np.testing.assert_allclose(found.numpy(), [[-math.log(2), 0, math.log(2), math.log(2)]], atol=1e-6)


def test_an_empty_text_and_one_that_does_not_fit_stand_beside_answers(tiny_engine):
    empty, fine, huge = tiny_engine.distributions(
        [Continuation(user("q"), ""), Continuation(user("q"), "Yes"), Continuation(user("q"), "xq" * 400)]
    )
    assert len(empty.entropies) == 0
    assert len(fine.entropies) > 0
    assert isinstance(huge, Refusal)


def test_a_served_model_is_refused_before_a_request_goes_out(tiny_engine):
    # Only what the engine looks at before it asks: no server is there to be asked.
    served = OpenAIEngine.__new__(OpenAIEngine)
    served.capabilities = frozenset({Capability.LOGPROBS, Capability.CHOOSE, Capability.GENERATE})
    with pytest.raises(EngineError, match="distributions") as caught:
        served.distributions([Continuation(user("q"), "Yes")])
    assert caught.value.code == ErrorCode.UNSUPPORTED
    assert Capability.DISTRIBUTIONS in tiny_engine.capabilities
