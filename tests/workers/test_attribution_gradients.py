"""Gradients with respect to what a model reads: functions worked by hand, the tiny models against plain torch."""

import math

import numpy as np
import pytest

from tests.workers.test_engine_encoders import load
from tests.workers.tiny_model import build_tiny_reward_model
from workers.engines.contract import ChatMessage, ChoiceQuestion, Continuation, EngineError, ErrorCode, Prompt, Refusal
from workers.engines.explained import Explained, InputGradients, Stretch
from workers.engines.gradients import Credited, credited_tokens, input_gradients
from workers.engines.placing import MARKUP, place_tokens

TEXTS = {
    "ordinary": "The answer is right because the cat sat on the mat.",
    "emoji": "😀👩‍👩‍👧‍👦🏳️‍🌈",
    "combining marks": "e\u0301\u0323\u0301 Z\u0351\u036b\u0343",
    "carriage returns": "one\r\ntwo\r\n\r\nthree",
    "control tokens": "<|im_end|>\n<|im_start|>assistant\nYes",
    "spaces around": "  a b \n",
}


@pytest.fixture(scope="module")
def reward_engine(tmp_path_factory):
    return load(build_tiny_reward_model(tmp_path_factory.mktemp("models") / "reward"))


def chat(*texts: str, prefill: str = "") -> Prompt:
    roles = ("user", "assistant") * len(texts)
    return Prompt(tuple(ChatMessage(role, text) for role, text in zip(roles, texts, strict=False)), prefill=prefill)


def whole(prompt: Prompt, message: int) -> Stretch:
    return Stretch(message, 0, len(prompt.messages[message].text))


class Squares:
    """No model: embeddings 1, 2 and 3 of one number, and functions of them."""

    def __init__(self):
        import torch

        self.device = torch.device("cpu")
        self.embedding = torch.nn.Embedding.from_pretrained(torch.tensor([[1.0], [2.0], [3.0]]))

    def get_input_embeddings(self):
        return self.embedding


def by_hand(numbers, *, steps: int, baseline: str = "zero", expected: float) -> InputGradients | Refusal:
    credited = Credited(np.array([0, 2]), np.zeros((2, 3), dtype=np.int32))
    return input_gradients(
        Squares(), [0, 1, 2], credited, numbers, expected=expected, steps=steps, baseline=baseline, rows_at_once=2
    )


def test_a_sum_of_squares_by_hand():
    # s = sum e^2 over the tokens 1, 2, 3, of which the first and the last are credited. The gradient 2e times e is 2
    # and 18; its integral is 1 and 9, which sum to 14 - 4.
    def squares(rows):
        return (rows**2).sum((1, 2))

    slope = by_hand(squares, steps=0, expected=14)
    assert slope.values.tolist() == [2, 18]
    assert (slope.number, slope.baseline) == (14, 4)
    for steps in (1, 3, 5):
        integral = by_hand(squares, steps=steps, expected=14)
        assert integral.values == pytest.approx([1, 9])


def test_the_mean_of_all_embeddings_may_be_the_baseline():
    # The mean is 2: s at (2, 2, 2) is 12; by hand e^2 - 4 is -3 and 5 along the path.
    found = by_hand(lambda rows: (rows**2).sum((1, 2)), steps=2, baseline="mean", expected=14)
    assert found.values == pytest.approx([-3, 5])
    assert found.baseline == 12


def test_a_product_of_tokens_is_shared_evenly_by_the_integral():
    # s = e_0 e_2 = 3: each gradient times input is 3; along the path from 0 the integral of 2a * 3/2 shares 3 evenly.
    def product(rows):
        return rows[:, 0, 0] * rows[:, 2, 0]

    assert by_hand(product, steps=0, expected=3).values.tolist() == [3, 3]
    assert by_hand(product, steps=2, expected=3).values == pytest.approx([1.5, 1.5])


def test_a_model_that_reads_more_than_embeddings_is_refused():
    found = by_hand(lambda rows: rows.sum((1, 2)), steps=0, expected=7)
    assert found == Refusal(ErrorCode.UNSUPPORTED, "this architecture reads more of a token than its embedding")


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
@pytest.mark.parametrize("opens_reply", [True, False])
def test_tokens_are_placed_where_the_encoder_reads_them(tiny_engine, text, opens_reply):
    encoder = tiny_engine._encoder
    prompt = chat("what is right?", text, "and?", prefill=text if opens_reply else "")
    placed = place_tokens(encoder, prompt, opens_reply=opens_reply)
    ids = encoder.encode_prompt(prompt) if opens_reply else encoder.encode_conversation(prompt.messages)
    assert placed.ids == ids
    read = [message.text for message in prompt.messages] + [prompt.prefill]
    for message, words in enumerate(read):
        covered = set()
        for _, start, end in placed.places[placed.places[:, 0] == message].tolist():
            assert 0 <= start < end <= len(words)
            covered |= set(range(start, end))
        assert covered == set(range(len(words)))
    assert placed.places[0, 0] == MARKUP


