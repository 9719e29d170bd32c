from django.db import migrations, models

_KINDS = ["comment", "missing", "edit", "user_voice", "reviewer_voice", "summary"]

# The trigger refuses changes of stored traces; this one only moves a text into the new column's shape.
_MOVE = """
ALTER TABLE rewards_judgmenttrace DISABLE TRIGGER append_only;
UPDATE rewards_judgmenttrace
SET replies = jsonb_build_array(jsonb_build_object('purpose', '', 'parse_state', parse_state, 'text', raw_reply))
WHERE raw_reply <> '';
ALTER TABLE rewards_judgmenttrace ENABLE TRIGGER append_only;
"""
_MOVE_BACK = """
ALTER TABLE rewards_judgmenttrace DISABLE TRIGGER append_only;
UPDATE rewards_judgmenttrace SET raw_reply = replies::text WHERE replies <> '[]';
ALTER TABLE rewards_judgmenttrace ENABLE TRIGGER append_only;
"""


class Migration(migrations.Migration):
    dependencies = [("rewards", "0005_task_words")]

    operations = [
        migrations.AddField("judgmenttrace", "cost", models.FloatField(null=True)),
        migrations.AddField("judgmenttrace", "replies", models.JSONField(default=list)),
        migrations.RunSQL(_MOVE, _MOVE_BACK),
        migrations.RemoveField("judgmenttrace", "raw_reply"),
        migrations.AddField("rating", "probabilities", models.JSONField(null=True)),
        migrations.RemoveConstraint("critique", "critique_kind_known"),
        migrations.AlterField(
            "critique",
            "kind",
            models.CharField(
                choices=[
                    ("comment", "Comment"),
                    ("missing", "Missing information"),
                    ("edit", "Corrected text"),
                    ("user_voice", "As a user would say it"),
                    ("reviewer_voice", "As a reviewer would say it"),
                    ("summary", "In a few words"),
                ],
                max_length=14,
            ),
        ),
        migrations.AddConstraint(
            "critique",
            models.CheckConstraint(condition=models.Q(("kind__in", _KINDS)), name="critique_kind_known"),
        ),
    ]
