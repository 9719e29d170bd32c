"""Whether a campaign tells people who wrote what they judged; and when an item was skipped, to find the one before it."""

from django.db import migrations, models
from django.db.models import Q

# The last sign of life of whoever skipped it, which is what is known of skips from before this was kept.
_GUESS = """
UPDATE annotations_assignment a SET skipped_at = a.lease_until - make_interval(mins => c.lease_minutes)
FROM annotations_campaign c WHERE c.id = a.campaign_id AND a.status = 'skipped'
"""


class Migration(migrations.Migration):
    dependencies = [("annotations", "0010_active_parts")]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="reveals_policies",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(model_name="assignment", name="skipped_at", field=models.DateTimeField(null=True)),
        migrations.RunSQL(_GUESS, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.CheckConstraint(
                condition=~Q(status="skipped") | Q(skipped_at__isnull=False), name="assignment_skipped_when"
            ),
        ),
    ]
