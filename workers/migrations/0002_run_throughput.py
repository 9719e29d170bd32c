from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workers", "0001_initial")]

    operations = [
        migrations.AddField("run", "attempted_count", models.PositiveIntegerField(default=0)),
        migrations.AddField("run", "attempted_characters", models.PositiveBigIntegerField(default=0)),
        migrations.AddField("run", "busy_seconds", models.FloatField(default=0)),
    ]
