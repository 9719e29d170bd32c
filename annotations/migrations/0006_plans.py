"""The order of a campaign's queue, for whom its items are kept, arms of a study, deadline and pay."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotations", "0005_adjudication"),
        ("projects", "0004_leaving"),
        ("rewards", "0006_judgment_replies"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CampaignPlan",
            fields=[
                (
                    "campaign",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="plan",
                        serialize=False,
                        to="annotations.campaign",
                    ),
                ),
                (
                    "order",
                    models.CharField(
                        choices=[
                            ("in_order", "As imported"),
                            ("random", "Random"),
                            ("priority", "By priority"),
                            ("active", "Active: what teaches most"),
                        ],
                        default="in_order",
                        max_length=8,
                    ),
                ),
                ("strategy", models.CharField(blank=True, max_length=40)),
                ("scorer", models.CharField(blank=True, max_length=300)),
                ("rerank_every", models.PositiveIntegerField(default=10)),
                ("has_reserved", models.BooleanField(default=False)),
                (
                    "skill_tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), blank=True, default=list, size=None
                    ),
                ),
                ("needs_skills", models.BooleanField(default=False)),
                ("deadline", models.DateTimeField(blank=True, null=True)),
                ("arms", models.JSONField(default=dict)),
                (
                    "arm_unit",
                    models.CharField(
                        choices=[("person", "One arm a person"), ("item", "Arms change from item to item")],
                        default="person",
                        max_length=6,
                    ),
                ),
                (
                    "pay_per",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "No pay is stated"),
                            ("answer", "For each answer"),
                            ("hour", "For each hour of active time"),
                        ],
                        default="",
                        max_length=6,
                    ),
                ),
                ("pay_amount", models.FloatField(blank=True, null=True)),
                ("currency", models.CharField(blank=True, max_length=8)),
            ], options={"constraints": [models.CheckConstraint(
                condition=models.Q(("order__in", ["in_order", "random", "priority", "active"])),
                name="campaignplan_order_known",
            ), models.CheckConstraint(
                condition=models.Q(("rerank_every__gte", 1)), name="campaignplan_rerank_from_one"
            ), models.CheckConstraint(
                condition=models.Q(
                    models.Q(("pay_amount__isnull", True), ("pay_per", "")),
                    models.Q(
                        ("pay_amount__gte", 0), ("pay_amount__isnull", False), ("pay_per__in", ["answer", "hour"])
                    ),
                    _connector="OR",
                ),
                name="campaignplan_pay_whole",
            )], },
        ),
        migrations.CreateModel(
            name="PersonSkill",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
            ],
            options={"constraints": [models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="personskill_named"
            )], 
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Reranking",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("strategy", models.CharField(max_length=40)),
                ("seed", models.BigIntegerField()),
                ("answer_count", models.PositiveIntegerField()),
                ("seen_count", models.PositiveIntegerField()),
                ("item_count", models.PositiveIntegerField()),
                ("failure", models.CharField(blank=True, max_length=300)),
                ("details", models.JSONField(default=dict)),
                ("seconds", models.FloatField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ], options={"constraints": [models.CheckConstraint(
                condition=models.Q(("answer_count__gte", 0), ("seconds__gte", 0)), name="reranking_counts"
            )], },
        ),
        migrations.CreateModel(
            name="ReservedItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ],
        ),
        migrations.RemoveIndex(
            model_name="campaignitem",
            name="campaignitem_next",
        ),
        migrations.AddField(
            model_name="assignment",
            name="arm",
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="campaignitem",
            name="is_reserved",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="campaignitem",
            name="priority",
            field=models.FloatField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="campaignitem",
            name="rank",
            field=models.FloatField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="campaignitem",
            name="skills",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=100), blank=True, db_default=[], default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="campaignitem",
            name="why",
            field=models.CharField(blank=True, db_default="", max_length=200),
        ),
        migrations.AddField(
            model_name="campaignitem",
            name="withdrawn_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="campaignitem",
            name="withdrawn_reason",
            field=models.CharField(blank=True, db_default="", max_length=300),
        ),
        migrations.AddIndex(
            model_name="campaignitem",
            index=models.Index(fields=["campaign", "granted_count", "rank", "position"], name="campaignitem_queue"),
        ),
        
        
        
        migrations.AddField(
            model_name="personskill",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="person_skills", to="projects.project"
            ),
        ),
        migrations.AddField(
            model_name="personskill",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="skills", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="reranking",
            name="campaign",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="rerankings", to="annotations.campaign"
            ),
        ),
        migrations.AddField(
            model_name="reserveditem",
            name="item",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="reserved_items",
                to="annotations.campaignitem",
            ),
        ),
        migrations.AddField(
            model_name="reserveditem",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="reserved_items", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddConstraint(
            model_name="personskill",
            constraint=models.UniqueConstraint(fields=("project", "user", "name"), name="personskill_once"),
        ),
        
        migrations.AddIndex(
            model_name="reranking",
            index=models.Index(fields=["campaign", "-id"], name="reranking_newest"),
        ),
        
        migrations.AddConstraint(
            model_name="reserveditem",
            constraint=models.UniqueConstraint(fields=("item", "user"), name="reserveditem_once"),
        ),
    ]
