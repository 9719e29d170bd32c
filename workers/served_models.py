"""From a model endpoint behind HTTP to its engine: the address, the decrypted key, limits and prices."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from projects import outgoing
from projects.encryption import decrypt
from projects.errors import AppError
from workers.engines.contract import EngineError, ErrorCode
from workers.engines.limits import DEFAULT_CONCURRENCY, Limits
from workers.engines.openai_client import OpenAIClient, Prices, Server
from workers.engines.openai_engine import OpenAIEngine
from workers.engines.openai_probe import Probed, probe
from workers.engines.openai_requests import ServerFacts
from workers.models import ModelEndpoint

_TERMS = ("reference", "served_model", "credentials", "limits", "prices", "resolved", "capabilities", "context_length")

_engines: dict[int, tuple[str, OpenAIEngine]] = {}
_lock = threading.Lock()


def server_of(endpoint: ModelEndpoint) -> Server:
    """Where the endpoint's model is served, and on what terms.

    Raises
    ------
    EngineError
        endpoint_refused where the policy forbids the address, or the stored key cannot be read.
    """
    try:
        outgoing.check_url(endpoint.reference)
        key = decrypt(endpoint.credentials) if endpoint.credentials else ""
    except outgoing.OutgoingRefusedError as error:
        raise EngineError(ErrorCode.ENDPOINT_REFUSED, str(error)) from error
    except AppError as error:
        raise EngineError(ErrorCode.ENDPOINT_REFUSED, error.message) from error
    return Server(
        base_url=endpoint.reference.rstrip("/"),
        model=endpoint.served_model,
        key=key,
        limits=_limits(endpoint.limits),
        prices=_prices(endpoint.prices),
    )


def served_engine_for(endpoint: ModelEndpoint) -> OpenAIEngine:
    """The endpoint's engine, kept as long as nothing about the endpoint changes, so that its limits stay learned.

    No request goes out; engines behind HTTP take no model's place in memory.

    Raises
    ------
    EngineError
        As `server_of`; unsupported where the server has not been probed yet.
    """
    if not endpoint.capabilities:
        raise EngineError(ErrorCode.UNSUPPORTED, f"{endpoint.name} has not been looked at yet")
    terms = hashlib.sha256(repr([getattr(endpoint, name) for name in _TERMS]).encode()).hexdigest()
    with _lock:
        held = _engines.get(endpoint.pk)
        if held is not None and held[0] == terms:
            return held[1]
        engine = OpenAIEngine(
            OpenAIClient(server_of(endpoint)),
            ServerFacts.from_json(endpoint.resolved.get("server", {})),
            capabilities=endpoint.capabilities,
            context_length=endpoint.context_length,
            identity=identity_of(endpoint),
        )
        _engines[endpoint.pk] = terms, engine
    if held is not None:
        held[1].close()
    return engine


def let_go_of_servers() -> None:
    """Close the connections to all servers."""
    with _lock:
        engines = [engine for _, engine in _engines.values()]
        _engines.clear()
    for engine in engines:
        engine.close()


def probe_server(endpoint: ModelEndpoint) -> Probed:
    """Look at what the server supports (a dozen small requests).

    Raises
    ------
    EngineError
    """
    client = OpenAIClient(server_of(endpoint))
    try:
        return probe(client)
    finally:
        client.close()


def identity_of(endpoint: ModelEndpoint) -> dict[str, str]:
    """What enters a scorer's hash: the name behind an address, which is hashed; never the key."""
    address = hashlib.sha256(endpoint.reference.rstrip("/").encode()).hexdigest()[:16]
    return {
        "weights": f"served:{endpoint.served_model}@{address}",
        "tokenizer": "",
        "chat_template": "",
        "dtype": OpenAIEngine.dtype,
    }


def described(endpoint: ModelEndpoint, found: Probed) -> dict[str, Any]:
    """What is stored of a probe. A name that a server may give to another model tomorrow is never pinned."""
    return {
        **identity_of(endpoint),
        "pinned": False,
        "engine": "openai",
        "served_model": found.served_model,
        "server": found.facts.to_json(),
        "not_offered": {name: reason[:300] for name, reason in found.reasons.items()},
    }


def _limits(stored: dict[str, Any]) -> Limits:
    given = {name: value for name, value in stored.items() if value is not None}
    return Limits(**{"concurrency": DEFAULT_CONCURRENCY, **given})


def _prices(stored: dict[str, Any]) -> Prices | None:
    if not stored:
        return None
    return Prices(float(stored.get("prompt_per_million", 0)), float(stored.get("reply_per_million", 0)))
