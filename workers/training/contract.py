"""What a trainer declares, what it is given, and what it gives back. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from rewards.parameters import Parameter, Parameters
from workers.engines.contract import ChatMessage
from workers.sources.contract import Fidelity, ModelRole, OutputMessage, SourceItem

if TYPE_CHECKING:
    from workers.engines.contract import Engine
    from workers.engines.folders import ResolvedModel
    from workers.sources.fitted.weights import FittedWeights

LEAST_OF_A_LABEL = 8
"""Training examples of either label below which a fit says nothing."""


COMMON = (
    Parameter(
        "held_out_share",
        "number",
        0.2,
        "Held out",
        "Share of the tasks to measure on, where the export itself holds none out.",
        minimum=0.01,
        maximum=0.9,
    ),
    Parameter(
        "most_examples",
        "integer",
        2_000,
        "At most",
        "Outputs: of more, so many are drawn.",
        minimum=16,
        maximum=1_000_000,
    ),
)
"""Parameters of every trainer."""


class FitError(Exception):
    """Why nothing was fitted, in one line for a person, with a stable code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Example(NamedTuple):
    """One labelled output.

    Attributes
    ----------
    prompt : tuple of ChatMessage
    completion : tuple of OutputMessage
    label : bool
        Whether the output is desirable.
    task : str
        What is kept on one side of the split, and drawn with replacement for intervals: the task's id, or the
        prompt's hash.
    is_held_out : bool
    """

    prompt: tuple[ChatMessage, ...]
    completion: tuple[OutputMessage, ...]
    label: bool
    task: str
    is_held_out: bool

    @property
    def item(self) -> SourceItem:
        """As sources read it."""
        return SourceItem(key=self.task, task_messages=self.prompt, output_messages=self.completion)


class Progress(Protocol):
    """Shows how far a fit is; raises where nobody wants it any more."""

    def __call__(self, words: str, *, curve: Sequence[Mapping[str, float | None]] | None = None) -> None: ...


class Base(Protocol):
    """The model that is fitted on, loaded when asked for."""

    def engine(self) -> Engine: ...

    def resolved(self) -> ResolvedModel: ...


@dataclass(frozen=True)
class Fitted:
    """What came of a fit.

    Attributes
    ----------
    weights : FittedWeights
    metrics : mapping
        JSON: `counts`, `left_out`, `train` and `held_out` with values and intervals, `curve` of losses, `notes`.
    """

    weights: FittedWeights
    metrics: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TrainerDeclaration:
    """All that a page, a form or a command must know of a trainer.

    Attributes
    ----------
    name : str
        Stable; stored with fits and artefacts.
    version : int
        Raised on any change of behaviour; stored with artefacts.
    title, summary, formula : str
    paper : str
    fidelity : Fidelity
    base : ModelRole
        The model that is fitted on.
    parameters : tuple of Parameter
    used_by : str
        How an artefact of it is used, in words.
    needs_both_labels : bool
        Whether it learns from labels at all.
    makes_model : bool
        Its artefact is an adapter: the base with it is offered as a model of its own.
    """

    name: str
    version: int
    title: str
    summary: str
    formula: str
    paper: str
    fidelity: Fidelity
    base: ModelRole
    parameters: tuple[Parameter, ...]
    used_by: str
    needs_both_labels: bool = True
    makes_model: bool = False

    @property
    def all_parameters(self) -> tuple[Parameter, ...]:
        """Its own, then those of every trainer."""
        return (*self.parameters, *COMMON)


class Trainer(Protocol):
    """A method that turns labelled outputs into fitted weights."""

    declaration: TrainerDeclaration

    def fit(
        self, examples: Sequence[Example], base: Base, parameters: Parameters, *, seed: int, progress: Progress
    ) -> Fitted:
        """Learn from the examples that are not held out, and measure on both.

        The same examples, model, parameters and seed give the same weights on the same machine and libraries.

        Raises
        ------
        FitError
            Too few labels, a loss that is not finite.
        EngineError
            Where the model cannot be loaded or asked.
        """
        ...


@dataclass
class LeftOut:
    """Examples that could not be read, counted by reason."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + 1
