"""Reads of campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import models
from django.db.models import Exists, ExpressionWrapper, F, FilteredRelation, OuterRef, Q, Subquery

from annotations.querysets.consent import lacks_consent

if TYPE_CHECKING:
    from annotations.models import Campaign
    from projects.models import Project, User


StandingRow = tuple[int | None, bool, bool | None, bool, int, int]


class Standing(NamedTuple):
    """How somebody stands with a campaign when they ask for an item."""

    live_id: int | None
    """The assignment that they have in work."""
    is_asked: bool
    """Whether the campaign names nobody, or names them."""
    lacks_consent: bool | None
    """Whether the text in force asks for a consent that they have not given; None where there never was one."""
    has_overdue: bool
    """Whether anybody's lease has run out."""
    submitted_count: int
    checked_count: int


def _asks(user: User) -> Q:
    """Whether a campaign names nobody, or names `user`."""
    from annotations.models import CampaignMember

    members = CampaignMember.objects.filter(campaign=OuterRef("pk"))
    return ~Exists(members) | Exists(members.filter(user=user))


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def of(self, project: Project) -> CampaignQuerySet:
        return self.filter(project=project)

    def answerable_by(self, user: User) -> CampaignQuerySet:
        """Campaigns that ask `user`: published ones that name nobody, or name `user`."""
        return self.exclude(status="draft").filter(_asks(user))

    def with_progress_of(self, user: User) -> CampaignQuerySet:
        """Adds `mine` and `mine_skipped`: how many items `user` answered and skipped (null where none)."""
        return self.alias(own=FilteredRelation("progress", condition=Q(progress__user=user))).annotate(
            mine=F("own__submitted_count"), mine_skipped=F("own__skipped_count")
        )

    def for_list(self) -> CampaignQuerySet:
        """Rows of a list, newest first."""
        return self.defer("selection", "leak_scan").order_by("-id")

    def with_standing_of(self, user: User) -> models.QuerySet[Campaign, StandingRow]:
        """The fields of `Standing` by campaign."""
        from annotations.models import Assignment, ConsentText

        live = Assignment.objects.of(user).filter(campaign=OuterRef("pk")).live()
        texts = ConsentText.objects.filter(campaign=OuterRef("pk")).order_by("-number")
        lacks = texts.annotate(lacks=lacks_consent(user)).values("lacks")[:1]
        return self.values_list(
            Subquery(live.values("pk")[:1]),
            ExpressionWrapper(_asks(user), models.BooleanField()),
            Subquery(lacks),
            Exists(Assignment.objects.overdue(OuterRef("pk"))),
            "submitted_count",
            "checked_count",
        )
