"""Relevance mixture: is the answer about the question, long enough and not repeating itself?

Kim and Seo 2024, "Preference-free Alignment Learning with Regularized Relevance Reward" (R^3, arXiv 2402.03469):
relevance by a retriever alone is over-optimised, so inductive biases regulate it and each other. For an open-ended
and for a closed-ended prompt,

    r(x, y) = rel(x, y) * min(1, |y| / n) * (1 - rep(y))             open-ended
    r(x, y) = rel(x, y) + overlap(y, y*)                             closed-ended, with the reference y*

    rel(x, y) = max(0, cos(e(x), e(y)));  |y| in words;  rep(y) = 1 - distinct 3-grams of words / 3-grams of words
    overlap(y, y*) = 2 P R / (P + R) over the words that both have (F1, each word as often as it occurs)

Fidelity: reconstructed. The paper's abstract names relevance, the reward hacking of relevance alone and the mixture;
what is public leaves open how the parts are joined, the length that counts as enough and the overlap, for which the
forms above are usual ones. A negative cosine counts as none, or a longer text would be punished for its length alone.
Each part is a signal of its own, so that a recipe can join them in another way. A prompt is closed-ended where its
task has the tag that a parameter names; a closed-ended task without a reference is unscored.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from rewards.parameters import Parameter, Parameters
from rewards.segmentation import whole
from rewards.signals import RewardSignal
from workers.engines.contract import Capability, Engine, Refusal, require
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, SourceItem
from workers.sources.prompts import conversation_text
from workers.sources.results import Gives, Scored, SignalResult, Unscored
from workers.sources.similarity import ENCODER, FAMILY, INCLUDE_THINKING, Embedded, cosine, written_text

MIXTURE = "relevance_mixture"
NGRAM = 3

# Scripts that do not part words by spaces: every character counts as one.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


class RelevanceMixture:
    """Relevance regulated by length and repetition, or joined with the reference's words; see the module."""

    declaration = Declaration(
        name=MIXTURE,
        version=1,
        title="Regularised relevance",
        summary="How relevant an output is to its prompt, held in check by its length and its repetitions.",
        formula="open: rel * min(1, words / n) * (1 - rep);  closed: rel + F1 of the words with the reference",
        paper="Kim and Seo 2024, Preference-free Alignment Learning with R^3, arXiv 2402.03469",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="Vectors worked by hand; how the paper joins the parts is not public.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.REFERENCE, Input.TAGS}),
        gives=frozenset({Gives.SIGNALS}),
        models=(ENCODER,),
        parameters=(
            Parameter(
                "closed_tag",
                "text",
                "closed-ended",
                "Tag of closed-ended tasks",
                "Tasks with this tag are compared with their reference; all others are open-ended.",
            ),
            Parameter(
                "enough_words",
                "integer",
                100,
                "Words that are enough",
                "An open-ended answer with fewer earns its share; more earn nothing more.",
                minimum=1,
                maximum=100_000,
            ),
            INCLUDE_THINKING,
        ),
        family=FAMILY,
    )

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Any parameters within their bounds work together."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """Each prompt and each output is read once."""
        texts = _texts(items, parameters)
        return Estimate(len(texts), sum(map(len, texts)))

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signal `relevance_mixture` with its parts, one value on the whole output each, by item."""
        encoder = engines["encoder"]
        require(encoder, Capability.EMBED)
        texts = _texts(items, parameters)
        embedded = dict(zip(texts, encoder.embed(texts), strict=True))
        return [_result(item, embedded, parameters) for item in items]


def words(text: str) -> list[str]:
    """Words as they are counted: runs of letters, marks and digits, case apart; characters of unspaced scripts."""
    return "".join(map(_as_counted, text.casefold())).split()


def _as_counted(character: str) -> str:
    if _UNSPACED.match(character):
        return f" {character} "
    # Marks belong to the letter before them, in whichever of two ways it is written.
    return character if character.isalnum() or unicodedata.category(character).startswith("M") else " "


def repetition(text: str, n: int = NGRAM) -> float:
    """``1 - distinct n-grams / n-grams`` of words; 0 for a text too short to have one."""
    found = words(text)
    ngrams = [tuple(found[start : start + n]) for start in range(len(found) - n + 1)]
    return 1 - len(set(ngrams)) / len(ngrams) if ngrams else 0.0


def word_f1(text: str, reference: str) -> float:
    """F1 of two bags of words: ``2 common / (|text| + |reference|)``; 0 where neither has a word."""
    one, other = Counter(words(text)), Counter(words(reference))
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def _texts(items: Sequence[SourceItem], parameters: Parameters) -> list[str]:
    with_thinking = bool(parameters["include_thinking"])
    pairs = ((conversation_text(item.task_messages), written_text(item, with_thinking=with_thinking)) for item in items)
    return list(dict.fromkeys(text for prompt, output in pairs if output for text in (prompt, output)))


def _result(item: SourceItem, embedded: Embedded, parameters: Parameters) -> Scored | Unscored:
    text = written_text(item, with_thinking=bool(parameters["include_thinking"]))
    if not text:
        return Unscored("empty_output", "the output has no text to read")
    is_closed = parameters["closed_tag"] in item.tags
    if is_closed and not (item.reference or "").strip():
        return Unscored("no_reference", "this task is closed-ended and has no reference answer")
    prompt, output = embedded[conversation_text(item.task_messages)], embedded[text]
    for name, vector in (("the prompt", prompt), ("the output", output)):
        if isinstance(vector, Refusal):
            return Unscored(vector.code.value, f"{name}: {vector.detail}")
    assert isinstance(prompt, np.ndarray)
    assert isinstance(output, np.ndarray)
    relevance = max(0.0, cosine(prompt, output))
    parts = _closed(relevance, text, item) if is_closed else _open(relevance, text, int(parameters["enough_words"]))
    place = whole(item.texts)
    signals = (SignalResult(name, RewardSignal(place, np.array([value], np.float32))) for name, value in parts.items())
    return Scored(signals=tuple(signals))


def _open(relevance: float, text: str, enough_words: int) -> dict[str, float]:
    length, repeated = min(1.0, len(words(text)) / enough_words), repetition(text)
    mixed = relevance * length * (1 - repeated)
    return {MIXTURE: mixed, "relevance": relevance, "length_incentive": length, "repetition": repeated}


def _closed(relevance: float, text: str, item: SourceItem) -> dict[str, float]:
    overlap = word_f1(text, item.reference or "")
    return {MIXTURE: relevance + overlap, "relevance": relevance, "reference_overlap": overlap}
