"""What several rows begin with is read once, and the values stay those of plain passes (float32, random models)."""

import json
import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.tiny_model import build_tiny_model
from workers.engines.contract import ChatMessage, ChoiceQuestion, Continuation, Prompt
from workers.engines.forest import Segment, build_forest, pack_forests
from workers.engines.scoring import Row


def load(folder):
    from workers.engines.folders import resolve_model
    from workers.engines.transformers_engine import TransformersEngine

    resolved = resolve_model(str(folder), dtype="float32", models_dir=folder.parent)
    return TransformersEngine(resolved, device="cpu")


def user(text):
    return Prompt((ChatMessage("user", text),))


def plain_states(model, row):
    """The library's own attention, one row by itself."""
    import torch

    model.set_attn_implementation("sdpa")
    with torch.inference_mode():
        states = model.base_model(input_ids=torch.tensor([row]), use_cache=False).last_hidden_state[0]
    return states.numpy()


def changed(folder, **fields):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **fields}))
    return folder


def test_a_shared_beginning_stands_once_before_its_branches():
    # [1 2 3 4] is read once; then 5 6 and 7: 4 + 2 + 1 tokens instead of 6 + 5.
    forest = build_forest([[1, 2, 3, 4, 7], [1, 2, 3, 4, 5, 6]])
    assert forest.ids.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert forest.positions.tolist() == [0, 1, 2, 3, 4, 5, 4]
    assert forest.segments == [Segment(0, 4, 7, 0), Segment(4, 6, 6, 1), Segment(6, 7, 7, 1)]
    assert [places.tolist() for places in forest.places] == [[0, 1, 2, 3, 6], [0, 1, 2, 3, 4, 5]]


def test_a_beginning_that_saves_next_to_nothing_is_read_again():
    rows = [[1, 2, *range(10, 100)], [1, 2, *range(100, 190)]]
    assert len(build_forest(rows).ids) == sum(map(len, rows))


rows_of_tokens = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=24), min_size=1, max_size=14)


@given(rows_of_tokens)
@settings(deadline=None)
def test_a_forest_holds_every_row_at_its_positions_and_trees_lie_within_each_other(rows):
    forest = build_forest(rows)
    assert len(forest.ids) <= sum(map(len, rows))
    for row, places in zip(rows, forest.places, strict=True):
        assert forest.ids[places].tolist() == row
        assert forest.positions[places].tolist() == list(range(len(row)))
    ends = [segment.end for segment in forest.segments]
    assert [segment.start for segment in forest.segments] == [0, *ends[:-1]]
    # A row's tokens lie in segments whose trees hold all that comes after in the row.
    for places in forest.places:
        for segment in forest.segments:
            if set(range(segment.start, segment.end)) & set(places.tolist()):
                assert all(place < segment.subtree_end for place in places)


@given(rows_of_tokens, st.integers(1, 40), st.integers(1, 60))
@settings(deadline=None)
def test_passes_hold_every_row_once_and_stay_within_the_memory(rows, pass_tokens, most_tokens):
    passes = pack_forests(rows, pass_tokens=pass_tokens, most_tokens=most_tokens)
    assert sorted(index for found in passes for index in found) == list(range(len(rows)))
    for found in passes:
        assert len(found) == 1 or len(build_forest([rows[index] for index in found]).ids) <= most_tokens


def test_rows_that_share_their_beginning_stay_together_beyond_a_full_pass():
    begin = list(range(100))
    rows = [[*begin, place] for place in range(200, 220)] + [list(range(300, 400))]
    assert pack_forests(rows, pass_tokens=110, most_tokens=1000) == [list(range(20)), [20]]
    # Under the memory's bound the beginning is read again: 100 + 9 rows of one token, then the rest.
    assert [len(found) for found in pack_forests(rows, pass_tokens=110, most_tokens=109)] == [9, 9, 2, 1]


@pytest.mark.parametrize("kernel", ["the processor's", "plain"])
@pytest.mark.parametrize("seed", range(4))
def test_states_in_a_forest_equal_those_of_each_row_alone(tiny_engine, monkeypatch, kernel, seed):
    from workers.engines import tree_attention

    if kernel == "plain":
        monkeypatch.setattr(tree_attention, "_attend", tree_attention._attend_plainly)
        monkeypatch.setattr(tree_attention, "_MOST_SCORES", 1000)
    draw = np.random.default_rng(seed)
    trunk = draw.integers(3, 290, 150).tolist()
    rows = [
        [*trunk[: draw.integers(1, 150)], *draw.integers(3, 7, draw.integers(0, 90)).tolist()]
        for _ in range(draw.integers(2, 16))
    ]
    assert len(build_forest(rows).ids) < sum(map(len, rows))
    found = tiny_engine._scorer.states(rows)
    try:
        for row, states in zip(rows, found, strict=True):
            np.testing.assert_allclose(states.numpy(), plain_states(tiny_engine._model, row), atol=1e-4)
    finally:
        tiny_engine._model.set_attn_implementation(tree_attention.NAME)


