"""Attribution by gradients: what each token's embedding adds to a number, from a few passes whatever the length.

With e_t the embedding of token t, b the baseline and s the number,

    gradient x input:        phi_t = (e_t - b) . ds/de_t,  at the embeddings themselves
    integrated gradients:    phi_t = (e_t - b) . integral of ds/de_t along the line from b to e

Simonyan et al. 2014 (arXiv 1312.6034) and Shrikumar et al. 2016 (arXiv 1605.01713); Sundararajan, Taly and Yan 2017,
"Axiomatic Attribution for Deep Networks" (arXiv 1703.01365), equation 1. The tokens of what the policy wrote move, the
rest of the prompt is read as it is, so that integrated gradients sum to s(y) - s(y with baseline embeddings) as the
number of steps grows. The channel `completeness_gap` shows how far off they are; gradient x input has the gap of a
function that is not linear. `layer_relevance` takes the gradient of another function: one with a rule for every layer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameter, Parameters
from rewards.statistics.attribution import completeness_gap
from workers.engines.contract import Capability, Engine, Refusal, require
from workers.engines.explained import Explained, InputBaseline
from workers.sources.attribution.parts import EMPTY_CHANNEL, GAP_CHANNEL, SCALAR_CHANNEL, whole_numbers
from workers.sources.attribution.perturbation import FAMILY, NEEDS, PROMPT_SPEC, USES
from workers.sources.attribution.scalars import (
    INCLUDE_THINKING,
    NEEDS_REFERENCE,
    OUTCOME,
    REFERENCE_MEAN,
    REFERENCE_SUM,
    REWARD,
    SCALAR,
    USE_CONTEXT,
    unscored,
)
from workers.sources.attribution.tokens import Asked, asked_for, token_signal
from workers.sources.contract import Declaration, Estimate, Fidelity, ModelRole, SourceItem
from workers.sources.results import Gives, Scored, SignalResult, Unscored

WAYS = (
    (OUTCOME, frozenset({Capability.CHOOSE})),
    (REWARD, frozenset({Capability.REWARD})),
    (REFERENCE_MEAN, frozenset({Capability.LOGPROBS})),
    (REFERENCE_SUM, frozenset({Capability.LOGPROBS})),
)
ROLE = ModelRole(
    name="model",
    label="Model whose number is explained",
    help="Runs in this process: gradients are not given over HTTP.",
    capabilities=frozenset({Capability.GRADIENTS}),
    ways=WAYS,
)
NUMBER = Parameter(
    SCALAR.name,
    "choice",
    OUTCOME,
    SCALAR.label,
    SCALAR.help,
    choices=tuple((value, label) for value, label in SCALAR.choices if value in dict(WAYS)),
)


def _baseline(default: str) -> Parameter:
    return Parameter(
        "baseline",
        "choice",
        default,
        "Baseline",
        "What stands for the absence of a token.",
        choices=(("zero", "The zero embedding"), ("mean", "The mean of all tokens' embeddings")),
    )


class Credits(NamedTuple):
    """A number and what the tokens hold of it.

    Attributes
    ----------
    spans : int32 array, shape (T, 3)
        Of each token: the request's stretch that it lies in, start and end in its message.
    values : float32 array, shape (T,)
    number, rest : float
        The values are complete where they sum to the number less the rest.
    rest_channel : str
        What the rest is called.
    """

    spans: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    number: float
    rest: float
    rest_channel: str = EMPTY_CHANNEL


class TokenAttribution:
    """What the methods that credit tokens have in common: they differ in what they ask of the engine."""

    declaration: Declaration
    channel: str

    def check(self, parameters: Parameters, roles: Collection[str]) -> None:
        """Any parameters within their bounds work together."""

    def estimate(self, items: Sequence[SourceItem], parameters: Parameters) -> Estimate:
        """Readings of each output that has text."""
        template = self.declaration.template(parameters)
        asked = [found for item in items if (found := asked_for(item, parameters, template))]
        characters = sum(len(message.text) for found in asked for message in found.request.prompt.messages)
        return Estimate(len(asked), self._readings(parameters) * characters)

    def score(
        self, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
    ) -> list[Scored | Unscored]:
        """Credits of tokens, the number, what of it is not theirs, and the completeness gap, by item."""
        [role] = self.declaration.models
        engine = engines[role.name]
        require(engine, *role.capabilities, *dict(WAYS)[str(parameters[NUMBER.name])])
        prepared = [self._prepare(item, parameters) for item in items]
        requests = [found.request for found in prepared if isinstance(found, Asked)]
        answers = iter(self._ask(engine, requests, parameters))
        return [
            self._result(item, found, next(answers), engine) if isinstance(found, Asked) else found
            for item, found in zip(items, prepared, strict=True)
        ]

    def _readings(self, parameters: Parameters) -> int:
        """How often the model reads a text, a way back counted as a reading."""
        raise NotImplementedError

    def _ask(self, engine: Engine, requests: Sequence[Explained], parameters: Parameters) -> list[Credits | Refusal]:
        raise NotImplementedError

    def _prepare(self, item: SourceItem, parameters: Parameters) -> Asked | Unscored:
        if parameters[NUMBER.name] in NEEDS_REFERENCE and not (item.reference or "").strip():
            return Unscored("no_reference", "this task has no reference answer")
        found = asked_for(item, parameters, self.declaration.template(parameters))
        return found or Unscored("empty_output", "the output has no text to show")

    def _result(self, item: SourceItem, asked: Asked, found: Credits | Refusal, engine: Engine) -> Scored | Unscored:
        if isinstance(found, Refusal):
            return unscored(found)
        if not np.isfinite([*found.values, found.number, found.rest]).all():
            return Unscored("not_finite", "the number or its gradient is not finite")
        starts = np.array([stretch.start for stretch in asked.request.stretches], dtype=np.int32)
        spans = found.spans.copy()
        spans[:, 1:] -= starts[spans[:, 0], None]
        signal = token_signal(item, engine, asked.messages, spans, found.values)
        if isinstance(signal, Refusal):
            return unscored(signal)
        numbers = {
            SCALAR_CHANNEL: found.number,
            found.rest_channel: found.rest,
            GAP_CHANNEL: completeness_gap(signal.values, found.number, found.rest),
        }
        return Scored(signals=(SignalResult(self.channel, signal), *whole_numbers(item, numbers)))


class _Gradients(TokenAttribution):
    """Both methods of gradients: they differ in the number of points at which the gradient is taken."""

    def _readings(self, parameters: Parameters) -> int:
        """One for the number, one for the baseline and, forth and back, one at each point."""
        return 3 + 2 * max(1, self._steps(parameters))

    def _ask(self, engine: Engine, requests: Sequence[Explained], parameters: Parameters) -> list[Credits | Refusal]:
        baseline: InputBaseline = "mean" if parameters["baseline"] == "mean" else "zero"
        answers = engine.gradients(requests, steps=self._steps(parameters), baseline=baseline)
        return [
            found if isinstance(found, Refusal) else Credits(found.spans, found.values, found.number, found.baseline)
            for found in answers
        ]

    def _steps(self, parameters: Parameters) -> int:
        raise NotImplementedError


class GradientTimesInput(_Gradients):
    """One gradient, times the embedding; see the module."""

    channel = "gradient_x_input"
    declaration = Declaration(
        name="gradient_x_input",
        version=2,
        title="Gradient times input",
        summary="What a model's number would lose with each token's embedding if it were linear in them.",
        formula="phi_t = (e_t - b) . ds/de_t;  completeness_gap = sum phi - (s(e) - s(b)), 0 for linear s",
        paper="Shrikumar et al. 2016, Not Just a Black Box, arXiv 1605.01713",
        fidelity=Fidelity.PAPER,
        checked_by="Functions worked by hand; the slope along each embedding by finite differences.",
        needs=NEEDS,
        uses=USES,
        gives=frozenset({Gives.SIGNALS}),
        models=(ROLE,),
        parameters=(NUMBER, USE_CONTEXT, INCLUDE_THINKING, _baseline("zero")),
        prompt=PROMPT_SPEC,
        family=FAMILY,
    )

    def _steps(self, parameters: Parameters) -> int:
        return 0


class IntegratedGradients(_Gradients):
    """The gradient along the line from a baseline; see the module."""

    channel = "integrated_gradients"
    declaration = Declaration(
        name="integrated_gradients",
        version=2,
        title="Integrated gradients",
        summary="Divides a model's number among tokens by its gradient along the way from a baseline.",
        formula="phi_t = (e_t - b) . int_0^1 ds/de_t (b + a (e - b)) da;  sum phi = s(e) - s(b), up to the steps",
        paper="Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks, arXiv 1703.01365",
        fidelity=Fidelity.PAPER,
        checked_by="Functions worked by hand; the sum on real models. Points of Gauss and Legendre, not equal ones.",
        needs=NEEDS,
        uses=USES,
        gives=frozenset({Gives.SIGNALS}),
        models=(ROLE,),
        parameters=(
            NUMBER,
            USE_CONTEXT,
            INCLUDE_THINKING,
            _baseline("mean"),
            Parameter(
                "steps",
                "integer",
                32,
                "Steps",
                "More of them close the completeness gap; one is a gradient half-way.",
                minimum=1,
                maximum=500,
            ),
        ),
        prompt=PROMPT_SPEC,
        family=FAMILY,
    )

    def _steps(self, parameters: Parameters) -> int:
        return int(parameters["steps"])
