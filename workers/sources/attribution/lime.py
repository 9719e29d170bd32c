"""LIME: a linear model of a number, fitted to the output with random parts left out.

    minimise  sum_z pi(z) (s(z) - b - sum_i z_i phi_i)^2 + ridge * sum_i phi_i^2,      pi(z) = exp(-D(z)^2 / width^2)

with D the cosine distance of the mask z from the whole (Ribeiro, Singh and Guestrin 2016, "Why Should I Trust You?",
arXiv 1602.04938, section 3.4; weights and sampling as marcotcr/lime does for text, whose root over pi makes its width
25 of 100 one of 0.35 here). The paper's choice of a few parts before the fit is left out: every part gets a value. With
ridge 0 the fit is the paper's least squares; the authors' package shrinks with ridge 1.

The fit is local, so that sum phi need not be s(y) - s(empty): see the channels `completeness_gap` and `r_squared`, the
weighted share of the variance among the versions that the line explains. Versions are drawn by the item's seed.
"""

from __future__ import annotations

from rewards.parameters import Parameter, Parameters
from rewards.statistics.attribution import local_linear_fit, proximity, sample_masks
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
from workers.sources.contract import Declaration, Fidelity
from workers.sources.results import Gives

R_SQUARED, INTERCEPT = "r_squared", "intercept"


class Lime(Perturbation):
    """Coefficients of a local linear fit; see the module."""

    channel = "lime"
    declaration = Declaration(
        name="lime",
        version=1,
        title="LIME",
        summary="Fits a line to a model's number for versions of the output with random parts left out.",
        formula="argmin sum_z exp(-D(z)^2/width^2) (s(z) - b - z phi)^2 + ridge |phi|^2",
        paper='Ribeiro et al. 2016, "Why Should I Trust You?", arXiv 1602.04938',
        fidelity=Fidelity.PAPER,
        checked_by="A linear number is recovered exactly, a fit worked by hand; parts are not selected before the fit.",
        needs=NEEDS,
        uses=USES,
        gives=frozenset({Gives.SIGNALS}),
        models=(ROLE,),
        parameters=(
            *SHARED_PARAMETERS,
            Parameter(
                "samples",
                "integer",
                200,
                "Versions drawn",
                "Equal ones are asked about once.",
                minimum=10,
                maximum=5000,
            ),
            Parameter(
                "kernel_width",
                "number",
                0.35,
                "Kernel width",
                "How far from the whole output versions still count; the distance of the empty one is 1.",
                minimum=0.01,
                maximum=100,
            ),
            Parameter("ridge", "number", 0.0, "Ridge", "Shrinks the values towards 0.", minimum=0, maximum=1000),
        ),
        prompt=PROMPT_SPEC,
        family=FAMILY,
    )

    def _versions(self, n: int, parameters: Parameters) -> int:
        return min(int(parameters["samples"]), int(2 ** min(n, 20)))

    def _attribute(self, value: VersionValues, parts: Parts, parameters: Parameters) -> Attribution:
        masks = sample_masks(len(parts), int(parameters["samples"]), parts.item.seed)
        weights = proximity(masks, float(parameters["kernel_width"]))
        fit = local_linear_fit(masks, value(masks), weights, ridge=float(parameters["ridge"]))
        return Attribution(fit.coefficients, {R_SQUARED: fit.r_squared, INTERCEPT: fit.intercept})
