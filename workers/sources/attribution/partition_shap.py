"""Partition SHAP: Owen values of an output's parts over a hierarchy of its text.

Parts are halved again and again, words within their sentences, and what a node adds is divided between its halves by
the mean of what each adds without and with the other (`rewards.statistics.attribution.owen_values`). The values are
Shapley values of a game in which the parts of a node come together (Owen 1977; Lundberg and Lee 2017, "A Unified
Approach to Interpreting Model Predictions", arXiv 1705.07874; the partition explainer of shap). Where all parts are
under one root instead they are Shapley values, which takes 2^n versions and so at most `MOST_CHILDREN` parts.

    sum_i phi_i = s(y) - s(empty)

holds with any budget: what a node adds and the budget does not reach is split evenly over its parts (the channel
`is_exact` is then 0). As a dense reward this spreads r(y) - r(empty) exactly (Koo et al. 2025, "Learning Explainable
Dense Reward Shapes via Bayesian Optimization", arXiv 2504.16272).
"""

from __future__ import annotations

from rewards.parameters import Parameter, Parameters
from rewards.statistics.attribution import MOST_CHILDREN, Hierarchy, binary_hierarchy, flat_hierarchy, owen_values
from workers.engines.contract import Engine
from workers.sources.attribution.parts import Parts, VersionValues
from workers.sources.attribution.perturbation import (
    FAMILY,
    NEEDS,
    PROMPT_SPEC,
    SHARED_PARAMETERS,
    USES,
    Attribution,
    Perturbation,
)
from workers.sources.attribution.scalars import ROLE
from workers.sources.contract import Declaration, Fidelity, SourceItem
from workers.sources.results import Gives, Scored, Unscored

BINARY, FLAT = "binary", "flat"
EVALUATIONS, IS_EXACT = "evaluations", "is_exact"


class PartitionShap(Perturbation):
    """Owen values over halves of the text, or Shapley values; see the module."""

    channel = "partition_shap"
    declaration = Declaration(
        name="partition_shap",
        version=1,
        title="Partition SHAP",
        summary="Divides a model's number for the whole output among its parts, so that they sum to it exactly.",
        formula="Owen values over a hierarchy of the text:  sum_i phi_i = s(y) - s(empty)",
        paper="Lundberg and Lee 2017, A Unified Approach to Interpreting Model Predictions, arXiv 1705.07874",
        fidelity=Fidelity.PAPER,
        checked_by="Equal to the definition by enumerating orders; the sum with any budget. Halves by its own rule.",
        needs=NEEDS,
        uses=USES,
        gives=frozenset({Gives.SIGNALS}),
        models=(ROLE,),
        parameters=(
            *SHARED_PARAMETERS,
            Parameter(
                "hierarchy",
                "choice",
                BINARY,
                "Hierarchy",
                "Without halves the values are Shapley values, for outputs of few parts.",
                choices=((BINARY, "Halves of the text (Owen)"), (FLAT, f"None, up to {MOST_CHILDREN} parts (Shapley)")),
            ),
            Parameter(
                "budget",
                "integer",
                256,
                "Most versions",
                "Of an output. The parts of what it does not reach share evenly; n parts need about n squared.",
                minimum=2,
                maximum=5000,
            ),
        ),
        prompt=PROMPT_SPEC,
        family=FAMILY,
    )

    def _versions(self, n: int, parameters: Parameters) -> int:
        needed = n * n if parameters["hierarchy"] == BINARY else 2 ** min(n, MOST_CHILDREN)
        return max(0, min(int(parameters["budget"]), needed) - 2)

    def _score_one(self, item: SourceItem, engine: Engine, parameters: Parameters) -> Scored | Unscored:
        parts = Parts.of(item, parameters)
        if parameters["hierarchy"] == FLAT and len(parts) > MOST_CHILDREN:
            return Unscored("too_many_parts", f"{len(parts)} parts: Shapley values take 2^n versions, so at most 12")
        return super()._score_one(item, engine, parameters)

    def _attribute(self, value: VersionValues, parts: Parts, parameters: Parameters) -> Attribution:
        hierarchy: Hierarchy = (
            flat_hierarchy(len(parts)) if parameters["hierarchy"] == FLAT else binary_hierarchy(parts.by_sentence())
        )
        found = owen_values(value, hierarchy, budget=int(parameters["budget"]))
        return Attribution(found.values, {EVALUATIONS: found.evaluations, IS_EXACT: float(found.is_exact)})
