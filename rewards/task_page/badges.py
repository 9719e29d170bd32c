"""What a detector says of a whole output, to stand beside its name: that it lies outside of the detector's domain."""

from collections.abc import Sequence

from rewards.models import RewardSignal
from rewards.querysets.signal import SignalChoice

OUT_OF_DOMAIN = "out_of_domain"
"""A channel of 1 and 0, one value on the whole output."""


def out_of_domain(choices: Sequence[SignalChoice], output_ids: Sequence[int]) -> dict[int, list[int]]:
    """Raters that find the output outside of what they know, by output; a query for each such rater, else none."""
    found: dict[int, list[int]] = {}
    for choice in choices:
        if choice.channel == OUT_OF_DOMAIN:
            newest = RewardSignal.objects.chosen(choice, output_ids).values_list("output_id", "total")
            for output, total in newest:
                if total:
                    found.setdefault(output, []).append(choice.rater_id)
    return found
