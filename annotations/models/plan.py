"""How a campaign's items reach people: in which order, to whom, in which study arm, at what pay and until when."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotations.models.campaign import Campaign, CampaignItem
from projects.models import Project


class CampaignPlan(models.Model):
    """Read with its campaign whenever somebody asks for an item; a campaign without one keeps to the defaults."""

    class Order(models.TextChoices):
        IN_ORDER = "in_order", _("As imported")
        RANDOM = "random", _("Random")
        PRIORITY = "priority", _("By priority")
        ACTIVE = "active", _("Active: what teaches most")

    class ArmUnit(models.TextChoices):
        PERSON = "person", _("One arm a person")
        ITEM = "item", _("Arms change from item to item")

    class PayPer(models.TextChoices):
        NOTHING = "", _("No pay is stated")
        ANSWER = "answer", _("For each answer")
        HOUR = "hour", _("For each hour of active time")

    campaign = models.OneToOneField(Campaign, primary_key=True, on_delete=models.CASCADE, related_name="plan")
    order = models.CharField(max_length=8, choices=Order, default=Order.IN_ORDER)
    strategy = models.CharField(max_length=40, blank=True)
    """Of the active order: a name in `annotations.active.strategies`."""
    scorer = models.CharField(max_length=300, blank=True)
    """The stored number that the strategy reads: `annotations.active.evidence` says how it is named."""
    rerank_every = models.PositiveIntegerField(default=10)
    """Answers after which the pending items are ranked anew."""
    has_reserved = models.BooleanField(default=False)
    """Whether any item is kept for named people: most campaigns need not look."""
    skill_tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    """Tags of tasks that are skills: an item asks for those that its task carries."""
    needs_skills = models.BooleanField(default=False)
    deadline = models.DateTimeField(null=True, blank=True)
    """After it no new item is given out; what is in work may be finished."""
    arms = models.JSONField(default=dict)
    """Factors of the study with their levels: `annotations.arms` reads them."""
    arm_unit = models.CharField(max_length=6, choices=ArmUnit, default=ArmUnit.PERSON)
    pay_per = models.CharField(max_length=6, choices=PayPer, blank=True, default=PayPer.NOTHING)
    pay_amount = models.FloatField(null=True, blank=True)
    currency = models.CharField(max_length=8, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(order__in=["in_order", "random", "priority", "active"]), name="campaignplan_order_known"
            ),
            models.CheckConstraint(condition=Q(rerank_every__gte=1), name="campaignplan_rerank_from_one"),
            models.CheckConstraint(
                condition=Q(pay_per="", pay_amount__isnull=True)
                | Q(pay_per__in=["answer", "hour"], pay_amount__isnull=False, pay_amount__gte=0),
                name="campaignplan_pay_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"plan of campaign {self.campaign_id}: {self.order}"


class Reranking(models.Model):
    """One time that the pending items of a campaign were put in order by what had been answered."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="rerankings")
    strategy = models.CharField(max_length=40)
    seed = models.BigIntegerField()
    answer_count = models.PositiveIntegerField()
    """Standing submits of the campaign at the time."""
    seen_count = models.PositiveIntegerField()
    """What the strategy could read of them: duels, ratings, or scores."""
    item_count = models.PositiveIntegerField()
    """Pending items that were put in order."""
    failure = models.CharField(max_length=300, blank=True)
    """Why it fell back to a random order."""
    details = models.JSONField(default=dict)
    seconds = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["campaign", "-id"], name="reranking_newest")]
        constraints = [
            models.CheckConstraint(condition=Q(answer_count__gte=0, seconds__gte=0), name="reranking_counts"),
        ]

    def __str__(self) -> str:
        return f"{self.strategy} after {self.answer_count} answers of campaign {self.campaign_id}"


class ReservedItem(models.Model):
    """An item kept for a named person; one kept for nobody is for everybody."""

    item = models.ForeignKey(CampaignItem, on_delete=models.CASCADE, related_name="reserved_items")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reserved_items")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "user"], name="reserveditem_once")]

    def __str__(self) -> str:
        return f"item {self.item_id} for {self.user_id}"


class PersonSkill(models.Model):
    """What somebody can do, in one project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="person_skills")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="skills")
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "user", "name"], name="personskill_once"),
            models.CheckConstraint(condition=~Q(name=""), name="personskill_named"),
        ]

    def __str__(self) -> str:
        return self.name
