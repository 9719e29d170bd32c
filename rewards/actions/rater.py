"""Raters, made when they first judge."""

from django.db import transaction

from projects.models import Project, User
from rewards.models import Rater


def ensure_person_rater(*, project: Project, user: User) -> Rater:
    """The rater that `user` is in `project`, made on first use with the next free pseudonym."""
    rater = Rater.objects.filter(project=project, user=user).first()
    return rater or _make_person_rater(project=project, user=user)


@transaction.atomic
def _make_person_rater(*, project: Project, user: User) -> Rater:
    # Pseudonyms are numbered by one transaction at a time; a second request of the same person finds the first's row.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    number = Rater.objects.filter(project=project).count() + 1
    while Rater.objects.filter(project=project, pseudonym=f"rater-{number}").exists():
        number += 1
    rater, _ = Rater.objects.get_or_create(
        project=project,
        user=user,
        defaults={"kind": Rater.Kind.PERSON, "name": str(user), "pseudonym": f"rater-{number}"},
    )
    return rater
