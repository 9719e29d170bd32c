"""How long each part of an item was looked at stands beside the whole."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotations", "0009_item_reports")]

    operations = [
        migrations.AddField(
            model_name="submission",
            name="active_parts",
            field=models.JSONField(db_default={}, default=dict),
        )
    ]
