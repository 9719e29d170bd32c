"""The reward sources as a project sees them: what can be used here, and why something cannot."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_noop

from projects.models import Project
from workers import sandbox
from workers.models import ModelEndpoint
from workers.sources.contract import Declaration, Fidelity, Input, ModelRole
from workers.sources.registry import SOURCES, source_named
from workers.sources.results import Gives

FIDELITY_LABELS = {
    Fidelity.CODE: gettext_noop("checked against code"),
    Fidelity.PAPER: gettext_noop("checked against the paper"),
    Fidelity.RECONSTRUCTED: gettext_noop("reconstructed"),
}
FIDELITY_WORDS = {
    Fidelity.CODE: gettext_noop("Its numbers were compared with those of the authors' published code."),
    Fidelity.PAPER: gettext_noop("Its numbers were compared with the formulas and examples of the paper."),
    Fidelity.RECONSTRUCTED: gettext_noop("The paper leaves something open that the numbers depend on."),
}
INPUT_LABELS = {
    Input.TASK: gettext_noop("the task's messages"),
    Input.OUTPUT: gettext_noop("the output"),
    Input.REFERENCE: gettext_noop("the reference answer"),
    Input.CONTEXT: gettext_noop("the context"),
    Input.CRITERIA: gettext_noop("a rubric's criteria"),
    Input.METADATA: gettext_noop("the task's metadata"),
    Input.TAGS: gettext_noop("the task's tags"),
}
GIVES_LABELS = {
    Gives.VERDICTS: gettext_noop("verdicts on criteria"),
    Gives.RATINGS: gettext_noop("ratings"),
    Gives.COMPARISONS: gettext_noop("comparisons of pairs"),
    Gives.RANKING: gettext_noop("a ranking"),
    Gives.CRITIQUES: gettext_noop("critiques in words"),
    Gives.SPANS: gettext_noop("marked spans"),
    Gives.STEPS: gettext_noop("step labels"),
    Gives.SIGNALS: gettext_noop("reward signals"),
}


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
    def fidelity_label(self) -> str:
        return gettext(FIDELITY_LABELS[self.declaration.fidelity])

    @property
    def fidelity_words(self) -> str:
        """What the fidelity tag means."""
        return gettext(FIDELITY_WORDS[self.declaration.fidelity])

    @property
    def needs(self) -> list[str]:
        """What it reads, in words, in the order of the contract."""
        return [gettext(label) for part, label in INPUT_LABELS.items() if part in self.declaration.needs]

    @property
    def uses(self) -> list[str]:
        """What it reads where an item has it."""
        return [gettext(label) for part, label in INPUT_LABELS.items() if part in self.declaration.uses]

    @property
    def gives(self) -> list[str]:
        return [gettext(label) for kind, label in GIVES_LABELS.items() if kind in self.declaration.gives]


@dataclass(frozen=True)
class Family:
    """Sources under one heading."""

    name: str
    entries: list[SourceEntry]


def families(entries: Sequence[SourceEntry]) -> list[Family]:
    """The entries by family, both in the order of the registry."""
    names = dict.fromkeys(entry.declaration.family for entry in entries)
    return [Family(name, [entry for entry in entries if entry.declaration.family == name]) for name in names]


def sources_for(project: Project) -> list[SourceEntry]:
    """Every source, in the registry's order; one query."""
    endpoints = list(ModelEndpoint.objects.offered_to(project))
    return [entry_for(source.declaration, endpoints) for source in SOURCES.values()]


def source_for(project: Project, name: str) -> SourceEntry:
    """The source of that name; one query. `UnknownSourceError` where there is none."""
    return entry_for(source_named(name).declaration, list(ModelEndpoint.objects.offered_to(project)))


def entry_for(declaration: Declaration, endpoints: Collection[ModelEndpoint]) -> SourceEntry:
    """The source with the first obstacle to using it with these models."""
    obstacles = [_obstacle(role, endpoints) for role in declaration.models if role.required]
    if declaration.needs_sandbox and (why := sandbox.obstacle()):
        obstacles.append(gettext("Programs cannot be run safely on this machine: %(why)s.") % {"why": why})
    return SourceEntry(declaration, next((obstacle for obstacle in obstacles if obstacle), ""))


def serving(role: ModelRole, endpoints: Iterable[ModelEndpoint]) -> list[ModelEndpoint]:
    """Those of the endpoints that can play the role now."""
    return [endpoint for endpoint in endpoints if not unfit(role, endpoint)]


def unfit(role: ModelRole, endpoint: ModelEndpoint, *, answer_by: object = None) -> str:
    """Why the endpoint cannot play the role, for one value of the parameter `answer_by` or any; empty where it can."""
    if endpoint.state == ModelEndpoint.State.WAITING:
        return gettext("%(name)s has not been looked at by a worker yet") % {"name": endpoint.name}
    if endpoint.failure:
        return gettext("%(name)s cannot be used: %(failure)s") % {"name": endpoint.name, "failure": endpoint.failure}
    missing = role.missing(endpoint.capabilities, answer_by)
    if missing:
        return gettext("%(name)s cannot give %(missing)s") % {
            "name": endpoint.name,
            "missing": ", ".join(sorted(missing)),
        }
    return ""


def _obstacle(role: ModelRole, endpoints: Collection[ModelEndpoint]) -> str:
    if not endpoints:
        return gettext("No model is registered, and this source needs one as “%(role)s”.") % {
            "role": gettext(role.label)
        }
    reasons = [unfit(role, endpoint) for endpoint in endpoints]
    if not all(reasons):
        return ""
    parts = {"role": gettext(role.label), "reasons": "; ".join(reasons[:3])}
    return gettext("No model can serve as “%(role)s”: %(reasons)s.") % parts