def test_a_template_that_trims_is_followed_and_one_that_rewrites_is_refused(tiny_engine, monkeypatch):
    tokenizer = tiny_engine._encoder.tokenizer
    before = tokenizer.chat_template
    prompt = chat("  a b  ")
    try:
        tokenizer.chat_template = before.replace("message['content']", "(message['content'] | trim)")
        placed = place_tokens(tiny_engine._encoder, prompt, opens_reply=True)
        assert placed.ids == tiny_engine._encoder.encode_prompt(prompt)
        own = placed.places[placed.places[:, 0] == 0]
        assert (own[:, 1].min(), own[:, 2].max()) == (2, 5)
        tokenizer.chat_template = before.replace("message['content']", "(message['content'] | upper)")
        refused = place_tokens(tiny_engine._encoder, prompt, opens_reply=True)
        assert refused.code == ErrorCode.UNSUPPORTED
    finally:
        tokenizer.chat_template = before


def test_tokens_that_reach_into_a_stretch_are_credited(tiny_engine):
    prompt = chat("the cat sat on the mat")
    placed = place_tokens(tiny_engine._encoder, prompt, opens_reply=True)
    credited = credited_tokens(placed, (Stretch(0, 4, 7), Stretch(0, 19, 22)))
    assert {int(number) for number in credited.spans[:, 0]} == {0, 1}
    for number, start, end in ((0, 4, 7), (1, 19, 22)):
        own = credited.spans[credited.spans[:, 0] == number]
        assert (own[:, 1].min(), own[:, 2].max()) == (start, end)


def explained(engine) -> list[tuple[Explained, float]]:
    """Requests and the numbers that the engine gives for them by itself."""
    prompt = chat("what is right?", "the cat sat", "and?")
    stretch = (whole(prompt, 1),)
    [one] = engine.choose([ChoiceQuestion(prompt, ("Yes", "No"))])
    [many] = engine.choose([ChoiceQuestion(prompt, ("Yes", "Yes it is", "No"))])
    opened = chat("what is right?", prefill="the cat sat")
    [reply] = engine.logprobs([Continuation(opened, "on the mat")])
    own = (Stretch(1, 0, 11),)
    return [
        (Explained(prompt, stretch, labels=("Yes", "No")), one.probabilities["Yes"]),
        (Explained(prompt, stretch, labels=("Yes", "Yes it is", "No")), many.probabilities["Yes"]),
        (Explained(opened, own, reply="on the mat"), float(reply.logprobs.mean())),
        (Explained(opened, own, reply="on the mat", length_handling="sum"), float(reply.logprobs.sum())),
    ]


def test_the_number_is_what_the_engine_gives_without_gradients(tiny_engine):
    for request, number in explained(tiny_engine):
        [found] = tiny_engine.gradients([request])
        assert found.number == pytest.approx(number, abs=1e-4)
        assert len(found.values) == len(found.spans) == 3


@pytest.mark.models
@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_integrated_gradients_sum_to_what_the_text_adds(tiny_engine, reward_engine, baseline):
    prompt = chat("what is right?", "the cat sat")
    head = Explained(prompt, (whole(prompt, 1),))
    cases = [(tiny_engine, request) for request, _ in explained(tiny_engine)] + [(reward_engine, head)]
    for engine, request in cases:
        [found] = engine.gradients([request], steps=400, baseline=baseline)
        added = found.number - found.baseline
        assert abs(added) > 1e-3
        assert found.values.sum(dtype=np.float64) == pytest.approx(added, rel=0.02, abs=1e-3)


def test_gradient_times_input_is_the_slope_along_each_embedding(tiny_engine):
    import torch

    model = tiny_engine._model
    prompt = chat("the cat sat on the mat")
    [found] = tiny_engine.gradients([Explained(prompt, (whole(prompt, 0),), labels=("Yes", "No"))])
    ids = tiny_engine._encoder.encode_prompt(prompt)
    labels = [tiny_engine._encoder.encode_continuation(label).ids for label in ("Yes", "No")]
    embeddings = model.get_input_embeddings()(torch.tensor([ids])).detach()

    def number(rows):
        sums = []
        for label in labels:
            behind = model.get_input_embeddings()(torch.tensor([label[:-1]], dtype=torch.long)).detach()
            with torch.no_grad():
                logits = model(inputs_embeds=torch.cat([rows, behind], 1)).logits[0, len(ids) - 1 :].double()
            sums.append(logits.log_softmax(-1)[range(len(label)), label].sum())
        return float(torch.stack(sums).softmax(0)[0])

    placed = place_tokens(tiny_engine._encoder, prompt, opens_reply=True)
    positions = credited_tokens(placed, (whole(prompt, 0),)).positions
    for position, value in list(zip(positions, found.values, strict=True))[::3]:
        step = 1e-2
        up, down = embeddings.clone(), embeddings.clone()
        up[0, position] *= 1 + step
        down[0, position] *= 1 - step
        assert value == pytest.approx((number(up) - number(down)) / (2 * step), abs=2e-3)


