from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workers", "0002_run_throughput")]

    operations = [migrations.AddField("batch", "stalled_leases", models.PositiveSmallIntegerField(default=0))]
