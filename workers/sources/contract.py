"""What a reward source declares and what it is given; `results` has what it gives back.

A source is a pure function of its items, its models and its parameters: it knows no database, and returns for every
item a result or the reason why there is none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from rewards.parameters import Parameter, Parameters
from rewards.rubrics.content import Criterion
from workers.engines.contract import Capability, ChatMessage, Engine
from workers.sources.prompts import PromptSpec, text_sha256
from workers.sources.results import Gives, Scored, Unscored

PROMPT = "prompt"
"""Where a template of the project's own stands among the parameters that a source is given."""
ARTEFACT = "artefact"
"""Where the fitted weights stand among them, of a source that declares an artefact."""


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
    METADATA = "metadata"
    """Of the task: what a verifier checks by, such as tests or constraints."""
    TAGS = "tags"
    """Of the task: its kind, where a source treats kinds differently."""


@dataclass(frozen=True, slots=True)
class ModelRole:
    """A model that a source works with: `judge`, `view_a` ...

    Attributes
    ----------
    name, label, help : str
    capabilities : frozenset of Capability
        All are needed.
    required : bool
    ways : tuple of (value, frozenset of Capability)
        Needed beside them: what one value of the source's parameter `answer_by` asks for. A model that can serve one
        of the values can be chosen.
    compares_tokens : bool
        Its tokens are compared one by one with those of the other roles that say so: their vocabularies must be one.
    """

    name: str
    label: str
    help: str
    capabilities: frozenset[Capability]
    required: bool = True
    ways: tuple[tuple[str, frozenset[Capability]], ...] = ()
    compares_tokens: bool = False

    def missing(self, given: Collection[str], answer_by: object = None) -> frozenset[Capability]:
        """What a model that gives these lacks for the role: for this value of `answer_by`, or for the nearest."""
        asked = [needed for value, needed in self.ways if answer_by in {None, value}] or [frozenset()]
        return min((frozenset((self.capabilities | needed) - set(given)) for needed in asked), key=len)


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
    prompt : PromptSpec or None
        The template that it fills, which a project may replace by a version of its own.
    reads_group : bool
        An item is all chosen outputs of a task together (`SourceItem.members`), not one output.
    family : str
        Heading under which pages list it.
    needs_sandbox : bool
        It runs programs that a policy or a task proposed, which not every machine can (see `workers.sandbox`).
    artefact : str
        The kind of artefact whose weights it reads (`workers.training.registry`); empty where it reads none. The first
        model is the one that the artefact was fitted on.
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
    prompt: PromptSpec | None = None
    reads_group: bool = False
    family: str = "Rubrics and judges"
    needs_sandbox: bool = False
    artefact: str = ""

    @property
    def prompt_sha256(self) -> str:
        """Hash of the template that it comes with; empty where there is none."""
        return text_sha256(self.prompt.default) if self.prompt else ""

    def template(self, parameters: Parameters) -> str:
        """The prompt template in force: the project's version, which stands in the parameters, or its own."""
        assert self.prompt is not None
        return str(parameters.get(PROMPT, self.prompt.default))

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
class Member:
    """One output of a group."""

    key: str
    messages: tuple[OutputMessage, ...]

    @property
    def texts(self) -> list[str]:
        """Texts of its messages."""
        return [message.text for message in self.messages]


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One output with its task, or a task with a group of outputs, as a source reads it.

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
    metadata : mapping
        Of the task, as imported.
    tags : tuple of str
        Of the task.
    members : tuple of Member
        For a source that reads groups: the outputs, in the order of import; `output_messages` is then empty.
    """

    key: str
    task_messages: tuple[ChatMessage, ...]
    output_messages: tuple[OutputMessage, ...]
    reference: str | None = None
    context: str | None = None
    criteria: tuple[Criterion, ...] = ()
    repeat: int = 0
    seed: int = 0
    members: tuple[Member, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """Texts of the output's messages: spans are counted in them."""
        return [message.text for message in self.output_messages]

    @property
    def is_empty(self) -> bool:
        """Whether the policy wrote nothing that a reader could see."""
        return not any(message.text.strip() for message in self.output_messages if message.role == "assistant")


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