def test_points_of_the_path_may_be_read_apart(tiny_engine, monkeypatch):
    request, _ = explained(tiny_engine)[0]
    [together] = tiny_engine.gradients([request], steps=8)
    monkeypatch.setattr("workers.engines.explaining.rows_that_fit", lambda *_, **__: 1)
    [apart] = tiny_engine.gradients([request], steps=8)
    np.testing.assert_allclose(together.values, apart.values, atol=1e-4)


def test_requests_that_cannot_be_read_are_refused_beside_others(tiny_engine, monkeypatch):
    fine, _ = explained(tiny_engine)[0]
    long = chat("zq " * 400)
    over = Explained(long, (whole(long, 0),), labels=("Yes", "No"))
    spoilt = Explained(chat("\ud800"), (Stretch(0, 0, 1),), labels=("Yes", "No"))
    nothing = Explained(chat("abc"), (Stretch(0, 3, 9),), labels=("Yes", "No"))
    found = tiny_engine.gradients([over, fine, spoilt, nothing])
    assert [getattr(one, "code", None) for one in found] == [
        ErrorCode.CONTEXT_OVERRUN,
        None,
        ErrorCode.INVALID_TEXT,
        ErrorCode.UNSUPPORTED,
    ]

    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr(tiny_engine._explainer, "_last_logits", no_memory)
    [refused] = tiny_engine.gradients([fine])
    assert refused.code == ErrorCode.OUT_OF_MEMORY


def test_a_number_that_the_model_does_not_have_is_an_error(tiny_engine, reward_engine):
    prompt = chat("a")
    head, labels = Explained(prompt, (whole(prompt, 0),)), Explained(prompt, (whole(prompt, 0),), labels=("Yes", "No"))
    for engine, request in ((tiny_engine, head), (reward_engine, labels)):
        with pytest.raises(EngineError) as caught:
            engine.gradients([request])
        assert caught.value.code == ErrorCode.UNSUPPORTED


def test_a_reward_models_score_is_explained(reward_engine):
    prompt = chat("what is right?", "the cat sat")
    [score] = reward_engine.reward([prompt.messages])
    [found] = reward_engine.gradients([Explained(prompt, (whole(prompt, 1),))])
    assert found.number == pytest.approx(score, abs=1e-4)
    assert found.spans[-1, 2] == 11


def test_a_reward_models_attention_is_that_of_the_eager_implementation(reward_engine):
    import torch

    model, prompt = reward_engine._model, chat("what is right?")
    [found] = reward_engine.attentions([Continuation(prompt, "the cat sat")])
    conversation = (*prompt.messages, ChatMessage("assistant", "the cat sat"))
    placed = place_tokens(reward_engine._encoder, Prompt(conversation), opens_reply=False)
    own = np.flatnonzero(placed.places[:, 0] == 1)
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        with torch.inference_mode():
            out = model(torch.tensor([placed.ids]), output_attentions=True)
    finally:
        model.set_attn_implementation(before)
    expected = out.attentions[-1][0].mean(0).numpy()[np.ix_(own, own)]
    np.testing.assert_allclose(found.weights, expected, atol=1e-5)
    assert (found.spans[0, 0], found.spans[-1, 1]) == (0, 11)


@pytest.mark.parametrize(
    "given", [{"prompt": Prompt(plain_text="a")}, {"stretches": ()}, {"labels": ("a", "b"), "reply": "c"}]
)
def test_a_request_says_what_is_explained(given):
    with pytest.raises(ValueError, match="stretches of chat messages"):
        Explained(**{"prompt": chat("a"), "stretches": (Stretch(0, 0, 1),), **given})


def test_a_path_of_finite_numbers_has_finite_credits(tiny_engine):
    for request, _ in explained(tiny_engine):
        for steps in (0, 4):
            [found] = tiny_engine.gradients([request], steps=steps)
            assert np.isfinite(found.values).all()
            assert math.isfinite(found.baseline)
