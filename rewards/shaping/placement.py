"""Where a reward is put: from one number an output to its tokens, and from one segmentation to another."""

from typing import Final

from rewards.shaping.contract import Family, Operator, Paper, Slot, Want, onto_parameter
from rewards.shaping.rows import Level, Rows, at_end


def end_of_sequence(scores: Rows, level: Level) -> Rows:
    """``r_t = 1[t = T] r``: the whole reward on the last segment (DRLC, arXiv 2401.07382; RTO, arXiv 2404.18922)."""
    return at_end(scores, level)


OPERATORS: Final = (
    Operator(
        name="end_of_sequence",
        label="At the end of the sequence",
        family=Family.PLACE,
        summary="Puts one number an output on its last segment, and 0 on the others.",
        formula="r_t = 1[t = T] r",
        papers=(Paper("DPO Meets PPO: Reinforced Token Optimization for RLHF", "2404.18922"),),
        slots=(Slot("scores", "Scores", accepts="output"),),
        parameters=(onto_parameter(),),
        apply=end_of_sequence,
        gives="onto",
        wants=frozenset({Want.LEVEL}),
    ),
)
