"""The first steps of a project, from nothing to a comparison, and which of them are done."""

from typing import NamedTuple

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from projects.models import Project, User


class _Plan(NamedTuple):
    label: str | Promise
    purpose: str | Promise
    url_name: str
    rows: tuple[str, ...]
    """Related rows, any of which shows that it is done."""


class Step(NamedTuple):
    label: str | Promise
    purpose: str | Promise
    url: str
    is_done: bool


_PLANS = (
    _Plan(
        _("Import tasks and outputs"),
        _("A JSONL or CSV file: prompts, and what your policies answered."),
        "rewards:import-create",
        ("outputs",),
    ),
    _Plan(
        _("Write a rubric"),
        _("Criteria with weights, for models and people alike."),
        "rewards:rubric-list",
        ("rubrics",),
    ),
    _Plan(
        _("Score the outputs"),
        _("Set up a source on a model and run it."),
        "workers:source-list",
        ("runs",),
    ),
    _Plan(
        _("Invite people"),
        _("By name, by letter, or by a link for annotators."),
        "projects:member-list",
        ("invitations", "annotator_links"),
    ),
    _Plan(
        _("Ask them"),
        _("A campaign says what is asked, of whom, how often."),
        "annotations:campaign-list",
        ("campaigns",),
    ),
    _Plan(_("Compare"), _("Where people and models agree, with intervals."), "annotations:study-list", ("studies",)),
)


def steps_for(project: Project, user: User) -> list[Step]:
    """The steps for somebody who manages the project; none once all are done or the person put the list away.

    One query for the person's membership, and at most two small ones for each step.
    """
    if not project.memberships.filter(user=user, hides_guide=False).exists():
        return []
    steps = [step for plan in _PLANS if (step := _step(plan, project)) is not None]
    return [] if all(step.is_done for step in steps) else steps


def _step(plan: _Plan, project: Project) -> Step | None:
    try:
        url = reverse(plan.url_name, args=[project.slug])
    except NoReverseMatch:
        # A deployment whose URLconf leaves that app out.
        return None
    is_done = any(getattr(project, rows).exists() for rows in plan.rows)
    if not is_done and plan.url_name == "projects:member-list":
        is_done = project.memberships.count() > 1
    return Step(plan.label, plan.purpose, url, is_done)
