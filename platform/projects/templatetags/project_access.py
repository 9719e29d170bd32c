"""What a template may ask about access: `project|allows:"manage"`, and the entries of the side navigation."""

from django import template

from projects import access
from projects.models import Project, Role
from projects.navigation import Entry, entries_for

register = template.Library()


@register.filter
def allows(project: Project, capability: str) -> bool:
    """Whether the viewer's role grants `capability` (no query)."""
    return access.allows(project, capability)


@register.filter
def in_a_sentence(role: str) -> str:
    """What a person with the role is called."""
    return Role(role).words


@register.simple_tag
def project_navigation(project: Project, section: str = "") -> list[Entry]:
    """The entries that the viewer may open."""
    return entries_for(project, section)