@pytest.mark.parametrize("tokens", [1, 65, 128, 300])
def test_attention_in_blocks_is_causal_attention(tokens):
    import torch

    from workers.engines.tree_attention import _attend_in_blocks

    generator = torch.Generator().manual_seed(tokens)
    query = torch.randn((1, 4, tokens, 8), generator=generator)
    key, value = torch.randn((2, 1, 2, tokens, 8), generator=generator)
    # From the definition, with each key head repeated for its two query heads.
    scores = query @ key.repeat_interleave(2, 1).transpose(2, 3) * 0.3
    scores = scores.masked_fill(torch.ones(tokens, tokens, dtype=torch.bool).triu(1), -torch.inf)
    expected = scores.softmax(-1) @ value.repeat_interleave(2, 1)
    np.testing.assert_allclose(_attend_in_blocks(query, key, value, scale=0.3).numpy(), expected.numpy(), atol=1e-5)


def test_ten_criteria_on_one_output_read_the_output_once(tiny_engine, monkeypatch):
    sizes = []
    whole = tiny_engine._scorer._forest_states

    def count(forest):
        sizes.append(len(forest.ids))
        return whole(forest)

    monkeypatch.setattr(tiny_engine._scorer, "_forest_states", count)
    questions = [
        ChoiceQuestion(user("the cat sat on the mat. " * 9 + f"Criterion {number * 'x'}"), ("Yes", "No"))
        for number in range(10)
    ]
    together = tiny_engine.choose(questions)
    read, sizes[:] = sum(sizes), []
    for question, found in zip(questions, together, strict=True):
        [alone] = tiny_engine.choose([question])
        np.testing.assert_allclose(found.logprobs, alone.logprobs, atol=1e-4)
    # Ten prompts share more than four fifths of their tokens.
    assert read < sum(sizes) / 4


def test_many_outputs_after_one_task_read_the_task_once_and_equal_the_plain_path(tiny_engine, monkeypatch):
    requests = [Continuation(user("the cat sat on the mat. " * 9), text) for text in ("Yes", "No because", "Step 1: x")]
    shared = tiny_engine.logprobs(requests)
    monkeypatch.setattr(tiny_engine._scorer, "_shares", False)
    for found, expected in zip(shared, tiny_engine.logprobs(requests), strict=True):
        np.testing.assert_allclose(found.logprobs, expected.logprobs, atol=1e-4)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 16}, "sliding-window"),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}}, "longest row"),
    ],
)
def test_a_model_that_cannot_share_says_why_and_still_answers(tmp_path, caplog, fields, reason):
    import torch

    folder = changed(build_tiny_model(tmp_path / "model"), **fields)
    with caplog.at_level(logging.INFO, logger="workers.engines.transformers_engine"):
        engine = load(folder)
    assert engine.prefix_sharing.startswith("no: ")
    assert reason in engine.prefix_sharing
    assert engine.facts["prefix_sharing"] == engine.prefix_sharing
    assert reason in caplog.text
    texts = ["the answer is right because the cat sat " * 2, "No"]
    found = engine.logprobs([Continuation(Prompt(plain_text="Step 1: add. " * 4), text) for text in texts])
    tokenizer = engine._encoder.tokenizer
    prompt = tokenizer("Step 1: add. " * 4)["input_ids"]
    for text, values in zip(texts, found, strict=True):
        ids = tokenizer(text)["input_ids"]
        with torch.inference_mode():
            logits = engine._model(torch.tensor([prompt + ids])).logits[0].log_softmax(-1)
        expected = [logits[len(prompt) - 1 + place, token].item() for place, token in enumerate(ids)]
        np.testing.assert_allclose(values.logprobs, expected, atol=1e-4)


def test_a_model_whose_attention_does_not_follow_the_plan_is_found_out_by_trying(tmp_path, monkeypatch):
    from workers.engines import tree_attention

    def deaf(module, query, key, value, attention_mask, scaling=None, **options):
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling)

    from transformers import AttentionInterface

    tree_attention.register()
    folder = build_tiny_model(tmp_path / "model")
    AttentionInterface.register(tree_attention.NAME, deaf)
    try:
        engine = load(folder)
    finally:
        AttentionInterface.register(tree_attention.NAME, tree_attention.tree_attention)
    assert engine.prefix_sharing == "no: other values than a plain pass"
    [values] = engine.logprobs([Continuation(user("q"), "Yes")])
    assert np.isfinite(values.logprobs).all()


@pytest.mark.parametrize(
    ("config", "refusal"),
    [
        ({"model_type": "llama"}, ""),
        ({"sliding_window": 4096, "use_sliding_window": False, "layer_types": ["full_attention"]}, ""),
        ({"sliding_window": 4096}, "sliding-window attention"),
        ({"layer_types": ["full_attention", "linear_attention"]}, "layers of linear attention"),
        ({"attention_chunk_size": 8192}, "attention in chunks"),
        ({"rope_scaling": {"type": "longrope"}}, "rotary positions that depend on the longest row"),
    ],
)
def test_a_configuration_tells_what_cannot_be_shared(config, refusal):
    from workers.engines.sharing import refusal_of_config

    assert refusal_of_config(config) == refusal


def test_the_whole_logits_path_shares_too(tiny_engine, monkeypatch):
    rows = [Row((*range(3, 60), last), (57,), (5,)) for last in (100, 101, 102)]
    with_head = tiny_engine._scorer.score(rows)
    monkeypatch.setattr(tiny_engine._scorer, "head", None)
    np.testing.assert_allclose(tiny_engine._scorer.score(rows), with_head, atol=1e-5)
