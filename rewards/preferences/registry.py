"""All preference losses, by name, and their previews."""

from collections.abc import Mapping
from typing import Final

from rewards.parameters import validate_parameters
from rewards.preferences import losses
from rewards.preferences.contract import LossPreview, PairLogProbs, PreferenceLoss

LOSSES: Final[Mapping[str, PreferenceLoss]] = {loss.name: loss for loss in losses.LOSSES}


def preview_loss(name: str, pairs: PairLogProbs, parameters: Mapping[str, object] | None = None) -> LossPreview:
    """What a loss makes of stored pairs.

    Raises
    ------
    ValueError
        For an unknown loss, or pairs without the reference that it needs.
    ParameterError
        By parameter, for one that is unknown or out of range.
    """
    loss = LOSSES.get(name)
    if loss is None:
        raise ValueError(f"there is no loss {name!r}: expected one of {', '.join(LOSSES)}")
    return loss.apply(pairs, **validate_parameters(loss.parameters, parameters or {}))
