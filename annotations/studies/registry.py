"""The kinds of study by name. To add one, write its file beside these and list it here."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from annotations.studies import agreement, consistency
from projects.models import Project


class StudyKind(NamedTuple):
    name: str
    title: str
    help: str
    compute: Callable[[Project, dict[str, Any]], dict[str, Any]]


KINDS: Final[Mapping[str, StudyKind]] = {
    kind.name: kind
    for kind in (
        StudyKind(
            "consistency",
            "Ratings against comparisons",
            "Turns ratings into preferences and sets them against direct comparisons of the same outputs "
            "(Peering Through Preferences, ICLR 2024).",
            consistency.compute,
        ),
        StudyKind(
            "agreement",
            "Agreement between raters",
            "Krippendorff's alpha among people and scorers, over all and between any two.",
            agreement.compute,
        ),
    )
}
