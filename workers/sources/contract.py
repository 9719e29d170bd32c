"""What a reward source declares, what it is given, and what it gives back.

A source is a pure function of its items, its models and its parameters: it knows no database, and returns for every
item a result or the reason why there is none. A missing value is never a zero.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from rewards.rubrics.content import Criterion
from rewards.signals import RewardSignal
from workers.engines.contract import Capability, ChatMessage, Engine
from workers.sources.parameters import Parameter, Parameters


class Fidelity(StrEnum):
    """What a source was checked against."""

    CODE = "code"
    """The authors' published code."""
    PAPER = "paper"
    """The text of the paper."""
    RECONSTRUCTED = "reconstructed"
    """The text leaves a gap, which the source's docstring names."""


class Input(StrEnum):
    """The parts of an item that a source may read. The input hash covers those that it declares."""

    TASK = "task"
    OUTPUT = "output"
    REFERENCE = "reference"
    CONTEXT = "context"
    CRITERIA = "criteria"


class Gives(StrEnum):
    VERDICTS = "verdicts"
    SIGNALS = "signals"
    RATINGS = "ratings"


@dataclass(frozen=True, slots=True)
class ModelRole:
    """A model that a source works with: `judge`, `view_a` ..."""

    name: str
    label: str
    help: str
    capabilities: frozenset[Capability]
    required: bool = True


@dataclass(frozen=True, slots=True)
class Declaration:
    """All that a page, a form, a hash or a worker must know of a source before it runs.

    Attributes
    ----------
    name : str
        Stable; stored with scorers.
    version : int
        Raised on any change of behaviour: it enters the hash of scorers.
    title, summary, formula : str
        For people; the formula in plain text.
    paper : str
        Authors, year and arXiv number or venue.
    fidelity : Fidelity
    checked_by : str
        How the fidelity was checked.
    needs : frozenset of Input
        Read, and an item without one of them is unscored.
    uses : frozenset of Input
        Read where the item has it.
    gives : frozenset of Gives
    models : tuple of ModelRole
    parameters : tuple of Parameter
    prompt_sha256 : str
        Hash of the prompt template; empty where there is none.
    """

    name: str
    version: int
    title: str
    summary: str
    formula: str
    paper: str
    fidelity: Fidelity
    checked_by: str
    needs: frozenset[Input]
    uses: frozenset[Input]
    gives: frozenset[Gives]
    models: tuple[ModelRole, ...]
    parameters: tuple[Parameter, ...]
    prompt_sha256: str = ""

    @property
    def inputs(self) -> frozenset[Input]:
        """What the input hash must cover."""
        return self.needs | self.uses


@dataclass(frozen=True, slots=True)
class OutputMessage:
    """One message of an output."""

    role: str
    text: str
    channel: str = "answer"


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One output with its task, as a source reads it.

    Attributes
    ----------
    key : str
        The caller's name for it; no source interprets it.
    task_messages : tuple of ChatMessage
    output_messages : tuple of OutputMessage
    reference, context : str or None
    criteria : tuple of Criterion
        Of the rubric version that applies to this task.
    repeat, seed : int
        For sources that draw.
    """

    key: str
    task_messages: tuple[ChatMessage, ...]
    output_messages: tuple[OutputMessage, ...]
    reference: str | None = None
    context: str | None = None
    criteria: tuple[Criterion, ...] = ()
    repeat: int = 0
    seed: int = 0

    @property
    def texts(self) -> list[str]:
        """Texts of the output's messages: spans are counted in them."""
        return [message.text for message in self.output_messages]

    @property
    def is_empty(self) -> bool:
        """Whether the policy wrote nothing that a reader could see."""
        return not any(message.text.strip() for message in self.output_messages if message.role == "assistant")


@dataclass(frozen=True, slots=True)
class VerdictResult:
    """The answer to one criterion.

    Attributes
    ----------
    criterion_key : str
    state : {"scored", "not_applicable", "unscored"}
    value : float or None
        In [0, 1]. Binary: probability that it is met. Ordinal: expected value of the level. Nominal: value of the
        likeliest level. None unless scored.
    label : str
        The likeliest of the offered answers.
    probabilities : dict of str to float
        Over the offered answers, in the order of the offer; they sum to 1.
    prior : dict of str to float
        The same after a content-free output.
    offered_mass : float or None
        Probability that the model gave to the offered answers together.
    prompt_sha256 : str
        Of the prompt as it was read.
    reason, detail : str
        Why there is no verdict.
    """

    criterion_key: str
    state: Literal["scored", "not_applicable", "unscored"]
    value: float | None = None
    label: str = ""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    prior: Mapping[str, float] = field(default_factory=dict)
    offered_mass: float | None = None
    prompt_sha256: str = ""
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class SignalResult:
    """Numbers over one segmentation of the output, under the name of what they are."""

    channel: str
    signal: RewardSignal


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What a source gives for one item."""

    verdicts: tuple[VerdictResult, ...] = ()
    signals: tuple[SignalResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Unscored:
    """Why an item has no value: a stable code by which failures are grouped, and a line for a person."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What scoring would cost: texts that a model reads, and their characters."""

    requests: int
    characters: int

    @property
    def tokens(self) -> int:
        """A guess before any tokenizer is loaded: four characters a token, as in English."""
        return -(-self.characters // 4)


class Source(Protocol):
    """A method that turns outputs into judgments or signals."""

    declaration: Declaration

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Raise `ParameterError` where these parameters and models cannot work together."""
        ...

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """The cost of `score`, without a model."""
        ...

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """One result per item, in order.

        Parameters
        ----------
        items : sequence of SourceItem
        engines : mapping of role name to Engine
        parameters : mapping
            As `validate_parameters` returns them.

        Raises
        ------
        EngineError
            Where the models cannot serve any item.
        """
        ...
