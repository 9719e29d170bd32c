"""From a model endpoint to a loaded engine: the models that this process keeps, and proof that they are the same."""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from typing import cast

from django.conf import settings

from workers import artefact_files, served_models
from workers.engines.contract import Engine, EngineError, ErrorCode
from workers.engines.folders import ResolvedModel, resolve_model
from workers.engines.loaded import LoadedModels
from workers.engines.loading import InProcessEngine, load_engine
from workers.models import ModelEndpoint


@dataclass(frozen=True)
class Held:
    """What this process has in memory, as last seen; reading it never waits for a model that is loading."""

    endpoints: tuple[int, ...] = ()
    device: str = ""


_held = Held()


def resolve(endpoint: ModelEndpoint) -> ResolvedModel:
    """Find and hash the endpoint's model; nothing is loaded. May convert a package's model (seconds).

    Raises
    ------
    EngineError
        Missing, broken, of a kind that no engine here runs; an artefact that was fitted on another model.
    """
    fitted = artefact_files.adapter_weights(endpoint)
    resolved = resolve_model(
        endpoint.reference,
        revision=endpoint.revision,
        dtype=endpoint.dtype,
        adapter=str(artefact_files.unpack_adapter(fitted)) if fitted else endpoint.adapter,
        models_dir=settings.MODELS_DIR,
        allowed_roots=settings.MODEL_ROOTS,
    )
    if fitted:
        artefact_files.require_base(fitted, {**resolved.identity, "weights": resolved.weights})
    return resolved


def engine_for(endpoint: ModelEndpoint) -> Engine:
    """The endpoint's model, loaded unless it is held; the least recently used one is let go for it.

    Raises
    ------
    EngineError
        Where it cannot be loaded, or is not the model any more that was registered: a scorer's hash names its weights.
    """
    global _held
    if endpoint.engine == ModelEndpoint.Engine.OPENAI:
        return served_models.served_engine_for(endpoint)

    def load() -> InProcessEngine:
        resolved = resolve(endpoint)
        require_same(endpoint, resolved)
        return load_engine(resolved)

    key: Hashable = (endpoint.pk, endpoint.reference, endpoint.revision, endpoint.dtype, endpoint.adapter)
    engine = _models().get(key, load)
    keys = [held for held in _models().keys() if isinstance(held, tuple)]  # noqa: SIM118 - not a mapping
    _held = Held(tuple(held[0] for held in keys), engine.device)
    # An engine has the methods that its capabilities name; sources ask for those alone.
    return cast("Engine", engine)


def require_same(endpoint: ModelEndpoint, resolved: ResolvedModel) -> None:
    """Refuse a model whose weights, tokenizer, template or dtype are not those that were registered."""
    registered = endpoint.resolved
    changed = [part for part, value in resolved.identity.items() if part in registered and registered[part] != value]
    if changed:
        raise EngineError(
            ErrorCode.MODEL_INVALID,
            f"{endpoint.reference} has changed since it was registered ({', '.join(changed)}): register it anew",
        )


def held() -> Held:
    """The models of this process, the least recently used first."""
    return _held


def let_go_of_models() -> None:
    """Free the memory of all models, and the connections to servers."""
    global _held
    served_models.let_go_of_servers()
    _models().clear()
    _held = Held()


@cache
def _models() -> LoadedModels[InProcessEngine]:
    return LoadedModels(settings.WORKERS_MODELS_KEPT)
