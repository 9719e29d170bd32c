"""What preference losses make of stored pairs: the value, the margin, and the pull on each token. Pure."""

from rewards.preferences.contract import LossPreview, PairLogProbs, PreferenceLoss
from rewards.preferences.registry import LOSSES, preview_loss

__all__ = ["LOSSES", "LossPreview", "PairLogProbs", "PreferenceLoss", "preview_loss"]
