"""Names that rewards go by: given to a version, moved to another one, taken away."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import User
from rewards.models import RecipeVersion, RewardName

_EXPECTED = (
    "Expected up to 80 small letters, digits, dots, dashes and underscores, with a letter or digit at either end."
)


def give_name(*, version: RecipeVersion, actor: User | None, name: str) -> RewardName:
    """Let a name stand for this version; where it stood for another one, it does so no more.

    Raises
    ------
    AppError
        ``reward_name_invalid``.
    """
    try:
        RewardName(name=name).clean_fields(exclude=["project", "version"])
    except ValidationError as error:
        raise AppError(_EXPECTED, code="reward_name_invalid", fields={"name": [_EXPECTED]}) from error
    with transaction.atomic():
        given, _ = RewardName.objects.update_or_create(
            project=version.project, name=name, defaults={"version": version}
        )
        data = {"name": name, "version": version.pk}
        record_event(actor=actor, verb="reward_name.given", project=version.project, target=version, data=data)
    return given


@transaction.atomic
def take_name(*, given: RewardName, actor: User) -> None:
    """Take a name away: what asks for it is told that there is none."""
    data = {"name": given.name, "version": given.version_id}
    record_event(actor=actor, verb="reward_name.taken", project=given.project, target=given.version, data=data)
    given.delete()
