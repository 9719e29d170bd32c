"""What a reward source declares, what it is given, and what it gives back.

A source is a pure function of its items, its models and its parameters: it knows no database, and returns for every
item a result or the reason why there is none. A missing value is never a zero.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

from rewards.parameters import Parameter, Parameters
from rewards.rubrics.content import Criterion
from rewards.segmentation import Segmentation
from rewards.signals import RewardSignal
from workers.engines.contract import Capability, ChatMessage, Engine, Generated, Refusal
from workers.sources.prompts import PromptSpec, text_sha256
from workers.sources.replies import UNDERSTOOD, ParseState

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


class Gives(StrEnum):
    """What comes back. A source that answers a question that people are asked too gives judgments; numbers that
    nobody is asked for are signals, one value on the whole output where there is just one."""

    VERDICTS = "verdicts"
    RATINGS = "ratings"
    COMPARISONS = "comparisons"
    RANKING = "ranking"
    CRITIQUES = "critiques"
    SPANS = "spans"
    STEPS = "steps"
    SIGNALS = "signals"


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
class Reply:
    """What a model was asked and how it answered; kept with the judgment that came of it, or with the failure.

    Attributes
    ----------
    purpose : str
        What was asked, for a reader: a criterion's key, `first order` ...
    prompt_sha256 : str
        Of the prompt as it was read.
    parse_state : ParseState
    text : str
        The raw reply; empty where probabilities were read.
    detail : str
        Why it could not be read.
    offered_mass : float or None
        Probability that the model gave to the offered answers together.
    seed, prompt_tokens, reply_tokens, seconds, cost, served_model
        As the engine states them.
    """

    purpose: str
    prompt_sha256: str
    parse_state: ParseState
    text: str = ""
    detail: str = ""
    offered_mass: float | None = None
    seed: int | None = None
    prompt_tokens: int | None = None
    reply_tokens: int | None = None
    seconds: float | None = None
    cost: float | None = None
    served_model: str = ""

    @property
    def is_understood(self) -> bool:
        return self.parse_state in UNDERSTOOD

    @classmethod
    def of(
        cls,
        generated: Generated | Refusal,
        *,
        purpose: str,
        prompt_sha256: str,
        state: ParseState = ParseState.PARSED,
        detail: str = "",
        seed: int | None = None,
    ) -> Reply:
        """The record of a drawn text, or of the engine's refusal to draw one."""
        if isinstance(generated, Refusal):
            return cls(purpose, prompt_sha256, ParseState.REFUSED, detail=f"{generated.code}: {generated.detail}")
        if state not in UNDERSTOOD and generated.finish_reason == "length":
            state = ParseState.TRUNCATED
        return cls(
            purpose,
            prompt_sha256,
            state,
            text=generated.text,
            detail=detail,
            seed=seed,
            prompt_tokens=generated.prompt_token_count,
            reply_tokens=generated.token_count,
            seconds=generated.seconds,
            cost=generated.cost,
            served_model=generated.served_model,
        )


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
    reason, detail : str
        Why there is no verdict.
    explanation : str
        The judge's own words.
    """

    criterion_key: str
    state: Literal["scored", "not_applicable", "unscored"]
    value: float | None = None
    label: str = ""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    prior: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    detail: str = ""
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class RatingResult:
    """A number on a stated scale.

    Attributes
    ----------
    question : str
        A slug: `overall`, or the dimension that was asked for.
    value : float or None
        From `low` to `high`; None: the judge said that it does not apply.
    low, high : float
    probabilities : dict of str to float
        Over the offered numbers, where they were read.
    """

    question: str
    value: float | None
    low: float
    high: float
    probabilities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Which of two members of a group is better.

    Attributes
    ----------
    a, b : int
        Indices into `SourceItem.members`.
    choice : {"a", "b", "tie"}
    tie_kind : {"", "equal", "both_good", "both_bad", "cannot_tell", "flip"}
        `flip`: the judge changed its mind with the order of the two.
    strength : int or None
        Steps away from the middle.
    order_choices : tuple of str
        Asked with a first, then with b first: what was chosen each time, as "a", "b" or "tie".
    """

    a: int
    b: int
    choice: Literal["a", "b", "tie"]
    tie_kind: Literal["", "equal", "both_good", "both_bad", "cannot_tell", "flip"] = ""
    strength: int | None = None
    order_choices: tuple[str, ...] = ()
    replies: tuple[Reply, ...] = ()


@dataclass(frozen=True, slots=True)
class RankingResult:
    """An order of a group's members.

    Attributes
    ----------
    tiers : tuple of int
        By member, from 1 (best) on; equal numbers are ties.
    order : tuple of int
        Indices of the members in the order in which the judge saw them or they were drawn; empty: in theirs.
    """

    tiers: tuple[int, ...]
    order: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CritiqueResult:
    """Words about an output; `kind` is one of `rewards.models.Critique.Kind`."""

    kind: Literal["comment", "missing", "edit", "user_voice", "reviewer_voice", "summary"]
    text: str


@dataclass(frozen=True, slots=True)
class SpanResult:
    """A marked stretch of one message of the output, in code points.

    Attributes
    ----------
    message, start, end : int
        Found by offset: a quote that does not occur in the text is no span.
    type : str
        Such as an error category, or `good` and `bad`.
    severity : str
    value : float or None
        What the span is worth, where the source says so; positive is praise.
    explanation : str
    criterion_key : str
        Of the criterion whose verdict it is evidence for.
    """

    message: int
    start: int
    end: int
    type: str
    severity: str = ""
    value: float | None = None
    explanation: str = ""
    criterion_key: str = ""


@dataclass(frozen=True, slots=True)
class StepsResult:
    """A label for the steps of a segmentation.

    Attributes
    ----------
    segmentation : Segmentation
    labels : tuple of int or None, length n
        1 correct, 0 neutral, -1 wrong; None: this step got no label, and none is stored.
    first_error : int or None
        Index of the first wrong step, where the source names one.
    """

    segmentation: Segmentation
    labels: tuple[int | None, ...]
    first_error: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SignalResult:
    """Numbers over one segmentation of the output, under the name of what they are."""

    channel: str
    signal: RewardSignal


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What a source gives for one item; `replies` are kept with every judgment of it."""

    verdicts: tuple[VerdictResult, ...] = ()
    signals: tuple[SignalResult, ...] = ()
    ratings: tuple[RatingResult, ...] = ()
    comparisons: tuple[ComparisonResult, ...] = ()
    ranking: RankingResult | None = None
    critiques: tuple[CritiqueResult, ...] = ()
    spans: tuple[SpanResult, ...] | None = None
    """Empty where the output was read and nothing marked; None where nobody looked for spans."""
    steps: StepsResult | None = None
    replies: tuple[Reply, ...] = ()

    @property
    def gives(self) -> frozenset[Gives]:
        """The kinds that are there."""
        found = {
            Gives.VERDICTS: self.verdicts,
            Gives.RATINGS: self.ratings,
            Gives.COMPARISONS: self.comparisons,
            Gives.RANKING: self.ranking,
            Gives.CRITIQUES: self.critiques,
            Gives.SPANS: self.spans is not None,
            Gives.STEPS: self.steps,
            Gives.SIGNALS: self.signals,
        }
        return frozenset(kind for kind, results in found.items() if results)


@dataclass(frozen=True, slots=True)
class Unscored:
    """Why an item has no value: a stable code by which failures are grouped, a line for a person, and what the model
    said, where it said something that could not be read."""

    reason: str
    detail: str = ""
    replies: tuple[Reply, ...] = ()


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
