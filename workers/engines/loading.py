"""Which engine runs a resolved model: what it can do follows from its architecture."""

from __future__ import annotations

from workers.engines.contract import Capability
from workers.engines.encoder_engine import EncoderEngine
from workers.engines.folders import Kind, ResolvedModel
from workers.engines.pretrained import Device
from workers.engines.relevance import architecture_capabilities
from workers.engines.reward_engine import RewardEngine
from workers.engines.transformers_engine import TransformersEngine

InProcessEngine = TransformersEngine | EncoderEngine | RewardEngine

_ENGINES: dict[Kind, type[InProcessEngine]] = {
    Kind.CAUSAL: TransformersEngine,
    Kind.ENCODER: EncoderEngine,
    Kind.CLASSIFIER: RewardEngine,
}


def capabilities_of(resolved: ResolvedModel) -> frozenset[Capability]:
    """What the model can be asked for; nothing is loaded."""
    return _ENGINES[resolved.kind].capabilities | architecture_capabilities(resolved)


def load_engine(
    resolved: ResolvedModel, *, device: Device = "auto", memory_budget: int | None = None
) -> InProcessEngine:
    """Load the model; see the engines for parameters and errors."""
    return _ENGINES[resolved.kind](resolved, device=device, memory_budget=memory_budget)
