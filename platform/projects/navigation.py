"""The entries beside every page of a project."""

from typing import NamedTuple

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext, gettext_noop

from projects.access import Capability, allows
from projects.models import Project


class Section(NamedTuple):
    name: str
    label: str
    url_name: str
    needs: Capability
    purpose: str = ""
    starts_group: bool = False


class Entry(NamedTuple):
    section: str
    label: str
    url: str
    purpose: str
    """One sentence for the project's front page; empty for what does not stand there."""
    is_current: bool
    starts_group: bool


SECTIONS = (
    Section("overview", gettext_noop("Overview"), "projects:project-detail", Capability.VIEW),
    Section(
        "tasks",
        gettext_noop("Tasks"),
        "rewards:task-list",
        Capability.VIEW,
        gettext_noop("Prompts with the outputs of your policies, side by side with every judgment on them."),
    ),
    Section(
        "rubrics",
        gettext_noop("Rubrics"),
        "rewards:rubric-list",
        Capability.VIEW,
        gettext_noop("Criteria with signed weights, in versions that never change."),
    ),
    Section(
        "recipes",
        gettext_noop("Recipes"),
        "rewards:recipe-list",
        Capability.VIEW,
        gettext_noop("Rewards composed of signals by operators, tried on real outputs while you move a slider."),
    ),
    Section(
        "sources",
        gettext_noop("Sources"),
        "workers:source-list",
        Capability.VIEW,
        gettext_noop("Judges, rubrics, verifiers and token-level methods, set up on a model."),
        starts_group=True,
    ),
    Section(
        "runs",
        gettext_noop("Runs"),
        "workers:run-list",
        Capability.VIEW,
        gettext_noop("Outputs being scored: progress, rate and failures."),
    ),
    Section(
        "campaigns",
        gettext_noop("Campaigns"),
        "annotations:campaign-list",
        Capability.ANNOTATE,
        gettext_noop("What people are asked to rate, compare and mark."),
    ),
    Section(
        "compare",
        gettext_noop("Compare"),
        "annotations:study-list",
        Capability.VIEW,
        gettext_noop("Where people, models and protocols agree, with intervals."),
    ),
    Section(
        "imports",
        gettext_noop("Imports"),
        "rewards:import-list",
        Capability.MANAGE,
        gettext_noop("Files read in, row by row."),
        True,
    ),
    Section(
        "exports",
        gettext_noop("Exports"),
        "rewards:export-list",
        Capability.VIEW,
        gettext_noop("Frozen datasets that trainers load as they are."),
    ),
    Section("members", gettext_noop("Members"), "projects:member-list", Capability.VIEW, starts_group=True),
    Section("audit", gettext_noop("Audit log"), "projects:audit-list", Capability.MANAGE),
    Section("settings", gettext_noop("Settings"), "projects:project-settings", Capability.OWN),
)


def entries_for(project: Project, current: str = "") -> list[Entry]:
    """The sections that the viewer of `project` may open, with `current` lit up (no query)."""
    entries = []
    for section in SECTIONS:
        url = _url(section, project)
        if url is not None and _opens(project, section):
            entries.append(
                Entry(
                    section=section.name,
                    label=gettext(section.label),
                    url=url,
                    purpose=gettext(section.purpose) if section.purpose else "",
                    is_current=section.name == current,
                    starts_group=section.starts_group,
                )
            )
    return entries


def _opens(project: Project, section: Section) -> bool:
    # A viewer follows campaigns without answering in them.
    if section.name == "campaigns" and allows(project, Capability.VIEW):
        return True
    return allows(project, section.needs)


def _url(section: Section, project: Project) -> str | None:
    """The section's address; None in a deployment whose URLconf leaves that app out."""
    try:
        return reverse(section.url_name, args=[project.slug])
    except NoReverseMatch:
        return None
