"""The reward sources as a project sees them: what can be used here, and why something cannot."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from projects.models import Project
from workers.models import ModelEndpoint
from workers.sources.contract import Declaration, Input, ModelRole
from workers.sources.registry import SOURCES


@dataclass(frozen=True)
class SourceEntry:
    """One source.

    Attributes
    ----------
    declaration : Declaration
    obstacle : str
        Why it cannot be used in the project now; empty where it can.
    """

    declaration: Declaration
    obstacle: str

    @property
    def needs_rubric(self) -> bool:
        return Input.CRITERIA in self.declaration.inputs


def sources_for(project: Project) -> list[SourceEntry]:
    """Every source, in the registry's order; one query."""
    endpoints = list(ModelEndpoint.objects.offered_to(project))
    return [entry_for(source.declaration, endpoints) for source in SOURCES.values()]


def entry_for(declaration: Declaration, endpoints: Collection[ModelEndpoint]) -> SourceEntry:
    """The source with the first obstacle to using it with these models."""
    missing = (_obstacle(role, endpoints) for role in declaration.models if role.required)
    return SourceEntry(declaration, next((obstacle for obstacle in missing if obstacle), ""))


def serving(role: ModelRole, endpoints: Iterable[ModelEndpoint]) -> list[ModelEndpoint]:
    """Those of the endpoints that can play the role now."""
    return [endpoint for endpoint in endpoints if not unfit(role, endpoint)]


def unfit(role: ModelRole, endpoint: ModelEndpoint, *, answer_by: object = None) -> str:
    """Why the endpoint cannot play the role, for one value of the parameter `answer_by` or any; empty where it can."""
    if endpoint.state == ModelEndpoint.State.WAITING:
        return f"{endpoint.name} has not been looked at by a worker yet"
    if endpoint.failure:
        return f"{endpoint.name} cannot be used: {endpoint.failure}"
    missing = role.missing(endpoint.capabilities, answer_by)
    if missing:
        return f"{endpoint.name} cannot give {', '.join(sorted(missing))}"
    return ""


def _obstacle(role: ModelRole, endpoints: Collection[ModelEndpoint]) -> str:
    if not endpoints:
        return f"No model is registered, and this source needs one as {role.label.lower()}."
    reasons = [unfit(role, endpoint) for endpoint in endpoints]
    return "" if not all(reasons) else f"No model can serve as {role.label.lower()}: {'; '.join(reasons[:3])}."
