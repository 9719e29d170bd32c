"""One live lease per person and campaign, kept counters, and immutable protocols."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FILL_CAMPAIGN = """
UPDATE annotations_assignment a SET campaign_id = i.campaign_id FROM annotations_campaignitem i WHERE i.id = a.item_id
"""

# The function comes with rewards.0002_append_only.
FREEZE_PROTOCOLS = (
    "CREATE TRIGGER append_only BEFORE UPDATE ON annotations_campaignprotocol "
    "FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION rewards_refuse_change()"
)
FREEZE_SUBMISSIONS = (
    "CREATE TRIGGER append_only BEFORE UPDATE ON annotations_submission FOR EACH ROW WHEN ("
    "OLD.assignment_id IS DISTINCT FROM NEW.assignment_id OR OLD.idempotency_key IS DISTINCT FROM NEW.idempotency_key "
    "OR OLD.act IS DISTINCT FROM NEW.act OR OLD.answer IS DISTINCT FROM NEW.answer"
    ") EXECUTE FUNCTION rewards_refuse_change()"
)


class Migration(migrations.Migration):
    dependencies = [
        ("annotations", "0002_relations"),
        ("rewards", "0002_append_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("campaign", "selection", models.JSONField(default=dict)),
        migrations.AddField("campaign", "leak_scan", models.JSONField(default=dict)),
        migrations.AddField("campaignprotocol", "show_reference", models.BooleanField(default=False)),
        migrations.CreateModel(
            name="CampaignProgress",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("submitted_count", models.PositiveIntegerField(default=0)),
                ("skipped_count", models.PositiveIntegerField(default=0)),
                ("active_ms", models.PositiveBigIntegerField(default=0)),
                ("last_at", models.DateTimeField()),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="progress",
                        to="annotations.campaign",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="campaign_progress",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("campaign", "user"), name="campaignprogress_once"),
                ],
            },
        ),
        migrations.AddField(
            "assignment",
            "campaign",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="assignments",
                to="annotations.campaign",
            ),
        ),
        migrations.RunSQL(FILL_CAMPAIGN, migrations.RunSQL.noop),
        migrations.AlterField(
            "assignment",
            "campaign",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="assignments", to="annotations.campaign"
            ),
        ),
        migrations.AddConstraint(
            "assignment",
            models.UniqueConstraint(
                condition=models.Q(status="leased"), fields=("campaign", "user"), name="assignment_one_live"
            ),
        ),
        migrations.RunSQL(FREEZE_PROTOCOLS, "DROP TRIGGER append_only ON annotations_campaignprotocol"),
        migrations.RunSQL(FREEZE_SUBMISSIONS, "DROP TRIGGER append_only ON annotations_submission"),
    ]
