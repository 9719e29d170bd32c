from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotations", "0011_reveal_and_skipped_at")]

    operations = [
        migrations.AddField(model_name="campaignprogress", name="resumed_at", field=models.DateTimeField(null=True)),
    ]
