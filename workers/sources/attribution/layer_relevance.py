"""Attribution by layer-wise relevance: the number handed back through the model's layers to the tokens it read.

Every layer passes on what relevance it got, by a rule of its own (Achtibat et al. 2024, "AttnLRP: Attention-Aware
Layer-Wise Relevance Propagation for Transformers", arXiv 2402.05602; the rules stand in `workers.engines.relevance`).
So relevances of all tokens, of prompt and answer, sum to the number:

    sum over the output's tokens of R_t + relevance_elsewhere + what stayed with constants = s

`relevance_elsewhere` is what the prompt, the template's marks and tokens read behind them hold; `completeness_gap` is
the third term with its sign turned. With the rule `values` it is 0 for a head's score and for the log-odds of answers
of one token, in a model without biases; for a reply it is the mean (or the sum) of the entropies at its places, and so
for the further tokens of an answer, since a log-probability is no linear function of the last layer. The rule `weights`
leaves a part with each softmax.

A probability is explained by its log-odds: the sigmoid at the end would only scale what each token holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewards.parameters import Parameter, Parameters
from workers.engines.contract import Capability, Engine, Refusal
from workers.engines.explained import Explained
from workers.sources.attribution.gradients import NUMBER, WAYS, Credits, TokenAttribution
from workers.sources.attribution.perturbation import FAMILY, NEEDS, PROMPT_SPEC, USES
from workers.sources.attribution.scalars import INCLUDE_THINKING, USE_CONTEXT
from workers.sources.contract import Declaration, Fidelity, ModelRole
from workers.sources.results import Gives

ELSEWHERE_CHANNEL = "relevance_elsewhere"


class LayerRelevance(TokenAttribution):
    """Layer-wise relevance propagation with AttnLRP's rules; see the module."""

    channel = "relevance"
    declaration = Declaration(
        name="layer_relevance",
        version=1,
        title="Layer-wise relevance (AttnLRP)",
        summary="Divides a model's number among the tokens that it read, layer by layer, in one pass forth and back.",
        formula="sum_t R_t + relevance_elsewhere = s + completeness_gap;  s = log-odds of YES, log p or a head's score",
        paper="Achtibat et al. 2024, AttnLRP, arXiv 2402.05602; values alone: Ali et al. 2022, arXiv 2202.07304",
        fidelity=Fidelity.CODE,
        checked_by="A layer worked by hand; equal to the authors' code on a random Llama; relevances sum to the score "
        "where attention weights are constants. A probability is explained by its log-odds.",
        needs=NEEDS,
        uses=USES,
        gives=frozenset({Gives.SIGNALS}),
        models=(
            ModelRole(
                name="model",
                label="Model whose number is explained",
                help="Runs in this process, and is built like Llama: each layer needs a rule of its own.",
                capabilities=frozenset({Capability.RELEVANCES}),
                ways=WAYS,
            ),
        ),
        parameters=(
            NUMBER,
            Parameter(
                "attention",
                "choice",
                "weights",
                "Relevance goes through",
                "Through values alone, all of it arrives; through weights, where a model looked counts as well.",
                choices=(("weights", "Attention weights and values (AttnLRP)"), ("values", "Values alone (CP-LRP)")),
            ),
            USE_CONTEXT,
            INCLUDE_THINKING,
        ),
        prompt=PROMPT_SPEC,
        family=FAMILY,
    )

    def _readings(self, parameters: Parameters) -> int:
        """One for the number by itself, then one forth and one back."""
        return 3

    def _ask(self, engine: Engine, requests: Sequence[Explained], parameters: Parameters) -> list[Credits | Refusal]:
        answers = engine.relevances(requests, attention="values" if parameters["attention"] == "values" else "weights")
        return [
            found
            if isinstance(found, Refusal)
            else Credits(found.spans, found.values, found.number, found.others, ELSEWHERE_CHANNEL)
            for found in answers
        ]
