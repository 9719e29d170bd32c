"""Filters of lists that people keep under a name."""

from urllib.parse import parse_qsl, urlencode

from django.db import transaction
from django.utils.translation import gettext

from projects.errors import AppError
from projects.models import Project, SavedFilter, User

MOST_PER_LIST = 50


@transaction.atomic
def save_filter(*, user: User, project: Project, of_list: str, name: str, query: str) -> SavedFilter:
    """Keep the query of a list's address under a name; a name that exists gets the new query.

    Raises
    ------
    AppError
        ``filter_invalid`` (no name, nothing filtered, or too long), ``filter_limit`` (409).
    """
    name = " ".join(name.split())
    # Where the list was left off belongs to no filter.
    kept = urlencode([(key, value) for key, value in parse_qsl(query.lstrip("?")) if key != "cursor" and value])
    if not name or len(name) > 60:
        raise AppError(gettext("Give the filter a name of up to 60 characters."), code="filter_invalid")
    if not kept:
        raise AppError(gettext("Nothing is filtered: choose something first."), code="filter_invalid")
    if len(kept) > 2000:
        raise AppError(gettext("This filter is too long to keep."), code="filter_invalid")
    mine = SavedFilter.objects.filter(user=user, project=project, of_list=of_list)
    if not mine.filter(name=name).exists() and mine.count() >= MOST_PER_LIST:
        raise AppError(
            gettext("%(most_per_list)s filters are kept for a list: delete one first.")
            % {"most_per_list": MOST_PER_LIST},
            code="filter_limit",
            status=409,
        )
    saved, _ = SavedFilter.objects.update_or_create(
        user=user, project=project, of_list=of_list, name=name, defaults={"query": kept}
    )
    return saved


def delete_filter(*, saved: SavedFilter) -> None:
    """Forget a filter; the list and what it shows stay."""
    saved.delete()
