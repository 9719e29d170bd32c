"""Small models for tests: a random two-layer Llama with a byte-level tokenizer, and a model worked out by hand."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workers.engines.contract import (
    Capability,
    Choice,
    ChoiceQuestion,
    Continuation,
    ErrorCode,
    LengthHandling,
    Prompt,
    Refusal,
    TokenLogprobs,
    Usage,
)

CONTEXT_LENGTH = 512
CONTROL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def build_tiny_model(folder: Path, *, seed: int = 0, merges: int = 40) -> Path:
    """Write a random-initialised model into `folder`, as a hub would hold it. Under a second once torch is imported.

    Models built with different `merges` have different tokenizers.
    """
    from transformers import LlamaForCausalLM

    return _build(folder, LlamaForCausalLM, seed=seed, merges=merges)


def build_tiny_reward_model(folder: Path, *, labels: int = 1, **settings: object) -> Path:
    """The same with a head of scores instead of next tokens."""
    from transformers import LlamaForSequenceClassification

    return _build(folder, LlamaForSequenceClassification, num_labels=labels, **settings)


def build_tiny_encoder(folder: Path, **settings: object) -> Path:
    """The same without a head; its states are to be pooled."""
    from transformers import LlamaModel

    return _build(folder, LlamaModel, **settings)


def _build(folder: Path, model_class, *, seed: int = 0, merges: int = 40, **settings: object) -> Path:
    import torch
    from transformers import LlamaConfig

    vocabulary = _write_tokenizer(folder, merges)
    sizes: dict[str, object] = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT_LENGTH,
        "tie_word_embeddings": True,
        # Wide enough that probabilities differ clearly between tokens.
        "initializer_range": 0.3,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model_class(LlamaConfig(**{**sizes, **settings})).save_pretrained(folder)
    return folder


def _write_tokenizer(folder: Path, merges: int) -> int:
    """Give the number of its tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=len(CONTROL_TOKENS) + 256 + merges,
        special_tokens=CONTROL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(
        ["Yes No the answer is right because the cat sat on the mat. Step 1: add. "] * 4, trainer
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    return tokenizer.get_vocab_size()


class LetterEngine:
    """A model that can be worked out by hand.

    Log-probabilities: one token a character; its probability is 1/2 if it occurs in the prompt's last message, else
    1/8. Choices: the probability of a label is (1 + how often it occurs in the prompt) / 100.
    """

    capabilities = frozenset({Capability.LOGPROBS, Capability.CHOOSE})
    dtype = "float32"

    def __init__(self, *, name: str = "letters", context_length: int = 10_000) -> None:
        self.identity = {"weights": name, "tokenizer": name, "chat_template": "", "dtype": "float32"}
        self.context_length = context_length
        self.asked: list[Prompt] = []
        self.usage = Usage()

    def logprobs(self, requests: Sequence[Continuation]) -> list[TokenLogprobs | Refusal]:
        return [self._score(request) for request in requests]

    def choose(
        self, questions: Sequence[ChoiceQuestion], *, length_handling: LengthHandling = "sum"
    ) -> list[Choice | Refusal]:
        return [self._choose(question) for question in questions]

    def _score(self, request: Continuation) -> TokenLogprobs | Refusal:
        read = self._read(request.prompt)
        if len(read) + len(request.text) > self.context_length:
            return Refusal(ErrorCode.CONTEXT_OVERRUN, "too many letters")
        values = [math.log(1 / 2 if character in read else 1 / 8) for character in request.text]
        ends = np.arange(1, len(request.text) + 1, dtype=np.int32)
        return TokenLogprobs(
            token_ids=np.array([ord(character) for character in request.text], dtype=np.int64),
            spans=np.stack([ends - 1, ends], axis=1),
            logprobs=np.array(values, dtype=np.float32),
        )

    def _choose(self, question: ChoiceQuestion) -> Choice | Refusal:
        read = self._read(question.prompt)
        if len(read) > self.context_length:
            return Refusal(ErrorCode.CONTEXT_OVERRUN, "too many letters")
        values = tuple(math.log((1 + read.count(label)) / 100) for label in question.labels)
        return Choice(question.labels, values, tuple(1 for _ in question.labels))

    def _read(self, prompt: Prompt) -> str:
        self.asked.append(prompt)
        return prompt.messages[-1].text if prompt.messages else prompt.plain_text or ""
