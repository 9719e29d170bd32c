"""Models behind HTTP: registered with their key, limits, prices and budget, and changed in these afterwards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from projects import outgoing
from projects.actions.audit import record_event
from projects.encryption import encrypt
from projects.errors import AppError
from projects.models import Project, User
from workers.actions.budgets import resume_affordable
from workers.actions.endpoints import send_probe
from workers.models import ModelEndpoint, Run

MOST_CONCURRENCY = 256
MOST_TIMEOUT_SECONDS = 600
_BOUNDS: dict[str, tuple[float, float]] = {
    "concurrency": (1, MOST_CONCURRENCY),
    "requests_per_minute": (1, 10_000_000),
    "tokens_per_minute": (1, 10_000_000_000),
    "timeout_seconds": (1, MOST_TIMEOUT_SECONDS),
}
_MOST_PRICE = 1_000_000.0


@dataclass(frozen=True)
class Terms:
    """On what terms a server is asked.

    Attributes
    ----------
    limits : mapping
        `concurrency`, `requests_per_minute`, `tokens_per_minute`, `timeout_seconds`; what is missing has no bound of
        the owner's, or the default.
    prices : mapping
        `prompt_per_million`, `reply_per_million`, `currency`; empty: nothing is counted as cost.
    budget : float or None
        Most that all runs together may spend on it.
    """

    limits: Mapping[str, float]
    prices: Mapping[str, Any]
    budget: float | None = None

    @classmethod
    def of(cls, endpoint: ModelEndpoint) -> Terms:
        """As they are now."""
        return cls(endpoint.limits, endpoint.prices, endpoint.budget)


NO_TERMS = Terms({}, {})


def register_server(
    *,
    project: Project | None,
    name: str,
    url: str,
    served_model: str,
    actor: User | None,
    key: str = "",
    terms: Terms = NO_TERMS,
    caveat: str = "",
    probe: bool = True,
) -> ModelEndpoint:
    """Name a served model for a project, or for all of them (`project` None); a worker probes it next.

    Raises
    ------
    AppError
        ``server_invalid`` with messages by field, ``encryption_unavailable`` (409) or ``name_taken`` (409).
    """
    url = url.strip().rstrip("/")
    errors = _address_errors(url) | _terms_errors(terms) | _key_errors(key)
    if not served_model.strip():
        errors["served_model"] = [gettext("The name by which the server knows the model.")]
    _require_none(errors)
    try:
        with transaction.atomic():
            endpoint = ModelEndpoint.objects.create(
                project=project,
                name=name,
                engine=ModelEndpoint.Engine.OPENAI,
                reference=url,
                served_model=served_model.strip(),
                dtype="served",
                credentials=encrypt(key) if key else "",
                limits=dict(terms.limits),
                prices=dict(terms.prices),
                budget=terms.budget,
                caveat=caveat,
            )
            record_event(
                actor=actor,
                verb="endpoint.registered",
                project=project,
                target=endpoint,
                data={"name": name, "reference": url, "served_model": endpoint.served_model, "has_key": bool(key)},
            )
            if probe:
                transaction.on_commit(partial(send_probe, endpoint.pk))
    except IntegrityError as error:
        raise AppError(
            gettext("Another model has this name."),
            code="name_taken",
            status=409,
            fields={"name": [gettext("Another model has this name; choose another one.")]},
        ) from error
    return endpoint


def change_server(
    *,
    endpoint: ModelEndpoint,
    terms: Terms,
    actor: User | None,
    key: str | None = None,
) -> int:
    """Change limits, prices, budget, and the key unless it is None (empty: take it away); runs that go on now.

    Address and model stay: scorers name them. Where the key changes, the server is looked at anew.

    Raises
    ------
    AppError
        ``server_invalid`` with messages by field, or ``encryption_unavailable`` (409).
    """
    if endpoint.engine != ModelEndpoint.Engine.OPENAI:
        raise AppError(gettext("Only a model behind HTTP has a key, limits and prices."), code="server_invalid")
    _require_none(_terms_errors(terms) | _key_errors(key or ""))
    changed: dict[str, Any] = {
        name: value
        for name, value in (("limits", dict(terms.limits)), ("prices", dict(terms.prices)), ("budget", terms.budget))
        if getattr(endpoint, name) != value
    }
    # The audit log names what was changed; a key is never in it.
    data = {**changed, **({"key": "changed" if key else "removed"} if key is not None else {})}
    if key is not None:
        changed |= {"credentials": encrypt(key) if key else "", "failure": "", "probed_at": None}
    if not changed:
        return 0
    with transaction.atomic():
        ModelEndpoint.objects.filter(pk=endpoint.pk).update(**changed)
        record_event(actor=actor, verb="endpoint.changed", project=endpoint.project, target=endpoint, data=data)
        if key is not None:
            transaction.on_commit(partial(send_probe, endpoint.pk))
    endpoint.refresh_from_db()
    return resume_affordable(Run.objects.on_endpoint(endpoint.pk).distinct(), actor=actor)


def _address_errors(url: str) -> dict[str, list[str]]:
    try:
        outgoing.check_url(url)
    except outgoing.OutgoingRefusedError as error:
        message = str(error)
        return {"url": [f"{message[0].upper()}{message[1:]}."]}
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        return {"url": ["Without a query or fragment: the address up to and including /v1."]}
    return {}


def _terms_errors(terms: Terms) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for name, value in terms.limits.items():
        if name not in _BOUNDS:
            errors[name] = [gettext("No limit of this name; there are %(bounds)s.") % {"bounds": ", ".join(_BOUNDS)}]
            continue
        low, high = _BOUNDS[name]
        is_whole = name == "timeout_seconds" or value == int(value)
        if not low <= value <= high or not is_whole:
            errors[name] = [gettext("A number from %(low)s to %(high)s.") % {"low": f"{low:,}", "high": f"{high:,}"}]
    for name in ("prompt_per_million", "reply_per_million"):
        price = terms.prices.get(name, 0)
        if not 0 <= price <= _MOST_PRICE:
            errors[name] = [
                gettext("A price from 0 to %(most_price)s for a million tokens.")
                % {"most_price": f"{_MOST_PRICE:,.0f}"}
            ]
    if terms.prices and not str(terms.prices.get("currency", "")).strip():
        errors["currency"] = [gettext("A price needs its currency, such as USD.")]
    if terms.budget is not None:
        if not (math.isfinite(terms.budget) and terms.budget >= 0):
            errors["budget"] = [gettext("A number from 0 on.")]
        elif not terms.prices:
            errors["budget"] = [gettext("Without prices a budget would bound nothing: state them.")]
    return errors


def _key_errors(key: str) -> dict[str, list[str]]:
    """A key is sent in a header: what cannot stand there is refused here, where nothing quotes it."""
    if all("!" <= character <= "~" for character in key) and len(key) <= 4000:
        return {}
    return {"key": ["Printable ASCII signs without spaces."]}


def _require_none(errors: Mapping[str, list[str]]) -> None:
    if errors:
        first = next(iter(errors.values()))[0]
        raise AppError(
            gettext("This server cannot be registered so: %(first)s") % {"first": first},
            code="server_invalid",
            fields=errors,
        )
