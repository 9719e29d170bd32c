"""The adapter that the demo ships, kept as an artefact of a project and offered as a model beside its base."""

import json
from typing import Any

from projects.models import Project, User
from workers.actions.artefacts import keep_artefact, offer_adapter
from workers.actions.endpoints import probe_endpoint
from workers.artefact_files import store_weights
from workers.demo.train_adapter import FACTS, FOLDER, WEIGHTS
from workers.models import ModelEndpoint

NAME = "SmolLM2-135M-Instruct + outcome adapter"


def offer_shipped_adapter(*, project: Project, base: ModelEndpoint, actor: User | None) -> ModelEndpoint:
    """The shipped base with the shipped adapter as a model of the project, looked at already; made on the first call.

    Where the base is not the one that it was trained on, the endpoint says so in its `failure`.
    """
    facts = shipped_facts()
    artefact = keep_artefact(
        project=project,
        name=NAME,
        kind=facts["kind"],
        stored=store_weights(project.pk, (FOLDER / WEIGHTS).read_bytes()),
        parameters={
            "fit": facts["parameters"],
            "seed": facts["seed"],
            "version": facts["version"],
            "base": {"name": base.name, **facts["base"]},
            "data": facts["data"],
            "command": facts["command"],
        },
        metrics={**facts["metrics"], "labels": facts["labels"]},
        export=None,
        actor=actor,
    )
    endpoint = offer_adapter(artefact=artefact, base=base, actor=actor)
    if endpoint.probed_at is None or endpoint.failure:
        probe_endpoint(endpoint=endpoint, load=False)
    return endpoint


def shipped_facts() -> dict[str, Any]:
    """How it was trained, on what, and how well it does."""
    found: dict[str, Any] = json.loads((FOLDER / FACTS).read_text(encoding="utf-8"))
    return found
