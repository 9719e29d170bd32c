from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0005_departure"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="language",
            field=models.CharField(blank=True, default="", max_length=10),
        ),
    ]
