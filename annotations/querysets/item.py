"""Reads of campaign items."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Exists, ExpressionWrapper, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import MD5, Cast, Concat, Now

if TYPE_CHECKING:
    from annotations.models import Campaign, CampaignItem
    from projects.models import User

# A lease that ran out or was given back may be granted to the same person again; the others are theirs for good.
TAKEN = ("leased", "submitted", "skipped")
STATES = ("waiting", "held", "answered", "skipped", "withdrawn")
"""By which items are looked for; see `CampaignItemQuerySet.matching`."""


class CampaignItemQuerySet(models.QuerySet["CampaignItem"]):
    def grantable_to(self, user: User, campaign: Campaign) -> CampaignItemQuerySet:
        """Work of `campaign` with room for one more answer, by someone who has not answered or skipped it."""
        return self._untaken_by(user).filter(
            campaign=campaign, kind="work", granted_count__lt=campaign.overlap, withdrawn_at__isnull=True
        )

    def locked_for(self, user: User, *, waits: bool) -> CampaignItemQuerySet:
        """Locked for a grant to `user`: past those that others hold locked, or waiting for them in the order of ids.

        Whoever waits may find its item full, which stays locked: in one order for all nobody waits for each other.
        Beside the row comes what a grant reads: `output_ids` in the item's order, and `given_id`, the assignment of
        `user` to the item from an earlier time; null where there never was one.
        """
        from annotations.models import Assignment, CampaignItemOutput

        outputs = CampaignItemOutput.objects.filter(item=OuterRef("pk")).order_by("position")
        given = Assignment.objects.filter(item=OuterRef("pk"), user=user)
        # The model declares these names too, for whoever reads them.
        read = {"output_ids": ArraySubquery(outputs.values("output")), "given_id": Subquery(given.values("pk"))}
        items: CampaignItemQuerySet = self.annotate(**read)
        locked = items.select_for_update(of=("self",), skip_locked=not waits, no_key=True)
        return locked.order_by("pk") if waits else locked

    def unfinished_for(self, user: User, campaign: Campaign) -> CampaignItemQuerySet:
        """Work that `user` may still be asked about once other people's leases end."""
        return self._untaken_by(user).filter(
            campaign=campaign, kind="work", submitted_count__lt=campaign.overlap, withdrawn_at__isnull=True
        )

    def pending(self, campaign: Campaign) -> CampaignItemQuerySet:
        """Work of `campaign` that still has room for an answer."""
        return self.filter(
            campaign=campaign, kind="work", granted_count__lt=campaign.overlap, withdrawn_at__isnull=True
        )

    def reserved_for(self, user: User) -> CampaignItemQuerySet:
        return self.filter(is_reserved=True, reserved_items__user=user)

    def unreserved(self) -> CampaignItemQuerySet:
        return self.filter(is_reserved=False)

    def open_to(self, user: User) -> CampaignItemQuerySet:
        """Those kept for nobody, and those kept for `user`."""
        return self.filter(Q(is_reserved=False) | Q(pk__in=user.reserved_items.values("item")))

    def within_skills_of(self, user: User, project_id: int) -> CampaignItemQuerySet:
        """Those that ask for nothing that `user` cannot do in the project."""
        from annotations.models import PersonSkill

        skills = PersonSkill.objects.filter(project=project_id, user=user)
        return self.filter(skills__contained_by=ArraySubquery(skills.values("name")))

    def checks(self) -> CampaignItemQuerySet:
        """Items that are there for their right answer, those without one in force as well."""
        return self.exclude(kind__in=["work", "repeat"])

    def checks_for(self, user: User, campaign: Campaign, kind: str) -> CampaignItemQuerySet:
        """Items of this kind that `user` has not met, neither as they are nor as the work they were made from.

        In an order of the person's own, but for training, which builds up.
        """
        asked = self._untaken_by(user).filter(
            campaign=campaign, kind=kind, gold__isnull=False, withdrawn_at__isnull=True
        )
        met = user.assignments.filter(campaign=campaign, status__in=TAKEN).values("item")
        asked = asked.exclude(source__in=met)
        if kind == "training":
            return asked.order_by("position")
        own = MD5(Concat(Value(f"{campaign.seed}:{user.pk}:"), Cast("pk", models.CharField())))
        return asked.order_by(own, "pk")

    def open_beside(self, item: CampaignItem, user: User) -> CampaignItemQuerySet:
        """Other items of the project with an output of `item` that `user` may still be asked about, or answer anew.

        Wider than what is granted: skills and people kept for an item change, and what was skipped may be taken up.
        """
        from annotations.models import Assignment, CampaignItemOutput

        own = Assignment.objects.filter(item=OuterRef("pk"), user=user)
        window = ExpressionWrapper(
            F("campaign__undo_minutes") * Value(timedelta(minutes=1)), output_field=models.DurationField()
        )
        beyond_undo = own.filter(status="submitted", submitted_at__lt=Now() - OuterRef("undo_window"))
        shared = CampaignItemOutput.objects.filter(item=item).values("output")
        beside = self.filter(project=item.project_id, item_outputs__output__in=shared, withdrawn_at__isnull=True)
        return (
            beside.exclude(pk=item.pk)
            .exclude(campaign__status="closed")
            .annotate(undo_window=window)
            .filter(~Exists(beyond_undo))
            .filter(
                ~Q(kind="work")
                | Q(submitted_count__lt=F("campaign__overlap"))
                | Exists(own.filter(status__in=["leased", "submitted"]))
            )
        )

    def fewest_outputs(self) -> int:
        """The smallest number of outputs that one of these items has; 0 if there are none (one query)."""
        counts = self.annotate(output_count=models.Count("item_outputs")).aggregate(fewest=models.Min("output_count"))
        return counts["fewest"] or 0

    def matching(
        self, campaign: Campaign, *, search: str = "", state: str = "", kind: str = "", person: User | None = None
    ) -> CampaignItemQuerySet:
        """Those of `campaign` that every given condition fits; what is not given does not narrow.

        Parameters
        ----------
        campaign : Campaign
        search : str
            As in `TaskQuerySet.matching`: the beginning of the task's id, or words of its prompt.
        state : str
            One of `STATES`. Waiting and answered are work; held and skipped are by anybody, or by `person` alone.
        kind : str
        person : User, optional
            Who holds, submitted or skipped it.
        """
        from annotations.models import Assignment, CampaignItem
        from rewards.models import Task

        items = self.filter(kind=kind) if kind else self
        if search.strip():
            items = items.filter(task__in=Task.objects.of(campaign.project).matching(search=search).values("pk"))
        if state == "waiting":
            items = items.filter(pk__in=CampaignItem.objects.pending(campaign).values("pk"))
        elif state == "answered":
            items = items.filter(kind="work", submitted_count__gte=campaign.overlap)
        elif state == "withdrawn":
            items = items.filter(withdrawn_at__isnull=False)
        of_state = {"held": ("leased",), "skipped": ("skipped",)}
        if person is not None or state in of_state:
            given = Assignment.objects.filter(item=OuterRef("pk"), status__in=of_state.get(state, TAKEN))
            items = items.filter(Exists(given if person is None else given.filter(user=person)))
        return items

    def for_list(self) -> CampaignItemQuerySet:
        """Rows of the manager's list: the task's preview, and who holds or answered each item (two queries)."""
        return (
            self.select_related("task")
            .only(
                "id",
                "campaign_id",
                "position",
                "granted_count",
                "kind",
                "submitted_count",
                "withdrawn_at",
                "withdrawn_reason",
                "task__id",
                "task__is_current",
                "task__preview",
                "task__external_id",
                "task__version",
            )
            .annotate(output_count=models.Count("item_outputs"))
            .prefetch_related("assignments__user")
        )

    def _untaken_by(self, user: User) -> CampaignItemQuerySet:
        from annotations.models import Assignment

        # Not an outer join: PostgreSQL would take what is left of it for one row, and sort a whole campaign for that.
        taken = Assignment.objects.filter(item=OuterRef("pk"), user=user, status__in=TAKEN)
        return self.filter(~Exists(taken))
