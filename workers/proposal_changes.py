"""A proposed rubric as changes that a person takes or leaves one by one."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from django.utils.translation import gettext

from projects.errors import AppError
from rewards.rubrics.content import Criterion, RubricContent
from rewards.rubrics.diff import CriterionChange, diff_rubrics
from rewards.rubrics.parse import rubric_from_dict, rubric_to_dict


class Change(NamedTuple):
    """One criterion that comes, goes or changes.

    Attributes
    ----------
    id : str
        Its kind and key: what a form or a program names it by.
    old, new : Criterion or None
    difference : CriterionChange or None
        Field by field, of a changed one.
    """

    kind: Literal["added", "removed", "changed"]
    key: str
    old: Criterion | None
    new: Criterion | None
    difference: CriterionChange | None

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.key}"


def changes_of(base: RubricContent, proposed: RubricContent) -> list[Change]:
    """All changes: first those of criteria that stay, in the base's order, then what comes, then what goes."""
    diff = diff_rubrics(base, proposed)
    before = {criterion.key: criterion for criterion in base.criteria}
    after = {criterion.key: criterion for criterion in proposed.criteria}
    return [
        *(Change("changed", each.key, before[each.key], after[each.key], each) for each in diff.changed),
        *(Change("added", criterion.key, None, criterion, None) for criterion in diff.added),
        *(Change("removed", criterion.key, criterion, None, None) for criterion in diff.removed),
    ]


def apply_changes(newest: RubricContent, base: RubricContent, changes: Sequence[Change]) -> RubricContent:
    """The newest version with these changes of the base; criteria that come stand at the end.

    Raises
    ------
    AppError
        ``proposal_conflict`` (409) where a criterion was changed or removed since.
    RubricError
        Where nothing would be left.
    """
    now = {criterion.key: criterion for criterion in newest.criteria}
    touched = [change for change in changes if change.old is not None]
    gone = [change.key for change in touched if now.get(change.key) != change.old]
    gone += [change.key for change in changes if change.kind == "added" and change.key in now]
    if gone:
        raise AppError(
            gettext("Since this was proposed, the rubric was changed at %(gone)s: leave these out, or ask anew.")
            % {"gone": ", ".join(gone)},
            code="proposal_conflict",
            status=409,
        )
    for change in changes:
        if change.new is None:
            del now[change.key]
        else:
            now[change.key] = change.new
    return rubric_from_dict(rubric_to_dict(RubricContent(tuple(now.values()))))
