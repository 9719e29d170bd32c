"""Items whose right answer is known, what people answered to them, and examples beside the guidelines."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


# The function comes with rewards.0002_append_only.
FREEZE = (
    "CREATE TRIGGER append_only BEFORE UPDATE ON {table} "
    "FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION rewards_refuse_change()"
)
UNFREEZE = "DROP TRIGGER append_only ON {table}"


class Migration(migrations.Migration):
    dependencies = [
        ("annotations", "0003_progress_and_live_lease"),
        ("projects", "0004_leaving"),
        ("rewards", "0006_judgment_replies"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CheckResult",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("work", "Work"),
                            ("training", "Training"),
                            ("qualification", "Qualification"),
                            ("gold", "Gold"),
                            ("attention", "Attention check"),
                            ("repeat", "Asked again"),
                        ],
                        max_length=13,
                    ),
                ),
                ("attempt", models.PositiveSmallIntegerField(default=1)),
                ("scores", models.JSONField()),
                ("passed", models.BooleanField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="GoldAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("answer", models.JSONField()),
                ("order", models.JSONField()),
                ("seed", models.BigIntegerField(default=0)),
                ("explanation", models.TextField(blank=True)),
                ("pass_marks", models.JSONField(default=dict)),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("answered", "Answered on the page"),
                            ("agreed", "Agreed by those who answered"),
                            ("imported", "Imported"),
                            ("edited", "Changed by hand"),
                        ],
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ], options={"constraints": [models.CheckConstraint(condition=models.Q(("number__gte", 1)), name="goldanswer_from_one"), models.CheckConstraint(
                condition=models.Q(("origin__in", ["answered", "agreed", "imported", "edited"])),
                name="goldanswer_origin_known",
            )], },
        ),
        migrations.AddField(
            model_name="assignment",
            name="makes_gold",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="campaign",
            name="checked_count",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="campaign",
            name="checks",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="campaignitem",
            name="kind",
            field=models.CharField(
                choices=[
                    ("work", "Work"),
                    ("training", "Training"),
                    ("qualification", "Qualification"),
                    ("gold", "Gold"),
                    ("attention", "Attention check"),
                    ("repeat", "Asked again"),
                ],
                db_default="work",
                default="work",
                max_length=13,
            ),
        ),
        migrations.AddField(
            model_name="campaignitem",
            name="source",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="copies",
                to="annotations.campaignitem",
            ),
        ),
        migrations.AddField(
            model_name="campaignprogress",
            name="attempt",
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="campaignprogress",
            name="paused_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="campaignprogress",
            name="qualification",
            field=models.CharField(
                choices=[("open", "Not decided"), ("passed", "May work"), ("failed", "May not work")],
                db_default="open",
                default="open",
                max_length=6,
            ),
        ),
        migrations.AddField(
            model_name="campaignprotocol",
            name="examples",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="submission",
            name="protocol",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="submissions",
                to="annotations.campaignprotocol",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignprogress",
            constraint=models.CheckConstraint(
                condition=models.Q(("qualification__in", ["open", "passed", "failed"])),
                name="campaignprogress_qualification_known",
            ),
        ),
        migrations.AddField(
            model_name="checkresult",
            name="campaign",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="check_results", to="annotations.campaign"
            ),
        ),
        migrations.AddField(
            model_name="checkresult",
            name="earlier",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="repeated_by",
                to="annotations.submission",
            ),
        ),
        migrations.AddField(
            model_name="checkresult",
            name="item",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="check_results", to="annotations.campaignitem"
            ),
        ),
        migrations.AddField(
            model_name="checkresult",
            name="submission",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="check_result", to="annotations.submission"
            ),
        ),
        migrations.AddField(
            model_name="checkresult",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="check_results", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="goldanswer",
            name="created_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="gold_answers",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="goldanswer",
            name="item",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="gold_versions", to="annotations.campaignitem"
            ),
        ),
        migrations.AddField(
            model_name="goldanswer",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="gold_answers", to="projects.project"
            ),
        ),
        migrations.AddField(
            model_name="goldanswer",
            name="protocol",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="gold_answers",
                to="annotations.campaignprotocol",
            ),
        ),
        migrations.AddField(
            model_name="checkresult",
            name="gold",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="results",
                to="annotations.goldanswer",
            ),
        ),
        migrations.AddField(
            model_name="campaignitem",
            name="gold",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="in_force_for",
                to="annotations.goldanswer",
            ),
        ),
        migrations.AddIndex(
            model_name="campaignitem",
            index=models.Index(
                condition=models.Q(("kind", "work"), _negated=True),
                fields=["campaign", "kind"],
                name="campaignitem_checks",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["work", "training", "qualification", "gold", "attention", "repeat"])),
                name="campaignitem_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="campaignitem",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "repeat")), fields=("source",), name="campaignitem_one_repeat"
            ),
        ),
        migrations.AddConstraint(
            model_name="goldanswer",
            constraint=models.UniqueConstraint(fields=("item", "number"), name="goldanswer_one_number"),
        ),
        
        
        migrations.AddIndex(
            model_name="checkresult",
            index=models.Index(fields=["campaign", "user", "kind"], name="checkresult_person"),
        ),
        migrations.AddConstraint(
            model_name="checkresult",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("earlier__isnull", True), ("gold__isnull", False)),
                    models.Q(("earlier__isnull", False), ("gold__isnull", True)),
                    _connector="OR",
                ),
                name="checkresult_compared_with_one",
            ),
        ),
        migrations.RunSQL(
            FREEZE.format(table="annotations_checkresult"), UNFREEZE.format(table="annotations_checkresult")
        ),
        migrations.RunSQL(
            FREEZE.replace(
                "OLD.* IS DISTINCT FROM NEW.*",
                "(OLD.answer, OLD.number, OLD.explanation, OLD.pass_marks) "
                "IS DISTINCT FROM (NEW.answer, NEW.number, NEW.explanation, NEW.pass_marks)",
            ).format(table="annotations_goldanswer"),
            UNFREEZE.format(table="annotations_goldanswer"),
        ),
    ]
