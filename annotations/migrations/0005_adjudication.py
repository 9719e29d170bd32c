"""Settled answers of items with several, and how far those are apart."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

# The function comes with rewards.0002_append_only.
FROZEN = ("item_id", "protocol_id", "rater_id", "idempotency_key", "act", "answer", "method", "departures", "reason")
FREEZE = (
    "CREATE TRIGGER append_only BEFORE UPDATE ON annotations_adjudication FOR EACH ROW WHEN ("
    + " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in FROZEN)
    + ") EXECUTE FUNCTION rewards_refuse_change()"
)


def _key(
    to: str, name: str, on_delete: object = django.db.models.deletion.CASCADE, **more: object
) -> models.ForeignKey:
    return models.ForeignKey(on_delete=on_delete, related_name=name, to=to, **more)


_GONE, _KEPT = django.db.models.deletion.SET_NULL, django.db.models.deletion.RESTRICT

_METHODS = [
    ("agreed", "All agreed"),
    ("picked", "One answer taken whole"),
    ("merged", "Put together from several"),
    ("own", "An answer of its own"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("annotations", "0004_checks_and_gold"),
        ("projects", "0004_leaving"),
        ("rewards", "0006_judgment_replies"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Adjudication",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("idempotency_key", models.CharField(max_length=100)),
                ("act", models.UUIDField(unique=True)),
                ("answer", models.JSONField()),
                ("method", models.CharField(choices=_METHODS, max_length=6)),
                ("lanes", models.JSONField()),
                ("departures", models.JSONField(default=list)),
                ("iou", models.FloatField(default=1.0)),
                ("reason", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("undone_at", models.DateTimeField(null=True)),
                ("adjudicator", _key(settings.AUTH_USER_MODEL, "adjudications", _GONE, null=True)),
                ("campaign", _key("annotations.campaign", "adjudications")),
                ("item", _key("annotations.campaignitem", "adjudications")),
                ("picked", _key("annotations.submission", "picked_by", _GONE, null=True)),
                ("project", _key("projects.project", "adjudications")),
                ("protocol", _key("annotations.campaignprotocol", "adjudications", _KEPT)),
                ("rater", _key("rewards.rater", "adjudications", _KEPT)),
                ("replaces", _key("annotations.adjudication", "replacements", _GONE, null=True)),
                ("undone_by", _key(settings.AUTH_USER_MODEL, "undone_adjudications", _GONE, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("item", "idempotency_key"), name="adjudication_once"),
                    models.UniqueConstraint(
                        condition=Q(undone_at__isnull=True), fields=("item",), name="adjudication_one_standing"
                    ),
                    models.CheckConstraint(
                        condition=Q(method__in=["agreed", "picked", "merged", "own"]), name="adjudication_method_known"
                    ),
                    models.CheckConstraint(
                        condition=Q(departures=[]) | ~Q(reason=""), name="adjudication_departure_has_reason"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ItemDisagreement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("value", models.FloatField()),
                ("agrees", models.BooleanField()),
                ("questions", models.JSONField(default=list)),
                ("lane_count", models.PositiveSmallIntegerField()),
                ("lane_sum", models.BigIntegerField()),
                ("campaign", _key("annotations.campaign", "disagreements")),
                (
                    "item",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="disagreement",
                        to="annotations.campaignitem",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(F("campaign"), F("value").desc(), F("id").desc(), name="itemdisagreement_queue")
                ],
                "constraints": [
                    models.CheckConstraint(condition=Q(value__gte=0, value__lte=1), name="itemdisagreement_share"),
                    models.CheckConstraint(condition=Q(lane_count__gte=1), name="itemdisagreement_has_lanes"),
                ],
            },
        ),
        migrations.RunSQL(FREEZE, "DROP TRIGGER append_only ON annotations_adjudication"),
    ]
