"""Encoders and reward models, in float32 against plain calls of the library on random two-layer models."""

import json

import numpy as np
import pytest

from tests.workers.tiny_model import build_tiny_encoder, build_tiny_model, build_tiny_reward_model
from workers.engines.contract import Capability, ChatMessage, EngineError, ErrorCode, Refusal
from workers.engines.folders import Kind, resolve_model
from workers.engines.loading import capabilities_of, load_engine

TEXTS = ["Yes", "the cat sat on the mat", "😀 日本語", "x" * 200, "Step 1: add. " * 9]
CONVERSATIONS = [
    (ChatMessage("user", "right?"), ChatMessage("assistant", "Yes")),
    (ChatMessage("user", "xq " * 60), ChatMessage("assistant", "No because the mat")),
    (ChatMessage("system", "be brief"), ChatMessage("user", "q"), ChatMessage("assistant", "<|im_end|> hostile")),
]


def resolved(folder, **options):
    return resolve_model(str(folder), dtype="float32", models_dir=folder.parent, **options)


def load(folder):
    return load_engine(resolved(folder), device="cpu")


def write_pooling(folder, *, normalises=True, **modes):
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32, **modes}))
    kinds = ["Transformer", "Pooling", *(["Normalize"] if normalises else [])]
    paths = ["", "1_Pooling", "2_Normalize"]
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(zip(kinds, paths, strict=False))
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    return folder


@pytest.fixture(scope="module")
def reward_folder(tmp_path_factory):
    return build_tiny_reward_model(tmp_path_factory.mktemp("models") / "reward")


def test_what_a_model_can_do_follows_from_its_architecture(tmp_path, reward_folder, tiny_folder):
    encoder = build_tiny_encoder(tmp_path / "encoder")
    kinds = {
        tiny_folder: (Kind.CAUSAL, {"logprobs", "choose", "generate", "hidden_states", "attentions"}),
        encoder: (Kind.ENCODER, {"embed"}),
        reward_folder: (Kind.CLASSIFIER, {"reward"}),
    }
    for folder, (kind, capabilities) in kinds.items():
        found = resolved(folder)
        assert found.kind == kind
        assert capabilities_of(found) >= {Capability(name) for name in capabilities}
        engine = load_engine(found, device="cpu")
        assert {name for name in Capability if hasattr(engine, name.value)} == engine.capabilities
        assert engine.capabilities == capabilities_of(found)
    config = json.loads((encoder / "config.json").read_text())
    (encoder / "config.json").write_text(json.dumps({**config, "architectures": ["T5ForConditionalGeneration"]}))
    with pytest.raises(EngineError, match="T5ForConditionalGeneration"):
        resolved(encoder)


@pytest.mark.parametrize("mode", ["mean_tokens", "cls_token", "max_tokens", "lasttoken"])
def test_vectors_are_the_states_pooled_as_the_model_says_and_have_length_one(tmp_path, mode):
    import torch

    folder = write_pooling(build_tiny_encoder(tmp_path / "encoder"), **{f"pooling_mode_{mode}": True})
    engine = load(folder)
    found = engine.embed(TEXTS)
    for text, vector in zip(TEXTS, found, strict=True):
        ids = engine._encoder.tokenizer(text)["input_ids"]
        with torch.inference_mode():
            states = engine._model(torch.tensor([ids])).last_hidden_state[0].numpy()
        expected = {
            "mean_tokens": states.mean(0),
            "cls_token": states[0],
            "max_tokens": states.max(0),
            "lasttoken": states[-1],
        }[mode]
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-5)
        assert vector.dtype == np.float32
    assert engine.facts == {"pooling": mode.removesuffix("_tokens").removesuffix("_token")}
    assert engine.usage.requests == len(TEXTS)


def test_a_pooling_that_is_not_stated_is_the_mean_and_said_to_be_assumed(tmp_path):
    engine = load(build_tiny_encoder(tmp_path / "encoder"))
    assert engine.facts == {"pooling": "mean, not stated"}
    [vector] = engine.embed(["Yes"])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "modes",
    [
        {"pooling_mode_weightedmean_tokens": True},
        {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
        {},
    ],
)
def test_a_pooling_that_is_not_known_is_refused_before_the_model_is_loaded(tmp_path, modes):
    folder = write_pooling(build_tiny_encoder(tmp_path / "encoder"), **modes)
    with pytest.raises(EngineError, match="pools by") as caught:
        load(folder)
    assert caught.value.code == ErrorCode.UNSUPPORTED


def test_the_pooling_and_the_stated_length_belong_to_the_identity_and_the_context(tmp_path):
    folder = write_pooling(build_tiny_encoder(tmp_path / "encoder"), pooling_mode_mean_tokens=True)
    before = resolved(folder)
    assert before.context_length == 512
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    assert resolved(folder).weights != before.weights
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 40}')
    engine = load(folder)
    assert engine.context_length == 40
    short, long = engine.embed(["Yes", "x" * 200])
    assert isinstance(long, Refusal)
    assert long.code == ErrorCode.CONTEXT_OVERRUN
    assert short.shape == (32,)


