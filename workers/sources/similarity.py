"""Semantic similarity: how near an output lies to a reference, to its prompt or to a criterion in a model's space.

    s(y, z) = cos(e(y), e(z)),    e: a text's embedding

* To the reference, for the whole output: the reward of Nicolson et al. 2023, "Longitudinal Data and a Semantic
  Similarity Reward for Chest X-Ray Report Generation" (arXiv 2307.09758), there with CXR-BERT. Fidelity: paper, with
  any embedding model; their baseline r(sample) - r(greedy) is an advantage and no part of it.
* To the prompt or to each criterion, step by step: Adaptive Return-conditioned Policy (Kim et al. 2023, "Guide Your
  Agent with Adaptive Multimodal Rewards", arXiv 2309.10790) rewards each time step with the similarity of what is seen
  to the instruction. Fidelity: reconstructed. The paper's observations are images in CLIP's space; it leaves open
  what a time step of a text is, here a sentence.

For each sentence there are two numbers: the similarity of the sentence by itself, and that of all the text up to its
end (`similarity_prefix`), a curve that ends in the similarity of the whole. The text is what the policy wrote, its
messages separated by a blank line; what tools said is not read. A text beyond the model's context is unscored, never
cut: a curve and a whole need all of it, sentences by themselves do not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameter, ParameterError, Parameters
from rewards.segmentation import sentences, whole
from rewards.signals import RewardSignal
from workers.engines.contract import Capability, Engine, Refusal, require
from workers.sources.contract import Declaration, Estimate, Fidelity, Input, ModelRole, SourceItem
from workers.sources.prompts import conversation_text, text_sha256
from workers.sources.results import Gives, Scored, SignalResult, Unscored

SIMILARITY, PREFIX = "similarity", "similarity_prefix"
PROMPT_TEXT, CRITERIA = "prompt", "criteria"
FAMILY = "Similarity and relevance"
BETWEEN_MESSAGES = "\n\n"
MAX_CHANNEL = 80

Vector = npt.NDArray[np.float32]
Embedded = Mapping[str, "Vector | Refusal"]

ENCODER = ModelRole(
    name="encoder",
    label="Embedding model",
    help="Turns a text into a vector.",
    capabilities=frozenset({Capability.EMBED}),
)
WHOLE_OUTPUT = Parameter("whole_output", "boolean", True, "The whole output", "One number for all that was written.")
BY_SENTENCE = Parameter("by_sentence", "boolean", True, "Each sentence", "By itself, without those before it.")
INCLUDE_THINKING = Parameter(
    "include_thinking", "boolean", False, "Read the thinking", "Else only what the policy answered."
)


def prefix_parameter(default: bool) -> Parameter:
    """The curve; how many characters it costs grows with the square of the number of sentences."""
    return Parameter(
        "by_prefix",
        "boolean",
        default,
        "All up to each sentence",
        "A curve that ends in the similarity of the whole. Long outputs are read many times over for it.",
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    """A text of an output, and the sentence it belongs to; None is the whole output."""

    channel: str
    text: str
    sentence: int | None = None


@dataclass(frozen=True, slots=True)
class _Target:
    """What pieces are compared with; `key` tells the channels of several targets apart."""

    text: str
    key: str = ""


class _Similarity:
    """What both sources do once the targets are known."""

    declaration: Declaration

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Something has to be compared."""
        if not any(parameters[part] for part in ("whole_output", "by_sentence", "by_prefix")):
            raise ParameterError({"whole_output": "choose the whole output, its sentences or both"})

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """Each different text is read once."""
        texts = dict.fromkeys(text for item in items for text in self._texts(item, parameters))
        return Estimate(len(texts), sum(map(len, texts)))

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Signals `similarity` and `similarity_prefix` by item."""
        self.check(parameters, engines)
        encoder = engines["encoder"]
        require(encoder, Capability.EMBED)
        texts = list(dict.fromkeys(text for item in items for text in self._texts(item, parameters)))
        embedded = dict(zip(texts, encoder.embed(texts), strict=True))
        return [self._result(item, embedded, parameters) for item in items]

    def _targets(self, item: SourceItem, parameters: Parameters) -> list[_Target]:
        raise NotImplementedError

    def _texts(self, item: SourceItem, parameters: Parameters) -> Iterable[str]:
        targets, pieces = self._targets(item, parameters), _pieces(item, parameters)
        return [*(one.text for one in targets), *(one.text for one in pieces)] if targets and pieces else []

    def _result(self, item: SourceItem, embedded: Embedded, parameters: Parameters) -> Scored | Unscored:
        targets, pieces = self._targets(item, parameters), _pieces(item, parameters)
        if not targets:
            return Unscored("no_criteria", "no rubric applies to this task")
        if not pieces:
            return Unscored("empty_output", "the output has no text to read")
        signals: list[SignalResult] = []
        for target in targets:
            found = _compared(item, target, pieces, embedded)
            if isinstance(found, Unscored):
                return found
            signals += found
        return Scored(signals=tuple(signals))


class SemanticSimilarity(_Similarity):
    """Similarity to the reference answer, of the whole output and of each sentence; see the module."""

    declaration = Declaration(
        name="semantic_similarity",
        version=1,
        title="Semantic similarity to the reference",
        summary="The cosine between the embeddings of the output and of the reference answer, whole and by sentence.",
        formula="s(y, ref) = cos(e(y), e(ref))",
        paper="Nicolson et al. 2023, Longitudinal Data and a Semantic Similarity Reward, arXiv 2307.09758",
        fidelity=Fidelity.PAPER,
        checked_by="Vectors worked by hand; equal texts give 1. The paper's encoder reads X-ray reports, this is any.",
        needs=frozenset({Input.OUTPUT, Input.REFERENCE}),
        uses=frozenset(),
        gives=frozenset({Gives.SIGNALS}),
        models=(ENCODER,),
        parameters=(WHOLE_OUTPUT, BY_SENTENCE, prefix_parameter(False), INCLUDE_THINKING),
        family=FAMILY,
    )

    def _targets(self, item: SourceItem, parameters: Parameters) -> list[_Target]:
        return [_Target(item.reference or "")]


class InstructionSimilarity(_Similarity):
    """Similarity to the prompt or to each criterion, as the output goes on; see the module."""

    declaration = Declaration(
        name="instruction_similarity",
        version=1,
        title="Similarity to the prompt or the rubric",
        summary="How near each sentence, and all up to it, lies to what was asked for: the cheapest dense reward.",
        formula="s_k = cos(e(y_1..k), e(x));  the curve ends in the similarity of the whole output",
        paper="Kim et al. 2023, Guide Your Agent with Adaptive Multimodal Rewards, arXiv 2309.10790",
        fidelity=Fidelity.RECONSTRUCTED,
        checked_by="Vectors worked by hand; the curve ends in the whole. The paper's steps are images, not sentences.",
        needs=frozenset({Input.TASK, Input.OUTPUT}),
        uses=frozenset({Input.CRITERIA}),
        gives=frozenset({Gives.SIGNALS}),
        models=(ENCODER,),
        parameters=(
            Parameter(
                "against",
                "choice",
                PROMPT_TEXT,
                "Compared with",
                "With a rubric there is a signal for each criterion.",
                choices=((PROMPT_TEXT, "The task's prompt"), (CRITERIA, "Each criterion of the rubric")),
            ),
            WHOLE_OUTPUT,
            BY_SENTENCE,
            prefix_parameter(True),
            INCLUDE_THINKING,
        ),
        family=FAMILY,
    )

    def _targets(self, item: SourceItem, parameters: Parameters) -> list[_Target]:
        if parameters["against"] == CRITERIA:
            return [_Target(criterion.text, criterion.key) for criterion in item.criteria]
        return [_Target(conversation_text(item.task_messages))]


def channel_of(name: str, key: str) -> str:
    """The name of a signal about one criterion; a key too long to be stored with it ends in a part of its hash."""
    channel = f"{name}:{key}" if key else name
    if len(channel) <= MAX_CHANNEL:
        return channel
    return f"{channel[: MAX_CHANNEL - 9]}-{text_sha256(key)[:8]}"


def cosine(one: Vector, other: Vector) -> float:
    """Of two vectors of length 1, in double precision and within [-1, 1]."""
    return float(np.clip(np.dot(one.astype(np.float64), other.astype(np.float64)), -1.0, 1.0))


def written(item: SourceItem, *, with_thinking: bool) -> list[int]:
    """Indices of the messages in which the policy wrote something."""
    return [
        index
        for index, message in enumerate(item.output_messages)
        if message.role == "assistant" and message.text.strip() and (with_thinking or message.channel != "thinking")
    ]


def written_text(item: SourceItem, *, with_thinking: bool) -> str:
    """All that the policy wrote, its messages separated by a blank line."""
    return BETWEEN_MESSAGES.join(item.texts[index] for index in written(item, with_thinking=with_thinking))


def _pieces(item: SourceItem, parameters: Parameters) -> list[_Piece]:
    with_thinking = bool(parameters["include_thinking"])
    read = written(item, with_thinking=with_thinking)
    if not read:
        return []
    pieces = []
    if parameters["whole_output"]:
        pieces.append(_Piece(SIMILARITY, written_text(item, with_thinking=with_thinking)))
    before = {
        message: "".join(f"{item.texts[index]}{BETWEEN_MESSAGES}" for index in read[:n])
        for n, message in enumerate(read)
    }
    for number, (message, start, end) in enumerate(sentences(item.texts).spans.tolist()):
        if message not in before:
            continue
        text = item.texts[message]
        if parameters["by_sentence"]:
            pieces.append(_Piece(SIMILARITY, text[start:end].strip(), number))
        if parameters["by_prefix"]:
            pieces.append(_Piece(PREFIX, before[message] + text[:end], number))
    return pieces


def _compared(
    item: SourceItem, target: _Target, pieces: Sequence[_Piece], embedded: Embedded
) -> list[SignalResult] | Unscored:
    goal = embedded[target.text]
    if isinstance(goal, Refusal):
        return Unscored(goal.code.value, f"what the output is compared with: {goal.detail}")
    by_sentence = sentences(item.texts)
    values: dict[tuple[str, bool], npt.NDArray[np.float32]] = {}
    refused: Refusal | None = None
    for piece in pieces:
        key = (channel_of(piece.channel, target.key), piece.sentence is None)
        row = values.setdefault(key, np.full(1 if piece.sentence is None else len(by_sentence), np.nan, np.float32))
        vector = embedded[piece.text]
        if not isinstance(vector, Refusal):
            row[piece.sentence or 0] = cosine(vector, goal)
        elif piece.sentence is None or piece.channel == PREFIX:
            return Unscored(vector.code.value, f"all that was written: {vector.detail}")
        else:
            refused = vector
    if refused is not None and all(np.isnan(row).all() for row in values.values()):
        return Unscored(refused.code.value, f"every sentence: {refused.detail}")
    places = {True: whole(item.texts), False: by_sentence}
    return [
        SignalResult(channel, RewardSignal(places[is_whole], row))
        for (channel, is_whole), row in values.items()
        if not np.isnan(row).all()
    ]
