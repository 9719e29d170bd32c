"""Starting and changing projects."""

from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Membership, Project, Role, User

RESERVED_SLUGS = frozenset({"new"})
"""Words that stand where a slug would in an address."""


def create_project(*, user: User, name: str, slug: str = "", description: str = "") -> Project:
    """Start a project owned by `user`; without `slug` it is made from the name.

    Raises
    ------
    AppError
        ``slug_taken`` (409), or ``slug_invalid`` if no address can be made.
    """
    slug = slug or slugify(name)[:80].strip("-")
    if not slug or slug in RESERVED_SLUGS:
        raise AppError(
            gettext("Choose an address: letters, digits and hyphens."),
            code="slug_invalid",
            fields={"slug": [gettext("No address can be made from this name; write one.")]},
        )
    try:
        with transaction.atomic():
            project = Project.objects.create(slug=slug, name=name, description=description, created_by=user)
            Membership.objects.create(project=project, user=user, role=Role.OWNER)
            record_event(actor=user, verb="project.created", project=project, target=project, data={"name": name})
    except IntegrityError as error:
        raise AppError(
            gettext("Another project has this address."),
            code="slug_taken",
            status=409,
            fields={"slug": [gettext("Another project has this address; choose another one.")]},
        ) from error
    project.viewer_role = Role.OWNER
    return project


@transaction.atomic
def change_project(*, project: Project, actor: User, name: str, description: str) -> None:
    """Rename or describe a project; its address stays, since links and tokens point at it."""
    data = {"name": name, "was": project.name} if project.name != name else {}
    project.name = name
    project.description = description
    project.save(update_fields=["name", "description"])
    record_event(actor=actor, verb="project.changed", project=project, target=project, data=data)