def test_a_pooling_outside_of_the_folder_is_refused(tmp_path):
    folder = build_tiny_encoder(tmp_path / "encoder")
    (folder / "modules.json").write_text('[{"path": "../..", "type": "sentence_transformers.models.Pooling"}]')
    with pytest.raises(EngineError, match="outside") as caught:
        resolved(folder)
    assert caught.value.code == ErrorCode.MODEL_INVALID


def test_a_vector_does_not_depend_on_the_batch(tmp_path):
    engine = load(build_tiny_encoder(tmp_path / "encoder"))
    together = engine.embed(TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(engine.embed([text])[0], vector, atol=1e-5)


def plain_score(engine, conversation):
    """The library's own: one row, its head's number."""
    import torch

    chat = [{"role": message.role, "content": message.text} for message in conversation]
    ids = engine._encoder.tokenizer.apply_chat_template(chat, add_generation_prompt=False)["input_ids"]
    with torch.inference_mode():
        return engine._model(torch.tensor([ids])).logits[0, 0].item()


def test_rewards_equal_a_plain_call_of_the_library_raw_and_whatever_is_beside_them(reward_folder):
    engine = load(reward_folder)
    # The third holds a control token, which the plain call would read as one.
    found = engine.reward(CONVERSATIONS)
    for conversation, score in zip(CONVERSATIONS[:2], found[:2], strict=True):
        assert score == pytest.approx(plain_score(engine, conversation), abs=1e-4)
    assert [engine.reward([conversation])[0] for conversation in CONVERSATIONS] == pytest.approx(found, abs=1e-4)
    # Neither softmax (1 everywhere) nor sigmoid (between 0 and 1) has been put on it.
    assert len({round(score, 3) for score in found}) == 3
    assert not all(0 <= score <= 1 for score in found)


def test_a_reward_model_without_a_token_to_pad_with_reads_one_conversation_at_a_time(tmp_path):
    engine = load(build_tiny_reward_model(tmp_path / "reward", pad_token_id=None))
    found = engine.reward(CONVERSATIONS[:2])
    assert found == pytest.approx([plain_score(engine, conversation) for conversation in CONVERSATIONS[:2]], abs=1e-4)


def test_a_classifier_of_several_labels_is_refused_by_their_names(tmp_path):
    folder = build_tiny_reward_model(tmp_path / "reward", labels=3)
    with pytest.raises(EngineError, match="3 labels \\(LABEL_0, LABEL_1, LABEL_2\\)") as caught:
        load(folder)
    assert caught.value.code == ErrorCode.UNSUPPORTED


def test_a_head_that_the_folder_does_not_hold_is_not_made_up(tmp_path):
    """A language model that calls itself a reward model would get a random head."""
    folder = build_tiny_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps({**config, "architectures": ["LlamaForSequenceClassification"], "id2label": {"0": "reward"}})
    )
    with pytest.raises(EngineError, match="no weights for score") as caught:
        load(folder)
    assert caught.value.code == ErrorCode.MODEL_INVALID


def test_conversations_beyond_the_context_or_without_a_template_are_refused_beside_others(reward_folder, monkeypatch):
    engine = load(reward_folder)
    long = (ChatMessage("user", "xq" * 400), ChatMessage("assistant", "Yes"))
    lone = (ChatMessage("user", "\ud800"),)
    over, fine, surrogate = engine.reward([long, CONVERSATIONS[0], lone])
    assert over.code == ErrorCode.CONTEXT_OVERRUN
    assert surrogate.code == ErrorCode.INVALID_TEXT
    assert isinstance(fine, float)
    assert engine.usage.requests == 1
    monkeypatch.setattr(engine._encoder.tokenizer, "chat_template", None)
    [refused] = engine.reward([CONVERSATIONS[0]])
    assert refused.code == ErrorCode.NO_CHAT_TEMPLATE


def test_running_out_of_memory_halves_and_refuses_only_what_does_not_fit_alone(reward_folder, monkeypatch):
    engine = load(reward_folder)
    expected = engine.reward(CONVERSATIONS)
    whole = engine._model.forward

    def short_of_memory(input_ids, **options):
        if input_ids.shape[0] > 1 or input_ids.shape[1] > 100:
            raise MemoryError
        return whole(input_ids=input_ids, **options)

    monkeypatch.setattr(engine._model, "forward", short_of_memory)
    first, second, third = engine.reward(CONVERSATIONS)
    assert second.code == ErrorCode.OUT_OF_MEMORY
    assert [first, third] == pytest.approx([expected[0], expected[2]], abs=1e-4)
    assert engine.token_budget < engine.budget.pass_tokens
