"""Why something is not in a dataset: stable codes, and the words for them."""

from collections.abc import Mapping
from typing import Final

REASONS: Final[Mapping[str, str]] = {
    "tie_equal": "comparisons that found both equal",
    "tie_both_good": "comparisons that found both good",
    "tie_both_bad": "comparisons that found both bad",
    "tie_cannot_tell": "comparisons that could not tell",
    "tie_flip": "comparisons whose answer changed with the order",
    "not_asked": "pairs of which no order was asked: among the ticked, the others, or between best and worst",
    "same_output": "comparisons of an output with itself",
    "contradiction": "raters who chose each side of a pair equally often",
    "no_majority": "pairs with as many votes for either side",
    "equal_values": "pairs of equal value",
    "gap_too_small": "pairs with a margin below the smallest asked for",
    "single_output": "tasks with fewer than two outputs that have a value",
    "unscored": "outputs without a value",
    "partly_scored": "outputs whose signal is scored in part only",
    "not_applicable": "ratings that say “not applicable”",
    "other_scale": "ratings on another scale",
    "between_thresholds": "outputs between the two thresholds",
    "balanced": "outputs chosen as often as rejected",
    "outdated": "judgments of versions that newer ones replaced",
    "settled": "answers in whose place an adjudicated one stands",
    "withdrawn": "judgments that were taken back",
    "no_answer": "rows with an output that has no answer text",
    "no_rubric": "tasks without a rubric of their own",
    "not_binary": "tasks with a criterion of levels, where the format knows yes and no only",
    "points_out_of_range": "tasks with points beyond 10, which the format does not know",
    "weight_not_whole": "tasks with a weight that is no whole number, where the format knows those only",
    "prompt_not_single": "tasks whose prompt is more than one message of a user, which the format cannot hold",
    "removed": "rows whose task or output was removed meanwhile",
}


def tie_reason(tie_kind: str) -> str:
    """The code for a comparison without a winner."""
    return f"tie_{tie_kind or 'equal'}"
