"""Leave one out: what a number loses when a part of the output goes.

    phi_i = s(y) - s(y without part i)

Li, Monroe and Jurafsky 2016, "Understanding Neural Networks through Representation Erasure", arXiv 1612.08220, there
relative to s(y) and for one dimension or word. It is not additive in general: parts that say the same each lose
nothing, parts that need each other are each credited with both. The sum's distance from s(y) - s(empty) is the channel
`completeness_gap`.
"""

from __future__ import annotations

import numpy as np

from rewards.parameters import Parameters
from rewards.statistics.attribution import leave_one_out_masks
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


class LeaveOneOut(Perturbation):
    """What the number loses with each part; see the module."""

    channel = "leave_one_out"
    declaration = Declaration(
        name="leave_one_out",
        version=1,
        title="Leave one part out",
        summary="What a model's number for the whole output loses when a sentence, a step or a word is left out.",
        formula="phi_i = s(y) - s(y without i);  not additive: completeness_gap = sum phi - (s(y) - s(empty))",
        paper="Li et al. 2016, Understanding Neural Networks through Representation Erasure, arXiv 1612.08220",
        fidelity=Fidelity.PAPER,
        checked_by="Vectors worked by hand; the gap of sums is 0. The difference itself, where the paper divides it.",
        needs=NEEDS,
        uses=USES,
        gives=frozenset({Gives.SIGNALS}),
        models=(ROLE,),
        parameters=SHARED_PARAMETERS,
        prompt=PROMPT_SPEC,
        family=FAMILY,
    )

    def _versions(self, n: int, parameters: Parameters) -> int:
        return n

    def _attribute(self, value: VersionValues, parts: Parts, parameters: Parameters) -> Attribution:
        full = value(np.ones((1, len(parts)), dtype=np.bool_))
        return Attribution(full - value(leave_one_out_masks(len(parts))), {})
