"""Score one answer with a verifier and read its numbers."""

import numpy as np

from rewards.parameters import validate_parameters
from workers.engines.contract import ChatMessage
from workers.sources.contract import OutputMessage, Source, SourceItem
from workers.sources.results import Scored, Unscored
from workers.sources.scoring import score_items


def verified(
    source: Source,
    *answers: str | OutputMessage,
    reference: str | None = None,
    metadata: dict | None = None,
    **parameters: object,
) -> Scored | Unscored:
    """The result for an output of these messages; plain text is the policy's answer."""
    messages = tuple(one if isinstance(one, OutputMessage) else OutputMessage("assistant", one) for one in answers)
    item = SourceItem("key", (ChatMessage("user", "task"),), messages, reference=reference, metadata=metadata or {})
    values = validate_parameters(source.declaration.parameters, parameters)
    source.check(values, set())
    [result] = score_items(source, [item], {}, values)
    return result


def values(result: Scored | Unscored) -> dict[str, float]:
    """The values on the whole output by channel."""
    assert isinstance(result, Scored), result
    return {
        found.channel: float(found.signal.values[0])
        for found in result.signals
        if found.signal.segmentation.segmenter == "whole/1"
    }


def by_sentence(result: Scored | Unscored, channel: str) -> list[float | None]:
    """The values over sentences; None is unscored."""
    assert isinstance(result, Scored), result
    [found] = [one for one in result.signals if one.channel == channel]
    return [None if np.isnan(value) else float(value) for value in found.signal.values]


def correct(*given, **fields) -> float:
    """The value of the channel `correct`."""
    return values(verified(*given, **fields))["correct"]
